"""Which storages are believed when they tell the holder of a grant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from authority_core.kernel.abilities import tells_holders
from authority_core.kernel.records import User
from authority_core.testing.faults import Faulty
from authority_core.testing.memory import MemoryStorage
from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage
from authority_sql import AsyncSqlStorage, SqlStorage
from authority_starlette import in_threads


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
    assert tells_holders(RedisStorage.from_url("redis://localhost"))
    assert tells_holders(AsyncRedisStorage.from_url("redis://localhost"))
    assert not tells_holders(other)
    assert not tells_holders(patched)
    assert not tells_holders(object())
    ours.close()
    other.close()


class Judging(MemoryStorage):
    """Accounts by rules of its own."""

    def user(self, user_id: str) -> User | None:
        return None


def beside_redis(storage: object) -> object:
    return SplitStorage(storage, RedisStorage.from_url("redis://localhost"))


def beside_redis_awaited(storage: object) -> object:
    return AsyncSplitStorage(in_threads(storage), AsyncRedisStorage.from_url("redis://localhost"))


@pytest.mark.parametrize("wrapper", [in_threads, beside_redis, beside_redis_awaited, Faulty])
def test_a_wrapper_of_ours_is_believed_as_far_as_what_it_wraps(wrapper: Callable[[object], object]):
    """It passes on what the storage within tells, and with it whether that counts."""
    patched = wrapper(MemoryStorage())
    patched.user = lambda user_id: None  # type: ignore[attr-defined]  # what a host might do

    assert tells_holders(wrapper(MemoryStorage()))
    assert not tells_holders(wrapper(Judging()))
    assert not tells_holders(patched)


def test_a_subclass_of_a_split_storage_is_asked():
    """Its own `user` may be stricter than that of the storage within."""

    class Stricter(SplitStorage):
        def user(self, user_id: str) -> User | None:
            return None

    assert not tells_holders(Stricter(MemoryStorage(), RedisStorage.from_url("redis://localhost")))
