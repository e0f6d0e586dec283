"""The applications that servers run, made from the environment: one ASGI, one WSGI. Each worker makes its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..environment import database_url, pages, variable
from ..storages import awaiting_storage, blocking_storage
from .collector import settle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from authority_redis import AsyncSplitStorage
    from authority_sql import AsyncSqlStorage

LEVELS = ("debug", "info", "warning", "error")


def configure_logging() -> None:
    """Log to standard error at AUTHORITY_LOG_LEVEL (`warning` without it)."""
    level = (variable("LOG_LEVEL") or "warning").lower()
    logging.basicConfig(
        level=level.upper() if level in LEVELS else "WARNING",
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def asgi() -> ASGIApp:
    """Return the ASGI application that the environment describes."""
    from authority_core import Authority, Settings
    from authority_starlette import asgi_app

    configure_logging()
    settings = Settings.from_env()
    storage = awaiting_storage(database_url(None))
    inner = asgi_app(Authority(settings, storage, pages=pages()))
    return ClosingAsgi(inner, storage, urlsplit(settings.issuer).path)


def wsgi() -> WSGIApplication:
    """Return the WSGI application that the environment describes."""
    from authority_core import Authority, Settings
    from authority_core.kernel.sync import run
    from authority_flask import wsgi_app

    configure_logging()
    settings = Settings.from_env()
    authority = Authority(settings, blocking_storage(database_url(None)), pages=pages())
    application = wsgi_app(authority)
    run(authority.start())
    settle()
    prefix = urlsplit(settings.issuer).path
    return PrefixedWsgi(application, prefix) if prefix else application


class ClosingAsgi:
    """An application below the path of its issuer, which settles the process and closes its storage at the end."""

    def __init__(self, application: ASGIApp, storage: AsyncSqlStorage | AsyncSplitStorage, prefix: str = "") -> None:
        self._application, self._storage, self._prefix = application, storage, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the server's whole life."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, self._closing(send))
            return
        if self._prefix and scope["path"].startswith(self._prefix + "/"):
            scope = {**scope, "root_path": scope.get("root_path", "") + self._prefix}
        await self._application(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                settle()
            if message["type"] == "lifespan.shutdown.complete":
                await self._storage.aclose()
            await send(message)

        return closing


class PrefixedWsgi:
    """An application below the path of its issuer."""

    def __init__(self, application: WSGIApplication, prefix: str) -> None:
        self._application, self._prefix = application, prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path: str = environ.get("PATH_INFO", "")
        if path.startswith(self._prefix + "/"):
            script = environ.get("SCRIPT_NAME", "") + self._prefix
            environ = {**environ, "PATH_INFO": path[len(self._prefix) :], "SCRIPT_NAME": script}
        return self._application(environ, start_response)
