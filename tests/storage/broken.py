"""Storages as they are commonly written, wrong in one way each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import evolve

from authority_core.kernel.changes import Change, Conflict, Count, CutOff, Put, Remove, Replace, Revoke, Spend, in_order
from authority_core.kernel.records import Client
from authority_core.kernel.sync import METHODS
from authority_core.testing.memory import MemoryStorage


class _Reads:
    """Asynchronous reads over a reference that its `commit` misuses."""

    def __init__(self):
        self._right = MemoryStorage()

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(name)
        method = getattr(self._right, name)

        async def read(*arguments):
            await asyncio.sleep(0)  # a database's round trip
            return method(*arguments)

        return read


class CheckThenAct(_Reads):
    """Looks whether a key is spent, whether the version fits, and only then writes: a round trip lies between."""

    async def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Spend) and await self.spent(change.key):
                raise Conflict
        await asyncio.sleep(0)
        self._right.commit([change for change in changes if not self._spent(change)])

    def _spent(self, change: Change) -> bool:
        return isinstance(change, Spend) and self._right.spent(change.key) is not None


class ReadModifyWrite(_Reads):
    """Counts by reading a number and writing the next one."""

    async def commit(self, changes: Sequence[Change]) -> None:
        counts = [change for change in changes if isinstance(change, Count)]
        read = [await self.counter(change.key) for change in counts]
        await asyncio.sleep(0)
        self._right.commit([change for change in changes if not isinstance(change, Count)])
        for change, known in zip(counts, read, strict=True):
            value = (known.value if known else 0) + (change.by or 0)
            self._right.commit([evolve(change, by=None), evolve(change, by=value)])


class OneByOne(_Reads):
    """Writes change after change, without a transaction, and stops at the first that fails."""

    async def commit(self, changes: Sequence[Change]) -> None:
        for change in in_order(changes):
            self._right.commit([change])


class LivenessOnTheGrant(_Reads):
    """Revokes by updating the grants that it finds, so that one which is stored a moment later lives."""

    async def commit(self, changes: Sequence[Change]) -> None:
        self._right.commit([change for change in changes if not self._misses(change)])

    def _misses(self, change: Change) -> bool:
        if isinstance(change, Revoke):
            return change.what == "grant" and self._right.grant(change.id) is None
        return isinstance(change, CutOff)


class LastWriterWins(_Reads):
    """Ignores versions."""

    async def commit(self, changes: Sequence[Change]) -> None:
        self._right.commit([self._forced(change) for change in changes])

    def _forced(self, change: Change) -> Change:
        if not isinstance(change, Replace | Remove) or not isinstance(change.record, Client):
            return change
        known = self._right.client(change.record.client_id)
        return type(change)(evolve(change.record, version=known.version if known else 0))


class ForgetsFractions(MemoryStorage):
    """Keeps times in whole seconds."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([
            Put(evolve(change.record, keep_until=change.record.keep_until.replace(microsecond=0)))
            if isinstance(change, Put)
            else change
            for change in changes
        ])  # fmt: skip


class RefusesEverything(MemoryStorage):
    """Safe, in its way."""

    def commit(self, changes: Sequence[Change]) -> None:
        raise Conflict
