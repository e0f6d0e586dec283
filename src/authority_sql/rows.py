"""What each read of `reading` answers, made from its row.

Rows hold a record's columns, then its grant's, then the marks that end the grant, then what the account of its subject
may do, then the mark of its spending.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from attrs import evolve

from authority_core.kernel.records import (
    AccessToken,
    AuthorizationCode,
    Client,
    Counter,
    Grant,
    Holder,
    Interaction,
    RefreshToken,
    Session,
    Spent,
    Standing,
    Stored,
)

from .columns import Row
from .kinds import earliest, moment_of
from .shapes import ACCESS, CLIENT, CODE, GRANT, INTERACTION, REFRESH, SESSION, STANDING

_GRANT_MARKS = 4
_ALIVE = (None,) * _GRANT_MARKS

_ACCOUNT = slice(-2 - len(STANDING), -2)
_USUAL = (True, None, None, False)
"""An account that nothing is the matter with, in the order of `STANDING`, on databases with Booleans and without."""
_USUAL_HOLDER = Holder(Standing(True, password_must_change=False))
_NOBODY = Holder(None)

_own_grant = GRANT.reader("revoked_at")
_grant_of_code = GRANT.reader(start=CODE.width)
_grant_of_refresh = GRANT.reader("revoked_at", start=REFRESH.width)
_grant_of_access = GRANT.reader("revoked_at", start=ACCESS.width)
_bare_code = CODE.reader("grant")
_live_session = SESSION.reader("revoked_at")


@lru_cache(maxsize=512)
def client(row: Row) -> Client:
    """Return the client. Equal rows share one: a client is immutable to its last field, and asked for constantly."""
    return CLIENT.decode(row)


def grant(row: Row) -> Grant:
    """Return the grant, `revoked_at` computed."""
    return _own_grant(row, _ended(row, 0))


def spent(row: Row) -> Spent:
    """Return the mark of a spending."""
    return Spent(at=moment_of(row[0]), salt=bytes(row[1]))


def code(row: Row) -> Stored[AuthorizationCode]:
    """Return the code as it was stored, and beside it the grant it carries as it lives today."""
    kept = _grant_of_code(row)
    ended = _ended(row, CODE.width)
    live = kept if ended is None else evolve(kept, revoked_at=ended)
    return Stored(_bare_code(row, kept), live, _spending(row), _holder(row))


def marked(row: Row, code: AuthorizationCode) -> Stored[AuthorizationCode]:
    """Return *code*, which is kept elsewhere, with what became of it: the row holds no column of a record."""
    ended = earliest(*row[:_GRANT_MARKS])
    live = code.grant if ended is None else evolve(code.grant, revoked_at=ended)
    return Stored(code, live, _spending(row), _holder(row))


def refresh_token(row: Row) -> Stored[RefreshToken]:
    """Return the refresh token with its grant, if that is stored."""
    at = REFRESH.width
    if row[at] is None:
        return Stored(REFRESH.decode(row), None, _spending(row))
    live = _grant_of_refresh(row, _ended(row, at))
    return Stored(REFRESH.decode(row), live, _spending(row), _holder(row))


def access_token(row: Row) -> Stored[AccessToken]:
    """Return the opaque access token with its grant, if it has one."""
    at = ACCESS.width
    live = None if row[at] is None else _grant_of_access(row, _ended(row, at))
    return Stored(ACCESS.decode(row), live, _spending(row))


def interaction(row: Row) -> Stored[Interaction]:
    """Return the interaction."""
    return Stored(INTERACTION.decode(row), None, _spending(row))


def session(row: Row) -> Session:
    """Return the session, `revoked_at` computed."""
    return _live_session(row, earliest(*row[SESSION.width :]))


def marked_session(row: Row, kept: Session) -> Session:
    """Return the session that is *kept* elsewhere with what became of it: the row holds its marks alone."""
    ended = earliest(*row)
    return kept if ended is None else evolve(kept, revoked_at=ended)


def counter(row: Row) -> Counter:
    """Return the counter."""
    return Counter(value=row[0], expires_at=moment_of(row[1]))


def _ended(row: Row, start: int) -> datetime | None:
    """Return when the grant ended whose columns begin at *start*."""
    at = start + GRANT.width
    marks = row[at : at + _GRANT_MARKS]
    return None if marks == _ALIVE else earliest(*marks)


def _holder(row: Row) -> Holder:
    """Return the account of the grant's subject, or that there is none."""
    account = row[_ACCOUNT]
    if account == _USUAL:
        return _USUAL_HOLDER
    active, locked_at, unlock_at, must_change = account
    if active is None:
        return _NOBODY
    return Holder(
        Standing(bool(active), earliest(locked_at), earliest(unlock_at), password_must_change=bool(must_change))
    )


def _spending(row: Row) -> Spent | None:
    return None if row[-2] is None else spent(row[-2:])
