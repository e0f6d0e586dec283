"""Connections of asynchronous drivers, spoken to directly: one round trip a statement, no detour.

SQLAlchemy's pool lends them and takes them back; its adaptation of each driver, four hops a statement on SQLite,
stays outside the path of a request.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from attrs import define
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from .links import Link
from .prepared import Values


@define(eq=False)
class AiosqliteLink:
    """A connection of aiosqlite: a thread of its own, one hop a statement."""

    proxy: PoolProxiedConnection
    driver: Any

    @property
    def lost(self) -> bool:
        """A file does not go away."""
        return False

    async def fetch(self, sql: str, values: Values) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT."""
        rows: Sequence[Sequence[Any]] = await self.driver.execute_fetchall(sql, values)
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        cursor = await self.driver.execute(sql, values)
        touched: int = cursor.rowcount
        return touched

    async def begin(self) -> None:
        """Begin a transaction that may write."""
        await self.driver.execute_fetchall("BEGIN IMMEDIATE", ())

    async def commit(self) -> None:
        """Make it last."""
        await self.driver.commit()

    async def rollback(self) -> None:
        """Undo what is open."""
        await self.driver.rollback()


@define(eq=False)
class PsycopgLink:
    """A connection of psycopg, in its asynchronous colour."""

    proxy: PoolProxiedConnection
    driver: Any

    @property
    def lost(self) -> bool:
        """Whether the driver knows the connection to be closed."""
        return bool(self.driver.closed)

    async def fetch(self, sql: str, values: Values) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT."""
        cursor = await self.driver.execute(sql, values)
        rows: Sequence[Sequence[Any]] = await cursor.fetchall()
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        cursor = await self.driver.execute(sql, values)
        touched: int = cursor.rowcount
        return touched

    async def begin(self) -> None:
        """Begin a transaction; one that the driver begins by itself needs no word."""
        if self.driver.autocommit:
            await self.driver.execute("BEGIN")

    async def commit(self) -> None:
        """Make it last."""
        await self.driver.commit()

    async def rollback(self) -> None:
        """Undo what is open."""
        await self.driver.rollback()


@define(eq=False)
class AsyncpgLink:
    """A connection of asyncpg, which is in autocommit until told otherwise."""

    proxy: PoolProxiedConnection
    driver: Any

    @property
    def lost(self) -> bool:
        """Whether the driver knows the connection to be closed."""
        return bool(self.driver.is_closed())

    async def fetch(self, sql: str, values: Values) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT."""
        rows: Sequence[Sequence[Any]] = await self.driver.fetch(sql, *values)
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched, from its command tag such as `UPDATE 1`."""
        tag: str = await self.driver.execute(sql, *values)
        return int(tag.rpartition(" ")[2])

    async def begin(self) -> None:
        """Begin a transaction."""
        await self.driver.execute("BEGIN")

    async def commit(self) -> None:
        """Make it last."""
        await self.driver.execute("COMMIT")

    async def rollback(self) -> None:
        """Undo what is open."""
        if self.driver.is_in_transaction():
            await self.driver.execute("ROLLBACK")


AwaitingLink = AiosqliteLink | PsycopgLink | AsyncpgLink
DRIVERS: dict[str, type[AiosqliteLink] | type[PsycopgLink] | type[AsyncpgLink]] = {
    "aiosqlite": AiosqliteLink,
    "psycopg": PsycopgLink,
    "psycopg_async": PsycopgLink,
    "asyncpg": AsyncpgLink,
}


class AwaitingConnector:
    """Borrows from SQLAlchemy's asynchronous pool; with *one_writer* (SQLite), writers of this process queue.

    With *shared*, there is one connection (an in-memory database), and reads queue too.
    """

    def __init__(self, engine: AsyncEngine, one_writer: bool, shared: bool = False) -> None:
        self._engine = engine
        self._link = DRIVERS[engine.dialect.driver]
        self._one_writer = one_writer
        self._shared = shared
        self._turn = asyncio.Lock()
        self._dropping: set[asyncio.Future[None]] = set()

    async def acquire(self, writing: bool) -> Link:
        """Borrow a connection."""
        queued = self._queued(writing)
        if queued:
            await self._turn.acquire()
        try:
            proxy: PoolProxiedConnection = await greenlet_spawn(self._engine.sync_engine.raw_connection)
        except BaseException:
            if queued:
                self._turn.release()
            raise
        return self._link(proxy, proxy.driver_connection)

    async def release(self, link: Link, writing: bool) -> None:
        """Give the connection back."""
        try:
            await greenlet_spawn(_awaiting(link).proxy.close)
        finally:
            self._leave(writing)

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Roll back and give the connection back; close it when that fails, or when the work was cancelled."""
        mine = _awaiting(link)
        sound = False
        try:
            sound = isinstance(error, Exception) and await self._undone(mine)
        finally:
            self._leave(writing)
            if sound:
                await greenlet_spawn(mine.proxy.close)
            else:
                await self._drop(mine.proxy)

    async def _drop(self, proxy: PoolProxiedConnection) -> None:
        """Close a connection, to the end also when this task is cancelled once more meanwhile."""
        dropping = asyncio.ensure_future(greenlet_spawn(_invalidate, proxy))
        self._dropping.add(dropping)  # the loop itself holds tasks weakly
        dropping.add_done_callback(self._dropping.discard)
        await asyncio.shield(dropping)

    async def _undone(self, link: AwaitingLink) -> bool:
        try:
            await link.rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is not trusted again
            return False
        return not link.lost

    def _queued(self, writing: bool) -> bool:
        return self._shared or (writing and self._one_writer)

    def _leave(self, writing: bool) -> None:
        if self._queued(writing):
            self._turn.release()

    def stale(self) -> None:
        """Drop all idle connections; the next ones are fresh."""
        self._engine.sync_engine.dispose(close=False)


def _invalidate(proxy: PoolProxiedConnection) -> None:
    with contextlib.suppress(Exception):
        proxy.invalidate()
    with contextlib.suppress(Exception):
        proxy.close()


def _awaiting(link: Link) -> AwaitingLink:
    if not isinstance(link, AiosqliteLink | PsycopgLink | AsyncpgLink):
        raise TypeError("a link of another connector")
    return link
