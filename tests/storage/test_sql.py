"""What SQL storage promises besides the contract: its tables, its statements, its errors, its connections."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys

import attrs
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import create_async_engine

from authority_core.kernel.changes import Conflict, Put, Spend, StorageUnavailable
from authority_core.testing.contract import StorageContract
from authority_core.testing.contract.samples import KEEP, LATER, NOW, a_grant, a_refresh_token, key_of
from authority_sql import AsyncSqlStorage, SqlStorage, engines, metadata, metadata_for, migrate, migration_sql, pending
from authority_sql.migrating import take_revisions
from authority_sql.shapes import INSERTABLE, MUTABLE
from authority_sql.statements import statements_for
from support.cancelling import WAYS
from support.revisions import REVISIONS


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/authority.db"


@pytest.fixture
def storage(url):
    migrate(url)
    storage = SqlStorage.from_url(url)
    yield storage
    storage.close()


# --- tables ---


@pytest.mark.parametrize("shape", [*INSERTABLE.values(), *MUTABLE.values()], ids=lambda shape: shape.table)
def test_every_field_has_a_column(shape):
    """No field of a record is forgotten, except those that reads compute."""
    computed = {"revoked_at"} if shape.table in {"grants", "sessions"} else set()
    carried = {"grant"} if shape.table == "authorization_codes" else set()

    assert {field.name for field in attrs.fields(shape.record)} - computed - carried == set(shape.fields)


@pytest.mark.parametrize("prefix", ["", "auth_"])
def test_migrations_make_the_tables_of_the_metadata(url, prefix):
    """What the revisions make is what `metadata_for` describes: nothing missing, nothing more."""
    engine = create_engine(url)
    with engine.begin() as connection:
        take_revisions(connection, prefix, None)
        context = MigrationContext.configure(
            connection, opts={"version_table": f"{prefix}authority_alembic_version", "compare_type": True}
        )

        assert compare_metadata(context, metadata_for(prefix)) == []
    engine.dispose()


def test_migrating_again_changes_nothing(url):
    """`pending` names what is missing, `migrate` does it, and both are idle afterwards."""
    assert pending(url) == REVISIONS
    migrate(url)
    migrate(url)

    assert pending(url) == []


def test_migration_as_text(url, tmp_path):
    """`migration_sql` gives a script that makes the same tables."""
    migrate(url)
    by_hand = sqlite3.connect(tmp_path / "by-hand.db")
    by_hand.executescript(migration_sql(url))
    with sqlite3.connect(tmp_path / "authority.db") as by_us:
        query = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"

        assert by_hand.execute(query).fetchall() == by_us.execute(query).fetchall()
    by_us.close()
    by_hand.close()
    assert "BYTEA" in migration_sql("postgresql://somebody@localhost/somewhere")


def test_several_processes_migrate_at_once(url):
    """Whoever comes second waits and finds nothing left to do."""
    code = f"from authority_sql import migrate; migrate({url!r})"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]

    assert [(one.communicate(timeout=60)[1], one.returncode) for one in started] == [(b"", 0)] * 3
    assert pending(url) == []


def test_two_prefixes_share_a_database(url):
    """Two authorities in one database share nothing."""
    for prefix in ("one_", "two_"):
        migrate(url, table_prefix=prefix)
    one, two = (SqlStorage.from_url(url, table_prefix=prefix) for prefix in ("one_", "two_"))
    one.commit([Put(a_grant())])

    assert one.grant("grant") is not None
    assert two.grant("grant") is None
    one.close()
    two.close()


# --- statements ---


def test_every_read_finds_its_rows_by_an_index(storage, tmp_path):
    """No read walks through a table, except along its key: a page of a whole list, and all of the few signing keys."""
    walked = {}
    with sqlite3.connect(tmp_path / "authority.db") as connection:
        for name, statement in storage._on._statements.reads.items():
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", [None] * statement.sql.count("?"))
            scans = [line[3] for line in plan if line[3].startswith("SCAN") and "USING INDEX" not in line[3]]
            walked[name] = [scan for scan in scans if scan not in ("SCAN CONSTANT ROW", "SCAN asked")]  # of one row
    connection.close()

    assert {name for name, lines in walked.items() if lines} <= {"clients", "users", "all_consents", "signing_keys"}


def walked(path, sql):
    """Return the tables and indexes that SQLite walks from end to end for *sql*."""
    with sqlite3.connect(path) as connection:
        plan = [line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))]
    connection.close()
    return [line for line in plan if line.startswith("SCAN")]


@pytest.mark.parametrize("at", range(len(statements_for("", None, sqlite.dialect()).cleanup)))
def test_forgetting_walks_through_no_table(storage, tmp_path, at):
    """What is over is found by its end, and again by its key, of however many columns: writers wait for a batch."""
    assert walked(tmp_path / "authority.db", storage._on._statements.cleanup[at].sql) == []


def test_every_table_with_an_end_is_forgotten(storage):
    """There is one statement for each, and those that end others come last."""
    ends = {name for name, table in metadata.tables.items() if {"keep_until", "expires_at"} & set(table.c.keys())}
    names = [one.sql.split()[2] for one in storage._on._statements.cleanup]

    assert sorted(names) == sorted(ends)
    assert names[-3:] == ["spent_keys", "revocations", "cut_offs"]


def test_a_walk_would_be_seen(storage, tmp_path):
    """The control: rows of a table whose key has two columns, looked for one by one."""
    old = "SELECT what, id FROM revocations WHERE keep_until <= ? LIMIT ?"
    by_row = f"SELECT 1 FROM ({old}) AS old WHERE old.what = revocations.what AND old.id = revocations.id"

    assert walked(tmp_path / "authority.db", f"DELETE FROM revocations WHERE EXISTS ({by_row})") != []


def test_cleanup_goes_in_batches(storage):
    """Housekeeping deletes a few rows a transaction until all is done, and says how many."""
    storage.commit([Put(attrs.evolve(a_refresh_token(name=f"{at}"), keep_until=LATER)) for at in range(25)])
    storage.commit([Spend(key_of(f"{at}"), NOW, KEEP) for at in range(5)])

    assert storage.cleanup(LATER, batch=10) == 25
    assert storage.cleanup(LATER, batch=10) == 0
    assert storage.cleanup(KEEP, batch=10) == 5


# --- errors ---


def test_a_database_without_tables_says_what_to_do(url):
    """Reads and commits name the command that is missing."""
    storage = SqlStorage.from_url(url)
    for use in (lambda: storage.client("client"), lambda: storage.commit([Put(a_grant())])):
        with pytest.raises(StorageUnavailable, match="run `authority migrate`"):
            use()
    storage.close()


def test_a_locked_file_is_unavailable(url, tmp_path):
    """A writer of another process that does not finish is waited for, then named; nothing is written."""
    migrate(url)
    other = sqlite3.connect(tmp_path / "authority.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = create_engine(url, connect_args={"timeout": 0})
    storage = SqlStorage(engine)
    with pytest.raises(StorageUnavailable, match="locked"):
        storage.commit([Put(a_grant())])
    other.execute("ROLLBACK")

    assert storage.grant("grant") is None
    storage.commit([Put(a_grant())])
    assert storage.grant("grant") is not None
    other.close()
    engine.dispose()


def test_errors_quote_no_values(storage):
    """A refusal names neither the key nor the row, and hides the driver's words for it."""
    storage.commit([Put(a_refresh_token())])
    with pytest.raises(Conflict) as caught:
        storage.commit([Put(a_refresh_token())])

    assert str(caught.value) == "somebody was first"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_nothing_is_shown_of_the_url_but_the_place():
    """`repr` hides the password, in the URL and in its query."""
    storage = SqlStorage.from_url("postgresql://someone:pa55@localhost:1/name?password=pa55")

    assert repr(storage) == "SqlStorage(postgresql+psycopg://someone:***@localhost:1/name)"
    with pytest.raises(StorageUnavailable) as caught:
        storage.client("client")
    assert "pa55" not in str(caught.value)
    storage.close()


def test_a_missing_driver_names_the_line_that_installs_it(monkeypatch):
    """One sentence, with the extra."""
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'authority-idp\[postgres\]'"):
        SqlStorage.from_url("postgresql://localhost/name")
    with pytest.raises(ImportError, match=r"pip install 'authority-idp\[sql\]'"):
        AsyncSqlStorage.from_url("sqlite:///authority.db")


def test_missing_sqlalchemy_names_the_line_that_installs_it():
    """The package itself imports; its names say what is missing."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "import authority_sql\n"
        "try: authority_sql.SqlStorage\n"
        "except ImportError as error: print(error)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert answer.stdout == "authority_sql needs SQLAlchemy: pip install 'authority-idp[sql]'\n"


@pytest.mark.parametrize(
    ("storage", "url"),
    [(SqlStorage, "sqlite+aiosqlite:///a.db"), (AsyncSqlStorage, "sqlite+pysqlite:///a.db"), (SqlStorage, "mysql://a")],
)
def test_a_driver_of_the_other_colour_is_refused(storage, url):
    """At construction, not with the first request; other databases too."""
    with pytest.raises(ValueError, match=r"use (Async)?SqlStorage|sqlite and postgresql"):
        storage.from_url(url)


# --- connections ---


def test_sqlite_is_tuned(storage, tmp_path):
    """Readers do not wait for writers, writers of other processes are waited for."""
    link = storage._engine.raw_connection()
    asked = {
        name: link.cursor().execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
    }
    link.close()

    assert asked == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 10_000, "foreign_keys": 1}


@pytest.mark.parametrize(
    ("query", "given", "waits"),
    [("", "NORMAL", 1), ("", "FULL", 2), ("?durability=full", "NORMAL", 2), ("?durability=normal", "FULL", 1)],
)
@pytest.mark.anyio
async def test_sqlite_waits_for_the_disk_when_told(url, query, given, waits):
    """By an argument or in the URL, where operators say it; the URL is theirs and wins. The server starts with both."""
    migrate(url + query)
    blocking = SqlStorage.from_url(url + query, durability=given)
    link = blocking._engine.raw_connection()
    found = link.cursor().execute("PRAGMA synchronous").fetchone()[0]
    link.close()
    blocking.close()
    awaited = AsyncSqlStorage.from_url(url + query, durability=given)
    async with awaited._engine.connect() as connection:
        found_too = (await connection.exec_driver_sql("PRAGMA synchronous")).scalar()
    await awaited.aclose()

    assert (found, found_too) == (waits, waits)
    for storage in (SqlStorage, AsyncSqlStorage):
        with pytest.raises(ValueError, match="normal or full"):
            storage.from_url(url + "?durability=sometimes")


class TestEngineOfTheHost(StorageContract):
    """An engine that is not ours keeps the contract too, and stays open."""

    examples = 5
    holds_nul = True

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.url = f"sqlite:///{tmp_path}/authority.db"
        migrate(self.url)

    def make_storage(self):
        self.engine = create_engine(self.url)
        return SqlStorage(self.engine)

    def close_storage(self, storage):
        storage.close()
        with self.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        self.engine.dispose()


class TestAsyncEngineOfTheHost(StorageContract):
    """The same with tasks."""

    examples = 5
    holds_nul = True

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.url = f"sqlite+aiosqlite:///{tmp_path}/authority.db"
        migrate(self.url)

    def make_storage(self):
        self.engine = create_async_engine(self.url)
        return AsyncSqlStorage(self.engine)

    async def close_storage(self, storage):
        await storage.aclose()
        await self.engine.dispose()


@pytest.mark.anyio
@pytest.mark.parametrize("cancelled", WAYS)
async def test_a_cancelled_commit_leaves_storage_usable(url, cancelled):
    """However far a commit had come when it was cancelled: all of it is there, or none, and the next one works."""
    migrate(url)
    storage = AsyncSqlStorage.from_url(url)
    for steps in range(40):
        grant, spend = a_grant(f"g{steps}"), Spend(key_of(f"{steps}"), NOW, KEEP)
        await cancelled(storage.commit([Put(grant), spend]), steps)
        await storage.commit([Spend(key_of(f"{steps} again"), NOW, KEEP)])  # waits for the end of the one before
        written = await storage.grant(grant.grant_id), await storage.spent(spend.key)

        assert (written[0] is None) == (written[1] is None)
    await storage.aclose()
    gc.collect()  # a connection left open would warn, and warnings are errors


@pytest.mark.parametrize("fork", ["os.fork", "ctypes.PyDLL(None).fork"])
def test_a_forked_child_opens_its_own_connections(storage, tmp_path, fork):
    """A server that loads the application and then forks, in C and without a word to Python, shares no connection."""
    code = f"""
import ctypes, os, sys
from authority_core.testing.contract.samples import *
from authority_core.kernel.changes import Put
from authority_sql import SqlStorage
storage = SqlStorage.from_url("sqlite:///{tmp_path}/authority.db")
storage.commit([Put(a_grant("parent"))])
child = {fork}()
if not child:
    inherited = storage._on._connector._process.mine().idle
    if inherited:
        os._exit(2)
    storage.commit([Put(a_grant("child"))])
    os._exit(0 if storage.grant("parent") else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or not storage.grant("child"))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    assert storage.grant("child") is not None


def test_one_winner_among_processes(storage, tmp_path):
    """Three processes spend the same keys on one file: each key once, and no other outcome than `Conflict`."""
    code = f"""
import sys
from authority_core.testing.contract.samples import *
from authority_core.kernel.changes import Conflict, Put, Spend
from authority_sql import SqlStorage
storage = SqlStorage.from_url("sqlite:///{tmp_path}/authority.db")
won = 0
for at in range(200):
    try:
        storage.commit([Spend(key_of(str(at)), NOW, KEEP), Put(a_grant(str(at)))])
        won += 1
    except Conflict:
        pass
print(won)
"""
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    won = [int(one.communicate(timeout=120)[0]) for one in started]

    assert sum(won) == 200
    assert all(storage.grant(str(at)) is not None for at in range(200))
