"""Storages that look first and write then, each at one sort of change only; and the same over tasks and in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime

from attrs import evolve

from authority_core.kernel.abilities import METHODS, OPTIONAL
from authority_core.kernel.changes import (
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
from authority_core.kernel.records import Consent, Counter, Mutable, Session
from authority_core.testing.memory import MemoryStorage


class LooksFirst(MemoryStorage):
    """Looks whether some of the changes are possible, and makes them when it has made the others."""

    def commit(self, changes: Sequence[Change]) -> None:
        self.write(changes, self.look(changes))

    def look(self, changes: Sequence[Change]) -> list[Change]:
        refuse_nameless(changes)
        late = [change for change in changes if self.is_late(change)]
        for change in late:
            self.look_at(change)
        return late

    def write(self, changes: Sequence[Change], late: Sequence[Change]) -> None:
        super().commit([change for change in changes if not any(change is one for one in late)])
        for change in late:
            self.make(change)

    def is_late(self, change: Change) -> bool:
        return False

    def look_at(self, change: Change) -> None:
        self._check(change)

    def make(self, change: Change) -> None:
        self._apply(change)


def replacing(kind: type) -> type[LooksFirst]:
    """Return a storage that compares the versions of one kind of record before it writes over them."""

    class ReplacesLate(LooksFirst):
        def is_late(self, change: Change) -> bool:
            return isinstance(change, Replace) and isinstance(change.record, kind)

    return ReplacesLate


def removing(kind: type) -> type[LooksFirst]:
    """Return a storage that compares the versions of one kind of record before it removes them."""

    class RemovesLate(LooksFirst):
        def is_late(self, change: Change) -> bool:
            return isinstance(change, Remove) and isinstance(change.record, kind)

    return RemovesLate


def inserting(kind: type) -> type[LooksFirst]:
    """Return a storage that asks whether a record of this kind is there, and inserts it."""

    class InsertsLate(LooksFirst):
        def is_late(self, change: Change) -> bool:
            return isinstance(change, Put) and isinstance(change.record, kind)

        def look_at(self, change: Change) -> None:
            if self._name(change) in self._records[kind]:
                raise Conflict

        def make(self, change: Change) -> None:
            self._records[kind][self._name(change)] = change.record

        def _name(self, change: Change) -> object:
            return getattr(change.record, "key", None) or change.record.audit_id

    return InsertsLate


class LooksForCookies(LooksFirst):
    """Asks whether a key opens a session already; versions it compares as it should."""

    def is_late(self, change: Change) -> bool:
        if isinstance(change, Replace) and isinstance(change.record, Session):
            super()._check_unique(change.record)
        return False

    def _check_unique(self, record: Mutable) -> None:
        if not isinstance(record, Session):
            super()._check_unique(record)


class StartsCountersAnew(LooksFirst):
    """Sees that a counter has ended, and writes a new one in its place."""

    def is_late(self, change: Change) -> bool:
        if not isinstance(change, Count) or change.by is None:
            return False
        known = self.counter(change.key)
        return known is not None and change.at >= known.expires_at

    def look_at(self, change: Change) -> None:
        self._check_count(change)

    def make(self, change: Change) -> None:
        self._counters[change.key] = Counter(value=change.by, expires_at=change.until)


class LooksForMarks(LooksFirst):
    """Asks whether a key is spent, and marks it when all else is written."""

    def is_late(self, change: Change) -> bool:
        return isinstance(change, Spend)

    def look_at(self, change: Change) -> None:
        if change.key in self._spent:
            raise Conflict

    def make(self, change: Change) -> None:
        self._spent[change.key] = change


class AddsLate(LooksFirst):
    """Reads a counter, and writes the sum when all else is written."""

    def look(self, changes: Sequence[Change]) -> list[Change]:
        return [
            evolve(change, by=change.by + (known.value if (known := self.counter(change.key)) else 0))
            if isinstance(change, Count)
            else change
            for change in changes
        ]

    def write(self, changes: Sequence[Change], late: Sequence[Change]) -> None:
        for change in late:
            if isinstance(change, Count):
                self._counters[change.key] = Counter(value=change.by, expires_at=change.until)


class MarksLate(LooksFirst):
    """Reads the mark that is there, and writes what comes of both."""

    kind: type = CutOff

    def look(self, changes: Sequence[Change]) -> list[Change]:
        refuse_nameless(changes)
        return [self.joined(change) for change in changes if isinstance(change, self.kind)]

    def write(self, changes: Sequence[Change], late: Sequence[Change]) -> None:
        super().write([change for change in changes if not isinstance(change, self.kind)], ())
        for change in late:
            self.make(change)


class CutsOffLate(MarksLate):
    """Does so with cut-offs."""

    def joined(self, change: CutOff) -> CutOff:
        at, kept = self._cut_off.get((change.subject, change.client_id), (change.at, change.keep_until))
        return evolve(change, at=max(at, change.at), keep_until=max(kept, change.keep_until))

    def make(self, change: CutOff) -> None:
        self._cut_off[change.subject, change.client_id] = change.at, change.keep_until


class RevokesLate(MarksLate):
    """Does so with what is revoked."""

    kind = Revoke

    def joined(self, change: Revoke) -> Revoke:
        at, kept = self._revoked.get((change.what, change.id), (change.at, change.keep_until))
        return evolve(change, at=at, keep_until=max(kept, change.keep_until))

    def make(self, change: Revoke) -> None:
        self._revoked[change.what, change.id] = change.at, change.keep_until


class LocksAsItGoes(MemoryStorage):
    """Has a lock for each thing, and takes the locks in the order of the changes."""

    kind: type = Count

    def __init__(self) -> None:
        super().__init__()
        self._locks: dict[object, threading.RLock] = {}

    def commit(self, changes: Sequence[Change]) -> None:
        with ExitStack() as held:
            for change in changes:
                if isinstance(change, self.kind):
                    thing = change.key if isinstance(change, Count) else change.record.client_id
                    held.enter_context(self._locks.setdefault(thing, threading.RLock()))
            super().commit(changes)


class LocksRecordsAsItGoes(LocksAsItGoes):
    """The same, for records."""

    kind = Replace


class CollectsFirst(MemoryStorage):
    """Collects what has ended, and then deletes it, whatever has been put off meanwhile."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        return self.delete(self.collect(now))

    def collect(self, now: datetime) -> list[object]:
        return [key for key, kept in list(self.table().items()) if self.end(kept) <= now]

    def delete(self, ended: Sequence[object]) -> int:
        gone = 0
        for key in ended:
            gone += self.table().pop(key, None) is not None
        return gone

    def table(self) -> dict:
        return self._revoked

    def end(self, kept) -> datetime:
        return kept[1]


class CollectsRevocations(CollectsFirst):
    """Deletes the mark of a session that was revoked again."""


class CollectsCutOffs(CollectsFirst):
    """Deletes a cut-off that came again."""

    def table(self):
        return self._cut_off


class CollectsConsents(CollectsFirst):
    """Deletes a consent that was given again."""

    def table(self):
        return self._records[Consent]

    def end(self, kept):
        return kept.keep_until


class CollectsSessions(CollectsConsents):
    """Deletes a session that was used again."""

    def table(self):
        return self._records[Session]


class CollectsCounters(CollectsFirst):
    """Deletes a counter that started anew."""

    def table(self):
        return self._counters

    def end(self, kept):
        return kept.expires_at


class CollectsOnOneLine(CollectsFirst):
    """Deletes the mark of a session that was revoked again, and collects marks in the order in which they came."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        ended = [name for name in list(self._revoked) if self._revoked[name][1] <= now]
        return sum(self._revoked.pop(name, None) is not None for name in ended)


class CollectsTheLastFirst(CollectsFirst):
    """The same, from the end."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        ended = [name for name in reversed(list(self._revoked)) if self._revoked[name][1] <= now]
        return sum(self._revoked.pop(name, None) is not None for name in ended)


class _Asynchronous:
    """A storage of the other colour over *right*."""

    def __init__(self, right: MemoryStorage) -> None:
        self._right = right

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name not in (*METHODS, *OPTIONAL):
            raise AttributeError(name)
        return self._reading(getattr(self._right, name))

    async def commit(self, changes: Sequence[Change]) -> None:
        await self._reading(self._right.commit)(changes)


class Awaiting(_Asynchronous):
    """Meets a round trip before each of its statements; other tasks come in between."""

    def _reading(self, method: Callable[..., object]) -> Callable[..., object]:
        async def reading(*arguments: object) -> object:
            await asyncio.sleep(0)
            return method(*arguments)

        return reading

    async def commit(self, changes: Sequence[Change]) -> None:
        late = self._right.look(changes)
        await asyncio.sleep(0)
        self._right.write(changes, late)


class AwaitingCleanup(Awaiting):
    """The same, with a round trip in the middle of its cleanup."""

    async def commit(self, changes: Sequence[Change]) -> None:
        await _Asynchronous.commit(self, changes)

    async def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        await asyncio.sleep(0)
        ended = self._right.collect(now)
        await asyncio.sleep(0)
        return self._right.delete(ended)


class InItsThreads(_Asynchronous):
    """Blocks in the threads of the event loop, as storage over a driver without `async` does."""

    def _reading(self, method: Callable[..., object]) -> Callable[..., object]:
        async def reading(*arguments: object) -> object:
            return await asyncio.to_thread(method, *arguments)

        return reading
