"""Which storages are believed when they tell the holder of a grant."""

from __future__ import annotations

from authority_core.kernel.sync import tells_holders
from authority_core.testing.memory import MemoryStorage
from authority_sql import AsyncSqlStorage, SqlStorage


def test_ours_are_believed_and_those_with_a_user_of_their_own_are_not():
    """A subclass or an instance that answers `user` otherwise is asked, and so is whatever says nothing."""

    class Other(SqlStorage):
        def user(self, user_id: str) -> None:
            return None

    patched = MemoryStorage()
    patched.user = lambda user_id: None  # type: ignore[method-assign]  # what a host might do

    ours, other = SqlStorage.from_url("sqlite://"), Other.from_url("sqlite://")

    assert tells_holders(MemoryStorage())
    assert tells_holders(ours)
    assert tells_holders(AsyncSqlStorage.from_url("sqlite+aiosqlite://"))
    assert not tells_holders(other)
    assert not tells_holders(patched)
    assert not tells_holders(object())
    ours.close()
    other.close()
