"""The ports between the storage's logic and the drivers.

All are asynchronous, but that a read may answer at once; what stands on a synchronous driver never suspends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from authority_core.kernel.values import Soon

from .columns import Row
from .plan import Step
from .prepared import Values


class Connector(Protocol):
    """Does one piece of work on a connection of its own choosing; what the driver raises, it lets through."""

    def fetch(self, sql: str, values: Values) -> Soon[list[Row]]:
        """Return the rows of a SELECT, in one round trip; at once when the driver blocks."""
        ...

    async def write(self, steps: Sequence[Step]) -> int:
        """Run *steps*, all or none, and return how many rows they touched.

        One step alone is a transaction by itself, in one round trip. Raises `Conflict` where a step that must change
        something did not.
        """
        ...


class Link(Protocol):
    """One connection of the driver, used by one piece of work at a time, outside a transaction until `begin`."""

    @property
    def lost(self) -> bool:
        """Whether the driver knows the connection to be closed."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the server has hung up on an idle connection, as far as can be told without asking it."""
        ...

    def unsent(self, error: BaseException) -> bool:
        """Whether *error* says that the driver had heard of the end before it sent anything."""
        ...

    async def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT, in one round trip."""
        ...

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        ...

    async def change_alone(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched that is a transaction by itself."""
        ...

    async def begin(self) -> None:
        """Begin a transaction that may write."""
        ...

    async def commit(self) -> None:
        """Make it last."""
        ...


class Lender(Protocol):
    """Lends links."""

    async def acquire(self, writing: bool) -> Link:
        """Lend a connection; on SQLite only one at a time for *writing*."""
        ...

    async def release(self, link: Link, writing: bool) -> None:
        """Take back a connection whose work ended well."""
        ...

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Take back a connection whose work failed: undo what is open, and close it when it may be broken."""
        ...

    async def stale(self) -> None:
        """Forget idle connections: the server was restarted."""
        ...
