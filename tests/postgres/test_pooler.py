"""Behind a pooler: found out where nobody spoke of it, and nothing is prepared or switched there."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from authority_core.kernel.changes import Spend, StorageUnavailable
from authority_core.kernel.encoding import Digest, digest
from authority_core.kernel.sync import coat, run
from authority_core.testing.contract.samples import KEEP, NOW
from authority_sql import AsyncSqlStorage, SqlStorage, migrate, pending
from authority_sql.urls import UrlFault
from support.postgres import USER, bouncer, private


@pytest.mark.parametrize("option", ["", "?pgbouncer=true"])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_pooler_is_found_out(pooled: str, option: str, awaited: bool):
    """Whether the URL speaks of it or not, nothing is prepared behind it, and every answer is the asker's own."""
    storage = (AsyncSqlStorage if awaited else SqlStorage).from_url(pooled.partition("?")[0] + option)
    keys = [digest(option, f"{awaited}{at}") for at in range(120)]

    async def spend_and_look(key: Digest) -> bool:
        await ask.commit([Spend(key, NOW, KEEP)])
        return await ask.spent(key) is not None and await ask.client("nobody") is None

    async def all_at_once() -> list[bool]:
        found = await asyncio.gather(*map(spend_and_look, keys))
        await storage.aclose()
        return found

    ask = coat(storage)
    if awaited:
        assert asyncio.run(all_at_once()) == [True] * len(keys)
        return
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda key: run(spend_and_look(key)), keys)) == [True] * len(keys)
    storage.close()


def test_the_pooler_is_why_statements_are_not_prepared(pooled: str):
    """The control: with `pgbouncer=false`, which is believed, the same reads fail behind it."""
    storage = SqlStorage.from_url(pooled.replace("true", "false"))
    with ThreadPoolExecutor(8) as pool, pytest.raises(StorageUnavailable):
        list(pool.map(storage.counter, [digest("any", str(at)) for at in range(800)]))
    storage.close()


def test_a_driver_that_always_prepares_says_what_stands_in_its_way(pooled: str):
    """Asyncpg behind a pooler that nobody spoke of is refused with a sentence, and not with wrong answers."""

    async def ask() -> None:
        storage = AsyncSqlStorage.from_url(pooled.partition("?")[0].replace("postgresql", "postgresql+asyncpg"))
        try:
            await storage.client("nobody")
        finally:
            await storage.aclose()

    for _ in range(3):
        with pytest.raises(UrlFault, match="use psycopg"):
            asyncio.run(ask())


@pytest.mark.parametrize("option", ["", "&pgbouncer=true"])
def test_a_schema_that_the_pooler_would_lose_is_refused(option: str):
    """Options of the URL do not come through, so no table is made elsewhere; what the role is given works."""
    cluster, url = private(), private().database()
    name = url.rpartition("/")[2]
    cluster.sql("CREATE SCHEMA auth", database=name)
    found = "SELECT count(*) FROM pg_tables WHERE schemaname = {!r}"
    with bouncer(cluster) as port:
        behind = url.replace(f":{cluster.port}/", f":{port}/")
        options = f"{behind}?options=-csearch_path%3Dauth{option}"

        async def ask() -> None:
            storage = AsyncSqlStorage.from_url(options)
            try:
                await storage.client("nobody")
            finally:
                await storage.aclose()

        for use in (lambda: migrate(options), lambda: pending(options), lambda: asyncio.run(ask())):
            with pytest.raises(UrlFault, match=r"ALTER ROLE .* SET search_path"):
                use()
        with psycopg.connect(url) as connection:
            assert connection.execute(found.format("public")).fetchone() == (0,)
    cluster.sql(f"ALTER ROLE {USER} IN DATABASE {name} SET search_path = auth")
    with bouncer(cluster) as port:  # a new one: the other keeps connections from before
        migrate(url.replace(f":{cluster.port}/", f":{port}/"))

    with psycopg.connect(url) as connection:
        assert connection.execute(found.format("public")).fetchone() == (0,)
        assert connection.execute(found.format("auth")).fetchone() > (10,)


def test_switches_stay_with_the_connection_they_were_made_for():
    """A connection to PostgreSQL itself is switched, one behind a pooler is not: it goes to somebody else."""
    url, cluster = private().database(), private()
    with closing(SqlStorage.from_url(url)) as direct:
        assert _switches(direct) == ["force_generic_plan", "off"]
    with bouncer(cluster) as port:
        for option in ("", "?pgbouncer=true"):
            with closing(SqlStorage.from_url(url.replace(f":{cluster.port}/", f":{port}/") + option)) as behind:
                assert _switches(behind) == ["auto", "on"]


def _switches(storage: SqlStorage) -> list[str]:
    asked = [f"SELECT current_setting('{name}')" for name in ("plan_cache_mode", "enable_seqscan")]
    return [run(storage._on._connector.fetch(sql, ()))[0][0] for sql in asked]
