"""Serving a WSGI application with the threads of Flask's own server: for looking, in one process, on loopback."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..troubles import Trouble
from .collector import settle

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_POLL = 0.1
"""Seconds until a server notices that it is to stop."""


def need_werkzeug() -> None:
    """Raise `Trouble` with the line that installs what serving needs."""
    try:
        import authority_flask as _authority_flask  # noqa: F401 - only to say what is missing
    except ImportError as missing:
        raise Trouble("The Flask server needs an extra: pip install 'authority-idp[flask]'") from missing


def serve_here(application: WSGIApplication, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
    """Serve *application* in this process until a signal ends it; *ready* is called once connections are accepted."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30  # seconds that an idle connection keeps its thread

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
            """Say nothing: addresses hold tickets."""

        def version_string(self) -> str:
            """Name no version."""
            return "authority"

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    servers = []
    for one in sockets:
        one.setblocking(True)
        host, port = one.getsockname()[:2]
        servers.append(make_server(host, port, application, threaded=True, request_handler=Quiet, fd=one.fileno()))
    threads = [threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True) for server in servers]
    settle()
    for thread in threads:
        thread.start()
    ready()
    stop.wait()
    for server in servers:
        server.shutdown()
    for thread in threads:
        thread.join(timeout=1)
