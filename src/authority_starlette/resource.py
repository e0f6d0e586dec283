"""Access tokens at the door of a Starlette application: a decorator for routes, and a backend for its middleware.

Only translation: which token passes is decided in `authority_core.resource`. Fetching the issuer's keys never holds up
the event loop: a blocking fetch runs in a worker thread.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter, Lock
from anyio.lowlevel import RunVar
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
)
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from authority_core.resource import Needs, Refused, VerifiedToken, Verifier, admit, has_bearer

T = TypeVar("T")
View = Callable[..., Awaitable[Response] | Response]

THREADS = 16
"""Questions to the issuer that are under way at the same time."""


class _Gate:
    """Admits one task at a time, in each event loop: a test client or a second thread may bring its own."""

    def __init__(self) -> None:
        self._lock: RunVar[Lock] = RunVar("authority_gate")

    def _here(self) -> Lock:
        lock = self._lock.get(None)
        if lock is None:
            lock = Lock()
            self._lock.set(lock)
        return lock

    async def __aenter__(self) -> None:
        await self._here().acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._here().release()


class _Threads:
    """The `Offload` port for questions to the issuer: threads of their own, so that busy endpoints cannot starve it."""

    def __init__(self) -> None:
        self._limiter: RunVar[CapacityLimiter] = RunVar("authority_fetches")

    async def __call__(self, work: Callable[[], T]) -> T:
        limiter = self._limiter.get(None)
        if limiter is None:
            limiter = CapacityLimiter(THREADS)
            self._limiter.set(limiter)
        return await anyio.to_thread.run_sync(work, limiter=limiter)


class Door:
    """A verifier as an event loop may use it. Make one an application, so that all routes share it."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier.offloaded(_Threads(), _Gate()) if verifier.blocking else verifier

    async def admit(self, connection: HTTPConnection, needs: Needs) -> VerifiedToken:
        """Return the token of *connection* once it meets *needs*; raises `Refused`."""
        query: bytes = connection.scope.get("query_string", b"")
        return await admit(self.verifier, authorization_of(connection), query, needs)


def authorization_of(connection: HTTPConnection) -> str | None:
    """Return the `Authorization` header; repeated ones are joined, as RFC 9110 §5.3 has it, and are no token then."""
    values = connection.headers.getlist("authorization")
    return ", ".join(values) if values else None


def refusal_response(refused: Refused) -> Response:
    """Return the answer to a request that may not pass."""
    answer = refused.response()
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers[name] = value
    return response


class ResourceProtector:
    """Asks for access tokens, route by route.

    The token is in `request.state.token`, a `VerifiedToken`. Endpoints may be functions of either colour or methods
    of an `HTTPEndpoint`.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._door = Door(verifier)

    def require_scopes(self, *all_of: str, any_of: Iterable[str] = ()) -> Callable[[View], View]:
        """Return a decorator that lets a request in when its token has every scope of *all_of* and one of *any_of*.

        Without arguments any token that the verifier accepts will do. Raises `ConfigurationError` for bad names.
        """
        wanted = Needs(all_of, tuple(any_of))

        def decorate(view: View) -> View:
            @functools.wraps(view)
            async def guarded(*arguments: object, **options: object) -> Response:
                request = _request(arguments, options)
                try:
                    request.state.token = await self._door.admit(request, wanted)
                except Refused as refused:
                    return refusal_response(refused)
                answer = (
                    view(*arguments, **options)
                    if _is_async(view)
                    else await run_in_threadpool(view, *arguments, **options)
                )
                return await answer if inspect.isawaitable(answer) else answer

            return guarded

        return decorate


def _is_async(view: View) -> bool:
    return inspect.iscoroutinefunction(view) or inspect.iscoroutinefunction(
        inspect.getattr_static(type(view), "__call__", None)
    )


def _request(arguments: tuple[object, ...], options: dict[str, object]) -> Request:
    for value in (*arguments, *options.values()):
        if isinstance(value, Request):
            return value
    raise TypeError("An endpoint that requires scopes takes the request as an argument.")


class TokenUser(BaseUser):
    """Who `request.user` is when a token was accepted: *token* says more."""

    def __init__(self, token: VerifiedToken) -> None:
        self.token = token

    @property
    def is_authenticated(self) -> bool:
        """Always true."""
        return True

    @property
    def display_name(self) -> str:
        """The subject."""
        return self.token.subject

    @property
    def identity(self) -> str:
        """The subject."""
        return self.token.subject


class RefusedToken(AuthenticationError):
    """A token that was sent and is not accepted, as Starlette's middleware hears of it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.description)
        self.refused = refused


class BearerBackend(AuthenticationBackend):
    """For Starlette's `AuthenticationMiddleware`: scopes become `request.auth.scopes`, the subject `request.user`.

    Give the middleware `on_error=on_refusal` too, or a bad token is answered 400. A request without a bearer token
    is anonymous and passes; `@requires("scope")` refuses it with 403 and no challenge, so where clients should be told
    what to do, use `ResourceProtector`.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._door = Door(verifier)

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Return the token's scopes and subject, or `None` without a bearer token; raises `RefusedToken`."""
        if not has_bearer(authorization_of(conn)):
            return None
        try:
            token = await self._door.admit(conn, Needs())
        except Refused as refused:
            raise RefusedToken(refused) from refused
        return AuthCredentials(["authenticated", *sorted(token.scope)]), TokenUser(token)


def on_refusal(conn: HTTPConnection, error: AuthenticationError) -> Response:
    """Answer for `AuthenticationMiddleware(on_error=on_refusal)`."""
    if isinstance(error, RefusedToken):
        return refusal_response(error.refused)
    return Response(status_code=401)
