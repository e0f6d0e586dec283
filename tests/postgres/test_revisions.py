"""Migrations on PostgreSQL: from every revision, as text, in a schema, and in the history of a host."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import attrs
import pytest
from sqlalchemy import create_engine, inspect

from authority_core.testing.contract import StorageContract
from authority_sql import AsyncSqlStorage, SqlStorage, contents, metadata_for, migrate, migration_sql, pending
from authority_sql.engines import synchronous
from support.host_alembic import migrate_as_host
from support.postgres import private
from support.revisions import ONE_OF_EACH, REVISIONS, as_known_then, rebuild, rows_of, written_today

PLACE = {"table_prefix": "x_", "schema": "auth"}


def with_schema() -> str:
    """Return the URL of a new database with the empty schema `auth`."""
    url = private().database()
    private().sql("CREATE SCHEMA auth", database=url.rpartition("/")[2])
    return url


def tables(url: str, schema: str) -> set[str]:
    engine = create_engine(synchronous(url))
    found = set(inspect(engine).get_table_names(schema=schema))
    engine.dispose()
    return found


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_every_revision_is_brought_up_to_date(revision: str):
    """What that version wrote is, after the upgrade, what this version would have written, and nothing is lost."""
    old = private().database()
    rebuild(old, revision)
    migrate(old)
    found = written_today(private().database())
    expected = attrs.evolve(found, records=[as_known_then(record, rows_of(revision)) for record in found.records])

    assert pending(old) == []
    assert contents(old) == expected


def test_the_text_of_the_migration_makes_the_same_database():
    """Run by hand, the SQL makes the tables, and notes the revision that it stands for."""
    url = private().database()
    private().sql(migration_sql(url), database=url.rpartition("/")[2])

    assert pending(url) == []
    assert tables(url, "public") == tables(database_of_ours(), "public")


def database_of_ours() -> str:
    url = private().database()
    migrate(url)
    return url


@cache
def in_a_schema() -> str:
    """Return the URL of the one database whose tables have a prefix and a schema."""
    url = with_schema()
    migrate(url, **PLACE)
    return url


def emptied() -> str:
    """Return that URL, with the tables empty."""
    statements = [f"DELETE FROM {name}" for name in metadata_for("x_", "auth").tables]
    private().sql(*statements, database=in_a_schema().rpartition("/")[2])
    return in_a_schema()


class TestInASchema(StorageContract):
    """Every statement names the prefix and the schema; met by threads."""

    examples = 5

    def make_storage(self):
        return SqlStorage.from_url(emptied(), **PLACE)


class TestAsyncInASchema(StorageContract):
    """Met by tasks."""

    examples = 5

    def make_storage(self):
        return AsyncSqlStorage.from_url(emptied(), **PLACE)


def test_a_schema_holds_everything():
    """Nothing of ours is outside of it, and two places in one database share nothing."""
    url = with_schema()
    migrate(url, **PLACE)

    assert pending(url, **PLACE) == []
    assert pending(url) == REVISIONS
    assert len(tables(url, "auth")) > 10
    assert tables(url, "public") == set()


def test_a_schema_in_the_url():
    """What libpq is told of the search path holds for migrations and for storage in both colours."""
    url = with_schema() + "?options=-csearch_path%3Dauth"
    found = written_today(url)

    assert len(found.records) > 10
    assert len(tables(url, "auth")) > 10
    assert tables(url, "public") == set()


def test_a_host_keeps_one_history(tmp_path: Path):
    """Alembic writes our tables into the host's own revision, has nothing left to do, and storage works on them."""
    url = with_schema()
    migrate_as_host(tmp_path / "migrations", str(synchronous(url)), "x_", "auth")
    storage = SqlStorage.from_url(url, **PLACE)
    storage.commit(ONE_OF_EACH)
    storage.close()

    assert contents(url, **PLACE) == written_today(private().database())
    assert "own_things" in tables(url, "public")
