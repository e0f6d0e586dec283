"""Every statement of the storage, over one schema: what is written here; what is read, in `reading`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from attrs import frozen
from sqlalchemy import (
    URL,
    ColumnElement,
    FromClause,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.engine import Dialect

from . import shapes
from .prepared import Prepared, Preparer, param
from .reading import reads_for
from .schema import Tables, tables_for

MOST_AT_ONCE = 10_000
"""Rows that one statement forgets at most."""


@frozen
class Writes:
    """The statements of one kind of mutable record."""

    insert: Prepared
    update: Prepared
    remove: Prepared


@frozen
class Statements:
    """Every statement of one storage."""

    joins: bool
    """Whether the database takes several statements that write as one."""
    reads: dict[str, Prepared]
    inserts: dict[type, Prepared]
    writes: dict[type, Writes]
    spend: Prepared
    revoke: Prepared
    cut_off: Prepared
    name_user: Prepared
    unname_user: Prepared
    count: Prepared
    count_on: Prepared
    uncount: Prepared
    cleanup: tuple[Prepared, ...]


def statements_for(prefix: str, schema: str | None, dialect: Dialect) -> Statements:
    """Return every statement, ready for *dialect*'s driver; all storages of one place and driver share them."""
    return _statements(prefix, schema, dialect.name, dialect.driver)


@lru_cache(maxsize=16)
def _statements(prefix: str, schema: str | None, name: str, driver: str) -> Statements:
    kind: Any = URL.create(f"{name}+{driver}").get_dialect()
    dialect: Dialect = kind()
    if dialect.paramstyle == "pyformat":
        # Values are given by position; psycopg takes both spellings, and SQLAlchemy's default for it is by name.
        dialect = kind(paramstyle="format")
    preparer, tables = Preparer(dialect), tables_for(prefix, schema)
    forget = _forget_by_place if name == "postgresql" else _forget_by_key
    return Statements(
        joins=name == "postgresql",
        reads=reads_for(preparer, tables),
        inserts={
            record: preparer.insert(tables.of[shape.table], shape.names) for record, shape in shapes.INSERTABLE.items()
        },
        writes={record: _writes(preparer, tables.of[shape.table], shape) for record, shape in shapes.MUTABLE.items()},
        spend=preparer.insert(tables.spent_keys, ("key", "at", "salt", "keep_until")),
        revoke=preparer.upsert(
            tables.revocations,
            ("what", "id", "at", "keep_until", "reason"),
            # The first time stays; only forgetting is put off, so that no mark goes before what it ends.
            lambda new: {"keep_until": _later(tables.revocations.c.keep_until, new.keep_until)},
        ),
        cut_off=_cut_off(preparer, tables.cut_offs),
        name_user=preparer.insert(tables.user_identifiers, ("identifier", "user_id")),
        unname_user=preparer.prepare(
            delete(tables.user_identifiers).where(tables.user_identifiers.c.user_id == param("user_id")), ("user_id",)
        ),
        count=_count(preparer, tables.counters),
        count_on=_count_on(preparer, tables.counters),
        uncount=preparer.prepare(delete(tables.counters).where(tables.counters.c["key"] == param("key")), ("key",)),
        cleanup=tuple(forget(preparer, table) for table in _forgettable(tables)),
    )


def _later(old: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((new > old, new), else_=old)


def _cut_off(preparer: Preparer, table: Table) -> Prepared:
    def changes(new: Any) -> dict[str, Any]:
        return {
            "reason": case((new.at > table.c.at, new.reason), else_=table.c.reason),
            "at": _later(table.c.at, new.at),
            "keep_until": _later(table.c.keep_until, new.keep_until),
        }

    return preparer.upsert(table, ("subject", "every_client", "client_id", "at", "keep_until", "reason"), changes)


def _count(preparer: Preparer, table: Table) -> Prepared:
    """Return the statement that counts where a counter may start: what it adds is not above its most."""
    over = table.c.expires_at <= param("at")

    def changes(new: Any) -> dict[str, Any]:
        return {
            "value": case((over, new.value), else_=table.c.value + new.value),
            "expires_at": case((over, new.expires_at), else_=table.c.expires_at),
        }

    def within(new: Any) -> ColumnElement[bool]:
        return or_(over, table.c.value + new.value <= param("most"))

    return preparer.upsert(table, ("key", "value", "expires_at"), changes, ("at", "most"), within)


def _count_on(preparer: Preparer, table: Table) -> Prepared:
    """Return the statement that adds more than a counter may start with: only to one that is below zero."""
    key, value, end = table.c["key"], table.c["value"], table.c["expires_at"]
    added = value + param("count")
    within = and_(key == param("key"), end > param("at"), added <= param("most"))
    return preparer.prepare(update(table).where(within).values(value=added), ("key", "count", "at", "most"))


def _writes(preparer: Preparer, table: Table, shape: shapes.Shape[Any]) -> Writes:
    key = [table.c[name] == bindparam(f"p_key_{name}", type_=table.c[name].type) for name in shape.key]
    same = and_(*key, table.c.version == param("version"))
    declared = (*(f"key_{name}" for name in shape.key), "version")
    fresh = [f"new_{name}" for name in shape.names]
    values = {name: bindparam(f"p_new_{name}", type_=table.c[name].type) for name in shape.names}
    return Writes(
        insert=preparer.insert(table, shape.names),
        update=preparer.prepare(update(table).where(same).values(values), (*fresh, *declared)),
        remove=preparer.prepare(delete(table).where(same), declared),
    )


def _forgettable(tables: Tables) -> list[Table]:
    """Return tables with an end, what is ended before what ends it."""
    records = [table for table in tables.of.values() if "keep_until" in table.c]
    return [*records, tables.counters, tables.spent_keys, tables.revocations, tables.cut_offs]


def _end(table: FromClause) -> ColumnElement[Any]:
    return table.c["keep_until"] if "keep_until" in table.c else table.c["expires_at"]


def _forget_by_key(preparer: Preparer, table: Table) -> Prepared:
    """Return the DELETE of rows found again by their keys, for a database that has one writer at a time."""
    end, key = _end(table), list(table.primary_key)
    old = select(*key).where(end <= param("at")).order_by(end).limit(param("count"))
    return preparer.prepare(delete(table).where(tuple_(*key).in_(old)), ("at", "count"))


def _forget_by_place(preparer: Preparer, table: Table) -> Prepared:
    """Return the DELETE of rows found again where they lie, for PostgreSQL.

    Planned for any values, a batch is taken for a tenth of what there is, and all of it would be read: so the statement
    says itself that a batch is small. A row whose end was put off meanwhile lies elsewhere; its end is asked for again,
    because not every version looks whether the place is still the one that was found.
    """
    late = table.alias("late")
    end = _end(late)
    place: ColumnElement[Any] = literal_column("ctid")
    placed: ColumnElement[Any] = literal_column("late.ctid")
    found = select(placed.label("ctid")).select_from(late).where(end <= param("at")).order_by(end)
    few = found.limit(literal_column(str(MOST_AT_ONCE))).subquery("few")
    places = func.array(select(place).select_from(few).limit(param("count")).scalar_subquery())
    over = _end(table) <= param("at")
    return preparer.prepare(delete(table).where(place == func.any(places), over), ("at", "count"))
