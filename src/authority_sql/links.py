"""The port between the storage's logic and a driver: one connection, and where connections come from.

Both protocols are asynchronous; the implementation for synchronous drivers simply never suspends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .prepared import Values


class Link(Protocol):
    """One connection of the driver, used by one piece of work at a time, outside a transaction until `begin`."""

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be gone."""
        ...

    async def fetch(self, sql: str, values: Values) -> Sequence[Sequence[Any]]:
        """Return the rows of a SELECT, in one round trip."""
        ...

    async def change(self, sql: str, values: Values) -> int:
        """Return how many rows a statement touched."""
        ...

    async def begin(self) -> None:
        """Begin a transaction that may write."""
        ...

    async def commit(self) -> None:
        """Make it last."""
        ...


class Connector(Protocol):
    """Lends connections."""

    async def acquire(self, writing: bool) -> Link:
        """Lend a connection; on SQLite only one at a time for *writing*."""
        ...

    async def release(self, link: Link, writing: bool) -> None:
        """Take back a connection whose work ended well."""
        ...

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        """Take back a connection whose work failed: undo what is open, and close it when it may be broken."""
        ...

    def stale(self) -> None:
        """Forget idle connections: the server was restarted."""
        ...
