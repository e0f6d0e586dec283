"""Connections that Redis has closed since they were last used, in both colours and in every place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import pytest

from authority_core.kernel.changes import Change, Count
from authority_core.testing.contract import samples as s
from authority_redis import AsyncRedisStorage, RedisStorage
from support.redis_servers import RedisServer, cluster

Place = tuple[str, Sequence[RedisServer]]
"""A URL, and the servers that hold connections of those who use it."""
AT_ONCE = 4


@contextmanager
def alone() -> Iterator[Place]:
    server = RedisServer()
    try:
        yield server.url, [server]
    finally:
        server.stop()


@contextmanager
def with_sentinel() -> Iterator[Place]:
    with alone() as (_, [primary]):
        sentinel = RedisServer(sentinel=f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1")
        try:
            yield f"redis://127.0.0.1:{sentinel.port}/mymaster", [primary, sentinel]
        finally:
            sentinel.stop()


@contextmanager
def in_a_cluster() -> Iterator[Place]:
    nodes = cluster()
    yield "redis://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes), nodes


PLACES: list[Callable[[], object]] = [alone, with_sentinel, in_a_cluster]


def closed(servers: Sequence[RedisServer]) -> int:
    """Let *servers* close every connection, as `timeout` does to one that is idle; return how many there were."""
    number = 0
    for server in servers:
        with server.client() as client:
            number += client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    return number


numbers = count()


def something() -> list[Change]:
    return [Count(s.key_of(f"staying {next(numbers)}"), s.NOW, s.LATER)]


@pytest.mark.parametrize("place", PLACES)
def test_a_connection_that_redis_closed_costs_no_commit(place: Callable):
    """Whoever comes after Redis has closed what was idle is served at the first attempt."""
    with place() as (url, servers):
        storage = RedisStorage.from_url(url)
        storage.commit(something())
        for _ in range(3):
            assert closed(servers)
            storage.commit(something())
        storage.close()


@pytest.mark.parametrize("place", PLACES)
def test_connections_that_redis_closed_cost_no_task_a_commit(place: Callable):
    """So it is for asynchronous applications, of many who come at once too."""

    async def stay(url: str, servers: Sequence[RedisServer]) -> None:
        storage = AsyncRedisStorage.from_url(url)
        try:
            for _ in range(3):
                await asyncio.gather(*(storage.commit(something()) for _ in range(AT_ONCE)))
                assert await asyncio.to_thread(closed, servers)
                await storage.commit(something())
                assert await asyncio.to_thread(closed, servers)
        finally:
            await storage.aclose()

    with place() as (url, servers):
        asyncio.run(stay(url, servers))


def test_a_restarted_server_costs_no_task_a_request():
    """When Redis is back everybody comes in at the first attempt, asynchronously too."""

    async def stay(server: RedisServer) -> None:
        storage = AsyncRedisStorage.from_url(server.url)
        try:
            for _ in range(3):
                await storage.commit(something())
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                await storage.commit(something())
        finally:
            await storage.aclose()

    with alone() as (_, [server]):
        asyncio.run(stay(server))
