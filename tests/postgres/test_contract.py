"""PostgreSQL keeps the contract: psycopg in both colours, asyncpg, an engine of the host, and behind pgbouncer."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from authority_core.testing.contract import StorageContract
from authority_sql import AsyncSqlStorage, SqlStorage, metadata, pending
from authority_sql.engines import synchronous
from support.postgres import database, emptied, private


class _Dumped:
    """What was written is every row, as text."""

    def dump(self, storage) -> bytes:
        engine = create_engine(synchronous(database()))
        with engine.connect() as connection:
            rows = [connection.exec_driver_sql(f"SELECT t::text FROM {name} AS t").all() for name in metadata.tables]
        engine.dispose()
        return repr(rows).encode()


class TestPsycopg(_Dumped, StorageContract):
    """Met by threads."""

    def make_storage(self):
        return SqlStorage.from_url(emptied())


class TestAsyncPsycopg(_Dumped, StorageContract):
    """Met by tasks."""

    def make_storage(self):
        return AsyncSqlStorage.from_url(emptied())


class TestAsyncpg(_Dumped, StorageContract):
    """Met by tasks, through the other driver."""

    def make_storage(self):
        return AsyncSqlStorage.from_url(emptied().replace("postgresql://", "postgresql+asyncpg://"))


class TestEngineOfTheHost(_Dumped, StorageContract):
    """An engine that is not ours, in the drivers' own transactions."""

    def make_storage(self):
        self.engine = create_engine(synchronous(emptied()))
        return SqlStorage(self.engine)

    def close_storage(self, storage):
        storage.close()
        self.engine.dispose()


class _Pooled(_Dumped, StorageContract):
    """Prepared statements would meet a connection that does not know them."""

    __test__ = False

    @pytest.fixture(autouse=True)
    def behind(self, pooled: str) -> None:
        self.url = pooled


class TestPgbouncer(_Pooled):
    """Met by threads, through pgbouncer in transaction mode."""

    def make_storage(self):
        emptied()
        return SqlStorage.from_url(self.url)


class TestAsyncPgbouncer(_Pooled):
    """Met by tasks, through pgbouncer in transaction mode."""

    def make_storage(self):
        emptied()
        return AsyncSqlStorage.from_url(self.url)


def test_migrations_make_the_tables_of_the_metadata():
    """A migrated database is what the metadata describes: nothing missing, nothing more."""
    engine = create_engine(synchronous(emptied()))
    with engine.connect() as connection:
        options = {"version_table": "authority_alembic_version", "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_several_processes_migrate_at_once():
    """Whoever comes second waits and finds nothing left to do."""
    url = private().database()
    code = f"from authority_sql import migrate; migrate({url!r})"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]

    assert [(one.communicate(timeout=60)[1], one.returncode) for one in started] == [(b"", 0)] * 3
    assert pending(url) == []
