"""An authorization server with our accounts, in FastAPI, beside routes of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from authority_core import Authority
from authority_sql import AsyncSqlStorage, migrate
from authority_starlette import asgi_app, lifespan
from examples.seed import DATABASE_URL, seed, settings

migrate(DATABASE_URL)
storage = AsyncSqlStorage.from_url(DATABASE_URL)
authority = Authority(settings(), storage)


@asynccontextmanager
async def start(app: FastAPI) -> AsyncIterator[None]:
    """Prepare before the first request, and close the database after the last."""
    async with lifespan(authority):
        await seed(authority)
        yield
    await storage.aclose()


app = FastAPI(title="Example", lifespan=start)


@app.get("/hello")
async def hello() -> dict[str, str]:
    """A route of the application's own: it comes before the authority."""
    return {"hello": "world"}


app.mount("/", asgi_app(authority))
