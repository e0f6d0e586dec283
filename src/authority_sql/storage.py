"""Storage on SQL for synchronous applications."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from sqlalchemy import URL, Engine

from authority_core.kernel.blocking import BlockingStorage
from authority_core.kernel.records import AuthorizationCode, Session, Stored
from authority_core.kernel.sync import run

from .blocking import KeepingLender, PoolLender
from .borrowing import Borrowing
from .engines import blocking_engine, in_memory, resolved
from .keeping import KeepingConnector
from .links import Connector
from .migrating import upgrade
from .operations import Operations
from .statements import statements_for
from .urls import Pool, Synchronous, pool_of


class SqlStorage(BlockingStorage[Operations]):
    """`authority_core` storage on SQLite or PostgreSQL, synchronous and safe to share between threads.

    *engine* stays the caller's: `close` leaves it open. *table_prefix* and *schema* say where the tables are.
    Run `authority migrate` (or `authority_sql.migrate`) first.
    """

    tells_holders = True

    def __init__(self, engine: Engine, *, table_prefix: str = "", schema: str | None = None) -> None:
        self._start(engine, table_prefix, schema, pool=None)

    def _start(self, engine: Engine, prefix: str, schema: str | None, *, pool: Pool | None) -> None:
        self._engine = engine
        self._owned = pool is not None
        self._keeps: KeepingConnector | KeepingLender | None = None
        connector: Connector
        if engine.dialect.name == "sqlite":
            connector = self._keeps = KeepingConnector(engine, keep=self._owned, shared=in_memory(engine.url))
        elif pool is not None:
            self._keeps = KeepingLender(engine, pool)
            connector = Borrowing(self._keeps)
        else:
            connector = Borrowing(PoolLender(engine))
        super().__init__(Operations(statements_for(prefix, schema, engine.dialect), connector))

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

        *durability* is SQLite's: `NORMAL` survives the death of the process, `FULL` the loss of power too;
        `?durability=full` in the URL says so as well. Of PostgreSQL, *pool_size* connections (5) stay open and 10 more
        are opened when they are needed, unless the URL says otherwise. An in-memory database (`sqlite://`) gets its
        tables at once, for there is no other moment.

        Raises `ImportError` with the line that installs a missing driver, and `ValueError` for a URL that cannot be
        used; it repeats no secret of it.
        """
        found = resolved(url, asynchronous=False)
        storage = cls.__new__(cls)
        engine = blocking_engine(found, durability=durability)
        storage._start(engine, table_prefix, schema, pool=pool_of(found, pool_size))
        if in_memory(found):
            upgrade(engine, table_prefix, schema)
        return storage

    def __repr__(self) -> str:
        return f"SqlStorage({self._engine.url.set(query={})!r})"

    def marked(self, code: AuthorizationCode) -> Stored[AuthorizationCode]:
        """Return *code*, which is kept elsewhere, with its spent mark and the grant it carries as it lives today."""
        return run(self._on.marked(code))

    def marked_session(self, session: Session) -> Session:
        """Return *session*, which is kept elsewhere, with `revoked_at` computed."""
        return run(self._on.marked_session(session))

    def close(self) -> None:
        """Close every connection that is not at work; an engine given by the caller stays open."""
        if self._keeps is not None:
            self._keeps.close()
        if self._owned:
            self._engine.dispose()

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Delete what may be forgotten at *now*, *limit* rows at most, *batch* a transaction; return how many went."""
        return run(self._on.cleanup(now, batch, limit))
