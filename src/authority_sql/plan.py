"""Changes as statements, each of which says whether it must have touched a row.

Pure. Knows nothing of connections; what it returns runs in one transaction or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve

from authority_core.kernel.changes import (
    Change,
    Count,
    CutOff,
    Put,
    Remove,
    Replace,
    Revoke,
    Spend,
    in_order,
    refuse_nameless,
)
from authority_core.kernel.identity import comparable
from authority_core.kernel.records import Mutable, User
from authority_core.kernel.values import transient

from . import shapes
from .kinds import digest_of, micros
from .prepared import Prepared, Values
from .statements import Statements

_UNBOUNDED = 2**62
_WANTED: Mapping[type[Change], Callable[[Any], object]] = {
    Spend: lambda change: digest_of(change.key),
    Revoke: lambda change: (change.what, change.id),
    CutOff: lambda change: (change.subject, change.client_id or ""),
    Count: lambda change: digest_of(change.key),
}
"""What names the row that several commits may want at the same time.

Records of `Put` have names of their own. `Replace` and `Remove` keep their turn: what they write over was read at a
version, so of two commits that want it the later one fails, and no commit of ours takes two in different orders.
"""


@transient
class Step:
    """One statement of a commit."""

    sql: str
    values: Values
    must_change: bool = True
    """A statement that touches no row means that somebody was first."""
    over: Values = ()
    """The key of the row that the statement may write over; empty where it writes over none, or says so itself."""


def plan(statements: Statements, changes: Sequence[Change]) -> list[Step]:
    """Return the statements that make *changes* happen, in the order of the storage protocol.

    Raises `ValueError` for a digest that is not one, and for an empty name.
    """
    steps: list[Step] = []
    for change in _untangled(in_order(changes)):
        steps += _STEPS[type(change)](statements, change)
    return steps


def _untangled(changes: Sequence[Change]) -> Sequence[Change]:
    """Return *changes*, which are in order, so that any two commits take what both may want in the same order.

    Otherwise each could hold what the other waits for, and PostgreSQL would end one of them after a second (40P01).
    """
    if len(changes) < 2 or len([change for change in changes if type(change) in _WANTED]) < 2:
        return changes
    return sorted(changes, key=_turn)


def _turn(change: Change) -> tuple[int, str, object]:
    wanted = _WANTED.get(type(change))
    return (change.place, "", ()) if wanted is None else (change.place, type(change).__name__, wanted(change))


def _made(prepared: Prepared, values: Values) -> Step:
    return Step(prepared.sql, prepared.bind(values))


def _sure(prepared: Prepared, values: Values, over: Values = ()) -> Step:
    """Return a step that nobody has to be asked about: it does what it says, or the database refuses it."""
    return Step(prepared.sql, prepared.bind(values), False, over)


# --- one kind of change each -----------------------------------------------------------------------------------------


def _spend(statements: Statements, change: Spend) -> Sequence[Step]:
    values = digest_of(change.key), micros(change.at), change.salt, micros(change.keep_until)
    return (_sure(statements.spend, values),)


def _put(statements: Statements, change: Put) -> Sequence[Step]:
    record = change.record
    values = shapes.INSERTABLE[type(record)].encode(record)
    if not values[0]:  # the name of the record, or its key
        refuse_nameless((change,))
    return (_sure(statements.inserts[type(record)], values),)


def _revoke(statements: Statements, change: Revoke) -> Sequence[Step]:
    row = change.what, change.id
    return (_sure(statements.revoke, (*row, micros(change.at), micros(change.keep_until), change.reason), over=row),)


def _cut_off(statements: Statements, change: CutOff) -> Sequence[Step]:
    row = change.subject, change.client_id is None, change.client_id or ""
    return (_sure(statements.cut_off, (*row, micros(change.at), micros(change.keep_until), change.reason), over=row),)


def _replace(statements: Statements, change: Replace) -> Sequence[Step]:
    refuse_nameless((change,))
    record = change.record
    shape, writes = shapes.MUTABLE[type(record)], statements.writes[type(record)]
    values = shape.encode(evolve(record, version=record.version + 1))
    if record.version == 0:
        written = _made(writes.insert, values)
    else:
        written = _made(writes.update, (*values, *shape.key_of(record), record.version))
    return (written, *_names(statements, record, taken=True))


def _remove(statements: Statements, change: Remove) -> Sequence[Step]:
    refuse_nameless((change,))
    record = change.record
    key = shapes.MUTABLE[type(record)].key_of(record)
    removed = _made(statements.writes[type(record)].remove, (*key, record.version))
    return (removed, *_names(statements, record, taken=False))


def _names(statements: Statements, record: Mutable, *, taken: bool) -> list[Step]:
    """Return the statements that give up all identifiers of a user, and take those of the *record*."""
    if not isinstance(record, User):
        return []
    freed = [] if record.version == 0 else [_sure(statements.unname_user, (record.user_id,))]
    names = {comparable(text) for text in (record.username, record.email) if text} if taken else set()
    return freed + [_sure(statements.name_user, (name, record.user_id)) for name in sorted(names)]


def _count(statements: Statements, change: Count) -> Sequence[Step]:
    key = digest_of(change.key)
    if change.by is None:
        return (_sure(statements.uncount, (key,), over=(key,)),)
    most = _UNBOUNDED if change.most is None else change.most
    if change.by > most:
        return (_made(statements.count_on, (key, change.by, micros(change.at), most)),)
    return (_made(statements.count, (key, change.by, micros(change.until), micros(change.at), most)),)


_STEPS: Mapping[type[Change], Callable[[Statements, Any], Sequence[Step]]] = {
    Spend: _spend,
    Put: _put,
    Revoke: _revoke,
    CutOff: _cut_off,
    Replace: _replace,
    Remove: _remove,
    Count: _count,
}
