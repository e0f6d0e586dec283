"""The connections that storage keeps at hand: how many, for how long, and what becomes of dead ones."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from authority_core.kernel.changes import Conflict, Put, Revoke, Spend, StorageUnavailable
from authority_core.kernel.sync import coat
from authority_core.testing.contract.samples import KEEP, LATER, NOW, a_grant, a_refresh_token, key_of
from authority_sql import AsyncSqlStorage, SqlStorage, blocking, migrate
from cli.running import command
from support.cancelling import STEPS, WAYS
from support.postgres import USER, private

Ask = Callable[..., Any]


@cache
def database() -> str:
    """Return the URL of a migrated database."""
    url = private().database()
    migrate(url)
    return url


def on_server(query: str) -> Any:
    """Return the one value that *query* finds, asked over a connection of its own."""
    import psycopg

    with psycopg.connect(database(), autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]  # type: ignore[call-overload,index]  # one row, our own text


OTHERS = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
END_ALL = f"SELECT count(pg_terminate_backend(pid)) {OTHERS}"
COUNT = f"SELECT count(*) {OTHERS} AND backend_type = 'client backend'"


def falls_to(number: int) -> bool:
    """Tell whether no more than *number* connections are left, once the server has seen off those that are closed."""
    return any(on_server(COUNT) <= number for _ in range(1000))


def comes_to(number: int) -> bool:
    """Tell whether *number* connections are open, once the server has seen off those that only counted."""
    return any(on_server(COUNT) == number for _ in range(1000))


@pytest.fixture(params=["psycopg", "psycopg awaited", "asyncpg"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Calls a method of storage, whatever its colour."""
    if request.param == "psycopg":
        storage = SqlStorage.from_url(database())
        yield lambda name, *arguments: getattr(storage, name)(*arguments)
        storage.close()
        return
    with asyncio.Runner() as runner:
        url = database() if request.param != "asyncpg" else database().replace("postgresql:", "postgresql+asyncpg:")
        awaited = AsyncSqlStorage.from_url(url)

        async def asked(name: str, *arguments: Any) -> Any:
            for _ in range(10):
                await asyncio.sleep(0)  # the loop has looked at its sockets, as between two requests
            return await getattr(awaited, name)(*arguments)

        yield lambda name, *arguments: runner.run(asked(name, *arguments))
        runner.run(awaited.aclose())


def test_a_dead_connection_is_replaced(ask: Ask, request: pytest.FixtureRequest):
    """A server that ended every connection costs nobody a request: no read, no commit of one statement or of more."""
    name = request.node.name
    single, several = [Put(a_grant(f"{name} 1"))], [Put(a_grant(f"{name} 2")), Spend(key_of(name), NOW, KEEP)]
    for use in (("client", "nobody"), ("commit", single), ("commit", several)):
        ask("client", "nobody")
        assert on_server(END_ALL) > 0
        assert falls_to(0)
        ask(*use)

    assert ask("grant", f"{name} 2") is not None


def test_marks_may_be_made_twice_in_one_commit(ask: Ask, request: pytest.FixtureRequest):
    """Two marks over one row are two statements of one transaction; the first time stays."""
    name = request.node.name
    ask("commit", [Put(a_grant(name))])
    ask("commit", [Revoke("grant", name, NOW, KEEP), Revoke("grant", name, LATER, KEEP)])

    assert ask("grant", name).revoked_at == NOW


def test_one_refusal_undoes_the_whole_statement(ask: Ask, request: pytest.FixtureRequest):
    """Whichever change comes second, the others did not happen; alone, they do."""
    name = request.node.name
    spend, token = Spend(key_of(name), NOW, KEEP), Put(a_refresh_token(name, name))
    ask("commit", [token])
    for refused in ([spend, Put(a_grant(name)), token], [spend, spend, Put(a_grant(name))]):
        with pytest.raises(Conflict):
            ask("commit", refused)

    assert ask("spent", key_of(name)) is None
    assert ask("grant", name) is None
    ask("commit", [spend, Put(a_grant(name))])
    assert ask("spent", key_of(name)) is not None


def test_statements_are_planned_once():
    """A read that has been prepared is not planned anew for its values, on however small a table."""
    storage = SqlStorage.from_url(database())
    for _ in range(7):  # prepared by now, and not used so often that PostgreSQL would stop planning anew by itself
        storage.code(key_of("nobody"))
    link = asyncio.run(storage._keeps.acquire(False))

    def asked(text: str) -> list[Any]:
        return asyncio.run(link.fetch(text, ()))

    prepared = "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements WHERE statement ~ 'FROM .*codes'"
    ((name, parameters),) = asked(prepared)
    explained = f'EXPLAIN EXECUTE "{name}" ({", ".join(["NULL"] * parameters)})'
    plan = str(asked(explained))
    asked("SELECT set_config('plan_cache_mode', 'force_custom_plan', false)")

    assert "$1" in plan  # a parameter, where a plan for these values would have the values
    assert "$1" not in str(asked(explained))
    asyncio.run(storage._keeps.release(link, False))
    storage.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
def test_libpqs_options_mean_the_same_to_every_driver(scheme: str):
    """A name for the list of connections, a switch of the server's, and a bound for connecting."""
    options = "application_name=mine&connect_timeout=9&options=-csearch_path%3Dpublic%20-cwork_mem%3D5MB"

    async def play() -> None:
        storage = AsyncSqlStorage.from_url(f"{database().replace('postgresql', scheme)}?{options}")
        asked = "SELECT current_setting('application_name') AS a, current_setting('work_mem') AS b"
        ((name, memory),) = await storage._connector.fetch(asked, ())
        await storage.aclose()

        assert (name, memory) == ("mine", "5MB")

    asyncio.run(play())


@pytest.mark.parametrize(
    ("query", "kept", "most"),
    [("", 2, 12), ("&max_pool_size=3", 2, 3), ("&pool_size=1&max_pool_size=4", 1, 4)],
)
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
@pytest.mark.parametrize("awaited", [False, True])
def test_so_many_connections_and_no_more(query: str, kept: int, most: int, scheme: str, awaited: bool):
    """Whoever finds none within the timeout hears that storage is unavailable; afterwards no more stay than is kept."""
    if scheme == "postgresql+asyncpg" and not awaited:
        pytest.skip("asyncpg is asynchronous")
    url = database().replace("postgresql", scheme) + "?checkout_timeout=0.01" + query

    async def play() -> None:
        storage = AsyncSqlStorage.from_url(url, pool_size=2) if awaited else SqlStorage.from_url(url, pool_size=2)
        lender = storage._lender if isinstance(storage, AsyncSqlStorage) else storage._keeps
        ask = coat(storage)
        links = [await lender.acquire(False) for _ in range(most)]
        assert comes_to(most)
        with pytest.raises(StorageUnavailable, match="Every connection to the database is at work"):
            await ask.client("nobody")
        assert comes_to(most)
        for link in links:
            await lender.release(link, False)

        assert await ask.client("nobody") is None
        assert comes_to(kept)
        await storage.aclose() if isinstance(storage, AsyncSqlStorage) else storage.close()
        assert falls_to(0)

    asyncio.run(play())


@pytest.mark.parametrize("awaited", [False, True])
def test_so_long_and_no_longer(awaited: bool):
    """A connection is waited for as long as the URL says: one that comes in time is had, and the wait ends with it."""
    patience = 0.4

    async def play() -> None:
        url = f"{database()}?max_pool_size=1&checkout_timeout={patience}"
        storage = AsyncSqlStorage.from_url(url) if awaited else SqlStorage.from_url(url)
        lender = storage._lender if isinstance(storage, AsyncSqlStorage) else storage._keeps

        def ask() -> object:
            return storage.client("nobody")

        async def asked() -> object:
            return await ask() if awaited else await asyncio.to_thread(ask)

        held = await lender.acquire(False)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await asked()
        waited = time.monotonic() - began
        assert patience <= waited < 30  # the default; nothing closer is certain on a busy machine

        waiting = asyncio.ensure_future(asked())
        await asyncio.sleep(0)
        await lender.release(held, False)
        assert await waiting is None
        await storage.aclose() if isinstance(storage, AsyncSqlStorage) else storage.close()

    asyncio.run(play())


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
@pytest.mark.parametrize("cancelled", WAYS)
def test_cancelled_requests_open_no_more_than_there_may_be(scheme: str, cancelled):
    """A connection whose opener went away, or whose work was cut off, counts until it is closed."""
    most, seen = 2, []

    async def play() -> None:
        url = database().replace("postgresql", scheme) + f"?max_pool_size={most}"
        storage = AsyncSqlStorage.from_url(url)
        engine, open_now = storage._engine.sync_engine, set()

        def opened(connection, record) -> None:
            open_now.add(id(connection))
            seen.append(len(open_now))

        event.listen(engine, "connect", opened)
        event.listen(engine, "close", lambda connection, record: open_now.discard(id(connection)))
        event.listen(engine, "close_detached", lambda connection: open_now.discard(id(connection)))
        for steps in STEPS:
            await asyncio.gather(*(cancelled(storage.client("nobody"), steps) for _ in range(5 * most)))
        assert await storage.client("nobody") is None
        await storage.aclose()

    asyncio.run(play())

    assert max(seen) <= most
    assert len(seen) > most  # connections were given up on the way


def test_an_old_connection_is_opened_anew(monkeypatch: pytest.MonkeyPatch):
    """What lies between may have forgotten it."""
    storage = SqlStorage.from_url(database())
    storage.client("nobody")
    started = on_server(f"SELECT min(backend_start) {OTHERS}")
    storage.client("nobody")
    assert on_server(f"SELECT min(backend_start) {OTHERS}") == started
    monkeypatch.setattr(blocking, "LIFETIME", 0.0)
    storage.client("nobody")

    assert on_server(f"SELECT min(backend_start) {OTHERS}") > started
    storage.close()


def test_threads_share_what_is_at_hand():
    """Many threads at once: everybody is served, and afterwards no more is open than is kept."""
    storage = SqlStorage.from_url(database(), pool_size=3)
    threads = [threading.Thread(target=lambda: [storage.client("nobody") for _ in range(50)]) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert falls_to(3)
    storage.close()


def test_a_forked_child_opens_its_own_connections():
    """A server that loads the application and then forks shares no connection with its children."""
    code = f"""
import os, sys
from authority_sql import SqlStorage
from authority_core.kernel.changes import Put
from authority_core.testing.contract.samples import a_grant
storage = SqlStorage.from_url({database()!r})
storage.commit([Put(a_grant("parent"))])
child = os.fork()
if not child:
    storage.commit([Put(a_grant("child"))])
    storage.close()
    os._exit(0 if storage.grant("parent") else 1)
failed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(failed or not storage.grant("child"))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("words", [("config", "check"), ("serve", "--port", "4000")])
def test_an_option_that_the_servers_driver_lacks_is_said_before_it_serves(words: tuple[str, ...]):
    """The commands speak through psycopg, which knows it; the driver of the server is asked too, and has its way."""
    settings = {"AUTHORITY_ISSUER": "http://localhost:4000", "AUTHORITY_SECRET_KEY": "0123456789abcdef" * 2}
    url = database().replace("postgresql", "postgresql+asyncpg")
    done = command(*words, **settings, AUTHORITY_DATABASE_URL=f"{url}?keepalives_idle=30")

    assert done.returncode == 1
    assert "The driver asyncpg has no option keepalives_idle: take it out of the database's URL." in done.stderr
    assert "Traceback" not in done.stderr
    assert command("config", "check", **settings, AUTHORITY_DATABASE_URL=f"{url}?max_pool_size=3").returncode == 0


@pytest.mark.parametrize("words", [("config", "check"), ("serve",)])
def test_a_service_that_the_servers_driver_reads_otherwise_is_said_before_it_serves(words, tmp_path: Path):
    """The commands would be at the database that the service names, and the server perhaps at another one."""
    host, _, name = database().partition("@")[2].partition("/")
    services = tmp_path / "services"
    services.write_text(f"[mine]\nhost=127.0.0.1\nport={host.partition(':')[2]}\ndbname={name}\nuser={USER}\n")
    settings = {
        "AUTHORITY_ISSUER": "http://localhost:4000",
        "AUTHORITY_SECRET_KEY": "0123456789abcdef" * 2,
        "PGSERVICEFILE": str(services),
    }
    done = command(*words, **settings, AUTHORITY_DATABASE_URL="postgresql+asyncpg:///?service=mine")

    assert done.returncode == 1
    assert "asyncpg reads service differently from libpq: take it out" in done.stderr
    checked = command("config", "check", **settings, AUTHORITY_DATABASE_URL="postgresql:///?service=mine")
    assert checked.returncode == 0
