"""Every flow while PostgreSQL fails, or the process dies, at a call: nothing is half done, a retry gets one answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from authority_sql import AsyncSqlStorage, SqlStorage, contents
from faults.flows import FLOWS, Flow
from faults.house import House, furnished
from faults.playing import strike_all
from support.postgres import emptied
from support.transports import in_loop


@contextmanager
def psycopg(**settings: object) -> Iterator[House]:
    """Met by threads."""
    url = emptied()
    with closing(SqlStorage.from_url(url)) as storage:
        yield furnished(storage, storage.commit, lambda: contents(url), **settings)


@contextmanager
def asyncpg(**settings: object) -> Iterator[House]:
    """Met by tasks, through the other driver."""
    url = emptied()
    storage = AsyncSqlStorage.from_url(url.replace("postgresql:", "postgresql+asyncpg:"))
    try:
        with closing(SqlStorage.from_url(url)) as blocking:
            yield furnished(storage, blocking.commit, lambda: contents(url), asgi=True, **settings)
    finally:
        in_loop(storage.aclose())


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_no_fault_leaves_anything_half_done(flow: Flow) -> None:
    """An error or death before and after every commit, and a death after every read."""
    strike_all(psycopg, flow, reads=True)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_no_fault_leaves_anything_half_done_on_a_loop(flow: Flow) -> None:
    """An error or death before and after every commit, met by tasks."""
    strike_all(asyncpg, flow, reads=False)
