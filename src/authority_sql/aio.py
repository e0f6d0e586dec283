"""Storage on SQL for asynchronous applications."""

from __future__ import annotations

from typing import Self

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .awaiting import AwaitingLender
from .borrowing import Borrowing
from .engines import bare, in_memory, options_for, resolved, tune
from .links import Link
from .migrating import upgrade_async
from .operations import Operations
from .statements import statements_for
from .urls import Pool, Synchronous, pool_of, understood


class AsyncSqlStorage(Operations):
    """`authority_core` storage on SQLite or PostgreSQL, asynchronous, for one event loop.

    *engine* stays the caller's: `aclose` leaves it open. *table_prefix* and *schema* say where the tables are.
    Run `authority migrate` (or `authority_sql.migrate`) first.
    """

    def __init__(self, engine: AsyncEngine, *, table_prefix: str = "", schema: str | None = None) -> None:
        self._start(engine, table_prefix, schema, pool=None)

    def _start(self, engine: AsyncEngine, prefix: str, schema: str | None, *, pool: Pool | None) -> None:
        self._engine = engine
        self._owned = pool is not None
        self._lender = AwaitingLender(engine, pool)
        first = self._owned and in_memory(engine.url)
        lender = _FirstMigrating(self._lender, engine, prefix, schema) if first else self._lender
        super().__init__(statements_for(prefix, schema, engine.dialect), Borrowing(lender))

    @classmethod
    def from_url(
        cls,
        url: str | URL,
        *,
        table_prefix: str = "",
        schema: str | None = None,
        pool_size: int | None = None,
        durability: Synchronous = "NORMAL",
    ) -> Self:
        """Return storage at *url*, such as `sqlite:///authority.db` or `postgresql://user@host/name`.

        A plain URL gets aiosqlite or psycopg; `postgresql+asyncpg://` is accepted. *durability* is SQLite's: `NORMAL`
        survives the death of the process, `FULL` the loss of power too; `?durability=full` in the URL says so as well.
        Of PostgreSQL, *pool_size* connections (5) stay open and 10 more are opened when they are needed, unless the URL
        says otherwise. An in-memory database (`sqlite://`) gets its tables with the first use, for there is no other
        moment.

        Raises `ImportError` with the line that installs a missing driver, and `ValueError` for a URL that cannot be
        used; it repeats no secret of it.
        """
        found = resolved(url, asynchronous=True)
        with understood(found):
            engine = create_async_engine(bare(found), **options_for(found))
        tune(engine.sync_engine, found, durability)
        storage = cls.__new__(cls)
        storage._start(engine, table_prefix, schema, pool=pool_of(found, pool_size))
        return storage

    def __repr__(self) -> str:
        return f"AsyncSqlStorage({self._engine.url.set(query={})!r})"

    async def aclose(self) -> None:
        """Close every connection that is not at work; an engine given by the caller stays open."""
        await self._lender.aclose()
        if self._owned:
            await self._engine.dispose()


class _FirstMigrating:
    """Lends connections of an in-memory database, which gets its tables before the first loan."""

    def __init__(self, plain: AwaitingLender, engine: AsyncEngine, prefix: str, schema: str | None) -> None:
        self._plain = plain
        self._engine = engine
        self._where = prefix, schema
        self._done = False

    async def acquire(self, writing: bool) -> Link:
        if not self._done:
            await self._plain.to_the_end(self._migrate())
        return await self._plain.acquire(writing)

    async def _migrate(self) -> None:
        link = await self._plain.acquire(True)  # alone: an in-memory database has one connection and one queue
        try:
            if not self._done:
                await upgrade_async(self._engine, *self._where)
                self._done = True
        except BaseException as error:
            await self._plain.discard(link, True, error)
            raise
        await self._plain.release(link, True)

    async def release(self, link: Link, writing: bool) -> None:
        await self._plain.release(link, writing)

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        await self._plain.discard(link, writing, error)

    async def stale(self) -> None:
        await self._plain.stale()
