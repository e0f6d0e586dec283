"""Dispatch: from a path to its endpoint, and from every refusal and failure to its answer.

Protection hangs on the handler, not on a pattern: a path is matched exactly or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from .kernel.changes import StorageUnavailable
from .kernel.ports import Busy
from .kernel.problems import Problem, Refusal, refuse
from .kernel.requests import HttpRequest
from .kernel.responses import NO_STORE, Headers, HttpResponse, error_response
from .kernel.routes import Route
from .kernel.show import Screen
from .static import PREFIX, StaticFiles

logger = logging.getLogger("authority")

_HSTS: Headers = (("strict-transport-security", "max-age=63072000; includeSubDomains"),)
_PLAIN: Headers = (("content-type", "text/plain; charset=UTF-8"), ("x-content-type-options", "nosniff"), *NO_STORE)
_RETRY: Headers = (("retry-after", "5"),)
_CORS: Headers = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "WWW-Authenticate, Retry-After"),
)
_PREFLIGHT: Headers = (
    ("access-control-allow-headers", "Authorization, Content-Type, DPoP"),
    ("access-control-max-age", "3600"),
)


class Dispatch:
    """Answers requests from a table of routes."""

    def __init__(self, routes: Sequence[Route], static: StaticFiles, screen: Screen) -> None:
        self._routes = {route.path: route for route in routes}
        self._static = static
        self._screen = screen
        self._longest = screen.settings.max_request_bytes
        self._always = _HSTS if screen.settings.secure else ()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request*; every refusal and failure becomes its specified answer."""
        route = self._routes.get(request.path)
        try:
            if route is None:
                response = self._elsewhere(request)
            elif request.method not in route.methods:
                response = self._other_method(request, route)
            elif len(request.body) > self._longest:
                response = self._refusal(request, route, refuse("request_too_large", "The request is too large."), ())
            else:
                try:
                    response = await route.endpoint(request)
                except Exception as error:  # noqa: BLE001 - every failure has its answer
                    response = self._failed(request, route, error)
        except Exception:
            # What is left can only be a page that does not render, the error page perhaps: plain text always works.
            logger.exception("a page failed", extra={"request_id": request.request_id})
            response = HttpResponse(500, _PLAIN, b"The server failed.")
        more = self._always
        if "origin" in request.headers and route is not None and route.cors:
            more = more if response.header("access-control-allow-origin") else more + _CORS
        return HttpResponse(response.status, response.headers + more, response.body) if more else response

    def _elsewhere(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PREFIX):
            return self._static(request)
        return self._screen.error(request, refuse("not_found", "There is nothing here."))

    def _failed(self, request: HttpRequest, route: Route, error: Exception) -> HttpResponse:
        about = {"request_id": request.request_id, "route": route.path}
        if isinstance(error, Problem):
            if route.page and error.refusal.reason is not None:  # where no person looks, an event tells the reason
                logger.info("request %s, %s: %s", request.request_id, route.path, error.refusal.reason, extra=about)
            return self._refusal(request, route, error.refusal, error.headers)
        if isinstance(error, StorageUnavailable | Busy):
            # One line and the cause; our own frames say nothing here. Of being busy nobody needs to be woken.
            level = logging.WARNING if isinstance(error, Busy) else logging.ERROR
            logger.log(level, "%s: %s", type(error).__name__, error, exc_info=error.__cause__, extra=about)
            refusal = refuse("temporarily_unavailable", "The server cannot answer right now. Please try again.")
            return self._refusal(request, route, refusal, _RETRY)
        logger.error("an endpoint failed", exc_info=error, extra=about)
        return self._refusal(request, route, refuse("server_error", "The server failed."), ())

    def _refusal(self, request: HttpRequest, route: Route, refusal: Refusal, headers: Headers) -> HttpResponse:
        if route.page:
            return self._screen.error(request, refusal, headers)
        return error_response(refusal, headers)

    def _other_method(self, request: HttpRequest, route: Route) -> HttpResponse:
        if request.method == "OPTIONS" and route.cors:
            methods = ("access-control-allow-methods", ", ".join(route.methods))
            return HttpResponse(204, (*_CORS, *_PREFLIGHT, methods))
        allow = ("allow", ", ".join((*route.methods, "HEAD") if "GET" in route.methods else route.methods))
        return self._refusal(request, route, refuse("method_not_allowed", "The method is not allowed."), (allow,))

