"""Connections of synchronous drivers: kept at hand, or lent by the pool of the host's engine.

Nothing here ever suspends, so one `send(None)` finishes any coroutine.
"""

from __future__ import annotations

import contextlib
from collections import deque
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from attrs import define, field
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from authority_core.kernel.changes import StorageUnavailable

from .columns import Row
from .engines import LIFETIME
from .links import Link
from .prepared import Values
from .processes import OfProcess
from .sockets import has_news
from .urls import Pool


@define(eq=False)
class BlockingLink:
    """A connection by the Python database interface (PEP 249)."""

    proxy: PoolProxiedConnection
    driver: Any
    autocommit: bool
    opened: float = field(factory=monotonic)

    @property
    def lost(self) -> bool:
        """Whether the driver knows the connection to be closed."""
        return bool(self.driver.closed)

    @property
    def ended(self) -> bool:
        """Whether the server has hung up."""
        return has_news(self.driver.fileno())

    def unsent(self, error: BaseException) -> bool:
        """Nothing is kept back."""
        return False

    async def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT."""
        cursor = self.driver.cursor()
        cursor.execute(sql, values)
        rows: list[Row] = cursor.fetchall()
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        cursor = self.driver.cursor()
        cursor.execute(sql, values)
        touched: int = cursor.rowcount
        return touched

    async def change_alone(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched that is a transaction by itself."""
        cursor = self.driver.cursor()
        cursor.execute(sql, values)
        touched: int = cursor.rowcount
        if not self.autocommit:
            self.driver.commit()
        return touched

    async def begin(self) -> None:
        """Begin a transaction; one that the driver begins by itself needs no word."""
        if self.autocommit:
            self.driver.cursor().execute("BEGIN")

    async def commit(self) -> None:
        """Make it last."""
        self.driver.commit()

    def undo(self) -> bool:
        """Roll back; tell whether the connection may be used again."""
        try:
            self.driver.rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is not trusted again
            return False
        return not self.lost


def _opened(engine: Engine) -> BlockingLink:
    proxy = engine.raw_connection()
    driver: Any = proxy.driver_connection
    return BlockingLink(proxy, driver, driver.autocommit is True)


class PoolLender:
    """Borrows from the pool of an engine that is not ours, for each piece of work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def acquire(self, writing: bool) -> Link:
        """Borrow a connection."""
        return _opened(self._engine)

    async def release(self, link: Link, writing: bool) -> None:
        """Give the connection back."""
        _blocking(link).proxy.close()

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Roll back and give the connection back, or close it when that fails."""
        mine = _blocking(link)
        if not mine.undo():
            mine.proxy.invalidate()
        mine.proxy.close()

    async def stale(self) -> None:
        """Drop all idle connections; the next ones are fresh."""
        self._engine.dispose(close=False)


@define(eq=False)
class _Connections:
    """What one process has: connections at hand, and the right to have so many at work."""

    permits: SimpleQueue[None]
    """One item for each connection that may be at work: a queue in C, a fifth of the price of a semaphore in Python."""
    idle: deque[BlockingLink] = field(factory=deque)

    @classmethod
    def up_to(cls, most: int) -> _Connections:
        """Return what a process has at its start, with the right to *most* connections at work."""
        permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            permits.put(None)
        return cls(permits)


class KeepingLender:
    """Keeps connections at hand, the warmest on top, as many as *pool* says."""

    def __init__(self, engine: Engine, pool: Pool) -> None:
        self._engine = engine
        self._size = pool.kept
        self._patience = pool.patience
        self._process = OfProcess(lambda: _Connections.up_to(pool.most))

    async def acquire(self, writing: bool) -> Link:
        """Lend the connection used last, or a new one."""
        mine = self._process.mine()
        permitted = False
        try:  # before the permit: the handler of a signal may raise as soon as it is there
            mine.permits.get(timeout=self._patience)
            permitted = True
            return _at_hand(mine) or _opened(self._engine)
        except BaseException as error:
            if permitted:
                mine.permits.put(None)
            elif isinstance(error, Empty):
                raise StorageUnavailable("Every connection to the database is at work.") from None
            raise

    async def release(self, link: Link, writing: bool) -> None:
        """Keep the connection for the next, unless there are enough."""
        self._take_back(_blocking(link))

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Roll back and keep the connection, or close it when that fails."""
        mine = _blocking(link)
        self._take_back(mine, sound=mine.undo())

    def _take_back(self, link: BlockingLink, sound: bool = True) -> None:
        mine = self._process.mine()
        if sound and len(mine.idle) < self._size:
            mine.idle.append(link)
        else:
            _close(link)
        mine.permits.put(None)

    async def stale(self) -> None:
        """Close all idle connections; the next ones are fresh."""
        self.close()

    def close(self) -> None:
        """Close every connection that is not at work."""
        idle = self._process.mine().idle
        with contextlib.suppress(IndexError):
            while True:
                _close(idle.pop())


def _at_hand(mine: _Connections) -> BlockingLink | None:
    """Return an idle connection that is not too old."""
    while True:
        try:
            link = mine.idle.pop()
        except IndexError:
            return None
        if monotonic() - link.opened < LIFETIME:
            return link
        _close(link)


def _close(link: BlockingLink) -> None:
    with contextlib.suppress(Exception):  # it is given up, whatever the driver says
        link.proxy.close()


def _blocking(link: Link) -> BlockingLink:
    if not isinstance(link, BlockingLink):
        raise TypeError("a link of another connector")
    return link
