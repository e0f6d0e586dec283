"""Storages that write over a record in part: each wrong in one way, in every field where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, fields

from authority_core.kernel.changes import Change, Replace
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.memory_tables import _key


def left_out(old: Any, new: Any) -> Any:
    """Leave what is none out of the update."""
    return old if new is None else new


def left_out_empty(old: Any, new: Any) -> Any:
    """Leave what is empty out of the update."""
    return old if new in (None, "", b"", (), frozenset(), {}) else new


def added(old: Any, new: Any) -> Any:
    """Add to a set."""
    return old | new if isinstance(new, frozenset) else new


def appended(old: Any, new: Any) -> Any:
    """Append to a list what is not in it."""
    return (*old, *(one for one in new if one not in old)) if isinstance(new, tuple) else new


def merged(old: Any, new: Any) -> Any:
    """Merge objects."""
    return {**old, **new} if isinstance(new, Mapping) else new


def merged_deep(old: Any, new: Any) -> Any:
    """Write an object's members, and theirs, one by one, but take the whole away if it is empty."""
    if not isinstance(new, Mapping) or not new:
        return new
    return {name: {**old.get(name, {}), **one} if isinstance(one, dict) else one for name, one in new.items()}


def never(old: Any, new: Any) -> Any:
    """Write a field with the first version only."""
    return old


WAYS = (left_out, left_out_empty, added, appended, merged, merged_deep, never)


def overwriting(kind: type, name: str, way: Callable[[Any, Any], Any]) -> type[MemoryStorage]:
    """Return a storage that treats one field of one kind of record in this *way*."""

    class Overwriting(MemoryStorage):
        changed = False
        """Whether it has written anything else than it was given."""

        def commit(self, changes: Sequence[Change]) -> None:
            super().commit([self._patched(change) for change in changes])

        def _patched(self, change: Change) -> Change:
            if not isinstance(change, Replace) or type(change.record) is not kind:
                return change
            old = self._records[kind].get(_key(change.record))
            if old is None or old.version != change.record.version:
                return change
            given = getattr(change.record, name)
            written = way(getattr(old, name), given)
            Overwriting.changed |= written != given
            return evolve(change, record=evolve(change.record, **{name: written}))

    return Overwriting


def written(kind: type) -> list[str]:
    """Return the fields that may change from version to version, but for names and keys."""
    fixed = ("client_id", "subject", "kid", "user_id", "session_id", "key", "version")
    return [one.name for one in fields(kind) if one.name not in fixed]
