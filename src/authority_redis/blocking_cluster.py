"""redis-py's synchronous client of a cluster, which asks no node for its commands."""

from __future__ import annotations

from typing import Any

from redis.cluster import RedisCluster

from .keyed import Keyed


class BlockingCluster(RedisCluster):
    """A cluster for this storage's commands; where none is found, nothing stays open."""

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except BaseException:
            for node in options["startup_nodes"]:
                if node.redis_connection is not None:
                    node.redis_connection.connection_pool.disconnect()
            raise
        self.commands_parser = Keyed()  # type: ignore[assignment]  # all that is asked of it

    def command(self) -> dict[str, Any]:  # type: ignore[override]
        """Return an empty table of commands, for redis-py's own, which nobody reads."""
        return {}
