"""Commits that want the same rows and name them in opposite order wait for each other in turn, never in a circle."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from authority_core.kernel.changes import Change, Conflict, Count, CutOff, Revoke, Spend
from authority_core.testing.contract.samples import KEEP, LATER, NOW, key_of
from authority_sql import AsyncSqlStorage, migrate
from support.postgres import private
from support.waiting import until

ROUNDS = 300


def spends(at: int) -> list[Change]:
    return [Spend(key_of(f"{name} {at}"), NOW, KEEP) for name in "abcd"]


def revocations(at: int) -> list[Change]:
    return [Revoke("grant", name, NOW, KEEP) for name in "abcd"]


def cut_offs(at: int) -> list[Change]:
    return [CutOff(name, None, NOW, KEEP) for name in "abcd"]


def both_marks(at: int) -> list[Change]:
    return [Revoke("grant", "a", NOW, KEEP), CutOff("a", None, NOW, KEEP), Revoke("session", "a", NOW, KEEP)]


def counts(at: int) -> list[Change]:
    return [Count(key_of(name), NOW, LATER) for name in "abcd"]


@pytest.fixture(scope="module")
def url() -> str:
    """The URL of a database of this file's own, whose deadlocks are all of its making."""
    url = private().database()
    migrate(url)
    return url


def deadlocks(url: str) -> int:
    """Return how many the server has counted in this database, when all who were in it have told."""
    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        until(lambda: connection.execute(others).fetchall() == [(0,)], "somebody is still there")
        if connection.info.server_version < 150000:
            time.sleep(1)  # its collector shows what it heard of half a second ago
        ((found,),) = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchall()
    return int(found)


async def rivals(url: str, *changes: Callable[[int], list[Change]]) -> list[int]:
    """Commit *changes* at the same time, many times over; return how often each was first."""
    storages = [AsyncSqlStorage.from_url(url) for _ in changes]
    won = [0] * len(changes)

    async def commit(at: int, turn: int) -> None:
        try:
            await storages[at].commit(changes[at](turn))
        except Conflict:
            return
        won[at] += 1

    for turn in range(ROUNDS):
        await asyncio.gather(*(commit(at, turn) for at in range(len(changes))))
    for storage in storages:
        await storage.aclose()
    return won


def backwards(changes: Callable[[int], list[Change]]) -> Callable[[int], list[Change]]:
    return lambda at: changes(at)[::-1]


def alone(changes: Callable[[int], list[Change]], name: str) -> Callable[[int], list[Change]]:
    """Return *changes* with one that PostgreSQL must be asked about, so that they go statement by statement."""
    return lambda at: [*changes(at), Count(key_of(f"{name} {at}"), NOW, LATER)]


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+asyncpg"])
@pytest.mark.parametrize("changes", [spends, revocations, cut_offs, both_marks, counts])
def test_opposite_orders_never_deadlock(url: str, driver: str, changes: Callable[[int], list[Change]]):
    """Whether they go as one statement or as several, and each way against the other."""
    place = url.replace("postgresql:", f"{driver}:")

    def mine(at: int) -> list[Change]:
        return changes(at if driver == "postgresql" else at + ROUNDS)

    before = deadlocks(url)
    asyncio.run(rivals(place, mine, backwards(mine), alone(mine, "c"), alone(backwards(mine), "d")))

    assert deadlocks(url) == before


def test_a_deadlock_is_counted(url: str):
    """The control: two transactions that wait for each other, each with its row locked already."""
    before = deadlocks(url)
    with psycopg.connect(url, autocommit=True) as one:
        one.execute("CREATE TABLE rows (name text PRIMARY KEY, times int NOT NULL)")
        one.execute("INSERT INTO rows VALUES ('a', 0), ('b', 0)")

    def lock(connection: psycopg.Connection, name: str) -> None:
        connection.execute("UPDATE rows SET times = times + 1 WHERE name = %s", (name,))

    def cross(connection: psycopg.Connection, name: str, outcomes: list[str]) -> None:
        try:
            lock(connection, name)
            connection.commit()
            outcomes.append("done")
        except psycopg.errors.DeadlockDetected:
            connection.rollback()
            outcomes.append("deadlock")

    outcomes: list[str] = []
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        lock(one, "a")
        lock(other, "b")
        crossing = [
            threading.Thread(target=cross, args=(one, "b", outcomes)),
            threading.Thread(target=cross, args=(other, "a", outcomes)),
        ]
        for thread in crossing:
            thread.start()
        for thread in crossing:
            thread.join(30)

    assert sorted(outcomes) == ["deadlock", "done"]
    assert deadlocks(url) == before + 1


def test_one_of_all_rivals_wins(url: str):
    """Who comes second has spent nothing: there is one winner a round."""

    def mine(at: int) -> list[Change]:
        return spends(at + 10 * ROUNDS)

    won = asyncio.run(rivals(url, mine, backwards(mine)))

    assert sum(won) == ROUNDS
