"""The two ways between a record and its columns, each written out as one expression and compiled once.

A loop over columns would cost a request nearly as much as the database's own work; so, as `attrs` does for its
initializers, the expression that a person would write by hand is put together from names. It happens while modules
load, from identifiers of our own source: nothing that is read from a database or a request can get in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from .kinds import EPOCH, MICROSECOND, WRITTEN_OUT, Kind

R = TypeVar("R")
Row = Sequence[Any]


def reader(record: type[R], columns: Mapping[str, Kind], start: int, computed: Sequence[str]) -> Callable[..., R]:
    """Return a function that makes the *record* from a row, in which its *columns* begin at *start*.

    It takes, after the row, what the read has *computed*.
    """
    given = {"record": record}
    fields = [
        f"{name}={_passed(f'row[{at}]', 'read', name, kind, kind.read, given)}"
        for at, (name, kind) in enumerate(columns.items(), start)
    ]
    fields += [f"{name}={name}" for name in computed]
    made: Callable[..., R] = _compiled(f"lambda {', '.join(('row', *computed))}: record({', '.join(fields)})", given)
    return made


def writer(columns: Mapping[str, Kind]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from a record to the values of its *columns*, in order."""
    given: dict[str, Any] = {}
    values = [_passed(f"record.{name}", "write", name, kind, kind.write, given) for name, kind in columns.items()]
    made: Callable[[Any], tuple[Any, ...]] = _compiled(f"lambda record: ({', '.join(values)},)", given)
    return made


def _passed(
    value: str, way: str, name: str, kind: Kind, function: Callable[[Any], Any] | None, given: dict[str, Any]
) -> str:
    """Return the expression for *value* after the *function* of its *kind*, which is added to what is *given*."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a field")
    if function is None:
        return value
    if function in WRITTEN_OUT:
        passed = WRITTEN_OUT[function].format(value)
    else:
        given[f"{way}_{name}"] = function
        passed = f"{way}_{name}({value})"
    return f"None if {value} is None else {passed}" if kind.nullable else passed


def _compiled(text: str, given: Mapping[str, Any]) -> Any:
    names = {"EPOCH": EPOCH, "MICROSECOND": MICROSECOND, **given}
    return eval(text, names)  # noqa: S307 - made of names alone, before any request
