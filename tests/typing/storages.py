"""What type checkers see of the storages: every method with its signature, in both colours. Checked, never run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, assert_type

from authority_core.kernel.changes import Change
from authority_core.kernel.encoding import Digest
from authority_core.kernel.ports import Storage
from authority_core.kernel.records import Client, Consent, RefreshToken, Stored
from authority_core.testing.memory import MemoryStorage
from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage
from authority_sql import AsyncSqlStorage, SqlStorage


class Synchronous(Protocol):
    """A sample of the protocols in the colour without `async`."""

    def client(self, client_id: str) -> Client | None: ...
    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None: ...
    def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]: ...
    def commit(self, changes: Sequence[Change]) -> None: ...


def every_synchronous_storage_has_the_methods(
    sql: SqlStorage, redis: RedisStorage, split: SplitStorage, memory: MemoryStorage, key: Digest, now: datetime
) -> None:
    fitting: list[Synchronous] = [sql, redis, split, memory]
    for storage in (sql, redis, split):
        assert_type(storage.client("id"), Client | None)
        assert_type(storage.refresh_token(key), Stored[RefreshToken] | None)
        assert_type(storage.all_consents(("subject", "client"), limit=3), Sequence[Consent])
        assert_type(storage.commit([]), None)
        storage.client(7)  # pyright: ignore[reportArgumentType]  # an id is a text
        storage.clients(page=3)  # pyright: ignore[reportCallIssue]  # there is no such argument
    assert_type(sql.cleanup(now, limit=3), int)
    assert_type(fitting[0].client("id"), Client | None)


def every_asynchronous_storage_is_one(sql: AsyncSqlStorage, redis: AsyncRedisStorage, split: AsyncSplitStorage) -> None:
    fitting: list[Storage] = [sql, redis, split]
    fitting.append(SqlStorage.from_url("sqlite://"))  # pyright: ignore[reportArgumentType]  # the other colour
