"""Storage on SQL beside the bare driver: the same statements with the same values on one open connection.

Reads and commits take turns in slices of a few milliseconds, ours and the bare driver's next to each other. SQLite
works in our own thread, whose CPU time is taken; PostgreSQL on the other side of a socket takes the clock's. Everything
shares one core: across two, the price of a round trip doubles whenever the scheduler parts client and server. Each side
has a database of its own, filled alike, so that neither reads what the other has just changed. The bare driver sends
what storage sends, on PostgreSQL the changes of a commit joined to one statement.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import psycopg
from attrs import frozen
from sqlalchemy import Engine, event

from authority_sql import AsyncSqlStorage, SqlStorage, migrate
from authority_sql.joining import joined
from authority_sql.plan import Step, plan
from authority_sql.statements import Statements, statements_for

from .bare import AwaitedBare, Bare
from .databases import NotInstalled, postgresql, round_trips
from .goals import Goal
from .records import COMMITS, READS, furniture
from .timing import SLICE, pinned

GOAL = 1.5
HELD = 1.65
Call = Callable[..., Any]
Timed = Callable[[Call, Sequence[tuple[Any, ...]]], float]
"""Runs a call once for each tuple of arguments; returns the seconds one took."""


_SETTINGS = ("PRAGMA synchronous=NORMAL", "PRAGMA wal_autocheckpoint=0")
"""SQLite empties its log every thousand pages, whoever's turn it is: here, between the rounds."""


_PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
"""PostgreSQL plans statements once and alike, for us and for the bare driver."""


@frozen
class Pair:
    """One operation of ours and of the bare driver, each with a function that makes arguments for so many calls."""

    ours: Call
    bare: Call
    for_ours: Callable[[int], list[tuple[Any, ...]]]
    for_bare: Callable[[int], list[tuple[Any, ...]]]


def measure(rounds: int, core: int) -> list[Goal]:
    """Return the goals for SQLite and for PostgreSQL."""
    with pinned(core):
        goals = _sqlite(rounds)
        try:
            with postgresql() as (url, other):
                goals += _postgresql(rounds, url, other)
                with round_trips(url) as (through, counted):
                    goals += _counted(through, counted)
        except NotInstalled as missing:
            goals.append(Goal(str(missing), 1, 0, "missing"))
    return goals


def _sqlite(rounds: int) -> list[Goal]:
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = (str(Path(folder, name)) for name in ("ours.db", "bare.db"))
        for path in (ours, bare):
            _fill(f"sqlite:///{path}")

        def between() -> None:
            for path in (ours, bare):
                with closing(sqlite3.connect(path)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        floor = Bare(_open(bare), "BEGIN IMMEDIATE")
        goals = _blocking("SQLite", rounds, f"sqlite:///{ours}", floor, time.thread_time, between)

        async def opened() -> AwaitedBare:
            connection = await aiosqlite.connect(bare, isolation_level=None)
            for setting in _SETTINGS:
                await connection.execute(setting)
            return AwaitedBare(connection, "BEGIN IMMEDIATE")

        goals += _awaiting("SQLite, aiosqlite", rounds, f"sqlite:///{ours}", opened, between)
    return goals


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in _SETTINGS:
        connection.execute(setting)
    return connection


def _postgresql(rounds: int, ours: str, bare: str) -> list[Goal]:
    for url in (ours, bare):
        _fill(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")  # both sides with the same plans
    floor = Bare(psycopg.connect(bare, autocommit=True, options=_PLANS), "BEGIN")
    goals = _blocking("PostgreSQL", rounds, ours, floor, time.perf_counter)

    async def opened() -> AwaitedBare:
        return AwaitedBare(await psycopg.AsyncConnection.connect(bare, autocommit=True, options=_PLANS), "BEGIN")

    return goals + _awaiting("PostgreSQL, psycopg awaited", rounds, ours, opened)


def _fill(url: str) -> None:
    migrate(url)
    storage = SqlStorage.from_url(url)
    for changes in furniture():
        storage.commit(changes)
    storage.close()


# --- both colours ----------------------------------------------------------------------------------------------------


def _blocking(
    name: str, rounds: int, url: str, bare: Bare, clock: Callable[[], float], between: Callable[[], object] = int
) -> list[Goal]:
    storage = SqlStorage.from_url(url)
    _settle(storage._engine)
    statements = statements_for("", None, storage._engine.dialect)
    taken = _contest(_pairs(storage, bare, statements), rounds, _looped(clock), between)
    storage.close()
    bare.close()
    return _shown(name, taken)


def _awaiting(name: str, rounds: int, url: str, opened: Call, between: Callable[[], object] = int) -> list[Goal]:
    with asyncio.Runner() as runner:
        storage = AsyncSqlStorage.from_url(url)
        _settle(storage._engine.sync_engine)
        bare: AwaitedBare = runner.run(opened())
        statements = statements_for("", None, storage._engine.dialect)
        pairs = _pairs(storage, bare, statements)

        def timed(call: Call, batch: Sequence[tuple[Any, ...]]) -> float:
            return runner.run(_awaited_loop(call, batch))

        taken = _contest(pairs, max(1, rounds // 3), timed, between)
        runner.run(storage.aclose())
        runner.run(bare.close())
    return _shown(name, taken)


def _settle(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.cursor().execute(_SETTINGS[1]))


def _pairs(storage: Any, bare: Any, statements: Statements) -> dict[str, Pair]:
    pairs = {f"read {name}": _read(storage, bare, statements, name) for name in READS}
    return pairs | {f"commit {name}": _commit(storage, bare, statements, name) for name in COMMITS}


def _read(storage: Any, bare: Any, statements: Statements, name: str) -> Pair:
    statement, asked = statements.reads[name], READS[name]

    def for_bare(times: int) -> list[tuple[Any, ...]]:
        return [(statement.sql, statement.bind((asked(number),))) for number in range(times)]

    return Pair(
        getattr(storage, name), bare.fetch, lambda times: [(asked(number),) for number in range(times)], for_bare
    )


def _commit(storage: Any, bare: Any, statements: Statements, name: str) -> Pair:
    made = COMMITS[name]

    def sent() -> Sequence[Step]:
        steps = plan(statements, made())
        return joined(steps) if statements.joins else steps

    return Pair(
        storage.commit,
        bare.write,
        lambda times: [(made(),) for _ in range(times)],
        lambda times: [(sent(),) for _ in range(times)],
    )


# --- taking turns ----------------------------------------------------------------------------------------------------


def _contest(
    pairs: dict[str, Pair], rounds: int, timed: Timed, between: Callable[[], object]
) -> dict[str, dict[str, list[float]]]:
    """Return seconds per call of ours and of the bare driver, one figure a round."""
    taken: dict[str, dict[str, list[float]]] = {name: {"ours": [], "bare": []} for name in pairs}
    sizes = {name: _size(pair, timed) for name, pair in pairs.items()}
    for _ in range(rounds):
        for name, pair in pairs.items():
            taken[name]["ours"].append(timed(pair.ours, pair.for_ours(sizes[name])))
            taken[name]["bare"].append(timed(pair.bare, pair.for_bare(sizes[name])))
        between()
    return taken


def _size(pair: Pair, timed: Timed) -> int:
    """Return how many calls fill a slice, after a few that warm both up."""
    timed(pair.bare, pair.for_bare(20))
    timed(pair.ours, pair.for_ours(20))
    return max(1, int(SLICE / timed(pair.ours, pair.for_ours(50))))


def _looped(clock: Callable[[], float]) -> Timed:
    def loop(call: Call, batch: Sequence[tuple[Any, ...]]) -> float:
        with _undisturbed():
            start = clock()
            for arguments in batch:
                call(*arguments)
            return (clock() - start) / len(batch)

    return loop


async def _awaited_loop(call: Call, batch: Sequence[tuple[Any, ...]]) -> float:
    with _undisturbed():
        start = time.perf_counter()
        for arguments in batch:
            await call(*arguments)
        return (time.perf_counter() - start) / len(batch)


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _calm(figures: list[float]) -> float:
    """Return the lower quartile in microseconds."""
    return sorted(figures)[len(figures) // 4] * 1e6


def _shown(name: str, taken: dict[str, dict[str, list[float]]]) -> list[Goal]:
    """Print what was *taken*; return the goals."""
    print(f"\n{name}: the calmer rounds of those that take turns, µs per operation, ours and the bare driver's")
    goals = []
    for operation, figures in taken.items():
        ours, bare = (_calm(figures[side]) for side in ("ours", "bare"))
        times = ours / bare
        print(f"  {operation:<30} {ours:8.1f} {bare:8.1f}   {times:.2f} x")
        note = f"{ours:.1f} over {bare:.1f} µs"
        goals.append(Goal(f"{name}, {operation}, over the bare driver", times, GOAL, "x", note=note, held=HELD))
    return goals


# --- round trips -----------------------------------------------------------------------------------------------------


def _counted(url: str, counted: Any) -> list[Goal]:
    """Return the goals of what goes over the wire, when every statement has been prepared."""
    storage = SqlStorage.from_url(url, pool_size=1)
    goals = []
    for name, asked in READS.items():
        turns = _turns(counted, getattr(storage, name), lambda asked=asked: asked(1))
        goals.append(Goal(f"PostgreSQL, read {name}, round trips", turns, 1, ""))
    for name, made in COMMITS.items():
        turns = _turns(counted, storage.commit, made)
        goals.append(Goal(f"PostgreSQL, commit {name}, round trips", turns, 1, ""))
    storage.close()
    return goals


def _turns(counted: Any, call: Call, argument: Callable[[], object], times: int = 20) -> float:
    for _ in range(times):
        call(argument())
    counted.reset()
    for _ in range(times):
        call(argument())
    turns: float = counted.turns / times
    return turns
