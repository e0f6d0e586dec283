"""An authorization server with our accounts, in Starlette, on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount

from authority_core import Authority
from authority_sql import AsyncSqlStorage, migrate
from authority_starlette import asgi_app, lifespan
from examples.seed import DATABASE_URL, seed, settings

migrate(DATABASE_URL)
storage = AsyncSqlStorage.from_url(DATABASE_URL)
authority = Authority(settings(), storage)


@asynccontextmanager
async def start(app: Starlette) -> AsyncIterator[None]:
    """Prepare before the first request, and close the database after the last."""
    async with lifespan(authority):
        await seed(authority)
        yield
    await storage.aclose()


app = Starlette(routes=[Mount("/", app=asgi_app(authority))], lifespan=start)
