"""Storages that go wrong where one text is a name and an address."""

from __future__ import annotations

from collections.abc import Sequence

from authority_core.kernel.changes import Change, Conflict, Replace
from authority_core.kernel.identity import comparable
from authority_core.kernel.records import Mutable, User
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.memory_tables import identifiers
from storage.broken_races import LooksFirst


def _form(text: str | None) -> str | None:
    return None if text is None else comparable(text)


class LooksAcross(LooksFirst):
    """Has a unique index of names and one of addresses, and asks first whether a name is anybody's address."""

    def is_late(self, change: Change) -> bool:
        if isinstance(change, Replace) and isinstance(change.record, User):
            super()._check_unique(change.record)
        return False

    def _check_unique(self, record: Mutable) -> None:
        if not isinstance(record, User):
            return super()._check_unique(record)
        for other in self._all(User):
            names = (other.username, record.username), (other.email, record.email)
            if other.user_id != record.user_id and any(one and _form(one) == _form(two) for one, two in names):
                raise Conflict
        return None


class NamesAnAddressOnce(MemoryStorage):
    """Reserves both in one transaction, which may not name one item twice."""

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            user = change.record if isinstance(change, Replace) else None
            if isinstance(user, User) and user.username and _form(user.username) == _form(user.email):
                raise Conflict
        super().commit(changes)


class GivesBothUp(MemoryStorage):
    """Takes the reservation of a name away with the name, although it is the address's as well."""

    def __init__(self) -> None:
        super().__init__()
        self._given_up: set[tuple[str, str]] = set()

    def _check_unique(self, record: Mutable) -> None:
        if not isinstance(record, User):
            return super()._check_unique(record)
        old = self._records[User].get(record.user_id)
        if old is not None and old.username != record.username and _form(old.username) == _form(old.email):
            self._given_up.add((record.user_id, comparable(old.username or "")))
        for other in self._all(User):
            names = {name for name in identifiers(other) if (other.user_id, name) not in self._given_up}
            if other.user_id != record.user_id and names & identifiers(record):
                raise Conflict
        return None
