"""Storages that forget in their own way: wrong in one way each."""

from __future__ import annotations

from datetime import datetime

from authority_core.kernel.records import AccessToken, AuthorizationCode, Grant, Interaction, RefreshToken, Session
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.memory_tables import _forget


def mark_in(kind: type) -> type[MemoryStorage]:
    """Return a storage that has the mark in the row of this kind of record, and forgets both together."""

    class MarkInTheRecord(MemoryStorage):
        def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
            for name, record in self._records[kind].items():
                if now >= record.keep_until:
                    self._take(name)
            return super().cleanup(now, batch, limit)

        def _take(self, name: object) -> None:
            self._spent.pop(name, None)
            self._revoked.pop(({Grant: "grant", Session: "session"}.get(kind, ""), name), None)

    return MarkInTheRecord


def record_with(kind: type) -> type[MemoryStorage]:
    """Return a storage that forgets a record of this kind along with its mark."""

    class RecordWithTheMark(MemoryStorage):
        def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
            gone = super().cleanup(now, batch, limit)
            for name in [name for name in self._records[kind] if name in self._marked and name not in self._spent]:
                del self._records[kind][name]
            return gone

        @property
        def _marked(self) -> set[object]:
            self._seen = getattr(self, "_seen", set()) | set(self._spent)
            return self._seen

        def commit(self, changes) -> None:
            super().commit(changes)
            _ = self._marked

    return RecordWithTheMark


KINDS = (AuthorizationCode, RefreshToken, AccessToken, Interaction)
MARKS = [mark_in(kind) for kind in (*KINDS, Grant, Session)]
RECORDS = [record_with(kind) for kind in KINDS]


class LimitOfEachTable(MemoryStorage):
    """Has the limit in each of its statements."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        gone = 0
        for table in self._records.values():
            gone += _forget(table, lambda record: getattr(record, "keep_until", None), now, limit)
        gone += _forget(self._spent, lambda mark: mark.keep_until, now, limit)
        gone += _forget(self._revoked, lambda mark: mark[1], now, limit)
        gone += _forget(self._cut_off, lambda mark: mark[1], now, limit)
        return gone + _forget(self._counters, lambda counter: counter.expires_at, now, limit)


class CountsOneTable(MemoryStorage):
    """Returns what the statement on one table says."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        before = len(self._spent)
        super().cleanup(now, batch, limit)
        return before - len(self._spent)
