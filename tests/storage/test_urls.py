"""What a URL says of TLS, poolers and connections: in the driver's own words, kept by storage, or refused by name."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from authority_sql import AsyncSqlStorage, SqlStorage, migrate
from authority_sql.engines import bare, in_memory, options_for, resolved, synchronous
from authority_sql.urls import Pool, UrlFault, pool_of

SECRET = "hunter2"
POSTGRES = f"postgresql://me:{SECRET}@db.example/id"
TLS = "sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem"


def told(url: str, *, asynchronous: bool) -> dict[str, object]:
    """Return what the driver's `connect` gets for *url*."""
    found = resolved(url, asynchronous=asynchronous)
    make = create_async_engine if asynchronous else create_engine
    engine = make(bare(found), **options_for(found))
    positional, named = engine.dialect.create_connect_args(engine.url)

    assert positional == []
    return {**named, **options_for(found).get("connect_args", {})}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_psycopg_gets_tls_as_it_is_written(asynchronous: bool):
    """Libpq's own names need no translation."""
    found = told(f"postgresql://me@db.example/id?{TLS}", asynchronous=asynchronous)

    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", "/etc/ca.pem")
    assert "prepare_threshold" not in found


def test_asyncpg_gets_tls_in_a_dsn():
    """The same URL works with the other driver, which reads these names in a DSN only."""
    found = told(f"postgresql+asyncpg://me@db.example/id?{TLS}", asynchronous=True)

    assert found["dsn"] == f"postgresql://?{TLS}"
    assert found["host"] == "db.example"
    assert "sslmode" not in found


def test_what_asyncpg_cannot_do_is_a_sentence():
    """Files of services and the certificates of the system are libpq's ideas, and a time has to be one."""
    for option, word in (("sslrootcert=system", "name the file"), ("connect_timeout=soon", "whole number of seconds")):
        with pytest.raises(UrlFault, match=word):
            told(f"postgresql+asyncpg://me@db.example/id?{option}", asynchronous=True)
    for option in ("service", "servicefile"):
        with pytest.raises(UrlFault, match=f"^asyncpg reads {option} differently from libpq: take it out"):
            told(f"postgresql+asyncpg:///?{option}=mine", asynchronous=True)
        assert told(f"postgresql:///?{option}=mine", asynchronous=True)[option] == "mine"
    assert told("postgresql+asyncpg://me@db.example/id?connect_timeout=7", asynchronous=True)["timeout"] == 7
    assert "timeout" not in told("postgresql+asyncpg://me@db.example/id?connect_timeout=0", asynchronous=True)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_behind_a_pooler_nothing_is_prepared(asynchronous: bool):
    """`pgbouncer=true` turns prepared statements off, and is not shown to the driver."""
    found = told("postgresql://me@db.example/id?pgbouncer=true", asynchronous=asynchronous)

    assert found["prepare_threshold"] is None
    assert "pgbouncer" not in found


def test_a_driver_that_must_prepare_is_refused_behind_a_pooler():
    """Asyncpg cannot do without; the sentence says what can."""
    with pytest.raises(ValueError, match="behind pgbouncer use psycopg"):
        told("postgresql+asyncpg://me@db.example/id?pgbouncer=true", asynchronous=True)


def test_a_doubtful_word_about_a_pooler_is_refused():
    """Anything but true and false is a mistake."""
    with pytest.raises(ValueError, match="true or false"):
        told("postgresql://me@db.example/id?pgbouncer=perhaps", asynchronous=False)


@pytest.mark.parametrize(
    ("query", "size", "pool"),
    [
        ("", None, Pool(kept=5, most=15, patience=30.0)),
        ("", 8, Pool(kept=8, most=18, patience=30.0)),
        ("pool_size=3", None, Pool(kept=3, most=13, patience=30.0)),
        ("pool_size=3", 8, Pool(kept=3, most=13, patience=30.0)),
        ("max_pool_size=3", None, Pool(kept=3, most=3, patience=30.0)),
        ("max_pool_size=50", None, Pool(kept=5, most=50, patience=30.0)),
        ("pool_size=10&max_pool_size=50&checkout_timeout=3", None, Pool(kept=10, most=50, patience=3.0)),
        ("checkout_timeout=0.25", None, Pool(kept=5, most=15, patience=0.25)),
    ],
)
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_connections_are_counted_by_the_url(scheme: str, query: str, size: int | None, pool: Pool):
    """How many stay open, how many there are at most, how long one is waited for; no driver is shown the options."""
    url = f"{POSTGRES}?{query}".replace("postgresql", scheme)

    assert pool_of(resolved(url, asynchronous=True), size) == pool
    assert pool_of(synchronous(url), size) == pool
    assert not {"pool_size", "max_pool_size", "checkout_timeout"} & set(told(url, asynchronous=True))


@pytest.mark.parametrize("name", ["pool_size", "max_pool_size", "checkout_timeout"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "1e3", "٣", "inf", "nan", "99999999999", f"3&{{}}={SECRET}"])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_option(name: str, value: str):
    """Nothing, less than nothing, text, too much, two at once: one sentence, in which the URL's password is not."""
    url = f"{POSTGRES}?{name}={value.format(name)}"
    for use in (SqlStorage.from_url, AsyncSqlStorage.from_url, migrate):
        with pytest.raises(UrlFault, match=f"^{name} in the database's URL is a ") as refusal:
            use(url)

        assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("size", [None, 20])
def test_no_more_stay_open_than_there_are(size: int | None):
    """A most that is below what is kept is a mistake, wherever that was said; the control is the same number."""
    assert pool_of(resolved(f"{POSTGRES}?pool_size=20&max_pool_size=20", asynchronous=False)).most == 20

    query = "max_pool_size=19" if size else "max_pool_size=19&pool_size=20"
    with pytest.raises(UrlFault, match=r"^max_pool_size .* smaller than the 20 connections"):
        SqlStorage.from_url(f"{POSTGRES}?{query}", pool_size=size)


def test_initial_connections_are_refused_with_the_reason():
    """Nothing is opened beforehand here; the sentence names the options that say something."""
    with pytest.raises(UrlFault, match=r"^initial_pool_size .* opened when they are needed: .*max_pool_size"):
        resolved(f"{POSTGRES}?initial_pool_size=10", asynchronous=True)


@pytest.mark.parametrize(
    "name", ["pgbouncer", "pool_size", "max_pool_size", "checkout_timeout", "initial_pool_size"]
)  # fmt: skip
def test_sqlite_has_no_options_of_servers(name: str):
    """A file has neither a pooler nor connections to count."""
    with pytest.raises(UrlFault, match=f"^{name} in the database's URL is for PostgreSQL"):
        resolved(f"sqlite:///authority.db?{name}=3", asynchronous=True)


@pytest.mark.parametrize("value", ["maybe", "FULL", "full&durability=full"])
def test_a_doubtful_word_about_durability_is_refused(value: str):
    """Normal and full, once; full is the control."""
    resolved("sqlite:///authority.db?durability=full", asynchronous=False)
    with pytest.raises(UrlFault, match=r"^durability in the database's URL is normal or full"):
        resolved(f"sqlite:///authority.db?durability={value}", asynchronous=False)


def test_durability_is_sqlites():
    """PostgreSQL has a setting of its own."""
    with pytest.raises(UrlFault, match=r"^durability in the database's URL is for SQLite"):
        resolved(f"{POSTGRES}?durability=full", asynchronous=False)


@pytest.mark.parametrize(
    "url",
    [
        f"{SECRET}",
        f"mysql://me:{SECRET}@host/id",
        f"postgresql://me:1@host:{SECRET}/id",
        f"sqlite:///x.db?timeout={SECRET}",
        f"sqlite:///x.db?check_same_thread={SECRET}",
    ],
)
@pytest.mark.parametrize("use", [SqlStorage.from_url, AsyncSqlStorage.from_url, migrate])
def test_a_url_that_cannot_be_used_is_not_repeated(url: str, use):
    """Whatever SQLAlchemy says of it, the sentence is ours."""
    with pytest.raises(UrlFault) as refusal:
        use(url)

    assert SECRET not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize("port", [0, 65536, 99999])
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
def test_a_port_that_is_none_is_refused(scheme: str, port: int):
    """Before a driver is asked, each of which says something else; the last port there is is the control."""
    assert resolved(f"{scheme}://me@db.example:65535/id", asynchronous=True).port == 65535

    with pytest.raises(UrlFault, match=r"^The port in the database's URL is a number from 1 to 65535"):
        resolved(f"{scheme}://me@db.example:{port}/id", asynchronous=True)


def test_a_port_among_the_options_is_refused_too():
    """What only the driver sees, it says in a sentence of ours."""

    async def ask() -> None:
        await AsyncSqlStorage.from_url("postgresql+asyncpg://me@/id?host=127.0.0.1:99999").client("nobody")

    with pytest.raises(UrlFault, match=r"^The driver asyncpg cannot use .* look at its host, its port"):
        asyncio.run(ask())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_option_that_sqlite_does_not_have_is_named(asynchronous: bool):
    """A mistake of the operator is a sentence; what a URI of SQLite says is SQLite's to judge."""
    assert resolved("sqlite:///file:x.db?mode=ro&uri=true", asynchronous=asynchronous).query["mode"] == "ro"

    with pytest.raises(UrlFault, match=r"^SQLite has no option colour: take it out"):
        resolved("sqlite:///authority.db?colour=blue", asynchronous=asynchronous)


@pytest.mark.parametrize(
    ("url", "memory"),
    [
        ("sqlite://", True),
        ("sqlite:///:memory:", True),
        ("sqlite:///file::memory:?uri=true", True),
        ("sqlite:///file:name?mode=memory&cache=shared&uri=true", True),
        ("sqlite:///file:name.db?mode=ro&uri=true", False),
        ("sqlite:///of:memory:.db", False),
        ("postgresql://host/name", False),
    ],
)
def test_a_database_without_a_file_is_known(url: str, memory: bool):
    """However it is spelled; it lives in one connection and gets its tables at once."""
    assert in_memory(make_url(url)) is memory
    if memory:
        storage = SqlStorage.from_url(url)
        assert storage.clients() == []
        storage.close()
