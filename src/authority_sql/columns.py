"""The two ways between a record and its columns, planned once a record and walked once a row.

A record is made field by field, without its initializer: columns are written from records and from nothing else, so
there is nothing left to check or to convert but what a database cannot hold as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import attrs

from .kinds import Kind

R = TypeVar("R")
Row = Sequence[Any]


def reader(record: type[R], columns: Mapping[str, Kind], start: int, computed: Sequence[str]) -> Callable[..., R]:
    """Return a function that makes the *record* from a row, in which its *columns* begin at *start*.

    It takes, after the row, what the read has *computed*; a field that is neither has its default.
    """
    end = start + len(columns)
    reading = [(at, kind.read) for at, kind in enumerate(columns.values()) if kind.read is not None]
    fields = [_setter(record, name) for name in (*columns, *computed)]
    defaults = [(_setter(record, name), value) for name, value in _defaults(record, {*columns, *computed})]

    def read(row: Row, *found: object) -> R:
        values = [*row[start:end], *found]
        for at, convert in reading:
            value = values[at]
            if value is not None:
                values[at] = convert(value)
        made = object.__new__(record)
        for set_field, value in zip(fields, values, strict=True):
            set_field(made, value)
        for set_field, value in defaults:
            set_field(made, value)
        return made

    return read


def writer(columns: Mapping[str, Kind]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from a record to the values of its *columns*, in order."""
    values_of = attrgetter(*columns)
    writing = [(at, kind.write) for at, kind in enumerate(columns.values()) if kind.write is not None]

    def write(record: Any) -> tuple[Any, ...]:
        values = [*values_of(record)]
        for at, convert in writing:
            value = values[at]
            if value is not None:
                values[at] = convert(value)
        return tuple(values)

    return write


def _setter(record: type, name: str) -> Callable[[object, object], None]:
    """Return what sets the field *name* of a *record* that is being made; a frozen one refuses every other way."""
    setter: Callable[[object, object], None] = record.__dict__[name].__set__
    return setter


def _defaults(record: type[Any], given: set[str]) -> list[tuple[str, object]]:
    left = [one for one in attrs.fields(record) if one.name not in given]
    lacking = [one.name for one in left if one.default is attrs.NOTHING]
    if lacking:
        raise ValueError(f"nothing gives {', '.join(lacking)} of {record.__name__}")
    return [(one.name, one.default) for one in left]
