"""The reference storage: everything in memory, for tests, demonstrations and reading.

It is a short correct answer to the contract in `authority_core.kernel.ports`: one lock, checks before writes, all or
nothing. Thread-safe and never blocking, so it serves both colours. It forgets everything when the process ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from attrs import evolve

from ..kernel.encoding import Digest
from ..kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Holder,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    Stored,
    User,
)
from .memory_tables import Tables, identifiers

V = TypeVar("V")

_UNMARKED = (None, None, None, None)


class MemoryStorage(Tables):
    """Storage in dictionaries.

    >>> MemoryStorage().client("nobody") is None
    True
    """

    never_blocks = True
    """Safe to call on an event loop."""
    tells_holders = True

    # --- reads -------------------------------------------------------------------------------------------------------

    def client(self, client_id: str) -> Client | None:
        """Return the client."""
        return self._get(Client, client_id)

    def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return clients by id."""
        found = sorted(self._all(Client), key=lambda client: client.client_id)
        return [client for client in found if after is None or client.client_id > after][:limit]

    def grant(self, grant_id: str) -> Grant | None:
        """Return the grant with `revoked_at` computed."""
        with self._lock:
            return self._alive(self._get(Grant, grant_id))

    def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code, with its own grant's state."""
        with self._lock:
            record = self._get(AuthorizationCode, key)
            return None if record is None else self.marked(record)

    def marked(self, code: AuthorizationCode) -> Stored[AuthorizationCode]:
        """Return *code*, which may be kept elsewhere, with its own grant's state."""
        with self._lock:
            grant = self._alive(code.grant)
            return Stored(code, grant, self.spent(code.key), self._holder(grant))

    def marked_session(self, session: Session) -> Session:
        """Return *session*, which may be kept elsewhere, with its state."""
        with self._lock:
            return self._live_session(session)

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant."""
        with self._lock:
            record = self._get(RefreshToken, key)
            if record is None:
                return None
            grant = self._alive(self._get(Grant, record.grant_id))
            return Stored(record, grant, self.spent(key), self._holder(grant))

    def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant."""
        with self._lock:
            record = self._get(AccessToken, key)
            if record is None:
                return None
            grant = self.grant(record.grant_id) if record.grant_id is not None else None
            return Stored(record=record, grant=grant, spent=self.spent(key))

    def spent(self, key: Digest) -> Spent | None:
        """Return the spent mark."""
        mark = self._spent.get(key)
        return None if mark is None else Spent(mark.at, mark.salt)

    def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction."""
        with self._lock:
            record = self._get(Interaction, key)
            return None if record is None else Stored(record=record, spent=self.spent(key))

    def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return the consent."""
        return self._get(Consent, (subject, client_id))

    def consents(self, subject: str) -> Sequence[Consent]:
        """Return the subject's consents by client."""
        found = [consent for consent in self._all(Consent) if consent.subject == subject]
        return sorted(found, key=lambda consent: consent.client_id)

    def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return everybody's consents by subject and client."""
        found = sorted(self._all(Consent), key=_pair)
        return [consent for consent in found if after is None or _pair(consent) > after][:limit]

    def signing_keys(self) -> Sequence[SigningKey]:
        """Return all signing keys, oldest first."""
        return sorted(self._all(SigningKey), key=lambda key: (key.created_at, key.kid))

    def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return the newest audit records."""
        found = [record for record in self._all(AuditRecord) if before is None or record.at < before]
        return sorted(found, key=lambda record: record.at, reverse=True)[:limit]

    def user(self, user_id: str) -> User | None:
        """Return the user."""
        return self._get(User, user_id)

    def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user of this name or address."""
        with self._lock:
            return next((user for user in self._all(User) if identifier in identifiers(user)), None)

    def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return users by id."""
        found = sorted(self._all(User), key=lambda user: user.user_id)
        return [user for user in found if after is None or user.user_id > after][:limit]

    def session(self, key: Digest) -> Session | None:
        """Return the session of this cookie, with `revoked_at` computed."""
        with self._lock:
            found = next((session for session in self._all(Session) if session.key == key), None)
            return None if found is None else self._live_session(found)

    def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        with self._lock:
            found = [self._live_session(one) for one in self._all(Session) if one.user_id == user_id]
            return sorted(found, key=lambda session: session.created_at, reverse=True)

    def counter(self, key: Digest) -> Counter | None:
        """Return the counter."""
        return self._counters.get(key)

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _get(self, kind: type[V], key: object) -> V | None:
        found: V | None = self._records[kind].get(key)
        return found

    def _alive(self, grant: Grant | None) -> Grant | None:
        if grant is None:
            return None
        revoked, cut_off, subject = self._revoked, self._cut_off, grant.subject
        marks = (
            revoked.get(("grant", grant.grant_id)),
            None if grant.session_id is None else revoked.get(("session", grant.session_id)),
            cut_off.get((subject, None)),
            cut_off.get((subject, grant.client_id)),
        )
        if marks == _UNMARKED:
            return grant
        times = [mark[0] for mark in marks[:2] if mark] + [
            mark[0] for mark in marks[2:] if mark and grant.created_at <= mark[0]
        ]
        return evolve(grant, revoked_at=min(times)) if times else grant

    def _holder(self, grant: Grant | None) -> Holder | None:
        return None if grant is None else Holder(self._get(User, grant.subject))

    def _live_session(self, session: Session) -> Session:
        mark = self._cut_off.get((session.user_id, None))
        cut = mark if mark is not None and session.created_at <= mark[0] else None
        times = [end[0] for end in (self._revoked.get(("session", session.session_id)), cut) if end is not None]
        return evolve(session, revoked_at=min(times)) if times else session


def _pair(consent: Consent) -> tuple[str, str]:
    return consent.subject, consent.client_id
