"""Where races are run: a server, and a way to let many requests loose on it at the same moment."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from attrs import define, field, frozen

from authority_core import Authority
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START, Clock
from authority_flask import wsgi_app
from authority_sql import AsyncSqlStorage, SqlStorage
from authority_starlette import asgi_app
from interop.house import inhabitants
from interop.processes import Served, serving
from interop.processes import database as real_database
from parity.servers import ROOT, asgi_call, database, settings, wsgi_exchange
from parity.talk import Answer, Said, Talk

Volley = Callable[[Sequence[Said]], list[Answer]]
PATIENCE = 60
"""Seconds until a race that hangs is given up."""


@frozen
class Arena:
    """A *talk* with the server, alone; *volley* sends all requests at once and returns the answers in their order."""

    talk: Talk
    volley: Volley
    wind: Callable[[float], None] | None = None
    """Lets seconds pass, where the clock is ours."""
    log: Callable[[], str] = str
    """What the servers complained about, where they are processes."""


@contextmanager
def threads_on_memory(folder: Path) -> Iterator[Arena]:
    """Threads, WSGI, the reference storage."""
    storage = MemoryStorage()
    storage.commit(inhabitants(START))
    with _threads(storage) as arena:
        yield arena


@contextmanager
def threads(folder: Path) -> Iterator[Arena]:
    """Threads, WSGI, one SQLite file."""
    storage = SqlStorage.from_url(database(folder))
    with _threads(storage) as arena:
        yield arena
    storage.close()


@contextmanager
def _threads(storage: object) -> Iterator[Arena]:
    clock = _SharedClock(Clock(seed="races"))
    exchange = wsgi_exchange(wsgi_app(Authority(settings(ROOT), storage, moment=clock)))
    yield Arena(Talk(exchange, clock.clock, ROOT), by_threads([exchange]), lambda by: clock.clock.wind(seconds=by))


@contextmanager
def tasks(folder: Path) -> Iterator[Arena]:
    """Tasks of one event loop, ASGI, one SQLite file."""
    clock = Clock(seed="races")
    storage = AsyncSqlStorage.from_url(database(folder))
    call = asgi_call(asgi_app(Authority(settings(ROOT), storage, moment=clock)))
    with asyncio.Runner() as runner:

        async def all_at_once(saids: Sequence[Said]) -> list[Answer]:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.gather(*(call(said) for said in saids))

        try:
            talk = Talk(lambda said: runner.run(call(said)), clock, ROOT)
            yield Arena(talk, lambda saids: runner.run(all_at_once(saids)), lambda by: clock.wind(seconds=by))
        finally:
            runner.run(storage.aclose())


@contextmanager
def starlette_processes(folder: Path) -> Iterator[Arena]:
    """Two uvicorn processes on one SQLite file."""
    with serving("starlette", real_database(folder), 2) as servers:
        yield _over_http(servers)


@contextmanager
def flask_processes(folder: Path) -> Iterator[Arena]:
    """Two gunicorn processes with threads on one SQLite file."""
    with serving("gunicorn", real_database(folder), 2) as servers:
        yield _over_http(servers)


def _over_http(servers: Sequence[Served]) -> Arena:
    exchanges = [http_exchange(server.port) for server in servers]
    return Arena(
        Talk(exchanges[0], Clock(), servers[0].url),
        by_threads(exchanges),
        log=lambda: "".join(server.log.read_text() for server in servers),
    )


def http_exchange(port: int) -> Callable[[Said], Answer]:
    """Return how to talk to a server over a connection of its own."""

    def exchange(said: Said) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            target = said.path + ("?" + said.query if said.query else "")
            headers = {name: value for name, value in said.headers if name != "host"}
            connection.request(said.method, target, said.body or None, headers)
            answer = connection.getresponse()
            fields = tuple((name.lower(), value) for name, value in answer.getheaders())
            return Answer(answer.status, fields, answer.read())
        finally:
            connection.close()

    return exchange


def by_threads(exchanges: Sequence[Callable[[Said], Answer]]) -> Volley:
    """Return a volley with a thread for each request, dealt out to *exchanges* in turn, behind one barrier."""

    def volley(saids: Sequence[Said]) -> list[Answer]:
        barrier = threading.Barrier(len(saids), timeout=PATIENCE)

        def shoot(place: int, said: Said) -> Answer:
            barrier.wait()
            return exchanges[place % len(exchanges)](said)

        with ThreadPoolExecutor(len(saids)) as pool:
            return list(pool.map(shoot, count(), saids, timeout=PATIENCE))

    return volley


@define
class _SharedClock:
    """A hand-wound clock that threads may ask."""

    clock: Clock
    _lock: threading.Lock = field(factory=threading.Lock)

    def __call__(self) -> object:
        with self._lock:
            return self.clock()


ARENAS = (threads_on_memory, threads, tasks, starlette_processes, flask_processes)
