"""The ASGI application: translates a request into values, awaits the core, translates the answer back.

Mount it under any prefix that the issuer's address has too. A mounted application's own lifespan is never run by its
host, so compose `lifespan(authority)` into yours; forgotten, everything starts with the first request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authority_core import Authority, ConfigurationError, HttpRequest, HttpResponse

from .threads import BoundedThreads

_COLOUR = (
    "The Starlette adapter needs asynchronous storage, and {name} is synchronous: use its asynchronous sister "
    "(such as AsyncSqlStorage), or authority_starlette.in_threads(storage)."
)


_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


def asgi_app(authority: Authority) -> ASGIApp:
    """Return *authority* as an ASGI application.

    Raises:
        ConfigurationError: Its storage would block the event loop.
    """
    if not authority.asynchronous and not getattr(authority.storage, "never_blocks", False):
        raise ConfigurationError([_COLOUR.format(name=type(authority.storage).__name__)])
    settings = authority.settings
    authority.run_slow_work_in(BoundedThreads(settings.password_workers, settings.password_queue))
    return _Application(authority)


@asynccontextmanager
async def lifespan(authority: Authority) -> AsyncIterator[None]:
    """Prepare *authority* before the first request: signing keys exist and are loaded."""
    await authority.start()
    yield


class _Application:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._longest = authority.settings.max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        method: str = scope["method"]
        body = b""
        if method not in _WITHOUT_BODY:
            message = await receive()  # the whole body, as a rule
            if message["type"] != "http.request":
                return  # nobody is there any more
            body = message.get("body", b"")
            if message.get("more_body", False):
                rest = await self._rest(receive, self._longest - len(body))
                if rest is None:
                    return
                body += rest
        head = method == "HEAD"
        request = self._request(scope, "GET" if head else method, body)
        response = await self._authority.handle(request)
        await send(_start(response, request.request_id))
        await send({"type": "http.response.body", "body": b"" if head else response.body})

    async def _rest(self, receive: Receive, most: int) -> bytes | None:
        """Return the rest of the body, until it is longer than *most* bytes, or `None` when the client left."""
        parts: list[bytes] = []
        while most >= 0:
            message = await receive()
            if message["type"] != "http.request":
                return None  # RFC 9112 §8: half a message is none
            part = message.get("body", b"")
            parts.append(part)
            most -= len(part)
            if not message.get("more_body", False):
                break
        return b"".join(parts)

    def _request(self, scope: Scope, method: str, body: bytes) -> HttpRequest:
        client = scope.get("client")
        return self._authority.receive(
            method,
            _path(scope),
            scope["query_string"],
            _headers(scope["headers"]),
            body,
            client[0] if client else None,
            scope,
        )

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._authority.start()
                except Exception as error:  # noqa: BLE001 - whatever it is, the server must be told
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await send({"type": "lifespan.shutdown.complete"})
                return


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in headers:
            value = headers[name] + ("; " if name == "cookie" else ", ") + value
        headers[name] = value
    return headers


def _path(scope: MutableMapping[str, Any]) -> str:
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    return path or "/"


def _start(response: HttpResponse, request_id: str | None) -> Message:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(response.body)))
    if request_id is not None:
        headers.append((b"x-request-id", request_id.encode("ascii")))
    return {"type": "http.response.start", "status": response.status, "headers": headers}
