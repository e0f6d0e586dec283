"""Everything a database holds, as records: for the invariant checker of tests, and for looking at a restored backup.

It reads whole tables into memory, inside one snapshot; it is not for the path of a request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import URL, Connection, Table, select

from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import Counter
from authority_core.testing.invariants import Contents, Mark

from . import shapes
from .engines import blocking_engine, synchronous
from .kinds import moment_of
from .schema import Tables, tables_for

Row = tuple[Any, ...]


def contents(url: str | URL, *, table_prefix: str = "", schema: str | None = None) -> Contents:
    """Return everything in the database at *url*, consistent in itself.

    Raises `ImportError` with the line that installs a missing driver, and what the driver raises for a database that
    cannot be read.
    """
    engine = blocking_engine(synchronous(url))
    try:
        with engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            connection.exec_driver_sql("BEGIN" if sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return _contents(connection, tables_for(table_prefix, schema))
            finally:
                connection.exec_driver_sql("ROLLBACK")
    finally:
        engine.dispose()


def _contents(connection: Connection, tables: Tables) -> Contents:
    def rows(table: Table, names: Iterable[str]) -> list[Row]:
        return [tuple(row) for row in connection.execute(select(*(table.c[name] for name in names)))]

    records: list[object] = []
    for shape in (*shapes.INSERTABLE.values(), *shapes.MUTABLE.values()):
        records += [shape.decode(row) for row in rows(tables.of[shape.table], shape.names)]
    revoked = rows(tables.revocations, ("what", "id", "at", "keep_until"))
    cut_off = rows(tables.cut_offs, ("subject", "every_client", "client_id", "at", "keep_until"))
    counters = rows(tables.counters, ("key", "value", "expires_at"))
    spent = rows(tables.spent_keys, ("key", "at", "keep_until"))
    names = rows(tables.user_identifiers, ("identifier", "user_id"))
    return Contents(
        records=records,
        spent={Digest(bytes(key)): _mark(*times) for key, *times in spent},
        revoked={(what, name): _mark(*times) for what, name, *times in revoked},
        cut_off={(subject, None if every else client): _mark(*times) for subject, every, client, *times in cut_off},
        counters={Digest(bytes(key)): Counter(value=value, expires_at=moment_of(end)) for key, value, end in counters},
        names={str(name): str(owner) for name, owner in names},
    )


def _mark(at: int, keep_until: int) -> Mark:
    return Mark(moment_of(at), moment_of(keep_until))
