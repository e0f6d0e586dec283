"""The public face of refusals.

A `Problem` says in one fixed sentence what was refused; why is told to the operator, in an event. `STATUS` is the
table of codes, with the specification of each.
"""

from __future__ import annotations

from attrs import field, frozen

STATUS: dict[str, int] = {
    "invalid_request": 400,  # RFC 6749 §4.1.2.1, §5.2
    "invalid_client": 401,  # RFC 6749 §5.2
    "invalid_grant": 400,  # RFC 6749 §5.2
    "unauthorized_client": 400,  # RFC 6749 §4.1.2.1, §5.2
    "unsupported_grant_type": 400,  # RFC 6749 §5.2
    "invalid_scope": 400,  # RFC 6749 §4.1.2.1, §5.2
    "access_denied": 400,  # RFC 6749 §4.1.2.1
    "unsupported_response_type": 400,  # RFC 6749 §4.1.2.1
    "server_error": 500,  # RFC 6749 §4.1.2.1
    "temporarily_unavailable": 503,  # RFC 6749 §4.1.2.1
    "invalid_target": 400,  # RFC 8707 §2
    "unsupported_token_type": 400,  # RFC 7009 §2.2.1
    "invalid_token": 401,  # RFC 6750 §3.1
    "insufficient_scope": 403,  # RFC 6750 §3.1
    "login_required": 400,  # OpenID Connect Core §3.1.2.6
    "consent_required": 400,  # OpenID Connect Core §3.1.2.6
    "interaction_required": 400,  # OpenID Connect Core §3.1.2.6
    "request_not_supported": 400,  # OpenID Connect Core §3.1.2.6
    "request_uri_not_supported": 400,  # OpenID Connect Core §3.1.2.6
    "csrf_failed": 403,
    "not_found": 404,
    "method_not_allowed": 405,  # RFC 9110 §15.5.6
    "request_too_large": 413,  # RFC 9110 §15.5.14
    "unsupported_media_type": 415,  # RFC 9110 §15.5.16
    "rate_limit_exceeded": 429,
}


@frozen
class Refusal:
    """What the client is told: an *error* code, a fixed *description*, an HTTP *status*; *reason* stays inside."""

    error: str
    description: str
    status: int
    reason: str | None = field(default=None, repr=False)


class Problem(Exception):
    """A refusal raised on the way to a decision; the shell turns it into the specified answer."""

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int | None = None,
        reason: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.refusal = Refusal(error, description, STATUS[error] if status is None else status, reason)
        self.headers = headers


def refuse(error: str, description: str, *, reason: str | None = None) -> Refusal:
    """Return the `Refusal` for *error* with the status its specification gives it."""
    return Refusal(error, description, STATUS[error], reason)


class ConfigurationError(Exception):
    """Settings that cannot be: *faults* lists every one of them, one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("the settings cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
