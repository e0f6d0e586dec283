"""Connections of synchronous drivers. Nothing here ever suspends, so one `send(None)` finishes any coroutine."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

from attrs import define, field
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from authority_core.kernel.changes import StorageUnavailable

from .links import Link
from .prepared import Values

WRITER_PATIENCE = 30.0
"""Seconds to wait for this process's own turn to write on SQLite."""


@define(eq=False)
class BlockingLink:
    """A connection by the Python database interface (PEP 249)."""

    proxy: PoolProxiedConnection
    driver: Any
    begin_sql: str | None

    @property
    def lost(self) -> bool:
        """Whether the driver knows the connection to be closed."""
        return bool(getattr(self.driver, "closed", False))

    async def fetch(self, sql: str, values: Values) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT."""
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql, values)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
        finally:
            cursor.close()
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        cursor = self.driver.cursor()
        try:
            cursor.execute(sql, values)
            touched: int = cursor.rowcount
        finally:
            cursor.close()
        return touched

    async def begin(self) -> None:
        """Begin a transaction that may write; where `begin_sql` is `None`, the driver does with the first statement."""
        if self.begin_sql is not None:
            await self.change(self.begin_sql, ())

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


class PoolConnector:
    """Borrows from SQLAlchemy's pool for each piece of work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def acquire(self, writing: bool) -> Link:
        """Borrow a connection."""
        proxy = self._engine.raw_connection()
        driver: Any = proxy.driver_connection
        return BlockingLink(proxy, driver, "BEGIN" if getattr(driver, "autocommit", False) is True else None)

    async def release(self, link: Link, writing: bool) -> None:
        """Give the connection back."""
        _blocking(link).proxy.close()

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Roll back and give the connection back, or close it when that fails."""
        mine = _blocking(link)
        if not mine.undo():
            mine.proxy.invalidate()
        mine.proxy.close()

    def stale(self) -> None:
        """Drop all idle connections; the next ones are fresh."""
        self._engine.dispose(close=False)

    def close(self) -> None:
        """Nothing is kept here."""


@define(eq=False)
class _OfProcess:
    idle: deque[BlockingLink] = field(factory=deque)
    writer: Lock = field(factory=Lock)


class KeepingConnector:
    """Keeps SQLite's connections at hand, and lets one writer of this process in at a time.

    A queue of our own is fair and immediate, where SQLite's busy handler polls; the busy handler remains for writers
    of other processes. With *shared*, there is one connection (an in-memory database), and reads queue too.
    An engine that is not ours gets its connections back after each piece of work: *keep* is false.
    """

    def __init__(self, engine: Engine, keep: bool, shared: bool = False) -> None:
        self._engine = engine
        self._keep = keep
        self._shared = shared
        self._of: dict[int, _OfProcess] = {os.getpid(): _OfProcess()}

    @property
    def _mine(self) -> _OfProcess:
        """What belongs to this process. After a fork: SQLite's connections must not be used, nor closed, in a child."""
        mine = self._of.get(os.getpid())
        if mine is None:
            self._engine.dispose(close=False)
            mine = self._of.setdefault(os.getpid(), _OfProcess())  # one of the threads that come here first wins
        return mine

    async def acquire(self, writing: bool) -> Link:
        """Lend an idle connection or a new one."""
        mine = self._mine
        if (writing or self._shared) and not mine.writer.acquire(timeout=WRITER_PATIENCE):
            raise StorageUnavailable("Too many writers are waiting for the database file.")
        try:
            return mine.idle.pop()
        except IndexError:
            pass
        try:
            proxy = self._engine.raw_connection()
        except BaseException:
            self._leave(writing)
            raise
        return BlockingLink(proxy, proxy.driver_connection, "BEGIN IMMEDIATE")

    async def release(self, link: Link, writing: bool) -> None:
        """Keep the connection for the next."""
        self._put_by(_blocking(link))
        self._leave(writing)

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Roll back and keep the connection, or close it when that fails."""
        mine = _blocking(link)
        if mine.undo():
            self._put_by(mine)
        else:
            mine.proxy.invalidate()
            mine.proxy.close()
        self._leave(writing)

    def _put_by(self, link: BlockingLink) -> None:
        if self._keep:
            self._mine.idle.append(link)
        else:
            link.proxy.close()

    def _leave(self, writing: bool) -> None:
        if writing or self._shared:
            self._mine.writer.release()

    def stale(self) -> None:
        """Close what is idle."""
        self.close()

    def close(self) -> None:
        """Close every idle connection; those at work close when they come back to a pool that is gone."""
        with contextlib.suppress(IndexError):
            while True:
                self._mine.idle.pop().proxy.close()


def _blocking(link: Link) -> BlockingLink:
    if not isinstance(link, BlockingLink):
        raise TypeError("a link of another connector")
    return link
