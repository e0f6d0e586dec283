"""Asynchronous storages whose commits can be seen, or stopped, half way."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence

from authority_core.kernel.changes import Change, in_order, refuse_nameless
from authority_core.testing.memory import MemoryStorage
from storage.broken import _Reads


class _Checked(_Reads):
    """Finds out on a copy whether there is a conflict, and then writes change after change, a round trip each."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()

    async def commit(self, changes: Sequence[Change]) -> None:
        refuse_nameless(changes)
        async with self._turn:
            _copy(self._right).commit(changes)
            for change in self.ordered(changes):
                self._right.commit([change])
                await asyncio.sleep(0)

    def ordered(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Return *changes* in the order in which they are written."""
        return in_order(changes)


class StopsHalfWay(_Checked):
    """Writes no more when it is cancelled."""


class GivesFirst(_Checked):
    """Stores what is new, and ends what is over afterwards."""

    def ordered(self, changes: Sequence[Change]) -> Sequence[Change]:
        return in_order(changes)[::-1]


def _copy(storage: MemoryStorage) -> MemoryStorage:
    trial = MemoryStorage()
    for name, kept in vars(storage).items():
        if name != "_lock":
            setattr(trial, name, {key: copy.copy(value) for key, value in kept.items()})
    trial._records = type(storage._records)(dict, trial._records)
    return trial
