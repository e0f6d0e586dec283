"""An asynchronous database in memory lives in one connection, and survives whatever happens to those who use it."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from authority_core.kernel.changes import Change, Put, Spend
from authority_core.testing.contract.samples import KEEP, NOW, a_grant, key_of
from authority_sql import AsyncSqlStorage, awaiting
from authority_sql.migrating import upgrade_async
from support.cancelling import STEPS, WAYS

pytestmark = pytest.mark.anyio


async def ours() -> AsyncIterator[AsyncSqlStorage]:
    storage = AsyncSqlStorage.from_url("sqlite+aiosqlite://")
    yield storage
    await storage.aclose()


async def of_the_host() -> AsyncIterator[AsyncSqlStorage]:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    await upgrade_async(engine, "", None)
    yield AsyncSqlStorage(engine)
    await engine.dispose()


@pytest.fixture(params=[ours, of_the_host])
async def storage(request: pytest.FixtureRequest):
    """Storage in memory, on an engine of ours and on one of the host."""
    async for made in request.param():
        yield made
    gc.collect()  # a connection left open would warn, and warnings are errors


def one_statement(name: str) -> list[Change]:
    return [Spend(key_of(name), NOW, KEEP)]


def a_transaction(name: str) -> list[Change]:
    return [*one_statement(name), Put(a_grant(name))]


@pytest.mark.parametrize("changes", [one_statement, a_transaction])
@pytest.mark.parametrize("cancelled", WAYS)
async def test_a_cancelled_commit_loses_nothing(storage: AsyncSqlStorage, changes, cancelled):
    """However far it had come: all of it is there, or none, with all that was there before, and the next one works."""
    await storage.commit([Put(a_grant("before"))])
    outcomes = set()
    for steps in STEPS:
        name = f"cancelled {steps}"
        await cancelled(storage.commit(changes(name)), steps)
        await storage.commit([Spend(key_of(f"after {name}"), NOW, KEEP)])  # waits for the end of the one before
        spent, grant = await storage.spent(key_of(name)), await storage.grant(name)
        outcomes.add(spent is not None)

        assert (grant is not None) == (spent is not None and changes is a_transaction)
        assert await storage.grant("before") is not None
    assert True in outcomes  # those that were done before anybody cancelled them


@pytest.mark.parametrize("cancelled", WAYS)
async def test_a_cancelled_read_loses_nothing(storage: AsyncSqlStorage, cancelled):
    """Reads queue for the same connection, and leave it to the next."""
    await storage.commit([Put(a_grant())])
    for steps in STEPS:
        await cancelled(storage.grant("grant"), steps)

        assert await storage.grant("grant") is not None


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("cancelled", WAYS)
async def test_a_first_use_that_is_cancelled_leaves_the_tables_to_the_next(cancelled, steps: int):
    """Whoever comes first makes the tables, whatever becomes of him."""
    storage = AsyncSqlStorage.from_url("sqlite+aiosqlite://")
    await cancelled(storage.commit([Put(a_grant("first"))]), steps)
    await storage.commit([Put(a_grant("second"))])

    assert await storage.grant("second") is not None
    await storage.aclose()
    gc.collect()  # a connection left open would warn, and warnings are errors


async def test_its_connection_never_grows_old(monkeypatch: pytest.MonkeyPatch):
    """Connections are opened anew after a while; this one holds the database."""
    storage = AsyncSqlStorage.from_url("sqlite+aiosqlite://")
    await storage.commit([Put(a_grant())])
    monkeypatch.setattr(awaiting, "LIFETIME", 0.0)

    assert await storage.grant("grant") is not None
    await storage.aclose()
