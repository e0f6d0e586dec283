"""redis-py's synchronous client. Nothing here ever suspends, so one `send(None)` finishes any coroutine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

import redis
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from .blocking_cluster import BlockingCluster
from .connecting import Client, Library, all_of, holder
from .errors import translated, worth_another_try
from .links import script
from .plan import Text
from .sentinels import Sentinels

LIBRARY = Library(
    redis=redis.Redis,
    connection=redis.Connection,
    secure_connection=redis.SSLConnection,
    socket_connection=redis.UnixDomainSocketConnection,
    pool=redis.BlockingConnectionPool,
    cluster=BlockingCluster,
    node=ClusterNode,
    sentinels=partial(Sentinels, Sentinel),
    sentinel_pool=SentinelConnectionPool,
    retry=Retry,
)


class BlockingLink:
    """A synchronous client, made with the first use: a cluster and Sentinels are asked when they are needed."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._client: Client = None
        self._turn = Lock()

    def _ready(self) -> Client:
        if self._client is None:
            with self._turn:
                if self._client is None:
                    self._client = self._make()
        return self._client

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[Text | int], *, again: bool) -> Any:
        """Return what the script *name* answers."""
        wanted = script(name)

        def once() -> Any:
            client = self._ready()
            try:
                return client.evalsha(wanted.sha, len(keys), *keys, *arguments)
            except redis.exceptions.NoScriptError:
                return client.eval(wanted.text, len(keys), *keys, *arguments)

        return self._tried(once, again)

    async def ask(self, *words: Text, beside: str | None = None) -> Any:
        """Return the answer to a command, of the node that holds the key *beside*."""

        def once() -> Any:
            client = self._ready()
            return client.execute_command(*words, **holder(client, beside))

        return self._tried(once, again=True)

    def _tried(self, once: Callable[[], Any], again: bool) -> Any:
        try:
            try:
                return once()
            except Exception as error:
                if not (again and worth_another_try(error)):
                    raise
            return once()
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no answer
            raise translated(error) from None

    def close(self) -> None:
        """Close every connection."""
        with self._turn:
            client, self._client = self._client, None
        if client is not None:
            for one in all_of(client):
                one.close()
