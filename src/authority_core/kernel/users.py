"""Setting an account's password, and ending every session and grant it has: the changes that do it.

A person who must choose a new password (`accounts.password_change`) and an administrator (`admin.users`) do it alike.
Nothing here hashes, judges or writes a password, or asks who may set it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve

from .changes import Change, CutOff, Decision, Replace
from .events import UserChanged
from .moment import Moment
from .records import User
from .settings import Settings

_MARGIN = timedelta(days=30)
"""How much longer the mark of an end is kept than anything it can end."""
INSTANT = timedelta(microseconds=1)
"""The finest difference that storage keeps."""


def with_password(
    user: User,
    password_hash: str,
    settings: Settings,
    moment: Moment,
    *,
    must_change: bool,
    spare_new: bool = False,
) -> Decision[User]:
    """Set the password; every session and grant of *user* ends, because whoever had the old one may hold them.

    With *spare_new*, what is created at this very moment lives on: the session that the same commit begins.
    """
    updated = evolve(
        user,
        password_hash=password_hash,
        password_changed_at=moment.now,
        password_must_change=must_change,
        locked_at=None,
        unlock_at=None,
        updated_at=moment.now,
    )
    until = moment.now - INSTANT if spare_new else moment.now
    ends = cut_off(user, settings, until, "password set")
    return Decision(updated, (Replace(updated), ends), (UserChanged(subject=user.user_id, fields="password"),))


def cut_off(user: User, settings: Settings, until: datetime, reason: str) -> Change:
    """Return the change that ends every grant and session of *user* created *until* then, however many there are."""
    longest = max(settings.refresh_token_absolute_ttl, settings.session_duration_days * 86400)
    return CutOff(user.user_id, None, until, until + timedelta(seconds=longest) + _MARGIN, reason)
