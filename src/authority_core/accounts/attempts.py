"""Counting sign-in attempts, so that guessing is slow. Unknown names are counted like accounts and so reveal nothing.

An attempt is counted before the password is looked at and taken back on success: however many arrive at once, no more
than the threshold are ever judged.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import field, frozen

from ..kernel.changes import Change, Count
from ..kernel.encoding import Digest, keyed_digest
from ..kernel.moment import expired
from ..kernel.shell import Shell
from ..kernel.vault import derive


@frozen
class Locked:
    """No attempt is judged before *until*."""

    until: datetime


@frozen
class Admitted:
    """The attempt may be judged; *left* more may fail before the lock."""

    left: int


@frozen(eq=False)
class Attempts:
    """Failed sign-ins by identifier."""

    shell: Shell
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, shell: Shell) -> Attempts:
        """Derive the key under which identifiers are counted."""
        return cls(shell, derive(shell.settings.secret_key, "sign-in-attempts"))

    def key(self, identifier: str) -> Digest:
        """Return what storage may know of an *identifier* that somebody typed."""
        return keyed_digest(self._key, "identifier", identifier)

    async def admit(self, identifier: str) -> Admitted | Locked:
        """Count an attempt for *identifier* and tell whether it may be judged."""
        threshold = self.shell.settings.lockout_threshold
        key, now = self.key(identifier), self.shell.moment().now
        known = await self.shell.storage.counter(key)
        if known is not None and known.value >= threshold and not expired(known.expires_at, now):
            return Locked(known.expires_at)
        until = now + timedelta(minutes=self.shell.settings.lockout_duration)
        await self.shell.write(Count(key, now, until))
        counted = await self.shell.storage.counter(key)
        if counted is None or counted.value > threshold:
            return Locked(counted.expires_at if counted else until)
        return Admitted(threshold - counted.value)

    def forgiven(self, identifier: str, now: datetime) -> Change:
        """Return the change that forgets the attempts, after a success."""
        return Count(self.key(identifier), now, now, by=None)
