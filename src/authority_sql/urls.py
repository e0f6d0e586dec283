"""What the URL of a database says besides the place: how many connections, a pooler before it, how durable. Pure.

Faults are sentences that name the option and repeat nothing else of the URL, which may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from attrs import frozen
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

Synchronous = Literal["NORMAL", "FULL"]
SIZE, EXTRA = 5, 10
"""Connections that storage keeps at hand, and how many more it opens when all of them are at work."""
PATIENCE = 30.0
"""Seconds to wait for one that is free."""

POOLED = "pgbouncer"
DURABILITY = "durability"
KEPT, MOST, WAIT = "pool_size", "max_pool_size", "checkout_timeout"
INITIAL = "initial_pool_size"
TIMEOUT = "connect_timeout"
"""Of libpq; asyncpg has another word for it."""
OURS = (POOLED, DURABILITY, KEPT, MOST, WAIT, INITIAL)
"""Options that no driver is shown."""
_SQLITE = ("timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements", "uri")
"""Options of Python's sqlite3; those of a URI are SQLite's."""
ALWAYS_PREPARES = "asyncpg"
"""The driver that cannot do without prepared statements."""
PREPARING = (
    f"{ALWAYS_PREPARES} always prepares statements: behind pgbouncer use psycopg, as a URL that begins with "
    f"postgresql:// does; or say {POOLED}=false in the URL, where the pooler keeps a connection for each client "
    "(session mode) or knows prepared statements (max_prepared_statements)."
)
"""What to tell of it where a pooler hands connections, and what was prepared on them, to somebody else."""
OPTIONS = "options"
"""Of libpq: switches of the server, such as its search_path."""
NOT_PASSED_ON = (
    f"A pooler does not pass on the {OPTIONS} of the database's URL, such as its search_path: give them to the role "
    "(ALTER ROLE ... SET search_path = ...), connect to PostgreSQL itself, or make the storage with schema=."
)
"""What to tell of them where a pooler would lose them, and tables would be made and looked for elsewhere."""
_MOST_CONNECTIONS = 10_000
_MOST_SECONDS = 3600
_LAST_PORT = 65535
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?\Z")


class UrlFault(ValueError):
    """The URL of a database cannot be used; the message is a sentence that says why and repeats no secret."""


@frozen
class Pool:
    """How many connections a process has."""

    kept: int
    """So many stay open when nobody works."""
    most: int
    """There are never more."""
    patience: float
    """Seconds that a request waits for one."""


def parsed(url: str | URL) -> URL:
    """Return *url* in its parts. Raises `UrlFault`."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise UrlFault(
            "The database's URL cannot be read: give something like sqlite:///authority.db or "
            "postgresql://user:password@host/name, with special characters of the password percent-encoded."
        ) from None


def check(url: URL) -> None:
    """Raise `UrlFault` unless every option of ours in *url*, which has its driver, can be kept."""
    if url.get_backend_name() == "sqlite":
        for name in (POOLED, KEPT, MOST, WAIT, INITIAL):
            if name in url.query:
                raise UrlFault(f"{name} in the database's URL is for PostgreSQL: SQLite opens a file; take it out.")
        strange = [name for name in url.query if name not in (DURABILITY, *_SQLITE)]
        if strange and "uri" not in url.query:
            raise UrlFault(f"SQLite has no option {strange[0]}: take it out of the database's URL.")
        durability_of(url, "NORMAL")
        return
    if DURABILITY in url.query:
        raise UrlFault(
            f"{DURABILITY} in the database's URL is for SQLite: PostgreSQL waits for the disk unless its "
            "synchronous_commit says otherwise; take it out."
        )
    if url.port is not None and not 1 <= url.port <= _LAST_PORT:
        raise UrlFault(f"The port in the database's URL is a number from 1 to {_LAST_PORT}.")
    if pooled(url) and OPTIONS in url.query:
        raise UrlFault(NOT_PASSED_ON)
    pool_of(url)
    connect_timeout(url)


def durability_of(url: URL, otherwise: Synchronous) -> Synchronous:
    """Return what `durability=normal` or `durability=full` in SQLite's *url* says, *otherwise* what is given."""
    said = url.query.get(DURABILITY)
    if said is None:
        return otherwise
    if said not in ("normal", "full"):
        raise UrlFault(f"{DURABILITY} in the database's URL is normal or full, once.")
    return "FULL" if said == "full" else "NORMAL"


def pooled(url: URL) -> bool:
    """Tell whether `pgbouncer=true` is in *url*. Raises `UrlFault` where the driver cannot do without preparing."""
    said = url.query.get(POOLED, "false")
    if said not in ("true", "false"):
        raise UrlFault(f"{POOLED} in the database's URL is true or false, once.")
    if said == "true" and url.get_driver_name() == ALWAYS_PREPARES:
        raise UrlFault(PREPARING)
    return said == "true"


def pool_of(url: URL, size: int | None = None) -> Pool:
    """Return what the options of *url* say of connections; *size* are kept where it does not say.

    Raises `UrlFault`.
    """
    if INITIAL in url.query:
        raise UrlFault(
            f"{INITIAL} in the database's URL means nothing here, for connections are opened when they are needed: "
            f"say with {KEPT} how many stay open, and with {MOST} how many there are at most."
        )
    most = _count(url, MOST)
    kept = _count(url, KEPT) or size or (SIZE if most is None else min(SIZE, most))
    if most is not None and kept > most:
        raise UrlFault(f"{MOST} in the database's URL is smaller than the {kept} connections that stay open ({KEPT}).")
    return Pool(kept, kept + EXTRA if most is None else most, _patience(url))


def _count(url: URL, name: str) -> int | None:
    said = url.query.get(name)
    if said is None:
        return None
    if isinstance(said, str) and re.fullmatch("[0-9]{1,5}", said) and 1 <= int(said) <= _MOST_CONNECTIONS:
        return int(said)
    raise UrlFault(f"{name} in the database's URL is a whole number from 1 to {_MOST_CONNECTIONS}, once.")


def _patience(url: URL) -> float:
    said = url.query.get(WAIT)
    if said is None:
        return PATIENCE
    if isinstance(said, str) and _SECONDS.match(said) and 0 < float(said) <= _MOST_SECONDS:
        return float(said)
    raise UrlFault(f"{WAIT} in the database's URL is a number of seconds above 0, {_MOST_SECONDS} at most, once.")


def connect_timeout(url: URL) -> int | None:
    """Return how many seconds to wait for a new connection, as libpq says it; `None` for no end. Raises `UrlFault`."""
    said = url.query.get(TIMEOUT)
    if said is None or said == "0":
        return None
    if isinstance(said, str) and re.fullmatch("[0-9]{1,4}", said) and int(said) <= _MOST_SECONDS:
        return int(said)
    raise UrlFault(f"{TIMEOUT} in the database's URL is a whole number of seconds, {_MOST_SECONDS} at most, once.")


@contextmanager
def understood(url: URL) -> Iterator[None]:
    """Turn what SQLAlchemy or a driver says of an option that it cannot use into a sentence."""
    try:
        yield
    except (UrlFault, OSError):  # a certificate that is refused is a ValueError too, and says enough
        raise
    except (ArgumentError, OverflowError, TypeError, ValueError) as error:
        raise UrlFault(_not_taken(url, error)) from None


def _not_taken(url: URL, error: Exception) -> str:
    """Return what to tell of *error*; it repeats names of options, and no value."""
    driver = url.get_driver_name()
    named = [name for name in url.query if re.search(rf"['\"]{re.escape(name)}['\"]", str(error))]
    if named:
        return f"The driver {driver} has no option {named[0]}: take it out of the database's URL."
    return (
        f"The driver {driver} cannot use the database's URL ({type(error).__name__}): look at its host, its port and "
        "its options."
    )
