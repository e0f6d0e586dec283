"""Storages whose commit is not whole, or not held to what it says; wrong in one way each."""

from __future__ import annotations

from collections.abc import Sequence

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
        raise NotImplementedError


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
