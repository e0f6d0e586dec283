"""redis-py's synchronous client of a cluster, which asks no node for its commands."""

from __future__ import annotations

from typing import Any

from redis.cluster import RedisCluster

from .keyed import Keyed


class BlockingCluster(RedisCluster):
    """A cluster for this storage's commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands_parser = Keyed()  # type: ignore[assignment]  # all that is asked of it

    def command(self) -> dict[str, Any]:  # type: ignore[override]
        """Return an empty table of commands, for redis-py's own, which nobody reads."""
        return {}
