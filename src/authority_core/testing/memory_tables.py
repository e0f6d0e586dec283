"""The dictionaries of the reference storage, and how a commit changes them: all or nothing, under one lock."""

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
    Interaction,
    Mutable,
    RefreshToken,
    Session,
    SigningKey,
    User,
)

K = TypeVar("K")
V = TypeVar("V")

_DIGEST = 32
_UNIQUE = (User, Session)
"""Records with something that no two of them may have."""
_Other = Revoke | CutOff | Replace | Remove | Count
"""Every change that does more than insert."""


class Tables:
    """One dictionary for each kind of record, and for each kind of mark."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: defaultdict[type, dict[object, Any]] = defaultdict(dict)
        self._spent: dict[Digest, Spend] = {}
        self._revoked: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self._cut_off: dict[tuple[str, str | None], tuple[datetime, datetime]] = {}
        self._counters: dict[Digest, Counter] = {}

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
            taken = {name for user in self._all(User) if user.user_id != record.user_id for name in identifiers(user)}
            if taken & identifiers(record):
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

    def _table(self, kind: type) -> dict[object, object]:
        return self._records[kind]

    def _all(self, kind: type[V]) -> list[V]:
        with self._lock:
            return [record for record in self._table(kind).values() if isinstance(record, kind)]


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


def identifiers(user: User) -> set[str]:
    """Return the names by which *user* is found, as they are compared."""
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
