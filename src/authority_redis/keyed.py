"""Where the keys of this storage's commands stand, for clients of a cluster.

redis-py asks the first primary of a cluster for the table of all commands, and has no client where that one does not
answer, though nothing of ours may live there.
"""

from __future__ import annotations

from typing import Any


class Keyed:
    """Stands for redis-py's table; it knows commands that have one key, which comes first. Scripts need no table."""

    def get_keys(self, asked: object, command: str, key: Any, *arguments: object) -> list[Any]:
        """Return the keys of *command*; a server need not be *asked*."""
        return [key]


class AwaitedKeyed:
    """The same for redis-py's asynchronous client."""

    async def initialize(self, node: object = None) -> None:
        """Ask nobody."""

    async def get_keys(self, command: str, key: Any, *arguments: object) -> list[Any]:
        """Return the keys of *command*."""
        return [key]
