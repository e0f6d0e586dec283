"""Storages as they are commonly written, wrong in one way each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import TypeGuard

from attrs import asdict, evolve

from authority_core.kernel.abilities import METHODS
from authority_core.kernel.changes import (
    Change,
    Conflict,
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
from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Mutable,
    RefreshToken,
    Session,
    Stored,
    User,
)
from authority_core.testing.memory import MemoryStorage


class _Reads:
    """Asynchronous reads over a reference that its `commit` misuses."""

    def __init__(self):
        self._right = MemoryStorage()

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(name)
        method = getattr(self._right, name)

        async def read(*arguments):
            await asyncio.sleep(0)  # a database's round trip
            return method(*arguments)

        return read


class CheckThenAct(_Reads):
    """Looks whether a key is spent, whether the version fits, and only then writes: a round trip lies between."""

    async def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Spend) and await self.spent(change.key):
                raise Conflict
        await asyncio.sleep(0)
        self._right.commit([change for change in changes if not self._spent(change)])

    def _spent(self, change: Change) -> bool:
        return isinstance(change, Spend) and self._right.spent(change.key) is not None


class ReadModifyWrite(_Reads):
    """Counts by reading a number and writing the next one."""

    async def commit(self, changes: Sequence[Change]) -> None:
        counts = [change for change in changes if isinstance(change, Count)]
        read = [await self.counter(change.key) for change in counts]
        await asyncio.sleep(0)
        self._right.commit([change for change in changes if not isinstance(change, Count)])
        for change, known in zip(counts, read, strict=True):
            value = (known.value if known else 0) + (change.by or 0)
            self._right.commit([evolve(change, by=None), evolve(change, by=value)])


class OneByOne(_Reads):
    """Writes change after change, without a transaction, and stops at the first that fails."""

    async def commit(self, changes: Sequence[Change]) -> None:
        for change in in_order(changes):
            self._right.commit([change])


class WithoutALock(MemoryStorage):
    """Looks into a dictionary whether a key is spent, and writes it on the next line: a thread may come in between."""

    def commit(self, changes: Sequence[Change]) -> None:
        spends = [change for change in changes if isinstance(change, Spend)]
        for spend in spends:
            if spend.key in self._spent:
                raise Conflict
            self._spent[spend.key] = spend
        super().commit([change for change in changes if not isinstance(change, Spend)])


class InsertsWithoutALock(MemoryStorage):
    """Looks for a grant of the same id, and inserts when there is none."""

    def commit(self, changes: Sequence[Change]) -> None:
        grants = [change.record for change in changes if isinstance(change, Put) and isinstance(change.record, Grant)]
        if any(self.grant(grant.grant_id) for grant in grants):
            raise Conflict
        super().commit([change for change in changes if not isinstance(change, Put) or change.record not in grants])
        self._records[Grant] |= {grant.grant_id: grant for grant in grants}


class CountsOnOneLine(MemoryStorage):
    """Reads a number, adds and writes it, which is one line of Python and three steps of its interpreter."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[Digest, int] = {}

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Count):
                self._numbers[change.key] = self._numbers.get(change.key, 0) + (change.by or 0)
                self._counters[change.key] = Counter(value=self._numbers[change.key], expires_at=change.until)
        super().commit([change for change in changes if not isinstance(change, Count)])


class LooksAtAFullCounter(MemoryStorage):
    """Asks whether there is room, and then counts."""

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Count):
                self._check_count(change)
        super().commit([evolve(one, most=None) if isinstance(one, Count) else one for one in changes])


class OneByOneInThreads(MemoryStorage):
    """Writes change after change, each under a lock of its own."""

    def commit(self, changes: Sequence[Change]) -> None:
        for change in in_order(changes):
            super().commit([change])


class ChecksVersionsFirst(MemoryStorage):
    """Compares the version, and then writes the record, whatever has come in between."""

    def commit(self, changes: Sequence[Change]) -> None:
        records = [change.record for change in changes if isinstance(change, Replace)]
        for record in records:
            self._check_version(record)
        super().commit([change for change in changes if not isinstance(change, Replace)])
        for record in records:
            self._apply(Replace(record))


class LooksForNames(MemoryStorage):
    """Asks whether a name is taken, and then takes it."""

    def commit(self, changes: Sequence[Change]) -> None:
        users = [one for one in changes if isinstance(one, Replace) and isinstance(one.record, User)]
        for change in users:
            self._check_version(change.record)
            self._check_unique(change.record)
        for change in users:
            self._apply(change)
        super().commit([change for change in changes if change not in users])


class LivenessOnTheGrant(_Reads):
    """Revokes by updating the grants that it finds, so that one which is stored a moment later lives."""

    async def commit(self, changes: Sequence[Change]) -> None:
        self._right.commit([change for change in changes if not self._misses(change)])

    def _misses(self, change: Change) -> bool:
        if isinstance(change, Revoke):
            return change.what == "grant" and self._right.grant(change.id) is None
        return isinstance(change, CutOff)


class LastWriterWins(_Reads):
    """Ignores versions."""

    async def commit(self, changes: Sequence[Change]) -> None:
        self._right.commit([self._forced(change) for change in changes])

    def _forced(self, change: Change) -> Change:
        if not isinstance(change, Replace | Remove) or not isinstance(change.record, Client):
            return change
        known = self._right.client(change.record.client_id)
        return type(change)(evolve(change.record, version=known.version if known else 0))


class NoVersionsOfConsents(_Reads):
    """Minds the versions of some records only."""

    async def commit(self, changes: Sequence[Change]) -> None:
        self._right.commit([self._forced(change) for change in changes])

    def _forced(self, change: Change) -> Change:
        if not isinstance(change, Replace | Remove) or not isinstance(change.record, Consent):
            return change
        known = self._right.consent(change.record.subject, change.record.client_id)
        return type(change)(evolve(change.record, version=known.version if known else 0))


class ComparesSmallLetters(MemoryStorage):
    """Compares names and addresses in small letters, however they are spelled in Unicode."""

    def _check_unique(self, record: Mutable) -> None:
        if not isinstance(record, User):
            return super()._check_unique(record)
        names = {text.lower() for text in (record.username, record.email) if text is not None}
        for user in self.users():
            if user.user_id != record.user_id and names & {str(user.username).lower(), str(user.email).lower()}:
                raise Conflict
        return None


class TakesLinesTwice(MemoryStorage):
    """Inserts into the audit trail as into a log, without a key."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._renamed(change) for change in changes])

    def _renamed(self, change: Change) -> Change:
        if not isinstance(change, Put) or not isinstance(change.record, AuditRecord):
            return change
        return Put(evolve(change.record, audit_id=f"{change.record.audit_id} {len(self.audit())}"))


class NoneIsEmpty(MemoryStorage):
    """Stores an empty text where there is none, as some databases do."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._emptied(change) for change in changes])

    def _emptied(self, change: Change) -> Change:
        if not isinstance(change, Put) or not isinstance(change.record, Grant) or change.record.session_id is not None:
            return change
        return Put(evolve(change.record, session_id=""))


class ForgetsWhoEndedACode(MemoryStorage):
    """Gives a code that is kept elsewhere back as it came."""

    def marked(self, code: AuthorizationCode) -> Stored[AuthorizationCode]:
        return Stored(record=code, grant=code.grant, spent=self.spent(code.key))


class ForgetsWhoEndedASession(MemoryStorage):
    """Gives a session that is kept elsewhere back as it came."""

    def marked_session(self, session: Session) -> Session:
        return session


class ForgetsTheHolderOfOneToken(MemoryStorage):
    """Says that it tells holders, and tells that of a code only."""

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        found = super().refresh_token(key)
        return None if found is None else evolve(found, holder=None)


class LetsTheLastOfTwoStay(MemoryStorage):
    """Inserts one after the other, and only asks whether a key was there before the commit."""

    def commit(self, changes: Sequence[Change]) -> None:
        puts = {change.record.key: change for change in changes if isinstance(change, Put) and is_token(change.record)}
        others = [change for change in changes if not (isinstance(change, Put) and is_token(change.record))]
        super().commit([*others, *puts.values()])


def is_token(record: object) -> TypeGuard[AccessToken]:
    return isinstance(record, AccessToken)


class KeepsMarks(MemoryStorage):
    """Forgets records, and no mark of what has ended."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        revoked, cut_off = dict(self._revoked), dict(self._cut_off)
        gone = super().cleanup(now, batch, limit)
        self._revoked, self._cut_off = revoked, cut_off
        return gone


class KeepsTheFirstEnd(MemoryStorage):
    """Forgets a consent when the one before it would have been forgotten."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._as_before(change) for change in changes])

    def _as_before(self, change: Change) -> Change:
        if not (isinstance(change, Replace) and isinstance(change.record, Consent)):
            return change
        before = self.consent(change.record.subject, change.record.client_id)
        return change if before is None else Replace(evolve(change.record, keep_until=before.keep_until))


class KeepsConsents(MemoryStorage):
    """Takes consents for something that never ends."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        consents = dict(self._records[Consent])
        gone = super().cleanup(now, batch, limit)
        self._records[Consent] = consents
        return gone


class FirstMarkDecides(MemoryStorage):
    """Passes over a mark that is there, and over how long the second one was to be kept."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([change for change in changes if not self._known(change)])

    def _known(self, change: Change) -> bool:
        return isinstance(change, Revoke) and (change.what, change.id) in self._revoked


class CutsAtNul(MemoryStorage):
    """Hands texts to a driver that ends them at NUL."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._cut(change) for change in changes])

    def _cut(self, change: Change) -> Change:
        if not isinstance(change, Replace) or not isinstance(change.record, Client):
            return change
        return Replace(evolve(change.record, name=change.record.name.partition("\x00")[0]))


class ForgetsFractions(MemoryStorage):
    """Keeps times in whole seconds."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._rounded(change) for change in changes])

    def _rounded(self, change: Change) -> Change:
        match change:
            case Put(record):
                return Put(evolve(record, keep_until=record.keep_until.replace(microsecond=0)))
            case Spend(at=at) | Revoke(at=at):
                return evolve(change, at=at.replace(microsecond=0))
            case Count(until=until):
                return evolve(change, until=until.replace(microsecond=0))
        return change


class TakesAnyKey(MemoryStorage):
    """Leaves it to its callers to know what they spend."""

    def commit(self, changes: Sequence[Change]) -> None:
        spends = [change for change in changes if isinstance(change, Spend) and not is_named(change)]
        super().commit([change for change in changes if change not in spends])
        self._spent |= {spend.key: spend for spend in spends}


class RefusesTooLate(MemoryStorage):
    """Looks at what it is to write when it comes to it, and leaves what it wrote before."""

    def commit(self, changes: Sequence[Change]) -> None:
        whole = list(takewhile(is_named, in_order(changes)))
        super().commit(whole)
        if len(whole) < len(changes):
            raise ValueError("what is this about?")


def is_named(change: Change) -> bool:
    try:
        refuse_nameless([change])
    except ValueError:
        return False
    return True


class ShowsWhatItHolds(MemoryStorage):
    """Has the `repr` that a data class would have."""

    def __repr__(self) -> str:
        return f"ShowsWhatItHolds(records={dict(self._records)!r}, spent={self._spent!r})"


class ShowsRows(MemoryStorage):
    """Hides keys, and shows the rest of an account as it is stored."""

    def __repr__(self) -> str:
        return f"ShowsRows({[asdict(user) for user in self.users()]!r})"


class RefusesEverything(MemoryStorage):
    """Safe, in its way."""

    def commit(self, changes: Sequence[Change]) -> None:
        raise Conflict
