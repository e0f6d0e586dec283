"""From a URL to an engine: which driver, which pool, which settings of the database.

A plain `sqlite:///path` or `postgresql://…` gets the driver of the colour asked for; a driver that is named is kept.
TLS is asked for as libpq spells it (`?sslmode=verify-full&sslrootcert=…`), whatever the driver; the options that are
ours are read in `urls`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sqlite3
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool
from sqlalchemy.util import asbool

from .postgresql import greet, refuse_encoding
from .urls import (
    OURS,
    TIMEOUT,
    Synchronous,
    UrlFault,
    check,
    connect_timeout,
    durability_of,
    parsed,
    pooled,
    understood,
)

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for a writer of another process."""
LIFETIME = 1800.0
"""Seconds after which a connection is opened anew: what lies between may forget it."""
WRITER_PATIENCE = 30.0
"""Seconds that a writer on SQLite waits for its turn among those of its own process."""

_SYNC = {"sqlite": "pysqlite", "postgresql": "psycopg"}
_ASYNC = {"sqlite": "aiosqlite", "postgresql": "psycopg_async"}
_COUNTERPART = {
    "aiosqlite": "pysqlite",
    "asyncpg": "psycopg",
    "psycopg_async": "psycopg",
}
_MODULES = {
    "pysqlite": ("sqlite3", "sql"),
    "aiosqlite": ("aiosqlite", "sql"),
    "psycopg": ("psycopg", "postgres"),
    "psycopg_async": ("psycopg", "postgres"),
    "asyncpg": ("asyncpg", ""),
    "psycopg2": ("psycopg2", ""),
}
_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation")
_OF_LIBPQ = (*_TLS, "application_name", "options", "target_session_attrs", "passfile")
"""What libpq calls its options; asyncpg reads them in a DSN only."""


def resolved(url: str | URL, *, asynchronous: bool) -> URL:
    """Return *url* with the driver of the colour.

    Raises `ImportError` where the driver is not installed, and `UrlFault`, a `ValueError`, where it has the other
    colour, the database is neither SQLite nor PostgreSQL, or an option cannot be kept.
    """
    given = parsed(url)
    name, _, driver = given.drivername.partition("+")
    name = "postgresql" if name == "postgres" else name
    if name not in _SYNC:
        raise UrlFault(f"authority_sql speaks sqlite and postgresql, not {name!r}: begin the URL with one of them.")
    if not driver:
        driver = (_ASYNC if asynchronous else _SYNC)[name]
    if asynchronous:
        driver = "psycopg_async" if driver == "psycopg" else driver
    elif driver in _COUNTERPART:
        raise UrlFault(f"{driver} is an asynchronous driver: leave it out of the URL, or use AsyncSqlStorage.")
    if asynchronous and driver not in _COUNTERPART:
        raise UrlFault(f"{driver} is a synchronous driver: leave it out of the URL, or use SqlStorage.")
    require(driver)
    found = given.set(drivername=f"{name}+{driver}")
    check(found)
    return found


def synchronous(url: str | URL) -> URL:
    """Return *url* with a synchronous driver, for migrations."""
    given = parsed(url)
    name, _, driver = given.drivername.partition("+")
    return resolved(given.set(drivername=name if driver in _COUNTERPART else given.drivername), asynchronous=False)


def require(driver: str) -> None:
    """Raise `ImportError`, naming the line that installs it, unless *driver* is importable."""
    module, extra = _MODULES.get(driver, (driver, ""))
    if importlib.util.find_spec(module) is None:
        line = f"pip install 'authority-idp[{extra}]'" if extra else f"pip install {module}"
        raise ImportError(f"The database driver {module} is not installed: {line}")


def in_memory(url: URL) -> bool:
    """Tell whether *url* is a SQLite database without a file."""
    if url.get_backend_name() != "sqlite":
        return False
    place = url.database or ""
    if place in ("", ":memory:"):
        return True
    if not asbool(url.query.get("uri", False)):
        return False
    return place == "file::memory:" or url.query.get("mode") == "memory" or "mode=memory" in place


def options_for(url: URL) -> dict[str, Any]:
    """Return what `create_engine` gets besides the URL. Parameters stay out of its messages, always.

    Nothing is pooled there: storage keeps its connections at hand itself.
    """
    options: dict[str, Any] = {"hide_parameters": True, "pool_reset_on_return": None, "poolclass": NullPool}
    if url.get_backend_name() == "sqlite":
        # Transactions are begun by hand (BEGIN IMMEDIATE); connections wander between threads, one at a time.
        options["connect_args"] = {"isolation_level": None, "check_same_thread": False, "timeout": BUSY_TIMEOUT}
    else:
        options["isolation_level"] = "AUTOCOMMIT"  # a read is one round trip; commits begin by hand
        options["connect_args"] = _connect_args(url)
    if in_memory(url):
        options["poolclass"] = StaticPool
    return options


def _connect_args(url: URL) -> dict[str, Any]:
    """Return what the driver of PostgreSQL gets besides `bare(url)`."""
    found: dict[str, Any] = {}
    if pooled(url) and url.get_driver_name() != "psycopg2":  # which never prepares
        found["prepare_threshold"] = None  # psycopg: statements are never prepared on the server
    if url.get_driver_name() == "asyncpg":
        options = {name: value for name, value in url.query.items() if name in _OF_LIBPQ}
        if options.get("sslrootcert") == "system":
            raise UrlFault("asyncpg has no sslrootcert=system: name the file with your system's certificates.")
        for name in ("service", "servicefile"):  # taken without a word, and another database opened than libpq opens
            if name in url.query:
                raise UrlFault(
                    f"asyncpg reads {name} differently from libpq: take it out, and write host and name into the URL."
                )
        if options:
            found["dsn"] = f"postgresql://?{urlencode(options, doseq=True)}"  # the one door that takes libpq's names
        if (seconds := connect_timeout(url)) is not None:
            found["timeout"] = seconds
    return found


def bare(url: URL) -> URL:
    """Return *url* without what `options_for` says in the driver's own words."""
    otherwise = (*_OF_LIBPQ, TIMEOUT) if url.get_driver_name() == "asyncpg" else ()
    return url.difference_update_query([*OURS, *otherwise])


def blocking_engine(url: URL, *, durability: Synchronous = "NORMAL") -> Engine:
    """Return a synchronous engine for *url*, which has its driver."""
    with understood(url):
        engine = create_engine(bare(url), **options_for(url))
    tune(engine, url, durability)
    return engine


def tune(engine: Engine, url: URL, durability: Synchronous) -> None:
    """Set the database's switches on every new connection of *engine*, which was made for *url*."""

    def connecting(dialect: Dialect, _: ConnectionPoolEntry, positional: list[Any], named: dict[str, Any]) -> Any:
        with understood(url):
            connection = dialect.connect(*positional, **named)
        if dialect.name == "postgresql":  # SQLAlchemy's own first queries fail in some encodings
            _or_closed(connection, refuse_encoding, connection)
        return connection

    event.listen(engine, "do_connect", connecting)
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine, durability_of(url, durability))
    else:

        def connected(connection: Any, _: ConnectionPoolEntry) -> None:
            _or_closed(connection, greet, connection, url)

        event.listen(engine, "connect", connected)


def _or_closed(connection: Any, meet: Callable[..., None], *arguments: Any) -> None:
    """Call *meet* with *arguments*; close *connection* where it raises, which the first SQLAlchemys forget."""
    try:
        meet(*arguments)
    except BaseException:
        connection.close()
        raise


def _tune_sqlite(engine: Engine, durability: Synchronous) -> None:
    def connected(connection: Any, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT * 1000)}")
        # Readers do not wait for writers. Another process that is switching just now has the last word.
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={durability}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    event.listen(engine, "connect", connected)
