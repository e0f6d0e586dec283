"""What a URL of PostgreSQL says about TLS and poolers reaches the driver in its own words."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from authority_sql.engines import bare, options_for, resolved

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
