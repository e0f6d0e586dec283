"""Databases that are not set up as usual: migrated all the same, or refused in a sentence that says what to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from authority_sql import migrate, migration_sql, pending
from authority_sql.migrating import _LOCK as LOCK
from support.postgres import private
from support.revisions import REVISIONS


def isolated(level: str) -> str:
    """Return the URL of an empty database whose transactions are of *level* unless they say otherwise."""
    url = private().database()
    name = url.rpartition("/")[2]
    private().sql(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    return url


def wait_for(number: int, connection: psycopg.Connection) -> None:
    """Return when so many others wait for the advisory lock that *connection* holds."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    for _ in range(100_000):
        if connection.execute(waiting, (LOCK,)).fetchone() == (number,):
            return
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_migrations_at_once_wait_for_each_other_whatever_the_isolation(level: str):
    """All wait for one lock, and look only then what there is to do: one migrates, the others find nothing left."""
    url = isolated(level)
    with psycopg.connect(url) as holder, ThreadPoolExecutor(3) as threads:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        migrating = [threads.submit(migrate, url) for _ in range(3)]
        try:
            wait_for(3, holder)
        finally:
            holder.rollback()

        assert sorted(one.result() for one in migrating) == [[], [], REVISIONS[-1:]]


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_the_text_of_the_migration_says_its_isolation(level: str):
    """The SQL that a person runs by hand is the same transaction, and says so before it looks at anything."""
    url = isolated(level)
    private().sql(migration_sql(url), database=url.rpartition("/")[2])

    assert migration_sql(url).startswith("BEGIN;\n\nSET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n")
    assert "ISOLATION" not in migration_sql("sqlite:///authority.db")
    assert pending(url) == []
