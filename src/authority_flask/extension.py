"""The Flask extension: puts an `Authority` in front of an application's own routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from authority_core import Authority
from authority_core.kernel.sync import run

from .application import wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class AuthorityExtension:
    """Serves an authority beside a Flask application's own routes.

    The extension keeps no application: one instance serves several, each with an authority of its own, found in
    `app.extensions["authority"]`.

    Args:
        app: The application, when it exists already.
        authority: What to serve.
        url_prefix: Where; the issuer's address must have the same path. The application keeps everything else.
        landing: Whether the authority's landing page takes the prefix itself; by default the application keeps it.
    """

    def __init__(
        self,
        app: Flask | None = None,
        authority: Authority | None = None,
        *,
        url_prefix: str = "",
        landing: bool = False,
    ) -> None:
        if app is not None and authority is not None:
            self.init_app(app, authority, url_prefix=url_prefix, landing=landing)

    def init_app(self, app: Flask, authority: Authority, *, url_prefix: str = "", landing: bool = False) -> None:
        """Put *authority* in front of *app*; raises `ConfigurationError` when its storage is asynchronous."""
        ours = wsgi_app(authority)
        app.extensions["authority"] = authority
        app.wsgi_app = _Front(app.wsgi_app, ours, authority, url_prefix.rstrip("/"), landing)  # type: ignore[method-assign]  # the documented way to wrap a Flask application

    @staticmethod
    def start(app: Flask) -> None:
        """Prepare the authority of *app* before the first request: signing keys exist and are loaded."""
        authority: Authority = app.extensions["authority"]
        run(authority.start())


class _Front:
    def __init__(
        self, theirs: WSGIApplication, ours: WSGIApplication, authority: Authority, prefix: str, landing: bool
    ) -> None:
        self._theirs, self._ours = theirs, ours
        self._authority = authority
        self._prefix, self._landing = prefix, landing

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(self._prefix):
            return self._theirs(environ, start_response)
        inner = path[len(self._prefix) :] or "/"
        if not self._authority.serves(inner) or (inner == "/" and not self._landing):
            return self._theirs(environ, start_response)
        script = environ.get("SCRIPT_NAME", "") + self._prefix
        return self._ours({**environ, "PATH_INFO": inner, "SCRIPT_NAME": script}, start_response)
