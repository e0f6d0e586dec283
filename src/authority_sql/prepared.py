"""A statement of SQLAlchemy Core turned into the driver's own text, once.

A statement's values are given in the order it declares; nothing is built, hashed or inspected per request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from attrs import frozen
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Insert,
    LargeBinary,
    Select,
    Table,
    Update,
    bindparam,
    insert,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from .kinds import TEXT_TYPE

Values = tuple[Any, ...]
_NUMBERS = frozenset({"at", "count", "created_at", "most", "version"})


@frozen
class Prepared:
    """A statement as the driver takes it."""

    sql: str
    arrange: Callable[[Values], Values] | None = None
    """Puts the values in the driver's order; `None` when they already are."""

    def bind(self, values: Values) -> Values:
        """Return *values*, which are in declared order, as the driver wants them."""
        return values if self.arrange is None else self.arrange(values)


def param(name: str) -> ColumnElement[Any]:
    """Return the parameter *name* of a condition: a digest, a number or a text, by what it is called."""
    kind = LargeBinary(32) if name == "key" else BigInteger() if name in _NUMBERS else TEXT_TYPE
    return bindparam(f"p_{name}", type_=kind)


class Preparer:
    """Turns statements into the text of one *dialect*."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert

    def prepare(
        self, statement: Select[Any] | Insert | Update | Delete, declared: Sequence[str], raw: bool = False
    ) -> Prepared:
        """Return *statement*, whose parameters are *declared* in the order in which callers give them.

        *raw* names are columns of an INSERT; others are spelled `p_` within the statement.
        """
        compiled = statement.compile(dialect=self._dialect, column_keys=list(declared) if raw else None)
        names = [name if raw else f"p_{name}" for name in declared]
        constants = {name: value for name, value in compiled.params.items() if name not in names}
        known = [*names, *constants]
        order = [known.index(name) for name in getattr(compiled, "positiontup", None) or ()]
        if order == list(range(len(declared))):
            return Prepared(str(compiled))
        return Prepared(str(compiled), _arranger(order, tuple(constants.values())))

    def insert(self, table: Table, names: Sequence[str]) -> Prepared:
        """Return the INSERT of one row."""
        return self.prepare(insert(table), names, raw=True)

    def upsert(
        self,
        table: Table,
        names: Sequence[str],
        changes: Callable[[Any], dict[str, Any]],
        extra: Sequence[str] = (),
        where: Callable[[Any], ColumnElement[bool]] | None = None,
    ) -> Prepared:
        """Return the INSERT of one row that, where the key exists, makes *changes* (a function of the new row).

        It touches no row where the key exists and *where* (of the new row too) does not hold.
        """
        fresh = {name: bindparam(f"p_{name}", type_=table.c[name].type) for name in names}
        statement = self._insert(table).values(fresh)
        key = [column.name for column in table.primary_key]
        new = statement.excluded
        upsert = statement.on_conflict_do_update(
            index_elements=key, set_=changes(new), where=None if where is None else where(new)
        )
        return self.prepare(upsert, [*names, *extra])


def _arranger(order: Sequence[int], constants: Values) -> Callable[[Values], Values]:
    if not order:
        return lambda values: ()
    pick = itemgetter(*order)
    if len(order) == 1:
        return lambda values: (pick(values + constants),)
    return lambda values: tuple(pick(values + constants))
