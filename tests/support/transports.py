"""Three ways to the same server: the core itself, ASGI, WSGI. All take raw requests and answer with `HttpResponse`."""

from __future__ import annotations

import asyncio
import atexit
import io
import sys
from collections.abc import Coroutine, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote_to_bytes

from authority_core import Authority, HttpResponse
from authority_core.kernel.sync import run

T = TypeVar("T")
Pairs = Sequence[tuple[str, str]]
PEER = "203.0.113.9"


class Transport(Protocol):
    """Sends one raw request: *target* is path and query as on the request line, *headers* may repeat."""

    name: str

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        """Return the answer, with lower-case header names."""
        ...


def _split(target: str) -> tuple[bytes, bytes]:
    path, _, query = target.partition("?")
    return path.encode("latin-1"), query.encode("latin-1")


class CoreTransport:
    """Straight to `Authority.handle`."""

    name = "core"

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        path, query = _split(target)
        joined: dict[str, str] = {}
        for name, value in headers:
            name = name.lower()
            joined[name] = joined[name] + ("; " if name == "cookie" else ", ") + value if name in joined else value
        text = unquote_to_bytes(path).decode("utf-8", "replace")
        return run(self._authority.handle(self._authority.receive(method, text, query, joined, body, PEER)))


class AsgiTransport:
    """Through an ASGI application, by default our own."""

    name = "asgi"

    def __init__(self, authority: Authority, app: Any = None, *, root_path: str = "") -> None:
        from authority_starlette import asgi_app

        self._app = app or asgi_app(authority)
        self._root = root_path

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        return in_loop(self._sent(method, target, headers, body))

    async def _sent(self, method: str, target: str, headers: Pairs, body: bytes) -> HttpResponse:
        path, query = _split(target)
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": self._root + unquote_to_bytes(path).decode("utf-8", "replace"), "raw_path": path,
            "query_string": query, "root_path": self._root, "headers": raw, "client": (PEER, 50000),
            "server": ("localhost", 4000), "state": {},
        }  # fmt: skip
        half = len(body) // 2
        waiting = [(body[:half], True), (body[half:], False)] if half else [(body, False)]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                return {"type": "http.disconnect"}
            part, more = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": more}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        pairs = sent[0]["headers"]
        answered = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs)
        return HttpResponse(sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]))


class WsgiTransport:
    """Through a WSGI application, by default our own."""

    name = "wsgi"

    def __init__(self, authority: Authority, app: Any = None, *, script_name: str = "") -> None:
        from authority_flask import wsgi_app

        self._app = app or wsgi_app(authority)
        self._script = script_name

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        path, query = _split(target)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": self._script,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query.decode("latin-1"),
            "SERVER_NAME": "localhost", "SERVER_PORT": "4000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": PEER,
            "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        for name, value in headers:
            upper = name.upper().replace("-", "_")
            key = upper if upper in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + upper
            joined = "; " if upper == "COOKIE" else ", "
            repeats = key in environ and key != "CONTENT_LENGTH"
            environ[key] = environ[key] + joined + value if repeats else value
        started: list[tuple[int, tuple[tuple[str, str], ...]]] = []

        def start_response(status: str, answered: list[tuple[str, str]], exc_info: object = None) -> None:
            started.append((int(status[:3]), tuple((name.lower(), value) for name, value in answered)))

        parts = self._app(environ, start_response)
        body_out = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        return HttpResponse(*started[0], body_out)


TRANSPORTS = (CoreTransport, AsgiTransport, WsgiTransport)
"""For `pytest.mark.parametrize("transport", TRANSPORTS, ids=name_of)`."""
ADAPTERS = (AsgiTransport, WsgiTransport)


def name_of(transport: Any) -> str:
    """Return the name for a parametrised test's id."""
    return str(transport.name)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def in_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Finish *coroutine* on an event loop kept for the purpose; only outside of a running loop."""
    return _loop().run_until_complete(coroutine)
