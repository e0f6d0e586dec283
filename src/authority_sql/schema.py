"""The tables. Public: a host application may put this metadata beside its own and keep one migration history.

Tokens hang on grants by value, without foreign keys: a mark may come before what it ends, and forgetting is
done table by table.
"""

from __future__ import annotations

from attrs import frozen
from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, Table

from . import shapes
from .kinds import TEXT_TYPE, Kind

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that every migration can speak of it."""

LONGEST_PREFIX = 63 - len("ix_authorization_transactions_keep_until")

_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "sessions": (("user_id", "created_at"),),
    "audit_logs": (("at", "audit_id"),),
}
_UNIQUE: dict[str, tuple[str, ...]] = {"sessions": ("key",)}


@frozen
class Tables:
    """Every table, by what it holds."""

    metadata: MetaData
    of: dict[str, Table]
    """Tables of records, by their unprefixed names."""
    spent_keys: Table
    revocations: Table
    cut_offs: Table
    counters: Table
    user_identifiers: Table
    """Names and addresses in canonical form: one owner each, whichever of the two it is to them."""


def metadata_for(prefix: str = "", schema: str | None = None) -> MetaData:
    """Return fresh metadata of all tables, named with *prefix*, in the database's *schema*.

    Add it to the `target_metadata` of your own Alembic environment to keep one migration history.
    """
    return tables_for(prefix, schema).metadata


def tables_for(prefix: str = "", schema: str | None = None) -> Tables:
    """Return the tables of `metadata_for`, each by its name.

    Raises `ValueError` for a `$` or `%` in either name: drivers write the places of values so; and for a prefix with
    which a name would be longer than PostgreSQL's 63 bytes.
    """
    for mark in "$%":
        if mark in prefix + (schema or ""):
            raise ValueError(f"a table prefix or schema must not contain {mark}")
    if len(prefix.encode()) > LONGEST_PREFIX:
        raise ValueError(f"a table prefix has {LONGEST_PREFIX} bytes at most: names of indexes begin with it")
    metadata = MetaData(naming_convention=NAMING, schema=schema)
    found = {shape.table: _table(metadata, prefix, shape) for shape in _SHAPES}
    return Tables(metadata, found, *_marks(metadata, prefix), _identifiers(metadata, prefix))


_SHAPES: tuple[shapes.Shape[object], ...] = (*shapes.INSERTABLE.values(), *shapes.MUTABLE.values())


def _column(name: str, kind: Kind, primary: bool) -> Column[object]:
    return Column(name, kind.type, primary_key=primary, nullable=kind.nullable)


def _table(metadata: MetaData, prefix: str, shape: shapes.Shape[object]) -> Table:
    table = Table(
        prefix + shape.table,
        metadata,
        *(_column(name, kind, name in shape.key) for name, kind in shape.columns.items()),
        sqlite_with_rowid=False,  # the key is the row's place: one look-up, not two
    )
    for columns in _INDEXES.get(shape.table, ()):
        Index(None, *(table.c[name] for name in columns))
    for name in _UNIQUE.get(shape.table, ()):
        Index(None, table.c[name], unique=True)
    if "keep_until" in shape.columns:
        Index(None, table.c["keep_until"])
    return table


def _marks(metadata: MetaData, prefix: str) -> tuple[Table, Table, Table, Table]:
    spent = Table(
        f"{prefix}spent_keys",
        metadata,
        Column("key", LargeBinary(32), primary_key=True),
        Column("at", BigInteger, nullable=False),
        Column("salt", LargeBinary, nullable=False),
        Column("keep_until", BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    revocations = Table(
        f"{prefix}revocations",
        metadata,
        Column("what", TEXT_TYPE, primary_key=True),
        Column("id", TEXT_TYPE, primary_key=True),
        Column("at", BigInteger, nullable=False),
        Column("keep_until", BigInteger, nullable=False, index=True),
        Column("reason", TEXT_TYPE, nullable=False),
        sqlite_with_rowid=False,
    )
    cut_offs = Table(
        f"{prefix}cut_offs",
        metadata,
        Column("subject", TEXT_TYPE, primary_key=True),
        Column("every_client", Boolean(create_constraint=False), primary_key=True),
        Column("client_id", TEXT_TYPE, primary_key=True),  # empty where every client is meant
        Column("at", BigInteger, nullable=False),
        Column("keep_until", BigInteger, nullable=False, index=True),
        Column("reason", TEXT_TYPE, nullable=False),
        sqlite_with_rowid=False,
    )
    counters = Table(
        f"{prefix}counters",
        metadata,
        Column("key", LargeBinary(32), primary_key=True),
        Column("value", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    return spent, revocations, cut_offs, counters


def _identifiers(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}user_identifiers",
        metadata,
        Column("identifier", TEXT_TYPE, primary_key=True),
        Column("user_id", TEXT_TYPE, nullable=False, index=True),
        sqlite_with_rowid=False,
    )


metadata = metadata_for()
"""The tables without prefix, in the default schema."""
