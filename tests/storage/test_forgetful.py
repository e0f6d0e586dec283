"""A database that forgets by its own clock, as soon as it may, keeps the contract."""

from __future__ import annotations

from datetime import datetime, timezone

from authority_core.kernel.abilities import METHODS
from authority_core.testing.contract import StorageContract
from authority_core.testing.memory import MemoryStorage


class ForgetsByItself:
    """Has no `cleanup`, and before every call forgets what it may."""

    def __init__(self) -> None:
        self._right = MemoryStorage()

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(name)
        self._right.cleanup(datetime.now(timezone.utc))
        return getattr(self._right, name)


class TestForgetsByItself(StorageContract):
    """Nothing that the contract looks for is past its `keep_until`."""

    holds_nul = True

    def make_storage(self):
        return ForgetsByItself()
