"""Rotation of the master secret: everything that an earlier one encrypted is encrypted anew under the first.

One record is one versioned commit, so a run that broke off is finished by another, and servers work meanwhile. Records
are read a page at a time, and one that changed since is read again. What is under the first key already is opened like
the rest, and left alone. Knows no command line.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from attrs import define, field, frozen

from ..kernel.changes import Change, Decision, Replace
from ..kernel.encrypted import COLUMNS, EncryptedColumn, context
from ..kernel.moment import Moment
from ..kernel.ports import Origin
from ..kernel.records import Mutable
from ..kernel.shell import Shell
from ..kernel.vault import CannotDecrypt, Damaged, Vault

Outcome = Literal["moved", "current", "unreadable"]


@frozen
class Moved:
    """What became of one ciphertext: the *column*, the record's *key*, and for one that does not open, why.

    What is *damaged*, or was moved from another record, opens under no secret; the rest waits for its secret.
    """

    column: str
    key: str
    outcome: Outcome
    fault: str | None = None
    damaged: bool = False


@define(eq=False)
class SecretRotation:
    """Goes through every encrypted column of the storage; call `next_record` until it returns `None`.

    Every record is opened, with what binds it to its place. One that does not open is left as it is and reported; the
    rest is moved all the same.
    """

    _shell: Shell = field(repr=False)
    _vault: Vault = field(repr=False)
    _columns: tuple[EncryptedColumn, ...] = COLUMNS
    _column: int = field(default=0, init=False)
    _after: str | None = field(default=None, init=False)
    _waiting: deque[tuple[str, Mutable]] = field(factory=deque, init=False, repr=False)

    async def total(self) -> int:
        """Return how many records there are to be looked at now; each is read once for that."""
        count = 0
        for column in self._columns:
            after = None
            while page := await column.page(self._shell.storage, after):
                count, after = count + len(page), page[-1][0]
        return count

    async def next_record(self) -> Moved | None:
        """Move one ciphertext and say what became of it; `None` when all are done.

        Raises:
            StorageUnavailable: Storage cannot be reached. The record is as it was.
        """
        while self._column < len(self._columns):
            column = self._columns[self._column]
            if not self._waiting:
                self._waiting.extend(await column.page(self._shell.storage, self._after))
            if self._waiting:
                self._after, record = self._waiting.popleft()
                return await self._move(column, self._after, record)
            self._column, self._after = self._column + 1, None
        return None

    async def _move(self, column: EncryptedColumn, key: str, listed: Mutable) -> Moved:
        bound = context(column.name, key)
        known = [listed]  # good for the first attempt; whoever loses looks again

        async def attempt(moment: Moment) -> Decision[Moved]:
            record = known.pop() if known else await column.read(self._shell.storage, key)
            sealed = None if record is None else column.sealed(record)
            if record is None or sealed is None:
                return Decision(Moved(column.name, key, "current"))
            try:
                plain = self._vault.open(sealed, bound)
            except CannotDecrypt as error:
                return Decision(Moved(column.name, key, "unreadable", str(error), isinstance(error, Damaged)))
            if self._vault.current(sealed):
                return Decision(Moved(column.name, key, "current"))
            change: Change = Replace(column.resealed(record, self._vault.seal(plain, bound)))
            return Decision(Moved(column.name, key, "moved"), (change,))

        return await self._shell.act(Origin(), attempt)
