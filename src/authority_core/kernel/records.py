"""What is stored: frozen values, one class per kind of record.

Times are aware and in UTC. Secrets appear as `Digest` or as ciphertext, never in the clear. Every record that ends
carries `keep_until`, after which storage may forget it; forgetting is housekeeping and never decides anything.
A record with a `version` is mutable through `Replace`; all others are written once. None can be referred to weakly, so
that storage may make one from a class of the same layout. Those of the hot path take their fields by position too, at
half the price; everybody else names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Generic, Literal, TypeVar

from attrs import field, frozen

from .encoding import Digest
from .values import transient

R = TypeVar("R")

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
TokenFormat = Literal["jwt", "opaque"]
KeyState = Literal["pending", "active", "retired", "compromised"]
Role = Literal["user", "admin", "super_admin"]
_LAST_BUT_ONE = datetime.max.replace(tzinfo=timezone.utc) - timedelta.resolution


# --- clients ---------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, weakref_slot=False)
class ClientSecret:
    """One of a client's live secrets; two may live at once during rotation (RFC 6749 §2.3.1)."""

    secret_id: str
    digest: Digest | None = field(default=None, repr=False)
    """Of a secret with 256 random bits."""
    secret_hash: str | None = field(default=None, repr=False)
    """Instead of the digest a slow hash, of a secret that another system made."""
    hint: str
    """The last four characters, for people to tell secrets apart; empty where that would tell too much."""
    created_at: datetime
    expires_at: datetime | None = None


@frozen(kw_only=True, weakref_slot=False)
class Client:
    """A registered client (RFC 6749 §2, RFC 7591 §2)."""

    client_id: str
    name: str
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    secrets: tuple[ClientSecret, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: frozenset[str] = frozenset({"authorization_code"})
    scopes: frozenset[str] = frozenset()
    default_scopes: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    """Resource identifiers the client may ask for (RFC 8707); empty means the server's default audience only."""
    protects: frozenset[str] = frozenset()
    """Resource identifiers the client serves: it may introspect tokens meant for them (RFC 7662 §4)."""
    application_type: Literal["web", "native"] = "web"
    first_party: bool = False
    """Consent is implied, for applications of the server's own operator."""
    always_issue_refresh_token: bool = False
    access_token_format: TokenFormat | None = None
    """`None` follows the server's setting."""
    id_token_signed_response_alg: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    active: bool = True
    created_at: datetime
    tokens_valid_after: datetime | None = None
    """Grants, tokens and consents created at this instant or before are dead."""
    version: int = 0
    """0 before the first write; storage adds one with every `Replace`."""

    @property
    def confidential(self) -> bool:
        """Whether the client can keep a secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method != "none"

    @property
    def begins(self) -> datetime:
        """The first instant of which a consent counts: what is older was given to another client that had this id."""
        after = self.tokens_valid_after
        if after is None or after < self.created_at:
            return self.created_at
        return min(after, _LAST_BUT_ONE) + timedelta.resolution


# --- authorization state ---------------------------------------------------------------------------------------------


@transient(kw_only=True)
class Grant:
    """What a subject allowed a client. Liveness is kept here: a token lives only while its grant does."""

    grant_id: str
    client_id: str
    subject: str
    grant_type: str
    scope: frozenset[str]
    audience: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    """Absolute end of everything issued under the grant."""
    session_id: str | None = None
    auth_time: datetime | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    revoked_at: datetime | None = None
    """Never written with the grant: reads compute it from `Revoke` and `CutOff` marks."""
    keep_until: datetime


@transient
class AuthorizationCode:
    """A code waiting to be redeemed (RFC 6749 §4.1.2); carries the grant that redemption will store."""

    key: Digest = field(repr=False)
    grant: Grant
    redirect_uri: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: Literal["S256", "plain"] | None
    expires_at: datetime
    keep_until: datetime


@transient
class RefreshToken:
    """One link of a grant's chain of refresh tokens (RFC 6749 §6)."""

    key: Digest = field(repr=False)
    grant_id: str
    generation: int
    expires_at: datetime
    keep_until: datetime


@transient
class AccessToken:
    """An opaque access token. A token of `client_credentials` has no grant and no subject of its own."""

    key: Digest = field(repr=False)
    token_id: str
    grant_id: str | None
    client_id: str
    subject: str
    scope: frozenset[str]
    audience: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    keep_until: datetime


@frozen(kw_only=True, weakref_slot=False)
class Interaction:
    """What one browser began and has yet to finish: an authorization request, or a sign-in that waits for a step."""

    key: Digest = field(repr=False)
    browser: Digest = field(repr=False)
    client_id: str
    """Empty when no client waits for it."""
    parameters: tuple[tuple[str, str], ...]
    """The request as it came, in order, or what the step needs to know; nothing a form can change."""
    created_at: datetime
    expires_at: datetime
    keep_until: datetime


@frozen(kw_only=True, weakref_slot=False)
class Consent:
    """What a subject has allowed a client for the times to come; new consent adds to it.

    Whoever gives it an end gives it its `keep_until` too: `kernel.consents.kept` returns it with both.
    """

    subject: str
    client_id: str
    scope: frozenset[str]
    granted_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    keep_until: datetime | None = None
    """`None` while it has no end."""
    version: int = 0


@transient
class Spent:
    """The mark left by the one `Spend` that won. *salt* lets a refresh token's successor be derived again."""

    at: datetime
    salt: bytes = field(default=b"", repr=False)


@frozen(weakref_slot=False)
class Standing:
    """What decides whether the person of an account may act: the fields of `User` of these names."""

    active: bool
    locked_at: datetime | None = None
    unlock_at: datetime | None = None
    password_must_change: bool = field(kw_only=True)


@frozen(weakref_slot=False)
class Holder:
    """The account of a grant's subject, looked for along with the grant; `None` when there is none."""

    account: Standing | User | None


@transient
class Stored(Generic[R]):
    """All that a decision may ask of a single-use or revocable record, in one read."""

    record: R
    grant: Grant | None = None
    """With `revoked_at` filled in; `None` when the record has no grant, or none yet."""
    spent: Spent | None = None
    holder: Holder | None = field(default=None, eq=False)
    """`None` when storage did not look for the account; it is asked for by itself then."""


# --- keys ------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, weakref_slot=False)
class SigningKey:
    """A signing key: pending (published) → active (signs) → retired (verifies) → forgotten, or compromised at once."""

    kid: str
    alg: str
    public_jwk: Mapping[str, object]
    private_jwk: bytes = field(repr=False)
    """Encrypted under the key list of the settings."""
    state: KeyState
    created_at: datetime
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    keep_until: datetime | None = None
    version: int = 0


# --- accounts --------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, weakref_slot=False)
class User:
    """An account. *user_id* is the `sub` of tokens."""

    user_id: str
    username: str | None
    email: str | None
    email_verified: bool = False
    password_hash: str | None = field(default=None, repr=False)
    password_changed_at: datetime | None = None
    password_must_change: bool = False
    claims: Mapping[str, object] = field(factory=dict)
    """Standard claims of OpenID Connect Core §5.1 other than those with a field of their own."""
    role: Role = "user"
    active: bool = True
    locked_at: datetime | None = None
    unlock_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None = None
    version: int = 0


@frozen(kw_only=True, weakref_slot=False)
class Session:
    """A signed-in browser. *session_id* is the public `sid`; *key* is the digest of the cookie's secret."""

    session_id: str
    key: Digest = field(repr=False)
    user_id: str
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    created_at: datetime
    last_activity: datetime
    expires_at: datetime
    """Absolute end; the idle end is decided from *last_activity*."""
    remember: bool = False
    ip_address: str | None = None
    user_agent: str | None = None
    revoked_at: datetime | None = None
    """Never written with the session: reads compute it from `Revoke` and `CutOff` marks."""
    keep_until: datetime
    version: int = 0


@frozen(kw_only=True, weakref_slot=False)
class Counter:
    """A number that no concurrent increment is lost from, until *expires_at*."""

    value: int
    expires_at: datetime


# --- audit -----------------------------------------------------------------------------------------------------------


@transient
class AuditRecord:
    """One line of the audit trail; holds no password, token, secret or code."""

    audit_id: str
    at: datetime
    event: str
    severity: Literal["info", "notice", "warning", "error"]
    client_id: str | None
    subject: str | None
    session_id: str | None
    grant_id: str | None
    detail: Mapping[str, object]
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    keep_until: datetime


Insertable = Grant | AuthorizationCode | RefreshToken | AccessToken | Interaction | AuditRecord
"""Records written once, by `Put`."""

Mutable = Client | Consent | SigningKey | User | Session
"""Records with a version, written by `Replace` and taken away by `Remove`."""
