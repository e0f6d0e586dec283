"""Storages that write what they have read of a counter, where they take back or are refused."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from authority_core.kernel.changes import Change, Conflict, Count
from authority_core.testing.memory import MemoryStorage
from storage.broken_races import LooksFirst


class CountsBackLate(LooksFirst):
    """Adds as it should, but reads a counter, and writes the difference, where something is taken back."""

    def look(self, changes: Sequence[Change]) -> list[tuple[Count, object]]:
        return [(change, self.counter(change.key)) for change in changes if self.is_late(change)]

    def write(self, changes: Sequence[Change], late: Sequence[tuple[Count, object]]) -> None:
        MemoryStorage.commit(self, [change for change in changes if not self.is_late(change)])
        for change, known in late:
            self._counters[change.key] = evolve(known, value=known.value + change.by)

    def is_late(self, change: Change) -> bool:
        return isinstance(change, Count) and change.by is not None and change.by < 0


class UndoesByWriting(LooksFirst):
    """Counts first and, when the rest is refused, writes what was there before."""

    def look(self, changes: Sequence[Change]) -> list[tuple[Count, object]]:
        counts = [change for change in changes if isinstance(change, Count)]
        before = [(count, self.counter(count.key)) for count in counts]
        MemoryStorage.commit(self, counts)
        return before

    def write(self, changes: Sequence[Change], late: Sequence[tuple[Count, object]]) -> None:
        try:
            MemoryStorage.commit(self, [change for change in changes if not isinstance(change, Count)])
        except Conflict:
            for count, known in late:
                self._counters[count.key] = known
                if known is None:
                    del self._counters[count.key]
            raise
