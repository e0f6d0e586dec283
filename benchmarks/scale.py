"""A request among a million grants beside the same request among none, from `HttpRequest` to `HttpResponse`.

Every table that a token request joins holds a million rows with keys as scattered as real ones; the rows that requests
ask for lie among them, each asked for once. Both databases are asked in turn; as in `storage`, SQLite's time is that of
our thread, PostgreSQL's the clock's, and all share one core.
"""

from __future__ import annotations

import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import BigInteger, Boolean, LargeBinary, Table

from authority_core import Authority, HttpRequest
from authority_core.kernel.changes import Change
from authority_core.kernel.encoding import digest
from authority_core.kernel.sync import run
from authority_sql import SqlStorage, metadata, migrate

from . import scene
from .databases import NotInstalled, postgresql
from .goals import Goal
from .inprocess import request
from .timing import microseconds, pinned, ratio

MANY = 1_000_000
SAMPLE, SLICE = 1200, 10
"""Requests of each kind, and how many of them are one turn."""
WARM = 6
"""Turns that are not counted: PostgreSQL plans a statement anew five times."""
STROLLS = 5000
"""Look-ups of what is not there, to begin with."""
GOAL, HELD = 1.2, 1.35
Clock = Callable[[], float]
TABLES = ("grants", "refresh_tokens", "access_tokens", "spent_keys")


def measure(core: int) -> list[Goal]:
    """Return the goals for SQLite and for PostgreSQL."""
    with pinned(core):
        goals = _sqlite()
        try:
            with postgresql() as (full, empty):
                with psycopg.connect(full, autocommit=True) as connection:
                    migrate(full)
                    connection.execute("SET synchronous_commit = off")
                    for name in TABLES:
                        connection.execute(_filling(metadata.tables[name], postgres=True))  # type: ignore[call-overload]
                    connection.execute("VACUUM ANALYZE")
                goals += _compared("PostgreSQL", full, empty, time.perf_counter)
        except NotInstalled as missing:
            goals.append(Goal(str(missing), 1, 0, "missing"))
    return goals


def _sqlite() -> list[Goal]:
    with tempfile.TemporaryDirectory() as folder:
        full, empty = (f"sqlite:///{Path(folder, name)}" for name in ("full.db", "empty.db"))
        migrate(full)
        with closing(sqlite3.connect(Path(folder, "full.db"), isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA cache_size=-200000")
            for name in TABLES:
                connection.execute(_filling(metadata.tables[name], postgres=False))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return _compared("SQLite", full, empty, time.thread_time)


def _filling(table: Table, *, postgres: bool) -> str:
    """Return the statement that fills *table* with `MANY` rows, in the order of its key."""
    names = ", ".join(f'"{column.name}"' for column in table.c)
    values = ", ".join(_value(column, postgres) for column in table.c)
    if postgres:
        return f"INSERT INTO {table.name} ({names}) SELECT {values} FROM generate_series(1, {MANY}) i"
    rows = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
    return f"{rows} INSERT INTO {table.name} ({names}) SELECT {values} FROM n ORDER BY 1"


def _value(column: object, postgres: bool) -> str:
    """Return SQL for a value of *column* in row i: scattered where it identifies, short where it does not."""
    kind, name = column.type, column.name  # type: ignore[attr-defined]  # a column
    if isinstance(kind, Boolean):
        return "false"
    if isinstance(kind, BigInteger):
        return "1900000000000000 + i"
    if isinstance(kind, LargeBinary):
        if name != "key":
            return "''::bytea" if postgres else "x''"
        return "sha256(i::text::bytea)" if postgres else "randomblob(32)"
    if name == "scope" or name in ("audience", "amr"):
        return "'[]'"
    if column.primary_key or name in ("grant_id", "subject", "session_id"):  # type: ignore[attr-defined]  # a column
        return "md5(i::text)" if postgres else "lower(hex(randomblob(16)))"
    return "''"


# --- requests --------------------------------------------------------------------------------------------------------


def _introspection(number: int) -> HttpRequest:
    return request((scene.INTROSPECTION % scene.access_named(number)).encode(), "/token/introspect")


def _rotation(number: int) -> HttpRequest:
    return request((scene.REFRESH % scene.chain_named(number)).encode())


def _redemption(number: int) -> HttpRequest:
    return request(scene.CODE.replace("%s", scene.code_named(number)).encode())


REQUESTS: dict[str, Callable[[int], HttpRequest]] = {
    "introspection": _introspection,
    "refresh rotation": _rotation,
    "code redemption": _redemption,
}
"""What is asked for, each time about another code or token."""


def _compared(database: str, full: str, empty: str, clock: Clock) -> list[Goal]:
    stock = scene.furniture(codes=SAMPLE, chains=SAMPLE)
    sides = {name: _furnished(url, stock) for name, url in (("full", full), ("empty", empty))}
    servers = {name: scene.authority(storage) for name, storage in sides.items()}
    print(f"\n{database}: medians, µs per request, among {MANY:,} grants and among none")
    goals = []
    for name, asked in REQUESTS.items():
        taken = _turns(servers, asked, clock)
        times = ratio(taken, "full", "empty")
        among, alone = microseconds(taken["full"]), microseconds(taken["empty"])
        print(f"  {name:<30} {among:8.1f} {alone:8.1f}   {times:.2f} x")
        note = f"{among:.0f} over {alone:.0f} µs"
        goals.append(Goal(f"{database}, {name}, a million grants over none", times, GOAL, "x", note=note, held=HELD))
    for storage in sides.values():
        storage.close()
    return goals


def _furnished(url: str, stock: Sequence[Change]) -> SqlStorage:
    migrate(url)
    storage = SqlStorage.from_url(url)
    for start in range(0, len(stock), 500):
        storage.commit(stock[start : start + 500])
    for number in range(STROLLS):  # as a server that has been up for a while: what all ways share is at hand
        nowhere = digest("nobody", str(number))
        for read in (storage.access_token, storage.refresh_token, storage.spent):
            read(nowhere)
        storage.grant(nowhere.hex())
    return storage


def _turns(servers: dict[str, Authority], asked: Callable[[int], HttpRequest], clock: Clock) -> dict[str, list[float]]:
    """Return seconds per request, slice by slice."""
    taken: dict[str, list[float]] = {side: [] for side in servers}
    for start in range(0, SAMPLE, SLICE):
        requests = [asked(number) for number in range(start, start + SLICE)]
        for side, authority in servers.items():
            taken[side].append(_timed(authority, requests, clock))
    return {side: figures[WARM:] for side, figures in taken.items()}


def _timed(authority: Authority, requests: Sequence[HttpRequest], clock: Clock) -> float:
    gc.disable()
    try:
        start = clock()
        answers = [run(authority.handle(one)) for one in requests]
        taken = (clock() - start) / len(requests)
    finally:
        gc.enable()
    if any(answer.status != 200 for answer in answers):
        raise RuntimeError(f"the benchmark was refused: {answers[0].body!r}")
    return taken
