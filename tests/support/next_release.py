"""A next release, made up: this one's code, with one revision more, `next`, in a copy of `authority_sql`.

`NextRevision` is what every database must keep to when a release brings a revision; a subclass says which database.
The revision adds what ours may add: a column that may be empty and is filled, one with a default, a table, an index.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import frozen
from sqlalchemy import Connection, create_engine, inspect, text

import authority_sql
from authority_core.kernel.changes import Replace
from authority_core.testing.contract.samples import a_client
from authority_core.testing.invariants import Contents
from authority_sql import AsyncSqlStorage, NewerDatabase, SqlStorage, contents, migrate, pending
from authority_sql.engines import synchronous
from authority_sql.migrations import HEAD
from cli.running import PATIENCE, SRC, environment

from .revisions import as_known_then, rebuild, rows_of, written_today

OLD, NEXT = HEAD, "next"
REVISION = f'''"""Add what a later release might."""
import os
import signal

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{OLD}"
branch_labels = None
depends_on = None


def upgrade():
    options = op.get_context().opts
    prefix, schema = options["table_prefix"], options["table_schema"]
    note = sa.Column("note", sa.Text(), nullable=True)
    logins = sa.Column("logins", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column(prefix + "clients", note, schema=schema)
    op.add_column(prefix + "users", logins, schema=schema)
    op.execute(f"UPDATE {{schema + '.' if schema else ''}}{{prefix}}clients SET note = name")
    breaks = os.environ.get("BREAKS_OFF")
    if breaks == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if breaks == "failed":
        raise RuntimeError("half way")
    op.create_table(prefix + "devices", sa.Column("key", sa.LargeBinary(32), primary_key=True), schema=schema)
    op.create_index(f"ix_{{prefix}}users_logins", prefix + "users", ["logins"], schema=schema)
'''
PROGRAM = """
import sys
from authority_cli.program import authority
import alembic.command, authority_sql.migrating
print("ready", flush=True)
sys.stdin.readline()
authority(sys.argv[1:])
"""


@frozen
class NextRelease:
    """The release in a *folder*, whose commands run in processes of their own."""

    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        return environment(PYTHONPATH=f"{self.folder}{os.pathsep}{SRC}", **more)

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to the end."""
        return subprocess.run(
            [sys.executable, "-m", "authority_cli", *arguments], env=self.environment(**settings),
            capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def migrate(self, url: str) -> None:
        """Bring the database at *url* to the next revision."""
        done = self("migrate", "--database", url)
        assert done.returncode == 0, done.stderr

    def at_once(self, count: int, *arguments: str) -> list[tuple[int, str, str]]:
        """Run a command *count* times at the same moment; return exit codes and what was printed on both outputs."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-c", PROGRAM, *arguments]
        running = [subprocess.Popen(command, env=self.environment(), **pipes) for _ in range(count)]
        try:
            for one in running:
                assert one.stdout.readline() == "ready\n", one.stderr.read()
            for one in running:
                one.stdin.write("go\n")
                one.stdin.flush()
            said = [one.communicate(timeout=PATIENCE) for one in running]
        finally:
            for one in running:
                one.kill()
        return [(one.returncode, *both) for one, both in zip(running, said, strict=True)]


def next_release(folder: Path) -> NextRelease:
    """Make it in *folder*, which is empty."""
    place = folder / "authority_sql"
    shutil.copytree(Path(authority_sql.__file__).parent, place, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "migrations" / "versions" / "next.py").write_text(REVISION, encoding="utf-8")
    head = place / "migrations" / "__init__.py"
    changed = head.read_text(encoding="utf-8").replace(f'HEAD = "{OLD}"', f'HEAD = "{NEXT}"')
    assert f'"{NEXT}"' in changed
    head.write_text(changed, encoding="utf-8")
    return NextRelease(folder)


@pytest.fixture(scope="session")
def the_next(tmp_path_factory: pytest.TempPathFactory) -> NextRelease:
    """The next release, made once."""
    return next_release(tmp_path_factory.mktemp("next"))


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Yield a connection to the database at *url*."""
    engine = create_engine(synchronous(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def revision_of(url: str) -> str:
    """Return the revision that the database at *url* says it is at."""
    with connected(url) as connection:
        return connection.execute(text("SELECT version_num FROM authority_alembic_version")).scalar_one()


def columns_of(url: str) -> dict[str, list[str]]:
    """Return the columns of every table in the database at *url*."""
    with connected(url) as connection:
        look = inspect(connection)
        return {name: sorted(column["name"] for column in look.get_columns(name)) for name in look.get_table_names()}


class NextRevision:
    """What holds when a release brings a revision and there is something to be kept."""

    def new(self, folder: Path) -> str:
        """Return the URL of a new and empty database, which may live in *folder*."""
        raise TypeError("say which database: define new")

    def run_by_hand(self, url: str, statements: str) -> None:
        """Do to the database at *url* what an administrator does with the text of a migration."""
        raise TypeError("say which database: define run_by_hand")

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """The URL of a database of the old revision with a row in every table."""
        url = self.new(tmp_path)
        rebuild(url, OLD)
        return url

    @pytest.fixture
    def expected(self, tmp_path: Path) -> Contents:
        """What it holds."""
        folder = tmp_path / "expected"
        folder.mkdir()
        found = written_today(self.new(folder))
        return attrs.evolve(found, records=[as_known_then(record, rows_of(OLD)) for record in found.records])

    def test_what_was_there_is_kept(self, the_next: NextRelease, url: str, expected: Contents):
        """The revision is applied, and said to be; every row of before is as it was."""
        lacking = the_next("migrate", "--check", "--database", url)
        done = the_next("migrate", "--database", url)

        assert (lacking.returncode, done.returncode) == (1, 0), lacking.stderr + done.stderr
        assert "lacks 1 revision(s)" in lacking.stdout
        assert f"now has the tables of this version ({NEXT})" in done.stdout
        assert the_next("migrate", "--check", "--database", url).returncode == 0
        self.is_upgraded(url, expected)

    def is_upgraded(self, url: str, expected: Contents) -> None:
        """Assert that the database is at the next revision and has kept what it held."""
        assert revision_of(url) == NEXT
        assert "devices" in columns_of(url)
        assert contents(url) == expected
        with connected(url) as connection:
            assert connection.execute(text("SELECT note FROM clients")).scalars().all() == ["Café 🦊"]
            assert connection.execute(text("SELECT logins FROM users")).scalars().all() == [0]

    def test_of_several_at_once_one_migrates(self, the_next: NextRelease, url: str, expected: Contents):
        """Every container may run it at its start: one applies the revision and says so, the others find it done."""
        results = the_next.at_once(4, "migrate", "--database", url)

        assert [code for code, _, _ in results] == [0] * 4, results
        assert sorted("is up to date" in said for _, said, _ in results) == [False, True, True, True]
        assert sorted("now has the tables" in said for _, said, _ in results) == [False, False, False, True]
        self.is_upgraded(url, expected)

    @pytest.mark.parametrize("how", ["failed", "killed"])
    def test_one_that_breaks_off_leaves_the_old_revision(
        self, the_next: NextRelease, url: str, expected: Contents, how: str
    ):
        """With nothing half done, whether it failed or was killed; and it can be run again."""
        before = columns_of(url)
        broken = the_next("migrate", "--database", url, BREAKS_OFF=how)

        assert broken.returncode == (1 if how == "failed" else -signal.SIGKILL)
        assert "Traceback" not in broken.stderr
        assert revision_of(url) == OLD
        assert columns_of(url) == before
        assert contents(url) == expected
        assert pending(url) == []  # for this release it is what it was
        the_next.migrate(url)
        self.is_upgraded(url, expected)

    def test_its_text_does_the_same(self, the_next: NextRelease, url: str, expected: Contents):
        """Run by hand, the SQL since the old revision brings the database to the next."""
        printed = the_next("migrate", "--sql", "--since", OLD, "--database", url)
        self.run_by_hand(url, printed.stdout)

        assert "CREATE TABLE clients" not in printed.stdout
        assert the_next("migrate", "--check", "--database", url).returncode == 0
        self.is_upgraded(url, expected)

    def test_servers_of_the_old_release_go_on(self, the_next: NextRelease, url: str):
        """What is added does not hinder those that run, whatever their drivers have prepared."""
        storage = SqlStorage.from_url(url)
        _read_often(storage)
        the_next.migrate(url)
        _read_often(storage)
        _write(storage, "after")
        kept = storage.client("after")
        storage.close()

        assert kept is not None
        assert kept.name == a_client("after").name

    def test_asynchronous_servers_of_the_old_release_go_on(self, the_next: NextRelease, url: str):
        """The same in the other colour."""

        async def go_on() -> object:
            storage = AsyncSqlStorage.from_url(url)
            for _ in range(10):
                assert await storage.client("web") is not None
            await asyncio.to_thread(the_next.migrate, url)
            for _ in range(10):
                assert await storage.client("web") is not None
            await storage.commit([Replace(a_client("after"))])
            kept = await storage.client("after")
            await storage.aclose()
            return kept

        assert asyncio.run(go_on()) is not None

    def test_the_old_release_leaves_a_newer_database_alone(self, the_next: NextRelease, url: str):
        """It knows the revision for one that it does not know, and changes nothing."""
        the_next.migrate(url)
        for touch in (migrate, pending):
            with pytest.raises(NewerDatabase, match=f"of a newer release, at revision {NEXT}: install that release"):
                touch(url)

        assert revision_of(url) == NEXT


def _read_often(storage: Any) -> None:
    for _ in range(10):  # more often than a driver reads before it prepares
        assert storage.client("web") is not None
        assert storage.user("u1") is not None
        assert len(storage.clients()) == 1


def _write(storage: Any, name: str) -> None:
    storage.commit([Replace(a_client(name))])
