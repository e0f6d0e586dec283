"""Every way an API refuses a token: a closed tree whose members know their status and their challenge (RFC 6750 §3).

Descriptions are fixed sentences; *reason* is for the operator's log and never sent.
"""

from __future__ import annotations

from typing import ClassVar, final

from attrs import frozen

from ..kernel.encoding import Json
from ..kernel.responses import HttpResponse, json_response

RETRY_AFTER = 5
"""Seconds a client is asked to wait when tokens cannot be checked."""


@frozen
class Challenge:
    """What every `WWW-Authenticate` of one API begins with and ends with.

    *realm* names the protected area (RFC 9110 §11.5); *resource_metadata* is the address of the API's protected
    resource metadata (RFC 9728 §5.1).
    """

    realm: str = "api"
    resource_metadata: str | None = None

    def header(self, *parameters: tuple[str, str]) -> str:
        """Return the header's value with these *parameters* between realm and resource metadata."""
        pairs = [("realm", self.realm), *parameters]
        if self.resource_metadata is not None:
            pairs.append(("resource_metadata", self.resource_metadata))
        return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in pairs)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


class Refused(Exception):
    """A request that may not pass. Catch this one; its members are all there are.

    *status* is the HTTP status, *error* the code for the client (`None`: no code is told), *www_authenticate* the
    exact header or `None`.
    """

    status: ClassVar[int]
    error: ClassVar[str | None]
    description: ClassVar[str]

    def __init__(self, challenge: Challenge, *, reason: str | None = None) -> None:
        super().__init__(self.description)
        self.challenge = challenge
        self.reason = reason

    @property
    def www_authenticate(self) -> str | None:
        """The value of the `WWW-Authenticate` header."""
        return self.challenge.header(*self._parameters())

    def _parameters(self) -> tuple[tuple[str, str], ...]:
        if self.error is None:
            return ()
        return (("error", self.error), ("error_description", self.description))

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers that belong to this refusal, with lower-case names."""
        value = self.www_authenticate
        return () if value is None else (("www-authenticate", value),)

    def response(self) -> HttpResponse:
        """Return the whole answer, with a JSON body that no cache may keep."""
        body: Json = {} if self.error is None else {"error": self.error}
        return json_response(body | {"error_description": self.description}, self.status, self.headers)


@final
class TokenMissing(Refused):
    """No bearer token came with the request: the challenge carries no error code (RFC 6750 §3.1)."""

    status = 401
    error = None
    description = "An access token is required."


class TokenInvalid(Refused):
    """The token is malformed, forged, another's, not an access token, or no longer alive (RFC 6750 §3.1)."""

    status = 401
    error = "invalid_token"
    description = "The access token is not valid."


@final
class TokenExpired(TokenInvalid):
    """The token was genuine and meant for this API, and has expired: the client may refresh it."""

    description = "The access token has expired."


@final
class ScopeMissing(Refused):
    """The token is right but does not reach this far; *needed* lists the scopes, separated by spaces."""

    status = 403
    error = "insufficient_scope"
    description = "The access token lacks a scope that is needed here."

    def __init__(self, challenge: Challenge, needed: str) -> None:
        super().__init__(challenge)
        self.needed = needed

    def _parameters(self) -> tuple[tuple[str, str], ...]:
        return (*super()._parameters(), ("scope", self.needed))


@final
class CannotVerify(Refused):
    """The issuer cannot be reached or answers nonsense, so nothing can be said about the token: try again later."""

    status = 503
    error = "temporarily_unavailable"
    description = "Access tokens cannot be checked at the moment."

    @property
    def www_authenticate(self) -> str | None:
        """None: the token is not at fault."""
        return None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """When to come back, in seconds (RFC 9110 §10.2.3)."""
        return (("retry-after", str(RETRY_AFTER)),)
