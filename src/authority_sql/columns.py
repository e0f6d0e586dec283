"""The two ways between a record and its columns, planned once a record and walked once a row.

Columns are written from records and from nothing else, so there is nothing left to check or to convert but what a
database cannot hold as it is. A frozen record sets every field through a call; so a row first becomes a *twin*, a class
with the same slots that is not frozen, and then what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import attrs

from .kinds import EPOCH, MICROSECOND, Kind, micros, moment_of

R = TypeVar("R")
Row = Sequence[Any]


def reader(record: type[R], columns: Mapping[str, Kind], start: int, computed: Sequence[str]) -> Callable[..., R]:
    """Return a function that makes the *record* from a row, in which its *columns* begin at *start*.

    It takes, after the row, what the read has *computed*; a field that is neither has its default.
    """
    end = start + len(columns)
    twin = _twin(record, (*columns, *computed))
    ways = [(at, kind.read) for at, kind in enumerate(columns.values()) if kind.read is not None]
    times = [at for at, way in ways if way is moment_of]  # what there is most of is spared a call for each
    flags = [at for at, way in ways if way is bool]
    others = [(at, way) for at, way in ways if way not in (moment_of, bool)]

    def read(row: Row, *found: object) -> R:
        values = [*row[start:end], *found]
        for at in times:
            if (value := values[at]) is not None:
                values[at] = EPOCH + value * MICROSECOND
        for at in flags:
            if (value := values[at]) is not None:
                values[at] = value == 1
        for at, convert in others:
            if (value := values[at]) is not None:
                values[at] = convert(value)
        made: Any = twin(*values)
        made.__class__ = record
        return made  # type: ignore[no-any-return]  # it is a record now

    return read


def writer(columns: Mapping[str, Kind]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from a record to the values of its *columns*, in order."""
    values_of = attrgetter(*columns)
    ways = [(at, kind.write) for at, kind in enumerate(columns.values()) if kind.write is not None]
    times = [at for at, way in ways if way is micros]  # spared a call for each, as by the reader
    others = [(at, way) for at, way in ways if way is not micros]

    def write(record: Any) -> tuple[Any, ...]:
        values = [*values_of(record)]
        for at in times:
            if (value := values[at]) is not None:
                values[at] = (value - EPOCH) // MICROSECOND
        for at, convert in others:
            if (value := values[at]) is not None:
                values[at] = convert(value)
        return tuple(values)

    return write


def _twin(record: type[Any], given: Sequence[str]) -> type[Any]:
    """Return a class with the slots of *record* whose initializer takes the fields *given*, in their order.

    CPython lets an object change its class where the slots are the same and there is none for weak references.
    """
    if hasattr(record, "__weakref__"):
        raise ValueError(f"{record.__name__} can be referred to weakly, so no other class has its layout")
    left = [one for one in attrs.fields(record) if one.name not in given]
    lacking = [one.name for one in left if one.default is attrs.NOTHING]
    if lacking:
        raise ValueError(f"nothing gives {', '.join(lacking)} of {record.__name__}")
    fields = {name: attrs.field() for name in given} | {one.name: attrs.field(default=one.default) for one in left}
    return attrs.make_class(record.__name__, fields, slots=True, weakref_slot=False, eq=False, repr=False)
