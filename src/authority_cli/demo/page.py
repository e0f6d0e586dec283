"""The demo's own page, `/demo`: a relying party in the browser, served before the authority by a few static files."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from starlette.types import ASGIApp, Receive, Scope, Send

    from authority_core import Settings

PATH = "/demo"
_FILES = {
    PATH: ("index.html", "text/html; charset=utf-8"),
    PATH + "/demo.js": ("demo.js", "text/javascript; charset=utf-8"),
    PATH + "/words.js": ("words.js", "text/javascript; charset=utf-8"),
    PATH + "/demo.css": ("demo.css", "text/css; charset=utf-8"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@frozen
class Answer:
    """What is sent for one request."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class DemoPage:
    """Answers below `/demo`; everything else is the authority's."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.issuer
        self._host = urlsplit(settings.issuer).netloc
        theme = _theme(settings.primary_color)
        folder = files("authority_cli").joinpath("demo_page")
        self._bodies = {
            path: folder.joinpath(name).read_bytes().replace(b"{{theme}}", theme.encode())
            for path, (name, _) in _FILES.items()
        }

    def answer(self, method: str, path: str, query: str, host: str) -> Answer | None:
        """Return the answer, or `None` when *path* is not the demo's."""
        if path != PATH and not path.startswith(PATH + "/"):
            return None
        if path not in self._bodies:
            return self._text("404 Not Found", b"There is nothing here.\n")
        if method not in ("GET", "HEAD"):
            return self._text("405 Method Not Allowed", b"Use GET.\n", ("allow", "GET, HEAD"))
        if host.lower() != self._host:
            # The redirect URI and the session's cookie belong to the issuer's own name.
            address = self._issuer + path + (f"?{query}" if query else "")
            return self._text("307 Temporary Redirect", b"", ("location", address))
        return Answer("200 OK", self._headers(_FILES[path][1]), self._bodies[path])

    def _text(self, status: str, body: bytes, *more: tuple[str, str]) -> Answer:
        return Answer(status, (*self._headers("text/plain; charset=utf-8"), *more), body)

    def _headers(self, content_type: str) -> tuple[tuple[str, str], ...]:
        return (
            ("content-type", content_type),
            ("content-security-policy", _POLICY),
            ("cache-control", "no-store"),  # the address of the page may hold a code
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        )


class PageBeforeAsgi:
    """The page in front of an ASGI application."""

    def __init__(self, application: ASGIApp, page: DemoPage) -> None:
        self._application, self._page = application, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the page, or leave the request to the application."""
        answer = None
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            query = scope["query_string"].decode("latin-1")
            answer = self._page.answer(scope["method"], scope["path"], query, host)
        if answer is None:
            await self._application(scope, receive, send)
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode("ascii")))
        await send({"type": "http.response.start", "status": int(answer.status[:3]), "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


class PageBeforeWsgi:
    """The page in front of a WSGI application."""

    def __init__(self, application: WSGIApplication, page: DemoPage) -> None:
        self._application, self._page = application, page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer for the page, or leave the request to the application."""
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        answer = self._page.answer(method, path, environ.get("QUERY_STRING", ""), environ.get("HTTP_HOST", ""))
        if answer is None:
            return self._application(environ, start_response)
        start_response(answer.status, [*answer.headers, ("content-length", str(len(answer.body)))])
        return [b"" if method == "HEAD" else answer.body]


def _theme(colour: str) -> str:
    from authority_pages.assets import Assets

    return "/static/" + Assets().tinted("theme.css", colour)
