"""Storages whose commit is not whole, or not held to what it says; wrong in one way each."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from authority_core.kernel.changes import Change, Count, CutOff, Remove, Replace
from authority_core.testing.memory import MemoryStorage


class _Hasty(MemoryStorage):
    """Makes some changes before all others, in a commit of their own, and leaves them when the others are refused."""

    def commit(self, changes: Sequence[Change]) -> None:
        hasty = [change for change in changes if self._hurries(change)]
        if hasty:
            super().commit(hasty)
        super().commit([change for change in changes if change not in hasty])

    def _hurries(self, change: Change) -> bool:
        """Tell whether *change* does not wait for the others."""
        return False


class RemovesAtOnce(_Hasty):
    """Removes outside the transaction."""

    def _hurries(self, change: Change) -> bool:
        return isinstance(change, Remove)


class UpdatesAtOnce(_Hasty):
    """Inserts within the transaction, and updates outside."""

    def _hurries(self, change: Change) -> bool:
        return isinstance(change, Replace) and change.record.version > 0


class CountsOnAtOnce(_Hasty):
    """Starts counters within the transaction, and adds to them outside."""

    def _hurries(self, change: Change) -> bool:
        return isinstance(change, Count) and change.by is not None and self.counter(change.key) is not None


class TakesCountersAwayAtOnce(_Hasty):
    """Takes counters away outside the transaction."""

    def _hurries(self, change: Change) -> bool:
        return isinstance(change, Count) and change.by is None


class CutsFurtherAtOnce(_Hasty):
    """Raises a cut-off that exists outside the transaction."""

    def _hurries(self, change: Change) -> bool:
        return isinstance(change, CutOff) and (change.subject, change.client_id) in self._cut_off


class ChecksAllFirst(MemoryStorage):
    """Holds every change against what was there before the commit, and then makes them all."""

    def _make(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._check(change)
        for change in changes:
            self._apply(change)


class WritesBeforeItRemoves(MemoryStorage):
    """Makes changes one after the other, in an order of its own."""

    def _rehearse(self, changes: Sequence[Change]) -> None:
        super()._rehearse(sorted(changes, key=lambda change: isinstance(change, Remove)))


class RemovesNothing(MemoryStorage):
    """Is content that a record which nobody has stored is gone."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([change for change in changes if not (isinstance(change, Remove) and not change.record.version)])


class TheLastCountDecides(MemoryStorage):
    """Gathers what a commit writes by key, so that of two counts the second is left."""

    def commit(self, changes: Sequence[Change]) -> None:
        last = {change.key: change for change in changes if isinstance(change, Count)}
        super().commit([one for one in changes if not isinstance(one, Count) or last[one.key] is one])


class StartsAnyCounter(MemoryStorage):
    """Holds a counter against its most where there is one, as an upsert does that asks only what it updates."""

    def _check_count(self, change: Count) -> None:
        known = self.counter(change.key)
        if known is not None:
            super()._check_count(change)


class StartsAnyCounterAnew(MemoryStorage):
    """Takes whatever comes after a counter's end."""

    def _check_count(self, change: Count) -> None:
        known = self.counter(change.key)
        if known is None or change.at < known.expires_at:
            super()._check_count(change)


class LooksForAFullCounter(MemoryStorage):
    """Asks whether a counter is at its most, not whether it would be above."""

    def _check_count(self, change: Count) -> None:
        super()._check_count(change if change.by is None or change.by < 1 else evolve(change, by=1))


class KeepsAFullCounter(MemoryStorage):
    """Takes no counter away that is above the most it is told."""

    def _check_count(self, change: Count) -> None:
        super()._check_count(change if change.by is not None else evolve(change, by=0))
