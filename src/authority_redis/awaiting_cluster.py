"""redis-py's asynchronous client of a cluster, which looks at connections first and asks no node for its commands."""

from __future__ import annotations

from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import RedisError

from .keyed import AwaitedKeyed


class _Looked:
    """A connection that is made anew where the server has closed it since; the pools of one server do so by themselves.

    Not while it greets: redis-py reads some of those answers later.
    """

    is_connected: bool
    _greeting = False

    async def connect_check_health(self, *arguments: Any, **options: Any) -> None:
        """Connect and greet, unless that is done."""
        self._greeting = True
        try:
            await super().connect_check_health(*arguments, **options)  # type: ignore[misc]  # of the class beside this
        finally:
            self._greeting = False

    async def send_packed_command(self, *arguments: Any, **options: Any) -> None:
        """Send a command, connecting again if the other end is gone or has said what nobody waits for."""
        if not self._greeting and self.is_connected and await self._gone():
            await self.disconnect()  # type: ignore[attr-defined]
        await super().send_packed_command(*arguments, **options)  # type: ignore[misc]

    async def _gone(self) -> bool:
        look = getattr(self, "can_read", None) or self.can_read_destructive  # type: ignore[attr-defined]  # of redis-py 7
        try:
            return bool(await look())
        except (RedisError, OSError):
            return True


class _Plain(_Looked, Connection):
    pass


class _Secure(_Looked, SSLConnection):
    pass


class AwaitingCluster(RedisCluster):
    """A cluster for this storage's commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands_parser = AwaitedKeyed()  # type: ignore[assignment]  # all that is asked of it
        kind = _Secure if options.get("ssl") else _Plain
        self.connection_kwargs["connection_class"] = kind
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = kind
