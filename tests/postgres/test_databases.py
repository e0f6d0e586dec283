"""Databases that are not set up as usual: migrated all the same, or refused in a sentence that says what to do."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from authority_sql import AsyncSqlStorage, SqlStorage, migrate, migration_sql, pending
from authority_sql.migrating import _LOCK as LOCK
from authority_sql.urls import UrlFault
from cli.running import command
from support.postgres import bouncer, private
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


def test_the_text_of_the_migration_says_what_is_not_in_it():
    """The URL's options belong to a connection: the text says so, and makes the tables where the connection looks."""
    url = private().database()
    private().sql("CREATE SCHEMA auth", database=url.rpartition("/")[2])
    sql = migration_sql(elsewhere := f"{url}?options=-csearch_path%3Dauth")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(sql)

    assert sql.startswith("-- The options of the URL, such as its search_path, are not in this text: ")
    assert sql.partition("\n\n")[2] == migration_sql(url)
    assert (pending(elsewhere), pending(url)) == ([], REVISIONS)


def encoded(encoding: str) -> str:
    """Return the URL of an empty database that keeps texts in *encoding*."""
    name = encoding.lower()
    private().sql(
        f"DROP DATABASE IF EXISTS {name}",
        f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    return private().url(name)


OTHERS = ("SQL_ASCII", "LATIN1", "EUC_JP")
REMEDY = "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"


@pytest.mark.parametrize("encoding", [*OTHERS, "UTF8"])
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgresql blocking"])
def test_a_database_that_cannot_keep_every_name_is_refused(encoding: str, scheme: str):
    """Every connection of every driver says what to do, and is closed; UTF8 is the control."""
    url = encoded(encoding).replace("postgresql", scheme.partition(" ")[0])

    async def ask() -> None:
        storage = AsyncSqlStorage.from_url(url)
        try:
            await storage.client("nobody")
        finally:
            await storage.aclose()

    def ask_blocking() -> None:
        with closing(SqlStorage.from_url(url)) as storage:
            storage.client("nobody")

    uses = [lambda: migrate(url), ask_blocking if "blocking" in scheme else lambda: asyncio.run(ask())]
    for use in uses:
        if encoding == "UTF8":
            use()
            continue
        with pytest.raises(UrlFault) as refusal:
            use()
        assert str(refusal.value).startswith(f"The database's encoding is {encoding}, ")
        assert REMEDY in str(refusal.value)

    private().sql(f"DROP DATABASE {encoding.lower()}")  # which somebody connected would prevent


def test_a_database_behind_a_pooler_is_refused_by_its_encoding_too():
    """The pooler says of the database what the database said of itself."""
    url, cluster = encoded("LATIN1"), private()
    with bouncer(cluster) as port:
        behind = url.replace(f":{cluster.port}/", f":{port}/")
        for option in ("", "?pgbouncer=true", "?pgbouncer=false"):
            with pytest.raises(UrlFault, match="encoding is LATIN1"):
                migrate(behind + option)


@pytest.mark.parametrize("words", [("migrate",), ("migrate", "--check"), ("config", "check"), ("serve",)])
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
def test_commands_say_what_to_do_about_an_encoding(words: tuple[str, ...], scheme: str):
    """One sentence, and nobody is asked to report it."""
    settings = {"AUTHORITY_ISSUER": "http://localhost:4000", "AUTHORITY_SECRET_KEY": "0123456789abcdef" * 2}
    done = command(*words, **settings, AUTHORITY_DATABASE_URL=encoded("SQL_ASCII").replace("postgresql", scheme))

    assert done.returncode == 1
    assert REMEDY in done.stderr
    assert "report it" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("statements", "told", "remedy"),
    [
        (("REVOKE CREATE ON SCHEMA public FROM PUBLIC",), "permission denied", "the tables' owner migrates them"),
        (("ALTER DATABASE {name} SET search_path = nowhere",), "no schema has been selected", "make the schema first"),
        (("ALTER DATABASE {name} SET default_transaction_read_only = on",), "read-only transaction", "no replica"),
        (("ALTER DATABASE {name} SET statement_timeout = 300",), "statement timeout", "give the role more time"),
        (("ALTER DATABASE {name} SET lock_timeout = 300",), "lock timeout", "give the role more time"),
    ],
)
def test_what_postgresql_refuses_comes_with_what_helps(statements: tuple[str, ...], told: str, remedy: str):
    """A role without rights, no schema, a replica, too little time: what to do there, and nothing of folders."""
    url = private().database()
    name = url.rpartition("/")[2]
    private().sql("DROP ROLE IF EXISTS nobody", "CREATE ROLE nobody LOGIN")
    private().sql(*(one.format(name=name) for one in statements), database=name)
    with psycopg.connect(url) as holder:
        if "timeout" in told:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        done = command("migrate", "--database", url.replace("//authority@", "//nobody@"))

    assert done.returncode == 1
    assert told in done.stderr
    assert remedy in done.stderr
    assert "folder" not in done.stderr
