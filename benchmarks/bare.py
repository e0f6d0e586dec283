"""The floor of storage: a driver, one open connection, and the statements that storage would send, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from authority_sql.plan import Step
from authority_sql.prepared import Values


class Bare:
    """sqlite3 or psycopg, which spell this alike; *begin* is how a transaction of several statements begins."""

    def __init__(self, connection: Any, begin: str) -> None:
        self._connection = connection
        self._begin = begin

    def fetch(self, sql: str, values: Values) -> Sequence[Any]:
        """Return the rows of a read."""
        rows: Sequence[Any] = self._connection.execute(sql, values).fetchall()
        return rows

    def write(self, steps: Sequence[Step]) -> None:
        """Run a commit; one statement alone is a transaction by itself."""
        execute = self._connection.execute
        if len(steps) == 1:
            execute(steps[0].sql, steps[0].values)
            return
        execute(self._begin)
        for step in steps:
            execute(step.sql, step.values)
        execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class AwaitedBare:
    """aiosqlite or psycopg's asynchronous connection."""

    def __init__(self, connection: Any, begin: str) -> None:
        self._connection = connection
        self._begin = begin
        self._at_once = getattr(connection, "execute_fetchall", None)

    async def fetch(self, sql: str, values: Values) -> Sequence[Any]:
        """Return the rows of a read; aiosqlite has a call that takes one hop to its thread, not two."""
        if self._at_once is not None:
            return await self._at_once(sql, values)  # type: ignore[no-any-return]  # what the driver answers
        cursor = await self._connection.execute(sql, values)
        rows: Sequence[Any] = await cursor.fetchall()
        return rows

    async def write(self, steps: Sequence[Step]) -> None:
        """Run a commit; one statement alone is a transaction by itself."""
        execute = self._connection.execute
        if len(steps) == 1:
            await execute(steps[0].sql, steps[0].values)
            return
        await execute(self._begin)
        for step in steps:
            await execute(step.sql, step.values)
        await execute("COMMIT")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()
