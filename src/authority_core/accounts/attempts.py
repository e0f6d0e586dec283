"""Counting sign-in attempts, so that guessing is slow. Unknown names are counted like accounts and so reveal nothing.

An attempt is counted before the password is looked at; all are forgotten on success, and one is taken back whose
password nobody had time for. However many arrive at once, exactly as many as the threshold allows are judged.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import field, frozen

from ..kernel.changes import Change, Count, Decision
from ..kernel.encoding import Digest, keyed_digest
from ..kernel.moment import Moment, expired
from ..kernel.ports import Origin
from ..kernel.records import User
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
    """Failed sign-ins: by account, whichever of its names was typed; by what was typed, when that is nobody's."""

    shell: Shell
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, shell: Shell) -> Attempts:
        """Derive the key under which identifiers are counted."""
        return cls(shell, derive(shell.settings.secret_key, "sign-in-attempts"))

    def key(self, identifier: str, user: User | None) -> Digest:
        """Return the counter of *user*, or of an *identifier* that somebody typed and that is nobody's."""
        kind, text = ("identifier", identifier) if user is None else ("account", user.user_id)
        return keyed_digest(self._key, kind, text)

    async def admit(self, key: Digest) -> Admitted | Locked:
        """Count an attempt at *key* and tell whether it may be judged. Raises `StorageUnavailable` if it cannot."""
        settings = self.shell.settings
        threshold = settings.lockout_threshold

        async def attempt(moment: Moment) -> Decision[Admitted | Locked]:
            known = await self.shell.storage.counter(key)
            before = 0 if known is None or expired(known.expires_at, moment.now) else known.value
            if known is not None and before >= threshold:
                return Decision(Locked(known.expires_at))
            until = moment.now + timedelta(minutes=settings.lockout_duration)
            # Others that were admitted since make this a conflict once the threshold is reached: look again.
            return Decision(Admitted(threshold - before - 1), (Count(key, moment.now, until, most=threshold),))

        return await self.shell.act(Origin(), attempt)

    def forgiven(self, key: Digest, now: datetime) -> Change:
        """Return the change that forgets the attempts, after a success."""
        return Count(key, now, now, by=None)

    def unjudged(self, key: Digest, now: datetime) -> Change:
        """Return the change that takes one attempt back, and no other: nobody has looked at its password.

        A counter that is gone or past its end by then stays so: the one that starts here ends at once.
        """
        return Count(key, now, now, by=-1)
