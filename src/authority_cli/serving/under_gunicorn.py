"""Serving a WSGI application with gunicorn's threads."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ..troubles import Trouble

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 16
GRACE = 5
"""Seconds that requests under way get when the server is told to stop."""


def need_gunicorn() -> None:
    """Raise `Trouble` with the line that installs what serving needs."""
    try:
        import gunicorn as _gunicorn  # type: ignore[import-untyped]  # noqa: F401 - it has no types

        import authority_flask as _authority_flask  # noqa: F401 - only to say what is missing
    except ImportError as missing:
        raise Trouble("The Flask server needs extras: pip install 'authority-idp[flask,server]'") from missing


def serve_workers(listener: socket.socket, workers: int) -> None:
    """Serve the environment's application in *workers* processes of 16 threads until a signal ends them."""
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            options = {
                "bind": f"fd://{listener.fileno()}",
                "workers": workers,
                "worker_class": "gthread",
                "threads": THREADS,
                "graceful_timeout": GRACE,
                "loglevel": "warning",
                "control_socket_disable": True,
                "forwarded_allow_ips": "",  # proxies are the core's business
            }
            for name, value in options.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> WSGIApplication:
            from .applications import wsgi

            return wsgi()

    listener.set_inheritable(True)
    Server().run()
