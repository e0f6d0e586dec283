"""Asynchronous connections, kept at hand or borrowed from the pool of the host's engine.

SQLAlchemy opens and closes them; its adaptation of each driver, four hops a statement on SQLite, and its greenlets stay
outside the path of a request. An engine of the host lends its connections instead, for each piece of work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from time import monotonic
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from authority_core.kernel.changes import StorageUnavailable

from .awaiting_links import DRIVERS, AiosqliteLink, AsyncpgLink, AwaitingLink, PsycopgLink
from .engines import LIFETIME, WRITER_PATIENCE, in_memory
from .errors import crowded
from .links import Link
from .urls import Pool


class AwaitingLender:
    """Keeps connections at hand, the warmest on top, as many as *pool* says.

    An engine that is not ours gets its connections back after each piece of work: *pool* is `None`. Writers of this
    process queue on SQLite; where there is one connection (an in-memory database), reads queue too, and it is never
    closed: the database would go with it.
    """

    def __init__(self, engine: AsyncEngine, pool: Pool | None) -> None:
        self._engine = engine
        self._link = DRIVERS[engine.dialect.driver]
        self._one_writer = engine.dialect.name == "sqlite"
        self._shared = in_memory(engine.url)
        self._turn = asyncio.Semaphore(1)
        self._size = 0 if pool is None else pool.kept
        self._patience = 0.0 if pool is None else pool.patience
        self._permits = None if pool is None else asyncio.Semaphore(pool.most)
        self._idle: list[AwaitingLink] = []
        self._ending: set[asyncio.Future[None]] = set()

    async def acquire(self, writing: bool) -> Link:
        """Lend the connection used last, or a new one."""
        if self._queued(writing) and not await _entered(self._turn, WRITER_PATIENCE):
            raise crowded()
        try:
            if self._permits is not None and not await _entered(self._permits, self._patience):
                raise StorageUnavailable("Every connection to the database is at work.")
        except BaseException:
            self._leave_turn(writing)
            raise
        try:
            while self._idle:
                link = self._idle.pop()
                if self._shared or monotonic() - link.opened < LIFETIME:
                    return link
                await self._drop(link.proxy)
        except BaseException:
            self._leave(writing)
            raise
        try:
            proxy = await self._opened()
        except BaseException:
            self._leave_turn(writing)
            raise
        return self._link(proxy, proxy.driver_connection)

    async def _opened(self) -> PoolProxiedConnection:
        """Open a connection; one that comes when its caller was cancelled meanwhile is closed again.

        The permit of one that is not had is left: of the latter, when it is closed.
        """
        opening = asyncio.ensure_future(greenlet_spawn(self._engine.sync_engine.raw_connection))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._begin(self._unwanted(opening))
            raise
        except BaseException:
            self._leave_permit()
            raise

    async def _unwanted(self, opening: asyncio.Future[PoolProxiedConnection]) -> None:
        try:
            with contextlib.suppress(Exception):
                await greenlet_spawn((await opening).close)
        finally:
            self._leave_permit()

    async def release(self, link: Link, writing: bool) -> None:
        """Keep the connection for the next, unless there are enough."""
        mine = _awaiting(link)
        if self._shared and self._size == 0:  # SQLAlchemy throws away what is cancelled on its way back
            await self.to_the_end(self._given_back(mine, writing))
        else:
            await self._given_back(mine, writing)

    async def _given_back(self, mine: AwaitingLink, writing: bool) -> None:
        try:
            if len(self._idle) < self._size:
                self._idle.append(mine)
            else:
                await greenlet_spawn(mine.proxy.close)
        finally:
            self._leave(writing)

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Roll back and keep the connection; close it when that fails, or when the work was cancelled.

        The one connection of an in-memory database is kept in any case. Its driver rolls back when the statement that
        was cancelled is over.
        """
        mine = _awaiting(link)
        if self._shared:
            await self.to_the_end(self._kept(mine, writing))
            return
        sound = False
        try:
            sound = isinstance(error, Exception) and await self._undone(mine)
        finally:
            if sound:
                await self.release(mine, writing)
            else:
                self._leave_turn(writing)
                await self.to_the_end(self._dropped(mine.proxy))

    async def to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work*, to the end also when this task is cancelled once more meanwhile."""
        await asyncio.shield(self._begin(work))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        ending = asyncio.ensure_future(work)
        self._ending.add(ending)  # the loop itself holds tasks weakly
        ending.add_done_callback(self._ending.discard)
        return ending

    async def _drop(self, proxy: PoolProxiedConnection) -> None:
        await self.to_the_end(greenlet_spawn(_invalidate, proxy))

    async def _dropped(self, proxy: PoolProxiedConnection) -> None:
        try:
            await greenlet_spawn(_invalidate, proxy)
        finally:
            self._leave_permit()

    async def _kept(self, link: AwaitingLink, writing: bool) -> None:
        await self._undone(link)
        await self._given_back(link, writing)

    async def _undone(self, link: AwaitingLink) -> bool:
        try:
            await link.rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is not trusted again
            return False
        return not link.lost

    def _queued(self, writing: bool) -> bool:
        return self._shared or (writing and self._one_writer)

    def _leave(self, writing: bool) -> None:
        self._leave_permit()
        self._leave_turn(writing)

    def _leave_permit(self) -> None:
        if self._permits is not None:
            self._permits.release()

    def _leave_turn(self, writing: bool) -> None:
        if self._queued(writing):
            self._turn.release()

    async def stale(self) -> None:
        """Drop all idle connections; the next ones are fresh."""
        while self._idle:
            await self._drop(self._idle.pop().proxy)
        self._engine.sync_engine.dispose(close=False)

    async def aclose(self) -> None:
        """Close every connection that is not at work, and those that are closing."""
        while self._idle:
            await greenlet_spawn(self._idle.pop().proxy.close)
        await asyncio.gather(*self._ending, return_exceptions=True)


async def _entered(gate: asyncio.Semaphore, patience: float) -> bool:
    """Pass *gate*; tell whether it opened within *patience* (seconds)."""
    if not gate.locked():
        return await gate.acquire()
    try:
        async with asyncio.timeout(patience):
            return await gate.acquire()
    except TimeoutError:
        return False


def _invalidate(proxy: PoolProxiedConnection) -> None:
    with contextlib.suppress(Exception):
        proxy.invalidate()
    with contextlib.suppress(Exception):
        proxy.close()


def _awaiting(link: Link) -> AwaitingLink:
    if not isinstance(link, AiosqliteLink | PsycopgLink | AsyncpgLink):
        raise TypeError("a link of another connector")
    return link
