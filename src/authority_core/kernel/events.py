"""The closed catalogue of events: what was decided, for the audit trail and for listeners.

An event names ids and reasons, never a token, code, secret, password or digest. Each class states its name, its
severity and the lowest audit level at which it is recorded.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from .values import transient

Severity = Literal["info", "notice", "warning", "error"]
AuditLevel = Literal["all", "important", "errors"]


@transient(kw_only=True)
class Event:
    """What all events share; *reason* is for the operator and never reaches the client."""

    name: ClassVar[str] = ""
    severity: ClassVar[Severity] = "info"
    level: ClassVar[AuditLevel] = "all"

    client_id: str | None = None
    subject: str | None = None
    session_id: str | None = None
    grant_id: str | None = None
    reason: str | None = None


@transient(kw_only=True)
class TokenIssued(Event):
    """The token endpoint answered with tokens."""

    name = "token.issued"
    grant_type: str
    scope: str
    token_id: str
    repeated: bool = False
    """Whether this was a repeat within the reuse interval."""


@transient(kw_only=True)
class TokenRefused(Event):
    """The token endpoint refused a grant."""

    name = "token.refused"
    severity = "notice"
    level = "errors"
    error: str
    grant_type: str | None = None


@transient(kw_only=True)
class CodeReplayed(Event):
    """A used authorization code came again."""

    name = "code.reuse_detected"
    severity = "warning"
    level = "errors"
    revoked: bool


@transient(kw_only=True)
class RefreshReplayed(Event):
    """A used refresh token came again outside the interval; its grant is revoked."""

    name = "token.reuse_detected"
    severity = "warning"
    level = "errors"


@transient(kw_only=True)
class TokenRevoked(Event):
    """A client gave a token back (RFC 7009), or the server ended a grant."""

    name = "token.revoked"
    level = "important"


@transient(kw_only=True)
class ClientAuthenticationFailed(Event):
    """`invalid_client`."""

    name = "client.auth_failed"
    severity = "warning"
    level = "errors"


@transient(kw_only=True)
class CodeIssued(Event):
    """The authorization endpoint answered with a code."""

    name = "code.issued"
    scope: str


@transient(kw_only=True)
class AuthorizationRefused(Event):
    """The authorization endpoint refused a request."""

    name = "authorization.refused"
    severity = "notice"
    level = "errors"
    error: str


@transient(kw_only=True)
class AuthorizationGranted(Event):
    """A person approved a client."""

    name = "authorization.granted"
    level = "important"
    scope: str
    remembered: bool


@transient(kw_only=True)
class AuthorizationDenied(Event):
    """A person denied a client."""

    name = "authorization.denied"
    level = "important"


@transient(kw_only=True)
class UserSignedIn(Event):
    """Sign-in complete."""

    name = "user.login"
    method: str


@transient(kw_only=True)
class PasswordChangeAsked(Event):
    """The password was right and must be changed first: nobody is signed in yet."""

    name = "password.change_asked"


@transient(kw_only=True)
class PasswordChanged(Event):
    """A person chose a new password."""

    name = "password.changed"
    level = "important"


@transient(kw_only=True)
class SignInFailed(Event):
    """Wrong credentials; *identifier* is a keyed hash of what was typed."""

    name = "user.login_failed"
    severity = "notice"
    level = "errors"
    identifier: str


@transient(kw_only=True)
class SignedOut(Event):
    """A person signed out."""

    name = "user.logout"
    everywhere: bool = False


@transient(kw_only=True)
class SessionCreated(Event):
    """A new session."""

    name = "session.created"


@transient(kw_only=True)
class SessionRevoked(Event):
    """A session was ended before its time."""

    name = "session.revoked"
    level = "important"


@transient(kw_only=True)
class UserCreated(Event):
    """A new account."""

    name = "user.created"
    level = "important"
    role: str


@transient(kw_only=True)
class UserChanged(Event):
    """An account was changed; *fields* names what, not the values."""

    name = "user.updated"
    level = "important"
    fields: str


@transient(kw_only=True)
class ClientCreated(Event):
    """A new client."""

    name = "client.created"
    level = "important"


@transient(kw_only=True)
class ClientChanged(Event):
    """A client was changed; *fields* names what, not the values."""

    name = "client.updated"
    level = "important"
    fields: str


@transient(kw_only=True)
class ClientDeleted(Event):
    """A client was deleted."""

    name = "client.deleted"
    level = "important"


@transient(kw_only=True)
class ClientSecretRotated(Event):
    """A client got a new secret; older ones end at the end of the overlap."""

    name = "client.secret_rotated"
    level = "important"
    secret_id: str


@transient(kw_only=True)
class KeyCreated(Event):
    """A signing key was made."""

    name = "key.created"
    level = "important"
    kid: str
    alg: str


@transient(kw_only=True)
class KeyActivated(Event):
    """A signing key began to sign."""

    name = "key.activated"
    level = "important"
    kid: str
    alg: str


@transient(kw_only=True)
class KeyRetired(Event):
    """A signing key stopped signing and only verifies."""

    name = "key.retired"
    level = "important"
    kid: str
    alg: str


@transient(kw_only=True)
class KeyCompromised(Event):
    """A signing key was taken out at once; its tokens are dead."""

    name = "key.compromised"
    severity = "error"
    level = "errors"
    kid: str
    alg: str


_CLASSES = [kind for kind in globals().copy().values() if isinstance(kind, type) and issubclass(kind, Event)]
CATALOGUE: tuple[type[Event], ...] = tuple(
    sorted((kind for kind in _CLASSES if kind is not Event), key=lambda event: event.name)
)
"""Every event there is, by name."""
