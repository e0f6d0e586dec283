"""A request that is cancelled half way leaves no transaction open, no half commit, and a storage that works."""

from __future__ import annotations

import asyncio

import pytest

from authority_core.kernel.changes import Change, Conflict, Put, Replace, Spend
from authority_core.testing.contract.samples import KEEP, NOW, a_client, a_grant, key_of
from authority_sql import AsyncSqlStorage
from support.cancelling import STEPS, WAYS
from support.postgres import database


def one_statement(name: str) -> list[Change]:
    return [Spend(key_of(name), NOW, KEEP), Put(a_grant(name))]


def a_transaction(name: str) -> list[Change]:
    return [*one_statement(name), Replace(a_client(name))]


@pytest.mark.parametrize("scheme", ["postgresql:", "postgresql+asyncpg:"])
@pytest.mark.parametrize("changes", [one_statement, a_transaction])
@pytest.mark.parametrize("cancelled", WAYS)
def test_a_cancelled_commit_leaves_storage_usable(scheme, changes, cancelled):
    """However far a commit had come: all of it is there, or none; what comes after it is answered rightly."""

    async def play() -> None:
        outcomes = set()
        storage = AsyncSqlStorage.from_url(database().replace("postgresql:", scheme), pool_size=1)
        for steps in STEPS:
            name = f"{scheme} {changes.__name__} {cancelled.__name__} {steps}"
            await cancelled(storage.commit(changes(name)), steps)
            try:  # waits for the end of the one before, if that still holds the key
                await storage.commit([Spend(key_of(name), NOW, KEEP)])
                done = False
            except Conflict:
                done = True
            outcomes.add(done)

            assert (await storage.grant(name) is not None) == done
            if changes is a_transaction:
                assert (await storage.client(name) is not None) == done
            await cancelled(storage.grant(name), steps)
            assert await storage.grant("nobody") is None
        assert outcomes == {True, False}  # cancelled before and after the last word
        await storage.aclose()

    asyncio.run(play())
