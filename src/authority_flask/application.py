"""The WSGI application: translates a request into values, finishes the core's coroutine, translates the answer back."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from authority_core import Authority, ConfigurationError, HttpRequest, HttpResponse
from authority_core.kernel.ports import Busy
from authority_core.kernel.sync import run

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

T = TypeVar("T")

_COLOUR = (
    "The Flask adapter needs synchronous storage, and {name} is asynchronous: use its synchronous sister, "
    "such as SqlStorage."
)
_LENGTH = re.compile(r"[0-9]{1,19}\Z")  # RFC 9110 §8.6; servers hand on what they were sent
_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def wsgi_app(authority: Authority) -> WSGIApplication:
    """Return *authority* as a WSGI application.

    Raises:
        ConfigurationError: Its storage is asynchronous.
    """
    if authority.asynchronous:
        raise ConfigurationError([_COLOUR.format(name=type(authority.storage).__name__)])
    settings = authority.settings
    authority.run_slow_work_in(_InPlace(settings.password_workers, settings.password_queue))
    return _Application(authority)


class _Application:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._longest = authority.settings.max_request_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = self._read(environ)
        if request is None:  # RFC 9112 §8: half a message is none
            start_response("400 Bad Request", [("content-length", "0")])
            return [b""]
        head = request.method == "HEAD"
        response = run(self._authority.handle(_as_get(request) if head else request))
        start_response(_STATUS.get(response.status, str(response.status)), _headers(response, request.request_id))
        return [b"" if head else response.body]

    def _read(self, environ: WSGIEnvironment) -> HttpRequest | None:
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        method = environ["REQUEST_METHOD"]
        body = b"" if method in ("GET", "HEAD", "OPTIONS") else self._body(environ)
        if body is None:
            return None
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace") or "/"
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        return self._authority.receive(method, path, query, headers, body, environ.get("REMOTE_ADDR") or None, environ)

    def _body(self, environ: WSGIEnvironment) -> bytes | None:
        """Return the body as far as it is looked at, or `None` when it is shorter than it was said to be."""
        stream, most = environ["wsgi.input"], self._longest + 1
        length = environ.get("CONTENT_LENGTH") or ""
        counted = _LENGTH.match(length) is not None
        if counted:
            most = min(int(length), most)
        elif not environ.get("wsgi.input_terminated"):
            return b""
        parts: list[bytes] = []
        while most > 0:
            part = stream.read(most)
            if not part:
                break
            parts.append(part)
            most -= len(part)
        return None if counted and most > 0 else b"".join(parts)


class _InPlace:
    """The `Offload` port under WSGI: in the request's own thread, a bounded number at a time."""

    def __init__(self, workers: int, queue: int) -> None:
        self._places = threading.BoundedSemaphore(workers)
        self._waiting = threading.BoundedSemaphore(workers + queue)

    async def __call__(self, work: Callable[[], T]) -> T:
        """Return what *work* returns; raises `Busy` when too much is waiting."""
        if not self._waiting.acquire(blocking=False):
            raise Busy("too many passwords are waiting to be checked")
        try:
            with self._places:
                return work()
        finally:
            self._waiting.release()


def _as_get(request: HttpRequest) -> HttpRequest:
    return HttpRequest(
        method="GET",
        path=request.path,
        query=request.query,
        headers=request.headers,
        client_address=request.client_address,
        request_id=request.request_id,
        native=request.native,
    )


def _headers(response: HttpResponse, request_id: str | None) -> list[tuple[str, str]]:
    headers = [*response.headers]
    if response.status not in (204, 304):
        headers.append(("content-length", str(len(response.body))))
    if request_id is not None:
        headers.append(("x-request-id", request_id))
    return headers
