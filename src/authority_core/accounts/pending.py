"""Pending sign-ins: the password was right, and a new one must be chosen before there is a session.

Kept on the server under the digest of a ticket, bound to the browser that signed in and to the password it proved,
good once and for ten minutes. No password is in it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import field, frozen

from ..kernel.browser import Over, under_way
from ..kernel.changes import Change, Put, Spend
from ..kernel.encoding import Digest, digest
from ..kernel.moment import Moment
from ..kernel.ports import Storage
from ..kernel.records import Interaction, User
from .sessions import may_sign_in

KIND = "pending_sign_in"
LIFE = timedelta(minutes=10)
_KEPT = timedelta(hours=1)


@frozen
class Pending:
    """A sign-in that waits for a new password."""

    record: Interaction = field(repr=False)
    user: User
    """As read now, not as it was when the password was proved."""

    @property
    def remember(self) -> bool:
        """Whether the session is to outlive the browser."""
        return ("remember", "on") in self.record.parameters

    def spent(self, now: datetime) -> Change:
        """Return the change that uses it up."""
        return Spend(self.record.key, now, self.record.keep_until)


def begin(user: User, browser: Digest, client_id: str, moment: Moment, *, remember: bool) -> tuple[str, Change]:
    """Return the ticket of a sign-in by *user*, whose password was right, and the change that stores it."""
    ticket = moment.token(KIND)
    expires_at = moment.now + LIFE
    record = Interaction(
        key=digest(KIND, ticket),
        browser=browser,
        client_id=client_id,
        parameters=(
            ("user_id", user.user_id),
            ("proved", _proof(user)),
            *((("remember", "on"),) if remember else ()),
        ),
        created_at=moment.now,
        expires_at=expires_at,
        keep_until=expires_at + _KEPT,
    )
    return ticket, Put(record)


async def find(reads: Storage, ticket: str, browser: Digest | None, now: datetime) -> Pending | None:
    """Return the pending sign-in that *browser* holds the *ticket* of, while its user may still go on with it."""
    record = under_way(await reads.interaction(digest(KIND, ticket)), browser, now)
    if isinstance(record, Over):
        return None
    known = dict(record.parameters)
    user = await reads.user(known["user_id"])
    if user is None or not may_sign_in(user, now) or _proof(user) != known["proved"]:
        return None
    return Pending(record, user)


def _proof(user: User) -> str:
    """Return what tells whether the password is still the one that was proved; the salted hash has 128 random bits."""
    return digest("password_hash", user.password_hash or "").hex()
