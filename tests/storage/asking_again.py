"""A right storage that asks for another try, as a database does whose transactions are serializable."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from copy import copy
from datetime import datetime

from authority_core.kernel.changes import Change, Conflict
from authority_core.testing.memory import MemoryStorage

_TABLES = ("_records", "_spent", "_revoked", "_cut_off", "_counters")


class AsksAgain(MemoryStorage):
    """Commits to a copy, and puts it in the place of what it was made of unless somebody else was in between."""

    def __init__(self) -> None:
        super().__init__()
        self._written = 0
        self._swapping = threading.Lock()

    def commit(self, changes: Sequence[Change]) -> None:
        with self._swapping:
            begun, staged = self._written, MemoryStorage()
            for name in _TABLES:
                setattr(staged, name, copy(getattr(self, name)))
            for kind, table in list(self._records.items()):
                staged._records[kind] = dict(table)
        staged.commit(changes)
        with self._swapping:
            if self._written != begun:
                raise Conflict
            for name in _TABLES:
                setattr(self, name, getattr(staged, name))
            self._written += 1

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        with self._swapping:
            self._written += 1
            return super().cleanup(now, batch, limit)
