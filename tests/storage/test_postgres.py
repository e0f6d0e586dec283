"""PostgreSQL keeps the contract: psycopg in both colours, and asyncpg.

Runs where `AUTHORITY_TEST_POSTGRES` is the URL of a database that may be emptied, such as
`postgresql://user@127.0.0.1:5432/test`.
"""

from __future__ import annotations

import itertools
import os

import pytest
from sqlalchemy import create_engine

from authority_core.testing.contract import StorageContract
from authority_sql import AsyncSqlStorage, SqlStorage, metadata, migrate
from authority_sql.engines import synchronous

URL = os.environ.get("AUTHORITY_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not URL, reason="AUTHORITY_TEST_POSTGRES is not set: give it the URL of a database")


def emptied() -> str:
    """Return the URL of the database, migrated and empty."""
    migrate(URL)
    engine = create_engine(synchronous(URL))
    with engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE " + ", ".join(metadata.tables))
    engine.dispose()
    return URL


class TestPsycopg(StorageContract):
    """Met by threads."""

    def make_storage(self):
        return SqlStorage.from_url(emptied())


class TestAsyncPsycopg(StorageContract):
    """Met by tasks."""

    def make_storage(self):
        return AsyncSqlStorage.from_url(emptied())


class TestAsyncpg(StorageContract):
    """Met by tasks, through the other driver."""

    def make_storage(self):
        pytest.importorskip("asyncpg")
        return AsyncSqlStorage.from_url(emptied().replace("postgresql://", "postgresql+asyncpg://"))


class TestEngineOfTheHost(StorageContract):
    """An engine that is not ours, in the drivers' own transactions."""

    def make_storage(self):
        self.engine = create_engine(synchronous(emptied()))
        return SqlStorage(self.engine)

    def close_storage(self, storage):
        storage.close()
        self.engine.dispose()


def test_a_dead_connection_in_the_pool_is_replaced():
    """A server that ended every connection costs nobody a request."""
    storage = SqlStorage.from_url(emptied())
    engine = create_engine(synchronous(URL))
    for use in itertools.repeat(lambda: storage.client("nobody"), 2):
        use()
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        assert storage.client("nobody") is None
    storage.close()
    engine.dispose()
