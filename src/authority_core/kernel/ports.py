"""The ports: what the core asks of the world, as narrow protocols. Storage and people are asked asynchronously.

The synchronous colour of every storage protocol is the same without `async` (`sync.py` lifts it).

Names and digests are the same if they are equal, in case, blanks and spelling; `user_by_identifier` alone compares
otherwise. What is neither a text nor a digest, such as `None`, finds nobody: such a read may raise. Whatever comes back
is what was stored, of the same kind, its times in UTC; a list is whole unless it has a *limit*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from attrs import frozen

from .changes import Change
from .encoding import Digest
from .events import Event
from .pages import Asset, Page, Person, View
from .records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    Stored,
    User,
)
from .requests import HttpRequest
from .values import Soon, transient

T = TypeVar("T")


# --- storage ---------------------------------------------------------------------------------------------------------


class ClientReads(Protocol):
    """Registered clients."""

    async def client(self, client_id: str) -> Client | None:
        """Return the client called exactly *client_id*."""
        ...

    async def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after*, by id."""
        ...


class GrantReads(Protocol):
    """Grants, codes and tokens. Every `Grant` returned has `revoked_at` computed from the marks.

    A grant is revoked when a `Revoke` of its id or of its session exists, or a `CutOff` of its subject (or of its
    subject and client) whose time is the grant's `created_at` or later: as of the earliest of these, on every read.

    A class may say `tells_holders = True`: its codes and refresh tokens then come with the *holder*, the account of the
    grant's subject as its own `user` would return it now, and `Holder(None)` when there is none. It saves a read. It is
    believed of that class, and of a subclass that has no `user` of its own; everybody else's accounts are asked for.
    """

    async def grant(self, grant_id: str) -> Grant | None:
        """Return the grant."""
        ...

    async def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code, its spent mark, and as *grant* the code's own grant with `revoked_at` computed.

        With `tells_holders`, as of every storage of ours, the *holder* too.
        """
        ...

    async def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant and spent mark, in one read; perhaps the *holder* too, as `code`."""
        ...

    async def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant, if it has one, and the mark of its revocation."""
        ...

    async def spent(self, key: Digest) -> Spent | None:
        """Return the mark left by the `Spend` of *key*."""
        ...


class InteractionReads(Protocol):
    """Authorization requests under way, and remembered consent."""

    async def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction and its spent mark."""
        ...

    async def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*, revoked or not, until it is forgotten."""
        ...

    async def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        ...

    async def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, by subject and client id, beyond that pair in *after*."""
        ...


class KeyReads(Protocol):
    """Signing keys."""

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        ...


class AuditReads(Protocol):
    """The audit trail."""

    async def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        ...


class Commits(Protocol):
    """The one way to write."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen, or none.

        1. All changes happen or none does, however many they are, also when the process dies half way or the task of an
           asynchronous commit is cancelled.
        2. Of all commits that ever `Spend` a key, exactly one succeeds; the key's kind is mixed into the digest.
           Storage that may lose marks, as a cache does, refuses (`StorageUnavailable`) a `Spend` whose *earliest* is
           not later than its last loss, and is trusted with no other.
        3. A lost `Spend`, a `Put` of a key that exists, a `Replace` or `Remove` of another version, a `Remove` of what
           is not there, a broken unique rule, a counter above its most, or a request of the database to try again
           (SQLSTATE 40001, 40P01) is a `Conflict`: nothing is written, and what was there is as it was.
           No two commits wait for each other for ever, in whatever order they name their changes.
        4. `Revoke` is idempotent and keeps the first time; `CutOff` keeps the latest. Both are marks that may come
           before what they end: a grant stored while its mark exists is born dead.
        5. Records of `Put` are only inserted, never changed; each may be forgotten after its `keep_until`. So may a
           session, a signing key that signs no more, and a consent that has ended; one whose `keep_until` is `None`
           stays.
        6. Changes come in the order Spend, Revoke and CutOff, Remove, Replace, Count, Put, and those of one sort as
           they are given (`changes.in_order`): each meets what those before it have done. A store without transactions
           applies them in order and fails closed: what a commit ends is never seen alive.
        7. A change that is about nothing is refused before anything is written, whatever else the commit holds: a key
           that is not 32 bytes, a name that is empty or missing (`changes.refuse_nameless` looks for both). `Revoke`
           and `CutOff` of nothing cannot be made.

        Raises:
            Conflict: Somebody was first. Nothing was written.
            ValueError: A change is about nothing. Nothing was written.
            StorageUnavailable: Storage cannot be reached.
        """
        ...


class Forgets(Protocol):
    """Storage that can be told to forget; one whose database forgets by itself need not have it."""

    async def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Delete what may be forgotten at *now*, *limit* records at most; return how many went.

        That is every record and mark whose `keep_until` has come, and every counter past its end; clients and accounts
        have none, and stay. What another commit puts off meanwhile, as a renewed mark or consent, must stay: ask for
        the end again as you delete.

        At most *batch* records go in one transaction, so that writers wait for one batch and never for all. Nothing
        is decided by it: stopping half way does no harm, and several processes may do it at once.
        """
        ...


class Marks(Protocol):
    """Storage that tells what ended a code or session kept elsewhere; one that keeps its own need not have it."""

    async def marked(self, code: AuthorizationCode) -> Stored[AuthorizationCode]:
        """Return *code* with its spent mark and the grant it carries, `revoked_at` computed, as `code` would."""
        ...

    async def marked_session(self, session: Session) -> Session:
        """Return *session* with `revoked_at` computed from the marks, as `session` would."""
        ...


class OAuthStorage(
    ClientReads, GrantReads, InteractionReads, KeyReads, AuditReads, Commits, Protocol
):
    """All that the OAuth and OpenID Connect wing needs: enough for an application with users of its own."""


class UserReads(Protocol):
    """Accounts."""

    async def user(self, user_id: str) -> User | None:
        """Return the user."""
        ...

    async def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user whose name or e-mail address is *identifier*, which is in the form of `identity.comparable`.

        In that form names and addresses are unique, and found; they are kept as they were written.
        """
        ...

    async def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after* (by code point), by id."""
        ...


class SessionReads(Protocol):
    """Sessions. `revoked_at` is computed from `Revoke` marks of the session and `CutOff` marks of its user.

    It is the earliest of their times, as for grants. What was ended stays so when it is written over, and when it is
    removed and returns, for as long as the mark is kept.
    """

    async def session(self, key: Digest) -> Session | None:
        """Return the session whose cookie has this digest."""
        ...

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        ...


class CounterReads(Protocol):
    """Counters."""

    async def counter(self, key: Digest) -> Counter | None:
        """Return the counter, past its end or not."""
        ...


class Storage(OAuthStorage, UserReads, SessionReads, CounterReads, Protocol):
    """Everything: protocol and accounts."""


# --- keys ------------------------------------------------------------------------------------------------------------


class Signer(Protocol):
    """Signs with the active keys; a KMS or HSM implements this."""

    def sign(self, algorithm: str, typ: str, claims: Mapping[str, object]) -> Soon[str]:
        """Return *claims* as a compact JWS with the active key for *algorithm*, its `kid` and *typ* in the header.

        An `async def` for whoever has to wait; a plain `def` that returns the text is as good. Any other answer is a
        `TypeError`, and nothing was issued.
        """
        ...


# --- people ----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Authentication:
    """Who is signed in, how, and when."""

    subject: str
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    person: Person
    session_id: str | None = None


class SignIn(Protocol):
    """Where the authorization endpoint learns who is there. Our accounts implement it; so may a host application."""

    async def current(self, request: HttpRequest) -> Authentication | None:
        """Return who is signed in with this request's cookies; `None` for nobody."""
        ...

    def address(self, transaction: str) -> str:
        """Return where to send the browser to sign in; afterwards it must come back with *transaction*.

        The address to come back to is `{issuer}/authorize?transaction={transaction}`.
        """
        ...


class ClaimsSource(Protocol):
    """Claims about a subject."""

    async def claims(self, subject: str, wanted: frozenset[str]) -> Mapping[str, object] | None:
        """Return the *wanted* claims that are known, or `None` when the subject is gone or may not sign in."""
        ...


# --- the rest --------------------------------------------------------------------------------------------------------


class Pages(Protocol):
    """Turns page models into HTML and serves the files they need."""

    def render(self, page: Page, view: View) -> str:
        """Return the whole HTML document, with every value escaped and nothing loaded from another host."""
        ...

    def asset(self, path: str) -> Asset | None:
        """Return the static file at *path* below `/static/`."""
        ...


class Offload(Protocol):
    """Runs slow work where it does not hold up others: a bounded pool under ASGI, in place under WSGI."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """Return what *work* returns; raises `Busy` when too much is waiting."""
        ...


class Busy(Exception):
    """Too much slow work is waiting; the request ends with 503 and `Retry-After`."""


@transient
class Origin:
    """Where a request came from, for the audit trail."""

    ip_address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


class Listener(Protocol):
    """Hears of events after they are committed. What it raises is logged and changes nothing."""

    async def __call__(self, event: Event, origin: Origin) -> None:
        """Take note of *event*."""
        ...
