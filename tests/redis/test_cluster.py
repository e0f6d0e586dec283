"""A cluster whose nodes do not all answer, or are not all set up alike: only the one that holds our keys matters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from authority_core.kernel.changes import Count, StorageUnavailable
from authority_core.testing.contract import samples as s
from authority_redis import AsyncRedisStorage, RedisStorage
from support.redis_servers import RedisServer, cluster

PREFIX = "{authority:}"


@pytest.fixture
def url() -> str:
    return "redis://" + ",".join(f"127.0.0.1:{node.port}" for node in cluster())


@pytest.fixture
def ours() -> RedisServer:
    """The node that holds our keys."""
    return next(node for node in cluster() if holds(node))


@pytest.fixture
def others(ours: RedisServer) -> list[RedisServer]:
    return [node for node in cluster() if node is not ours]


def holds(node: RedisServer) -> bool:
    with node.client() as client:
        slot = client.execute_command("CLUSTER", "KEYSLOT", PREFIX)
        myself = client.execute_command("CLUSTER", "MYID").decode()
        ranges = client.execute_command("CLUSTER", "SLOTS")
    return any(first <= slot <= last and primary[2].decode() == myself for first, last, primary, *_ in ranges)


@pytest.fixture
def evicting() -> Iterator[object]:
    """A function that lets a node evict."""
    changed = []

    def let(node: RedisServer) -> None:
        with node.client() as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        changed.append(node)

    yield let
    for node in changed:
        with node.client() as client:
            client.config_set("maxmemory-policy", "noeviction")


def used(url: str) -> None:
    """Use a new storage of each colour."""
    storage = RedisStorage.from_url(url, timeout=0.5)
    storage.commit([Count(s.key_of("cluster"), s.NOW, s.LATER)])
    assert storage.counter(s.key_of("cluster")) is not None
    assert storage.client("nobody") is None
    assert storage.session(s.key_of("nobody", "session")) is None
    storage.close()

    async def use() -> None:
        other = AsyncRedisStorage.from_url(url, timeout=0.5)
        try:
            await other.commit([Count(s.key_of("cluster"), s.NOW, s.LATER)])
            assert await other.counter(s.key_of("cluster")) is not None
            assert await other.client("nobody") is None
            assert await other.session(s.key_of("nobody", "session")) is None
        finally:
            await other.aclose()

    asyncio.run(use())


def advised(url: str) -> tuple[int, int]:
    """Return how many sentences of advice a storage of each colour has."""
    storage = RedisStorage.from_url(url)
    number = len(storage.advice())
    storage.close()

    async def ask() -> int:
        other = AsyncRedisStorage.from_url(url)
        try:
            return len(await other.advice())
        finally:
            await other.aclose()

    return number, asyncio.run(ask())


def test_a_node_that_holds_nothing_of_ours_may_hang(url: str, others: list[RedisServer]):
    """A process that starts meanwhile is served, reads and commits, in both colours, whichever of them it is."""
    used(url)
    for node in others:
        node.freeze()
        try:
            used(url)
        finally:
            node.thaw()


def test_the_node_of_our_keys_is_asked_for_its_policy(url: str, ours: RedisServer, evicting):
    """An eviction policy there is warned of in both colours."""
    assert advised(url) == (0, 0)
    evicting(ours)

    assert advised(url) == (1, 1)


def test_no_other_node_is_asked_for_its_policy(url: str, others: list[RedisServer], evicting):
    """What other nodes may evict is none of ours."""
    for node in others:
        evicting(node)

    assert advised(url) == (0, 0)


@pytest.mark.parametrize("rule", [None, "ACL SETUSER authority on >password ~{authority:}* +@all -cluster"])
def test_a_cluster_that_refuses_a_user_is_said_to_do_so(url: str, rule: str | None):
    """A password that is wrong, and a right that is missing, are told from a server that is no cluster."""
    for node in cluster():
        with node.client() as client:
            client.execute_command(*(rule or "ACL DELUSER authority").split())
    refused = url.replace("//", "//authority:password@")
    storage = RedisStorage.from_url(refused)
    with pytest.raises(StorageUnavailable, match="refuses this user"):
        storage.client("nobody")
    storage.close()

    async def ask() -> None:
        other = AsyncRedisStorage.from_url(refused)
        try:
            await other.client("nobody")
        finally:
            await other.aclose()

    with pytest.raises(StorageUnavailable, match="refuses this user"):
        asyncio.run(ask())


def test_a_server_that_is_no_cluster_is_said_to_be_none():
    """Several hosts in a URL mean a cluster; two servers are none."""
    servers = [RedisServer(), RedisServer()]
    storage = RedisStorage.from_url("redis://" + ",".join(f"127.0.0.1:{server.port}" for server in servers))
    with pytest.raises(StorageUnavailable, match="no cluster"):
        storage.client("nobody")
    storage.close()
    for server in servers:
        server.stop()
