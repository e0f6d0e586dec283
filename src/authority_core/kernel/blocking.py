"""The synchronous colour of an asynchronous storage that never suspends: each method finishes in place.

Storage is written once, asynchronously, over a client of either colour. Over a client that blocks, its coroutines never
wait for anything, and `BlockingStorage` is its front for synchronous applications.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

from .changes import Change
from .encoding import Digest
from .ports import Storage
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
from .sync import run

On = TypeVar("On", bound=Storage)


class BlockingStorage(Generic[On]):
    """Every method of the storage protocols, synchronous, *on* an asynchronous storage that never suspends.

    Each promises what the method of the same name promises in `authority_core.kernel.ports`.
    """

    def __init__(self, on: On) -> None:
        self._on = on

    def client(self, client_id: str) -> Client | None:
        """Return the client called exactly *client_id*."""
        return run(self._on.client(client_id))

    def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after*, by id."""
        return run(self._on.clients(after, limit))

    def grant(self, grant_id: str) -> Grant | None:
        """Return the grant, `revoked_at` computed."""
        return run(self._on.grant(grant_id))

    def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code, its spent mark and the grant it carries."""
        return run(self._on.code(key))

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant and spent mark."""
        return run(self._on.refresh_token(key))

    def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant, if any, and the mark of its revocation."""
        return run(self._on.access_token(key))

    def spent(self, key: Digest) -> Spent | None:
        """Return the mark left by the `Spend` of *key*."""
        return run(self._on.spent(key))

    def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction and its spent mark."""
        return run(self._on.interaction(key))

    def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*, revoked or not."""
        return run(self._on.consent(subject, client_id))

    def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        return run(self._on.consents(subject))

    def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, by subject and client id, beyond that pair in *after*."""
        return run(self._on.all_consents(after, limit))

    def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        return run(self._on.signing_keys())

    def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        return run(self._on.audit(before, limit))

    def user(self, user_id: str) -> User | None:
        """Return the user."""
        return run(self._on.user(user_id))

    def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user whose name or address has the canonical form *identifier*."""
        return run(self._on.user_by_identifier(identifier))

    def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after* (by code point), by id."""
        return run(self._on.users(after, limit))

    def session(self, key: Digest) -> Session | None:
        """Return the session whose cookie has this digest, `revoked_at` computed."""
        return run(self._on.session(key))

    def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        return run(self._on.sessions(user_id))

    def counter(self, key: Digest) -> Counter | None:
        """Return the counter, past its end or not."""
        return run(self._on.counter(key))

    def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen or none.

        Raises:
            Conflict: Somebody was first. Nothing was written.
            StorageUnavailable: Storage cannot be reached.
        """
        run(self._on.commit(changes))
