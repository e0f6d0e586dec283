"""A new database is made at once, an old one revision by revision, and nobody can tell which way it went."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event

import authority_sql
from authority_sql import OccupiedDatabase, SqlStorage, contents, metadata_for, migrate, migration_sql, pending
from authority_sql.migrating import create_at_head, take_revisions, upgrade
from authority_sql.migrations import HEAD
from authority_sql.schema import LONGEST_PREFIX
from support.host_alembic import migrate_as_host
from support.revisions import ONE_OF_EACH, written_today


@pytest.mark.parametrize("prefix", ["", "auth_"])
def test_a_new_database_is_what_the_revisions_would_make(tmp_path: Path, prefix: str):
    """Made at once or revision by revision, every table, index and version is the same."""
    made: list[tuple[object, object]] = []
    for way in (create_at_head, take_revisions):
        engine = create_engine(f"sqlite:///{tmp_path / way.__name__}.sqlite3")
        with engine.begin() as connection:
            way(connection, prefix, None)
            rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
            version = connection.exec_driver_sql(f"SELECT version_num FROM {prefix}authority_alembic_version").all()
        engine.dispose()
        made.append((sorted((*row[:3], _plain(row[3])) for row in rows), [tuple(row) for row in version]))

    assert made[0] == made[1]
    assert made[0][1] == [(HEAD,)]


def _plain(statement: str | None) -> str:
    """Return *statement* without the blanks in which two writers differ."""
    return re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", statement or "")).strip()


def test_the_newest_revision_is_known_by_name():
    """A new database is marked with the revision that the folder ends with."""
    scripts = ScriptDirectory(str(Path(authority_sql.__file__).parent / "migrations"))

    assert scripts.get_heads() == [HEAD]


def test_a_database_from_before_takes_its_revisions(tmp_path: Path):
    """A version table that names nothing yet, as an interrupted history leaves it, is brought up by the revisions."""
    url = f"sqlite:///{tmp_path}/old.sqlite3"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE authority_alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("CREATE TABLE somebody_elses (id INTEGER)")
    engine.dispose()
    migrate(url)

    assert pending(url) == []


def test_a_host_keeps_one_history(tmp_path: Path):
    """Alembic writes our tables into the host's own revision, has nothing left to do, and storage works on them."""
    url = f"sqlite:///{tmp_path}/host.sqlite3"
    migrate_as_host(tmp_path / "migrations", url, "auth_")
    storage = SqlStorage.from_url(url, table_prefix="auth_")
    storage.commit(ONE_OF_EACH)
    storage.close()
    with closing(sqlite3.connect(tmp_path / "host.sqlite3")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert contents(url, table_prefix="auth_") == written_today(f"sqlite:///{tmp_path}/ours.sqlite3")
    assert {"own_things", "alembic_version", "auth_grants"} <= tables
    assert "auth_authority_alembic_version" not in tables


def test_a_host_leaves_our_version_alone(tmp_path: Path):
    """Where `migrate` has been, the host's autogenerate finds nothing of ours to make and nothing to drop."""
    url = f"sqlite:///{tmp_path}/host.sqlite3"
    migrate(url)
    migrate_as_host(tmp_path / "migrations", url, "")

    assert pending(url) == []
    assert migrate(url) == []


@pytest.mark.parametrize("made_by", ["host", "somebody else"])
def test_tables_that_we_did_not_make_are_left_alone(tmp_path: Path, made_by: str):
    """A host that migrates by itself, or an application with a table called `users`: neither is written over."""
    url = f"sqlite:///{tmp_path}/taken.sqlite3"
    if made_by == "host":
        migrate_as_host(tmp_path / "migrations", url, "")
    else:
        with closing(sqlite3.connect(tmp_path / "taken.sqlite3")) as connection:
            connection.execute("CREATE TABLE users (id INTEGER)")
    before = (tmp_path / "taken.sqlite3").read_bytes()
    for ask in (migrate, pending):
        with pytest.raises(OccupiedDatabase, match=r"`authority migrate` did not make, such as .*users|access_tokens"):
            ask(url)

    assert len((tmp_path / "taken.sqlite3").read_bytes()) == len(before)
    assert migrate(url, table_prefix="ours_") == [HEAD]


def test_names_that_no_database_takes_are_refused():
    """Marks by which drivers find the places of values, and a prefix with which a name would be too long."""
    for wrong in ("a$", "a%", "x" * (LONGEST_PREFIX + 1)):
        with pytest.raises(ValueError, match="table prefix"):
            metadata_for(wrong)
    longest = [index.name for table in metadata_for("x" * LONGEST_PREFIX).tables.values() for index in table.indexes]

    assert max(len(str(name)) for name in longest) == 63
    assert "x" * LONGEST_PREFIX in migration_sql("postgresql://", table_prefix="x" * LONGEST_PREFIX)


def test_the_text_of_a_migration_begins_where_it_is_told():
    """Since the newest revision nothing is to be done; an unknown one is refused, and an empty database needs all."""
    assert "CREATE TABLE" in migration_sql("sqlite://")
    assert "CREATE TABLE" not in migration_sql("sqlite://", since=HEAD)
    with pytest.raises(ValueError, match=f"no revision 'other': known are .*{HEAD}"):
        migration_sql("sqlite://", since="other")


def test_a_new_database_needs_no_alembic(tmp_path: Path):
    """Starting on a fresh file imports no migration tool: it would cost every start time and memory."""
    program = (
        "import sys\nfrom authority_sql import migrate, pending\n"
        f"migrate('sqlite:///{tmp_path}/new.sqlite3')\n"
        f"print(pending('sqlite:///{tmp_path}/new.sqlite3'), 'alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout == "[] False\n"


def test_who_comes_while_another_switches_the_journal_goes_on(tmp_path: Path):
    """SQLite tells the second of two that switch a file to write-ahead at once that it is locked, without waiting."""
    engine = create_engine(f"sqlite:///{tmp_path}/authority.sqlite3", isolation_level="AUTOCOMMIT")
    refused: list[str] = []

    @event.listens_for(engine, "do_execute")
    def execute(cursor: object, statement: str, parameters: object, context: object) -> None:
        if statement.startswith("PRAGMA journal_mode"):
            refused.append(statement)
            raise sqlite3.OperationalError("database is locked")

    taken = upgrade(engine, "", None)
    engine.dispose()

    assert (taken, len(refused)) == ([HEAD], 1)
