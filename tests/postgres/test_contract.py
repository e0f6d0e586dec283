"""PostgreSQL keeps the contract: psycopg in both colours, and asyncpg.

Runs where `AUTHORITY_TEST_POSTGRES` is the URL of a database that may be emptied, such as
`postgresql://user@127.0.0.1:5432/test`.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from authority_core.testing.contract import StorageContract
from authority_sql import AsyncSqlStorage, SqlStorage, metadata, migrate, pending
from authority_sql.engines import synchronous

URL = os.environ.get("AUTHORITY_TEST_POSTGRES", "")
if not URL:
    pytest.skip("AUTHORITY_TEST_POSTGRES is not set: give it the URL of a database", allow_module_level=True)


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
    engine = create_engine(synchronous(emptied()))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE authority_alembic_version, " + ", ".join(metadata.tables))
    engine.dispose()
    code = f"from authority_sql import migrate; migrate({URL!r})"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]

    assert [(one.communicate(timeout=60)[1], one.returncode) for one in started] == [(b"", 0)] * 3
    assert pending(URL) == []


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
