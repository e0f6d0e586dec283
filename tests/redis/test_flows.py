"""Every flow while Redis, or a storage split with it, fails or the process dies: nothing is half done, one answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from authority_core.testing.invariants import contents as contents_of_memory
from authority_core.testing.memory import MemoryStorage
from authority_redis import AsyncRedisStorage, RedisStorage, SplitStorage
from faults.flows import FLOWS, Flow
from faults.house import House, furnished
from faults.playing import Build, strike_all
from support.redis_contents import both, contents
from support.redis_servers import emptied
from support.transports import in_loop


@contextmanager
def whole(**settings: object) -> Iterator[House]:
    """Everything in Redis, met by threads."""
    server = emptied()
    with closing(RedisStorage.from_url(server.url)) as storage:
        yield furnished(storage, storage.commit, lambda: contents(server), **settings)


@contextmanager
def whole_awaited(**settings: object) -> Iterator[House]:
    """Everything in Redis, met by tasks."""
    server = emptied()
    storage = AsyncRedisStorage.from_url(server.url)
    try:
        with closing(RedisStorage.from_url(server.url)) as blocking:
            yield furnished(storage, blocking.commit, lambda: contents(server), asgi=True, **settings)
    finally:
        in_loop(storage.aclose())


@contextmanager
def split(**settings: object) -> Iterator[House]:
    """Codes, interactions and sessions in Redis, the rest beside it."""
    server, memory = emptied(), MemoryStorage()
    with closing(SplitStorage(memory, RedisStorage.from_url(server.url))) as storage:
        yield furnished(storage, storage.commit, lambda: both(contents_of_memory(memory), contents(server)), **settings)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
@pytest.mark.parametrize("build", [whole, split], ids=lambda build: build.__name__)
def test_no_fault_leaves_anything_half_done(build: Build, flow: Flow) -> None:
    """An error or death before and after every commit, and a death after every read."""
    strike_all(build, flow, reads=True)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_no_fault_leaves_anything_half_done_on_a_loop(flow: Flow) -> None:
    """An error or death before and after every commit, met by tasks."""
    strike_all(whole_awaited, flow, reads=False)
