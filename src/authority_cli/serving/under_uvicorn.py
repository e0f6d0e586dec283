"""Serving an ASGI application with uvicorn."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from ..troubles import Trouble

if TYPE_CHECKING:
    from starlette.types import ASGIApp

GRACE = 5
"""Seconds that requests under way get when the server is told to stop."""
FACTORY = "authority_cli.serving.applications:asgi"


class _Options(TypedDict):
    log_config: None
    access_log: bool
    server_header: bool
    proxy_headers: bool
    timeout_graceful_shutdown: int


# Proxies are the core's business (trusted_proxies); an access log would hold tickets that stand in addresses.
_OPTIONS: _Options = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": GRACE,
}


def need_uvicorn() -> None:
    """Raise `Trouble` with the line that installs what serving needs."""
    try:
        import uvicorn as _uvicorn  # noqa: F401

        import authority_starlette as _authority_starlette  # noqa: F401 - only to say what is missing
    except ImportError as missing:
        raise Trouble("The Starlette server needs extras: pip install 'authority-idp[starlette,server]'") from missing


def serve_here(application: ASGIApp, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
    """Serve *application* in this process until a signal ends it; *ready* is called once connections are accepted."""
    import uvicorn

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    _end_calmly()
    Announcing(uvicorn.Config(application, lifespan="on", ws="none", **_OPTIONS)).run(sockets)


def serve_workers(host: str, port: int, workers: int) -> None:
    """Serve the environment's application in *workers* processes until a signal ends them."""
    import uvicorn

    _end_calmly()
    uvicorn.run(FACTORY, factory=True, host=host, port=port, workers=workers, lifespan="on", ws="none", **_OPTIONS)


def _end_calmly() -> None:
    """Let the signal that uvicorn raises again after an orderly end be the end, not a death."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
