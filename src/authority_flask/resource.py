"""Access tokens at the door of a Flask application.

Only translation: which token passes is decided in `authority_core.resource`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from flask import Flask, current_app, g, request
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable, Unauthorized

from authority_core import ConfigurationError
from authority_core.kernel.sync import run
from authority_core.resource import Needs, Refused, VerifiedToken, Verifier, admit, check_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

P = ParamSpec("P")
T = TypeVar("T")

_KEY = "authority_flask.token"
_COLOUR = (
    "Flask is synchronous and this verifier has an asynchronous fetch: give it a synchronous one, or none for the "
    "standard library's."
)
_NOWHERE = "This application has no verifier: call ResourceProtector.init_app(app, verifier)."


class RefusedRequest(HTTPException):
    """A request without a token that may pass; an error handler of the application sees its code and description."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.description)
        self.refused = refused

    def get_headers(
        self,
        environ: WSGIEnvironment | None = None,
        scope: dict[str, object] | None = None,
    ) -> list[tuple[str, str]]:
        """Return the headers of the answer, the challenge among them, byte for byte."""
        return list(self.refused.response().headers)

    def get_body(
        self,
        environ: WSGIEnvironment | None = None,
        scope: dict[str, object] | None = None,
    ) -> str:
        """Return the JSON body of the answer."""
        return self.refused.response().body.decode("utf-8")


class _NotAuthorized(RefusedRequest, Unauthorized):
    """401, for which an application may have an error handler."""


class _NotEnough(RefusedRequest, Forbidden):
    """403."""


class _NotNow(RefusedRequest, ServiceUnavailable):
    """503."""


_BY_STATUS: dict[int, type[RefusedRequest]] = {401: _NotAuthorized, 403: _NotEnough, 503: _NotNow}


class ResourceProtector:
    """Asks for access tokens, view by view; the token is in `flask.g.token` and in `protect.token`.

    One instance serves several applications, each with a verifier of its own:

        protect = ResourceProtector()

        @blueprint.get("/reports")
        @protect.require_scopes("reports:read")
        def reports(): ...

        protect.init_app(app, TokenVerifier(issuer, audience))

    Args:
        app: The application, when it exists already.
        verifier: Judges its tokens.
    """

    def __init__(self, app: Flask | None = None, verifier: Verifier | None = None) -> None:
        self._mark = f"_authority_needs_{id(self)}"
        self._key = f"{_KEY}.{id(self)}"
        self._name = f"authority_resource.{id(self)}"
        if app is not None and verifier is not None:
            self.init_app(app, verifier)

    def init_app(self, app: Flask, verifier: Verifier) -> None:
        """Protect the views of *app* with *verifier*; raises `ConfigurationError` when it would need an event loop."""
        if not verifier.blocking:
            raise ConfigurationError([_COLOUR])
        app.extensions[self._name] = verifier
        app.before_request(self._before)

    def require_scopes(self, *all_of: str, any_of: Iterable[str] = ()) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """Return a decorator that lets a request in when its token has every scope of *all_of* and one of *any_of*.

        It protects above and below `@app.route` alike: the view is marked, and the mark is looked at before every
        request. Without arguments any token that the verifier accepts will do. Raises `ConfigurationError` for bad
        names.
        """
        wanted = Needs(all_of, tuple(any_of))

        def decorate(view: Callable[P, T]) -> Callable[P, T]:
            marks = (*getattr(view, self._mark, ()), wanted)
            with suppress(AttributeError):  # a bound method takes no mark, and stands below no decorator
                setattr(view, self._mark, marks)  # what stands in the route table may be the view itself

            @functools.wraps(view)
            def guarded(*arguments: P.args, **options: P.kwargs) -> T:
                self._admit(wanted)
                return cast(T, current_app.ensure_sync(view)(*arguments, **options))

            return guarded

        return decorate

    @property
    def token(self) -> VerifiedToken:
        """The token of the present request; raises `LookupError` in a view that requires none."""
        found = self._known(self._verifier())
        if found is None:
            raise LookupError("This view requires no token.")
        return found

    def _before(self) -> None:
        g.pop("token", None)  # an application context that outlives a request must not carry its token on
        rule = request.url_rule
        if rule is None or (request.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)):
            return  # Flask answers itself, without the view: 404, 405, or the methods, as preflights ask
        view = current_app.view_functions.get(rule.endpoint)
        for wanted in getattr(view, self._mark, ()):
            self._admit(wanted)

    def _verifier(self) -> Verifier:
        verifier: Verifier | None = current_app.extensions.get(self._name)
        if verifier is None:
            raise RuntimeError(_NOWHERE)
        return verifier

    def _known(self, verifier: Verifier) -> VerifiedToken | None:
        """Return the token of this request that *verifier*, and no other application's, has let pass."""
        match request.environ.get(self._key):
            case (judge, VerifiedToken() as token) if judge is verifier:
                return token
            case _:
                return None

    def _admit(self, wanted: Needs) -> None:
        verifier = self._verifier()
        try:
            token = self._known(verifier)
            if token is not None:
                check_scope(token, wanted, verifier.challenge)
            else:
                authorization = request.environ.get("HTTP_AUTHORIZATION")
                query = request.environ.get("QUERY_STRING", "").encode("latin-1", "replace")
                token = run(admit(verifier, authorization, query, wanted))
                request.environ[self._key] = (verifier, token)
        except Refused as refused:
            raise _BY_STATUS[refused.status](refused) from refused
        g.token = token
