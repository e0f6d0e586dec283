"""Redis keeps the contract: whole, and as the short-lived part of a storage split in two; in both colours."""

from __future__ import annotations

import tempfile
from pathlib import Path

from authority_core.testing.contract import StorageContract
from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage
from authority_sql import AsyncSqlStorage, SqlStorage, migrate
from support import redis_servers

EVERY = ("codes", "interactions", "sessions", "counters", "replays")


class _Whole:
    holds_nul = True

    def dump(self, storage) -> bytes:
        return redis_servers.shared().dump()


class TestRedis(_Whole, StorageContract):
    """Met by threads."""

    def make_storage(self):
        return RedisStorage.from_url(redis_servers.emptied().url)


class TestAsyncRedis(_Whole, StorageContract):
    """Met by tasks."""

    def make_storage(self):
        return AsyncRedisStorage.from_url(redis_servers.emptied().url)


class TestProtocol2(_Whole, StorageContract):
    """The older of Redis's protocols."""

    examples = 5

    def make_storage(self):
        return RedisStorage.from_url(redis_servers.emptied().url + "?protocol=2")


class TestProtocol3(_Whole, StorageContract):
    """The newer one."""

    examples = 5

    def make_storage(self):
        return AsyncRedisStorage.from_url(redis_servers.emptied().url + "?protocol=3")


def dumped_cluster() -> bytes:
    """Return what all three hold."""
    return b"".join(node.dump() for node in redis_servers.cluster())


def emptied_cluster() -> str:
    """Return the URL of a cluster of three, empty."""
    nodes = redis_servers.cluster()
    for node in nodes:
        node.flush()
    return "redis://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


class _InACluster:
    holds_nul = True
    examples = 5

    def dump(self, storage) -> bytes:
        return dumped_cluster()


class TestCluster(_InACluster, StorageContract):
    """Three nodes, met by threads."""

    def make_storage(self):
        return RedisStorage.from_url(emptied_cluster())


class TestAsyncCluster(_InACluster, StorageContract):
    """Three nodes, met by tasks."""

    def make_storage(self):
        return AsyncRedisStorage.from_url(emptied_cluster())


class _Divided:
    """A fresh database in a folder of its own, from a template that is migrated once, beside an empty Redis."""

    holds_nul = True
    forgotten_by_clock = frozenset({"AuthorizationCode", "Interaction", "Session", "Counter"})
    kinds: tuple[str, ...] = ("codes", "interactions", "sessions")
    _template: bytes | None = None

    def url(self) -> str:
        self.folder = tempfile.TemporaryDirectory(prefix="authority-")
        path = Path(self.folder.name, "authority.db")
        if _Divided._template is None:
            migrate(f"sqlite:///{path}")
            _Divided._template = path.read_bytes()
        else:
            path.write_bytes(_Divided._template)
        return f"sqlite:///{path}"

    def dump(self, storage) -> bytes:
        files = sorted(Path(self.folder.name).iterdir())
        return redis_servers.shared().dump() + b"".join(path.read_bytes() for path in files)


class TestSplit(_Divided, StorageContract):
    """SQLite and Redis, met by threads."""

    def make_storage(self):
        redis = RedisStorage.from_url(redis_servers.emptied().url)
        return SplitStorage(SqlStorage.from_url(self.url()), redis, kinds=self.kinds)

    def close_storage(self, storage):
        storage.close()
        self.folder.cleanup()


class TestAsyncSplit(_Divided, StorageContract):
    """SQLite and Redis, met by tasks."""

    def make_storage(self):
        redis = AsyncRedisStorage.from_url(redis_servers.emptied().url)
        return AsyncSplitStorage(AsyncSqlStorage.from_url(self.url()), redis, kinds=self.kinds)

    async def close_storage(self, storage):
        await storage.aclose()
        self.folder.cleanup()


class TestSplitWithEverything(TestSplit):
    """All that may live in Redis does."""

    examples = 5
    kinds = EVERY


class TestSplitWithCodesOnly(TestSplit):
    """Codes alone live in Redis, so that marks and sessions are apart from them."""

    examples = 5
    kinds = ("codes",)


class TestAsyncSplitWithEverything(TestAsyncSplit):
    """All that may live in Redis does, met by tasks."""

    examples = 5
    kinds = EVERY


class TestSplitWithACluster(TestSplit):
    """All that may live in Redis does, in a cluster of three."""

    examples = 5

    def make_storage(self):
        redis = RedisStorage.from_url(emptied_cluster())
        return SplitStorage(SqlStorage.from_url(self.url()), redis, kinds=EVERY)

    def dump(self, storage) -> bytes:
        return super().dump(storage) + dumped_cluster()


class TestSplitWithNothing(TestAsyncSplit):
    """Nothing lives in Redis."""

    examples = 5
    kinds = ()
