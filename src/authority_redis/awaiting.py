"""redis-py's asynchronous client, for one event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import redis.asyncio as redis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import NoScriptError

from .awaiting_cluster import AwaitingCluster
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
    cluster=AwaitingCluster,
    node=ClusterNode,
    sentinels=partial(Sentinels, Sentinel),
    sentinel_pool=SentinelConnectionPool,
    retry=Retry,
)


class AwaitingLink:
    """An asynchronous client, made with the first use, on the loop that uses it."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._client: Client = None

    async def _ready(self) -> Client:
        if self._client is None:
            self._client = self._make()
        client = self._client
        if isinstance(client, AwaitingCluster) and client.get_default_node() is None:
            await client.initialize()  # before it knows the nodes, redis-py 8 sends scripts to any of them
        return client

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[Text | int], *, again: bool) -> Any:
        """Return what the script *name* answers."""
        wanted = script(name)

        async def once() -> Any:
            client = await self._ready()
            try:
                return await client.evalsha(wanted.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await client.eval(wanted.text, len(keys), *keys, *arguments)

        return await self._tried(once, again)

    async def ask(self, *words: Text, beside: str | None = None) -> Any:
        """Return the answer to a command, of the node that holds the key *beside*."""

        async def once() -> Any:
            client = await self._ready()
            return await client.execute_command(*words, **holder(client, beside))

        return await self._tried(once, again=True)

    async def _tried(self, once: Callable[[], Awaitable[Any]], again: bool) -> Any:
        try:
            try:
                return await once()
            except Exception as error:
                if not (again and worth_another_try(error)):
                    raise
            return await once()
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no answer
            raise translated(error) from None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._client is not None:
            client, self._client = self._client, None
            for one in all_of(client):
                await one.aclose()
