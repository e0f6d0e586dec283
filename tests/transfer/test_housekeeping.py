"""Everything ends: after any mix of requests and enough time the tables have their fixed size again."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authority_core import Authority
from authority_core.kernel.changes import Conflict, Put, Spend, StorageUnavailable
from authority_core.kernel.sync import run
from authority_core.testing.contract.samples import KEEP, LATER, NOW, a_refresh_token, key_of
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import Clock
from authority_sql import SqlStorage, migrate
from authority_starlette import cleanup_forever, in_threads
from support.mixing import VISITS, everything_grows, everything_is_forgotten, furnished, in_memory
from support.server import Server, make_server, make_settings, pages

DAYS = st.sampled_from((0, 10))
"""`consent_ttl_days`: whether consents have an end."""


@given(st.lists(VISITS, max_size=8), DAYS)
@settings(max_examples=25)
def test_any_mix_of_requests_and_time_leaves_nothing(visits, days):
    """In memory: people, clients, keys and consents without an end stay; all else goes, of deleted clients too."""
    storage = MemoryStorage()

    everything_is_forgotten(furnished(storage, consent_ttl_days=days), lambda: in_memory(storage), visits)


def test_the_visits_fill_the_tables():
    """The control: before time has passed there is something to forget in every table."""
    storage = MemoryStorage()

    everything_grows(furnished(storage, consent_ttl_days=10), lambda: in_memory(storage))


@given(st.lists(VISITS, min_size=3, max_size=8), DAYS)
@settings(max_examples=5)
def test_any_mix_of_requests_and_time_leaves_nothing_in_sqlite(visits, days):
    """In a database: every table has the size it had before the first request."""
    with in_sqlite() as (storage, path):
        everything_is_forgotten(furnished(storage, consent_ttl_days=days), lambda: rows(path), visits)


def test_the_visits_fill_the_tables_of_sqlite():
    """The control: every table is found full that is found empty later."""
    with in_sqlite() as (storage, path):
        everything_grows(furnished(storage, consent_ttl_days=10), lambda: rows(path))


@contextmanager
def in_sqlite() -> Iterator[tuple[SqlStorage, str]]:
    """Yield storage in a new file, and the file's path."""
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/a.db")
        storage = SqlStorage.from_url(f"sqlite:///{folder}/a.db")
        try:
            yield storage, f"{folder}/a.db"
        finally:
            storage.close()


def rows(path: str) -> dict[str, int]:
    """Return how many rows each table has, whatever tables there are."""
    with closing(sqlite3.connect(path)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        names -= {"authority_alembic_version"}
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def spent_server(count: int, **parts: object) -> Server:
    """Return a server with so many marks that may be forgotten `LATER`."""
    server = make_server(**parts)
    server.write(*[Spend(key_of(f"{at}"), NOW, LATER) for at in range(count)])
    server.clock.now = LATER
    return server


def test_a_limit_is_kept_and_batches_are_told():
    """So that a run may be short, and a person sees it go on."""
    from authority_core.admin.housekeeping import cleanup

    server, told = spent_server(25), []
    shell = server.authority.shell

    assert run(cleanup(shell.storage, server.clock, batch=4, limit=10, told=told.append)) == 10
    assert told == [4, 8, 10]
    assert run(server.authority.cleanup(batch=10)) == 15
    assert run(server.authority.cleanup()) == 0
    for wrong in ({"batch": 0}, {"limit": -1}):
        with pytest.raises(ValueError, match="at least"):
            run(server.authority.cleanup(**wrong))


def test_nothing_goes_before_its_time():
    """What is needed for a refusal, such as the mark of a code that was used, stays as long as it is."""
    server = spent_server(3)
    server.clock.now = LATER - timedelta(microseconds=1)

    assert run(server.authority.cleanup()) == 0


class Contested(MemoryStorage):
    """Another process deletes the same rows, so many times."""

    def __init__(self, conflicts: int) -> None:
        super().__init__()
        self.conflicts = conflicts

    def cleanup(self, now, batch=1000, limit=None):
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict
        return super().cleanup(now, batch, limit)


def test_two_processes_may_forget_at_once():
    """A conflict means another try; conflicts without end are an error."""
    storage = Contested(3)
    storage.commit([Spend(key_of("x"), NOW, LATER)])
    authority = Authority(make_settings(), storage, pages=pages(), moment=Clock(KEEP))

    assert run(authority.cleanup()) == 1
    storage.conflicts = 1000
    with pytest.raises(StorageUnavailable):
        run(authority.cleanup())


def test_a_storage_that_forgets_by_itself_needs_no_cleanup():
    """As one over Redis does."""

    class Forgetting:
        def __init__(self) -> None:
            self.inner = MemoryStorage()

        def __getattr__(self, name):
            if name == "cleanup":
                raise AttributeError(name)
            return getattr(self.inner, name)

    assert run(Authority(make_settings(), Forgetting(), pages=pages()).cleanup()) == 0


def test_writers_are_not_blocked(tmp_path: Path):
    """Between two batches another connection writes, on SQLite, which has one writer at a time."""
    from authority_core.admin.housekeeping import cleanup
    from authority_core.kernel.sync import coat

    url = f"sqlite:///{tmp_path}/a.db"
    migrate(url)
    storage, other = SqlStorage.from_url(url), SqlStorage.from_url(url)
    storage.commit([Spend(key_of(f"{at}"), NOW, LATER) for at in range(50)])
    written = []

    def told(gone: int) -> None:
        other.commit([Put(a_refresh_token(name=f"{gone}"))])
        written.append(gone)

    gone = run(cleanup(coat(storage), Clock(LATER), batch=10, told=told))
    storage.close()
    other.close()

    assert (gone, written) == (50, [10, 20, 30, 40, 50])


# --- beside the requests ---


class Watched(MemoryStorage):
    """Says when it was told to forget; fails the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.twice = asyncio.Event()

    def cleanup(self, now, batch=1000, limit=None):
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError("the database is away")
        self.twice.set()
        return super().cleanup(now, batch, limit)


@pytest.mark.anyio
async def test_a_host_may_let_it_run_beside_the_requests(caplog):
    """It goes on after a failure, which is logged, and ends with the block."""
    storage = Watched()
    storage.commit([Spend(key_of("x"), NOW, LATER)])
    authority = Authority(make_settings(), storage, pages=pages(), moment=Clock(LATER))
    with caplog.at_level(logging.ERROR, "authority"):
        async with cleanup_forever(authority, every=0.001):
            await asyncio.wait_for(storage.twice.wait(), 10)
    calls = storage.calls

    assert storage.spent(key_of("x")) is None
    assert "tried again" in caplog.text
    assert [task for task in asyncio.all_tasks() if task.get_name() == "authority-cleanup"] == []
    assert storage.calls == calls
    with pytest.raises(ValueError, match="above 0"):
        async with cleanup_forever(authority, every=0):
            pass


@pytest.mark.anyio
async def test_what_fails_in_the_host_comes_through():
    """The background does not change how an application ends."""
    authority = Authority(make_settings(), MemoryStorage(), pages=pages())
    with pytest.raises(KeyError, match="the host's"):
        async with cleanup_forever(authority):
            raise KeyError("the host's")


@pytest.mark.anyio
async def test_synchronous_storage_in_threads_forgets_too():
    """`in_threads` carries `cleanup` along."""
    storage = MemoryStorage()
    storage.commit([Spend(key_of("x"), NOW, LATER)])

    assert await Authority(make_settings(), in_threads(storage), pages=pages(), moment=Clock(LATER)).cleanup() == 1
