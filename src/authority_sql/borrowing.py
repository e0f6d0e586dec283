"""Work on borrowed connections, the same for every driver behind a pool.

A pooled connection may have died of old age or with the server. Where that shows before anything was done with it, a
fresh one does the work; where it breaks off later, nobody can say what happened, and storage is unavailable.
"""

from __future__ import annotations

from collections.abc import Sequence

from authority_core.kernel.changes import StorageUnavailable

from .columns import Row
from .errors import conflict
from .links import Lender, Link
from .plan import Step
from .prepared import Values


class Stale(StorageUnavailable):
    """The pooled connection was gone before anything was done with it; a fresh one may do."""


class Borrowing:
    """A connector on what a *lender* lends."""

    def __init__(self, lender: Lender) -> None:
        self._lender = lender

    async def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT."""
        try:
            return await self._fetch(sql, values)
        except Stale:
            await self._lender.stale()
            return await self._fetch(sql, values)

    async def write(self, steps: Sequence[Step]) -> int:
        """Run *steps*, all or none; return how many rows they touched."""
        try:
            return await self._written(steps)
        except Stale:
            await self._lender.stale()
            return await self._written(steps)

    async def _written(self, steps: Sequence[Step]) -> int:
        alone, begun, touched = len(steps) == 1, False, 0
        link = await self._lender.acquire(True)
        try:
            if not alone:
                await link.begin()
            elif link.ended:  # a step alone is not asked for in a round trip of its own
                raise Stale("The database broke off.")
            change, begun = (link.change_alone if alone else link.change), True
            for step in steps:
                rows = await change(step.sql, step.values)
                if rows == 0 and step.must_change:
                    raise conflict()
                touched += rows
            if not alone:
                await link.commit()
        except BaseException as error:
            if begun and not (alone and link.unsent(error)):
                await self._lender.discard(link, True, error)
            else:
                await self._give_up(link, True, error)
            raise
        await self._lender.release(link, True)
        return touched

    async def _fetch(self, sql: str, values: Values) -> list[Row]:
        link = await self._lender.acquire(False)
        try:
            rows = await link.fetch(sql, values)
        except BaseException as error:
            await self._give_up(link, False, error)
            raise
        await self._lender.release(link, False)
        return rows

    async def _give_up(self, link: Link, writing: bool, error: BaseException) -> None:
        """Give *link* back after an *error* before which nothing was done; raise `Stale` where the link was lost."""
        stale = link.lost or link.unsent(error)
        await self._lender.discard(link, writing, error)
        if stale and isinstance(error, Exception):
            raise Stale("The database broke off.") from None
