"""Connections of asynchronous drivers, spoken to directly: one round trip a statement, no detour.

One class a driver, each in its own words; who lends them is no concern of theirs.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from attrs import define, field
from sqlalchemy.pool import PoolProxiedConnection

from .columns import Row
from .prepared import Values
from .sockets import has_news


@define(eq=False)
class AiosqliteLink:
    """A connection of aiosqlite: a thread of its own, one hop a statement."""

    proxy: PoolProxiedConnection
    driver: Any
    opened: float = field(factory=monotonic)

    @property
    def lost(self) -> bool:
        """A file does not go away."""
        return False

    @property
    def ended(self) -> bool:
        """A file does not hang up."""
        return False

    def unsent(self, error: BaseException) -> bool:
        """Nothing is kept back."""
        return False

    async def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT."""
        rows: list[Row] = await self.driver.execute_fetchall(sql, values)
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        cursor = await self.driver.execute(sql, values)
        touched: int = cursor.rowcount
        return touched

    async def change_alone(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched that is a transaction by itself."""
        if self.driver.isolation_level is None:
            return await self.change(sql, values)
        await self.begin()
        touched = await self.change(sql, values)
        await self.commit()
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
        cursor = await self.driver.execute(sql, values)
        rows: list[Row] = await cursor.fetchall()
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        cursor = await self.driver.execute(sql, values)
        touched: int = cursor.rowcount
        return touched

    async def change_alone(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched that is a transaction by itself."""
        touched = await self.change(sql, values)
        if not self.driver.autocommit:
            await self.driver.commit()
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
    opened: float = field(factory=monotonic)

    @property
    def lost(self) -> bool:
        """Whether the driver knows the connection to be closed."""
        return bool(self.driver.is_closed())

    @property
    def ended(self) -> bool:
        """Whether the server has hung up, which the event loop tells the driver."""
        return self.lost

    def unsent(self, error: BaseException) -> bool:
        """Whether a server's farewell had been read, but not the end after it: asyncpg then refuses to send."""
        return type(error).__name__ == "InternalClientError" and "cannot switch to state" in str(error)

    async def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT."""
        rows: list[Row] = await self.driver.fetch(sql, *values)
        return rows

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched, from its command tag such as `UPDATE 1`."""
        tag: str = await self.driver.execute(sql, *values)
        return int(tag.rpartition(" ")[2])

    async def change_alone(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched that is a transaction by itself."""
        return await self.change(sql, values)

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
