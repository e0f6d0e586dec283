"""PostgreSQL and Redis as one storage keep the contract, in both colours and with both drivers."""

from __future__ import annotations

from authority_core.testing.contract import StorageContract
from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage
from authority_sql import AsyncSqlStorage, SqlStorage
from support import postgres, redis_servers

EVERY = ("codes", "interactions", "sessions", "counters", "replays")
BY_CLOCK = frozenset({"AuthorizationCode", "Interaction", "Session", "Counter"})


class TestSplit(StorageContract):
    """What is chosen when nothing is said, met by threads."""

    examples = 10
    forgotten_by_clock = BY_CLOCK
    kinds: tuple[str, ...] = ("codes", "interactions", "sessions")

    def make_storage(self):
        redis = RedisStorage.from_url(redis_servers.emptied().url)
        return SplitStorage(SqlStorage.from_url(postgres.emptied()), redis, kinds=self.kinds)


class TestAsyncSplit(StorageContract):
    """What is chosen when nothing is said, met by tasks."""

    examples = 10
    forgotten_by_clock = BY_CLOCK
    kinds: tuple[str, ...] = ("codes", "interactions", "sessions")
    driver = "postgresql"

    def make_storage(self):
        redis = AsyncRedisStorage.from_url(redis_servers.emptied().url)
        url = postgres.emptied().replace("postgresql:", f"{self.driver}:")
        return AsyncSplitStorage(AsyncSqlStorage.from_url(url), redis, kinds=self.kinds)


class TestSplitWithEverything(TestSplit):
    """All that may live in Redis does, met by threads."""

    kinds = EVERY


class TestAsyncSplitWithEverything(TestAsyncSplit):
    """All that may live in Redis does, met by tasks, through the other driver."""

    kinds = EVERY
    driver = "postgresql+asyncpg"
