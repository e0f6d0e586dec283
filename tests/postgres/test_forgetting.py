"""Forgetting on PostgreSQL: beside renewals and other cleanups, and until nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from authority_core.kernel.changes import Change, CutOff, Put, Replace, Revoke, Spend
from authority_core.testing.contract.samples import KEEP, LATER, NOW, a_grant, a_session, key_of
from authority_sql import SqlStorage
from authority_sql.plan import plan
from authority_sql.statements import Statements, statements_for
from support.mixing import VISITS, everything_grows, everything_is_forgotten, furnished
from support.postgres import emptied
from support.waiting import until

GRANT, SESSION = evolve(a_grant("late", None), subject="late"), a_session("late")
MARKS: dict[str, tuple[Change, Change]] = {
    "revocation": (Revoke("grant", "late", NOW, LATER), Revoke("grant", "late", NOW, KEEP)),
    "cut-off": (CutOff("late", None, NOW, LATER), CutOff("late", None, NOW, KEEP)),
    "session": (Replace(evolve(SESSION, keep_until=LATER)), Replace(evolve(SESSION, keep_until=KEEP, version=1))),
}
"""What may be forgotten `LATER`, and how its end is put off."""


@pytest.fixture
def url() -> str:
    return emptied()


@pytest.fixture
def storage(url: str) -> Iterator[SqlStorage]:
    made = SqlStorage.from_url(url)
    yield made
    made.close()


def statements(url: str) -> Statements:
    return statements_for("", None, create_engine(url.replace("postgresql:", "postgresql+psycopg:")).dialect)


def begun(url: str, changes: Sequence[Change]) -> psycopg.Connection[tuple[object, ...]]:
    """Return a connection whose transaction has made *changes* and is not at its end."""
    connection = psycopg.connect(url)
    for step in plan(statements(url), changes):
        connection.execute(step.sql.encode(), step.values)
    return connection


def waits(url: str) -> bool:
    """Tell whether somebody waits for another's row."""
    with psycopg.connect(url, autocommit=True) as connection:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return connection.execute(waiting).fetchone() is not None


def cleaned_up_during(url: str, storage: SqlStorage, changes: Sequence[Change]) -> int:
    """Let a cleanup wait for a transaction that makes *changes*; return how many rows went."""
    gone: list[int] = []
    renewal = begun(url, changes)
    cleanup = threading.Thread(target=lambda: gone.append(storage.cleanup(LATER)))
    cleanup.start()
    try:
        until(lambda: waits(url), "the cleanup does not wait")
    finally:
        renewal.commit()
        renewal.close()
        cleanup.join(30)
    return gone[0]


@pytest.mark.parametrize("name", MARKS)
def test_an_end_that_is_put_off_meanwhile_is_seen(url: str, storage: SqlStorage, name: str):
    """What was over when the cleanup looked, and is not when it comes to delete it, stays; what was beside it goes."""
    first, renewed = MARKS[name]
    storage.commit([first, Spend(key_of("beside"), NOW, LATER), Revoke("grant", "beside", NOW, LATER)])
    gone = cleaned_up_during(url, storage, [renewed])
    storage.commit([Put(GRANT)])
    grant, session = storage.grant("late"), storage.session(SESSION.key)

    assert gone == 2
    assert (session is not None) if name == "session" else (grant is not None and grant.revoked_at == NOW)


@pytest.mark.parametrize("name", MARKS)
def test_what_was_only_touched_goes_in_the_end(url: str, storage: SqlStorage, name: str):
    """The control: a change that puts nothing off keeps nothing alive, at the next cleanup at the latest."""
    first, renewed = MARKS[name]
    same = evolve(renewed.record, keep_until=LATER) if isinstance(renewed, Replace) else None
    touched = first if same is None else Replace(same)
    storage.commit([first])
    gone = cleaned_up_during(url, storage, [touched]) + storage.cleanup(LATER)

    assert gone == 1


def test_several_cleanups_share_the_work(url: str, storage: SqlStorage):
    """Each row goes once, whoever deletes it, and nobody fails."""
    storage.commit([Spend(key_of(f"{at}"), NOW, LATER) for at in range(500)])
    start, gone = threading.Barrier(4), []

    def cleanup() -> None:
        start.wait(30)
        gone.append(storage.cleanup(LATER, batch=20))

    threads = [threading.Thread(target=cleanup) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(gone) == 4
    assert sum(gone) + storage.cleanup(LATER) == 500


# --- any mix of requests ---------------------------------------------------------------------------------------------


def rows(url: str) -> dict[str, int]:
    """Return how many rows each table has, whatever tables there are."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT relname FROM pg_stat_user_tables").fetchall()
        names = {name for (name,) in tables} - {"authority_alembic_version"}
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() for name in names}
    return {name: 0 if found is None else found[0] for name, found in counts.items()}


@contextmanager
def at_work() -> Iterator[tuple[SqlStorage, str]]:
    """Yield storage in the empty database, and its URL."""
    url = emptied()
    storage = SqlStorage.from_url(url)
    try:
        yield storage, url
    finally:
        storage.close()


@given(st.lists(VISITS, min_size=3, max_size=8), st.sampled_from((0, 10)))
@settings(max_examples=3)
def test_any_mix_of_requests_and_time_leaves_nothing(visits, days):
    """Every table has the size that the people, clients, keys and consents without an end give it."""
    with at_work() as (storage, url):
        everything_is_forgotten(furnished(storage, consent_ttl_days=days), lambda: rows(url), visits)


def test_the_visits_fill_the_tables():
    """The control: every table is found full that is found empty later."""
    with at_work() as (storage, url):
        everything_grows(furnished(storage, consent_ttl_days=10), lambda: rows(url))
