"""The reference storage: everything in memory, for tests, demonstrations and reading.

It is a short correct answer to the contract in `authority_core.kernel.ports`: one lock, checks before writes, all or
nothing. Thread-safe and never blocking, so it serves both colours. It forgets everything when the process ends.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar, assert_never

from attrs import evolve

from ..kernel.changes import (
    KEYED,
    Change,
    Conflict,
    Count,
    CutOff,
    Put,
    Remove,
    Replace,
    Revoke,
    Spend,
    refuse_nameless,
)
from ..kernel.encoding import Digest
from ..kernel.identity import comparable
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
    Mutable,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    Stored,
    User,
)

K = TypeVar("K")
V = TypeVar("V")

_DIGEST = 32
_UNMARKED = (None, None, None, None)
_UNIQUE = (User, Session)
"""Records with something that no two of them may have."""
_Other = Revoke | CutOff | Replace | Remove | Count
"""Every change that does more than insert."""


class MemoryStorage:
    """Storage in dictionaries.

    >>> MemoryStorage().client("nobody") is None
    True
    """

    never_blocks = True
    """Safe to call on an event loop."""
    tells_holders = True

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: defaultdict[type, dict[object, Any]] = defaultdict(dict)
        self._spent: dict[Digest, Spend] = {}
        self._revoked: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self._cut_off: dict[tuple[str, str | None], tuple[datetime, datetime]] = {}
        self._counters: dict[Digest, Counter] = {}

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
            return next((user for user in self._all(User) if identifier in _identifiers(user)), None)

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

    # --- the one write -----------------------------------------------------------------------------------------------

    def commit(self, changes: Sequence[Change]) -> None:
        """Check every change, then make them all; see `Commits.commit`."""
        with self._lock:
            inserts: list[tuple[dict[Any, Any], object, object]] = []
            others: list[_Other] = []
            for change in changes:
                if isinstance(change, Put):
                    record = change.record
                    kind = type(record)
                    table, key = self._records[kind], _KEYS[kind](record)
                    if (type(key) is not bytes or len(key) != _DIGEST) if kind in KEYED else not key:
                        refuse_nameless((change,))
                    if key in table:
                        raise Conflict
                    inserts.append((table, key, record))
                elif isinstance(change, Spend):
                    key = change.key
                    if type(key) is not bytes or len(key) != _DIGEST:
                        refuse_nameless((change,))
                    if key in self._spent:
                        raise Conflict
                    inserts.append((self._spent, key, change))
                else:
                    refuse_nameless((change,))
                    others.append(change)
            if len(inserts) > 1 and _twice(inserts):
                raise Conflict
            if others:
                self._make(others)
            for table, key, value in inserts:
                table[key] = value

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Forget what may be forgotten, *limit* records at most; return how much. One batch does for a dictionary."""
        with self._lock:
            gone = 0
            for table in self._records.values():
                gone += _forget(table, lambda record: getattr(record, "keep_until", None), now, _rest(limit, gone))
            gone += _forget(self._spent, lambda mark: mark.keep_until, now, _rest(limit, gone))
            gone += _forget(self._revoked, lambda mark: mark[1], now, _rest(limit, gone))
            gone += _forget(self._cut_off, lambda mark: mark[1], now, _rest(limit, gone))
            return gone + _forget(self._counters, lambda counter: counter.expires_at, now, _rest(limit, gone))

    def _make(self, changes: Sequence[_Other]) -> None:
        if _meeting(changes):
            changes = sorted(changes, key=attrgetter("place"))
            self._rehearse(changes)
        else:
            for change in changes:
                self._check(change)
        for change in changes:
            self._apply(change)

    def _rehearse(self, changes: Sequence[_Other]) -> None:
        """Check each of *changes* against what those before it make of a copy."""
        kinds = {type(change.record) for change in changes if isinstance(change, Replace | Remove)}
        stage = copy(self)
        stage._records = self._records | {kind: dict(self._records[kind]) for kind in kinds}
        stage._counters = dict(self._counters)
        for change in changes:
            if not isinstance(change, Revoke | CutOff):  # these are never in conflict
                stage._check(change)
                stage._apply(change)

    def _check(self, change: _Other) -> None:
        match change:
            case Replace():
                self._check_version(change.record)
                self._check_unique(change.record)
            case Remove():
                if _key(change.record) not in self._table(type(change.record)):
                    raise Conflict
                self._check_version(change.record)
            case Count():
                self._check_count(change)
            case Revoke() | CutOff():
                pass
            case _:
                assert_never(change)

    def _check_version(self, record: Mutable) -> None:
        known = self._table(type(record)).get(_key(record))
        if getattr(known, "version", 0) != record.version:
            raise Conflict

    def _check_unique(self, record: Mutable) -> None:
        if isinstance(record, User):
            taken = {name for user in self._all(User) if user.user_id != record.user_id for name in _identifiers(user)}
            if taken & _identifiers(record):
                raise Conflict
        if isinstance(record, Session) and any(
            one.key == record.key and one.session_id != record.session_id for one in self._all(Session)
        ):
            raise Conflict

    def _apply(self, change: _Other) -> None:
        match change:
            case Revoke():
                at, kept = self._revoked.get((change.what, change.id), (change.at, change.keep_until))
                self._revoked[change.what, change.id] = (at, max(kept, change.keep_until))
            case CutOff():
                who, latest = (change.subject, change.client_id), (change.at, change.keep_until)
                at, kept = self._cut_off.get(who, latest)
                self._cut_off[who] = (max(at, change.at), max(kept, change.keep_until))
            case Remove():
                self._table(type(change.record)).pop(_key(change.record), None)
            case Replace():
                written = evolve(change.record, version=change.record.version + 1)
                self._table(type(written))[_key(written)] = written
            case Count():
                self._count(change)
            case _:
                assert_never(change)

    def _check_count(self, change: Count) -> None:
        known = self._counters.get(change.key)
        value = known.value if known is not None and change.at < known.expires_at else 0
        if change.by is not None and change.most is not None and value + change.by > change.most:
            raise Conflict

    def _count(self, change: Count) -> None:
        if change.by is None:
            self._counters.pop(change.key, None)
            return
        known = self._counters.get(change.key)
        if known is None or change.at >= known.expires_at:
            known = Counter(value=0, expires_at=change.until)
        self._counters[change.key] = evolve(known, value=known.value + change.by)

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _get(self, kind: type[V], key: object) -> V | None:
        found: V | None = self._records[kind].get(key)
        return found

    def _table(self, kind: type) -> dict[object, object]:
        return self._records[kind]

    def _all(self, kind: type[V]) -> list[V]:
        with self._lock:
            return [record for record in self._table(kind).values() if isinstance(record, kind)]

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


def _twice(inserts: Sequence[tuple[dict[Any, Any], object, object]]) -> bool:
    """Tell whether one key comes twice for one table."""
    keys = {key for _, key, _ in inserts}
    return len(keys) < len(inserts) and len({(id(table), key) for table, key, _ in inserts}) < len(inserts)


def _meeting(changes: Sequence[_Other]) -> bool:
    """Tell whether what one of *changes* does may matter to another."""
    about = [_about(change) for change in changes if not isinstance(change, Revoke | CutOff)]
    return len(set(about)) < len(about)


def _about(change: Replace | Remove | Count) -> object:
    if isinstance(change, Count):
        return change.key
    kind = type(change.record)
    return kind if kind in _UNIQUE else (kind, _key(change.record))


def _pair(consent: Consent) -> tuple[str, str]:
    return consent.subject, consent.client_id


def _identifiers(user: User) -> set[str]:
    return {comparable(text) for text in (user.username, user.email) if text is not None}


_KEYS: dict[type, Callable[[object], Any]] = {
    AuthorizationCode: attrgetter("key"),
    RefreshToken: attrgetter("key"),
    AccessToken: attrgetter("key"),
    Interaction: attrgetter("key"),
    Client: attrgetter("client_id"),
    Grant: attrgetter("grant_id"),
    Consent: attrgetter("subject", "client_id"),
    SigningKey: attrgetter("kid"),
    User: attrgetter("user_id"),
    Session: attrgetter("session_id"),
    AuditRecord: attrgetter("audit_id"),
}


def _key(record: object) -> object:
    return _KEYS[type(record)](record)


def _rest(limit: int | None, gone: int) -> int | None:
    return None if limit is None else limit - gone


def _forget(table: dict[K, V], end: Callable[[V], datetime | None], now: datetime, most: int | None) -> int:
    over = [key for key, value in table.items() if (keep := end(value)) is not None and now >= keep][:most]
    for key in over:
        del table[key]
    return len(over)
