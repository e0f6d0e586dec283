"""The outcomes that refusals are described by, as assertions."""

from __future__ import annotations

from urllib.parse import urlsplit

from authority_core import HttpResponse

from .browser import answer_of
from .relying_party import error_of
from .server import CALLBACK, ISSUER, Server


class Unchanged:
    """A block after which storage holds what it held before, apart from audit, sessions and counters."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before: object = None

    def __enter__(self) -> Unchanged:
        self._before = self._server.snapshot()
        return self

    def __exit__(self, *raised: object) -> None:
        if raised[0] is None:
            assert self._server.snapshot() == self._before


def is_page(response: HttpResponse, status: int = 400) -> None:
    """An error page of our own, which leads nowhere."""
    assert response.status == status
    assert response.header("location") is None
    assert (response.header("content-type") or "").startswith("text/html")
    assert response.header("x-frame-options") == "DENY"


def is_redirect_error(
    response: HttpResponse, error: str, *, to: str = CALLBACK, state: str | None = "the state", issuer: str = ISSUER
) -> None:
    """A redirect to exactly *to* with the error, the state as it came and the issuer."""
    assert response.status in (302, 303)
    location = response.header("location") or ""
    assert location.startswith(to + ("&" if urlsplit(to).query else "?"))
    answer = answer_of(response)
    assert answer["error"] == error
    assert answer.get("state") == state
    assert answer["iss"] == issuer
    assert "code" not in answer


def is_refusal(response: HttpResponse, status: int, error: str) -> None:
    """A JSON refusal of an endpoint for clients."""
    assert error_of(response) == (status, error)
