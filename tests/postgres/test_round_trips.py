"""What a request pays for on the wire: one round trip a read, one a commit of the token path, with every driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

import attrs
import pytest

from authority_core.kernel.changes import CutOff, Put, Replace, Revoke, Spend
from authority_core.testing.contract.samples import (
    KEEP,
    NOW,
    a_client,
    a_code,
    a_grant,
    a_refresh_token,
    an_access_token,
    an_audit_record,
    key_of,
)
from authority_sql import AsyncSqlStorage, SqlStorage, migrate
from support.postgres import private
from support.round_trips import Counted, counting

numbers = count()


@cache
def database() -> str:
    """Return the URL of a migrated database."""
    url = private().database()
    migrate(url)
    return url


@pytest.fixture(scope="module")
def wire() -> Iterator[Counted]:
    """What goes between the drivers and the server."""
    with counting(private().port) as counted:
        yield counted


@pytest.fixture(params=["psycopg", "psycopg awaited", "asyncpg"])
def ask(request: pytest.FixtureRequest, wire: Counted) -> Iterator[Callable[..., Any]]:
    """Calls a method of storage, whatever its colour."""
    url = database().replace(f":{private().port}/", f":{wire.port}/")
    if request.param == "psycopg":
        storage = SqlStorage.from_url(url)
        yield lambda name, *arguments: getattr(storage, name)(*arguments)
        storage.close()
        return
    with asyncio.Runner() as runner:
        asyncpg = request.param == "asyncpg"
        awaited = AsyncSqlStorage.from_url(url.replace("postgresql:", "postgresql+asyncpg:") if asyncpg else url)
        yield lambda name, *arguments: runner.run(getattr(awaited, name)(*arguments))
        runner.run(awaited.aclose())


def redemption(name: str) -> list[Any]:
    """Return what the redemption of a code commits."""
    tokens = [Put(a_refresh_token(name, name)), Put(an_access_token(name, name))]
    line = Put(attrs.evolve(an_audit_record(), audit_id=name))
    return [Spend(key_of(name), NOW, KEEP), Put(a_grant(name)), *tokens, line]


def rotation(name: str) -> list[Any]:
    """Return what the rotation of a refresh token commits."""
    line = Put(attrs.evolve(an_audit_record(), audit_id=name))
    return [Spend(key_of(name), NOW, KEEP, b"salt"), Put(a_refresh_token(name, name)), line]


def replay(name: str) -> list[Any]:
    """Return changes that end things, some of them twice over what others have ended."""
    ends = [Revoke("grant", name, NOW, KEEP), Revoke("session", "s", NOW, KEEP), CutOff("someone", None, NOW, KEEP)]
    return [*ends, Put(attrs.evolve(an_audit_record(), audit_id=name))]


def turns(wire: Counted, use: Callable[[], object]) -> float:
    """Return the round trips of *use*, when its statements are prepared."""
    for _ in range(10):
        use()
    wire.reset()
    for _ in range(10):
        use()
    return wire.turns / 10


@pytest.mark.parametrize("commit", [redemption, rotation, replay])
def test_a_commit_of_the_token_path_is_one_round_trip(ask: Callable[..., Any], wire: Counted, commit: Any):
    """Spending, inserting and ending go to the server as one statement, which is a transaction by itself."""
    assert turns(wire, lambda: ask("commit", commit(f"{commit.__name__} {next(numbers)}"))) == 1


@pytest.mark.parametrize("read", ["code", "refresh_token", "access_token", "session"])
def test_a_read_is_one_round_trip(ask: Callable[..., Any], wire: Counted, read: str):
    """Whatever it joins."""
    assert turns(wire, lambda: ask(read, key_of("nobody"))) == 1


def test_the_marks_of_a_code_kept_elsewhere_are_one_round_trip(ask: Callable[..., Any], wire: Counted):
    """Its spending and all four ways for its grant to end."""
    code = a_code(a_grant())

    assert turns(wire, lambda: ask("marked", code)) == 1


def test_the_wire_sees_every_statement(ask: Callable[..., Any], wire: Counted):
    """The control: what has to look at how many rows it touched is a transaction of several statements."""
    line = Put(an_audit_record())

    def write() -> None:
        name = f"client {next(numbers)}"
        ask("commit", [Replace(a_client(name)), Put(attrs.evolve(line.record, audit_id=name))])

    assert turns(wire, write) == 4
