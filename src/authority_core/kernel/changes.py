"""The closed list of changes a decision may ask for, and the decision itself.

Decisions never write; they return changes, and storage makes all of them happen in one `commit`, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, ClassVar, Generic, Literal, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import in_

from .encoding import Digest
from .events import Event
from .records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Grant,
    Insertable,
    Interaction,
    Mutable,
    RefreshToken,
    Session,
    SigningKey,
    User,
)
from .values import transient

A = TypeVar("A", covariant=True)

# `place` is a change's turn where a store without transactions makes them one by one (`in_order`) and may die between
# two. What takes away comes before what gives, so that half a commit refuses too much and never allows too much:
#
#   0  Spend            the one that may be lost to another goes first; whoever loses it has written nothing
#   1  Revoke, CutOff   ends are marked before anything that they are to end can come
#   2  Remove           frees names and keys
#   3  Replace          may take those at once
#   4  Count            a counter that is full lets nothing through that comes after it
#   5  Put              what is given out, last


class Conflict(Exception):
    """Somebody was first, or the database asks for another try: nothing was written, look again and decide again."""


class StorageUnavailable(Exception):
    """Storage cannot be reached or answered wrongly: nothing is known to be written; the request ends with 503."""


def _named(change: object, attribute: Attribute[str], name: str) -> None:
    """Refuse a mark of nothing: a storage might take it for a mark of everything."""
    if not name:
        raise ValueError(f"{type(change).__name__} has an empty {attribute.name}")


def _named_or_none(change: object, attribute: Attribute[str | None], name: str | None) -> None:
    if name is not None:
        _named(change, attribute, name)  # type: ignore[arg-type]  # it is a text here


@transient
class Put:
    """Insert a record. Its key must be new; a key that exists is a `Conflict`."""

    place: ClassVar[int] = 5
    record: Insertable


@transient
class Spend:
    """Use up *key*: of all commits that ever spend it, exactly one succeeds; every other is a `Conflict`.

    *salt* is kept in the mark. The mark may be forgotten after *keep_until*, when the thing spent has long ended.

    *earliest* is for what others make and we only see once, such as the `jti` of an assertion: an instant before which
    nobody can have spent it, by our clocks. That is its `iat` less the tolerance for foreign clocks or, without `iat`,
    its `exp` less the longest life allowed. Such marks may live where memory can be lost; see `Commits.commit`.
    """

    place: ClassVar[int] = 0
    key: Digest = field(repr=False)
    at: datetime
    keep_until: datetime
    salt: bytes = field(default=b"", repr=False)
    earliest: datetime | None = None


@frozen
class Revoke:
    """End one grant or session. Idempotent; the first time is kept; allowed before the thing itself is stored.

    Raises `ValueError` for an empty *id*.
    """

    place: ClassVar[int] = 1
    what: Literal["grant", "session"] = field(validator=in_(("grant", "session")))
    id: str = field(validator=_named)
    at: datetime
    keep_until: datetime
    reason: str = ""


@frozen
class CutOff:
    """End every grant and session of *subject* created at *at* or before, stored already or not; the latest time wins.

    With *client_id*, only that client's grants. One change whatever their number, and no grant that is being born
    at the same time escapes. Raises `ValueError` for an empty *subject* or *client_id*; only `None` is every client.
    """

    place: ClassVar[int] = 1
    subject: str = field(validator=_named)
    client_id: str | None = field(validator=_named_or_none)
    at: datetime
    keep_until: datetime
    reason: str = ""


@frozen
class Replace:
    """Write a mutable record over the version it was read at (0: it must not exist); otherwise `Conflict`.

    Storage writes it with `version + 1`. Unique fields (a user's name and address, a session's key) are unique here.
    """

    place: ClassVar[int] = 3
    record: Mutable


@frozen
class Remove:
    """Take away a mutable record at the version it was read at; otherwise, and where there is none, `Conflict`.

    Its id, name, address and key are free at once, for a `Replace` of the same commit too.
    """

    place: ClassVar[int] = 2
    record: Mutable


@frozen
class Count:
    """Add *by* to the counter at *key*, losing no concurrent increment; a counter past its end starts from zero.

    *until* is the end of a counter that starts now. A negative *by* takes back what was counted in vain, and with
    *until* now leaves nothing where the counter is gone; `by=None` takes the counter away, whatever *most* says. A
    commit that would bring a counter above *most*, or start one there, is a `Conflict`: of all that ask, exactly so
    many get in. Several in one commit add up.
    """

    place: ClassVar[int] = 4
    key: Digest
    at: datetime
    until: datetime
    by: int | None = 1
    most: int | None = None


Change = Put | Spend | Revoke | CutOff | Replace | Remove | Count

_place = attrgetter("place")


def in_order(changes: Sequence[Change]) -> Sequence[Change]:
    """Sort *changes* so that a store without transactions may apply them one by one and fails closed."""
    if len(changes) < 2:
        return changes
    return tuple(sorted(changes, key=_place))


KEYED = frozenset({Spend, Count, AuthorizationCode, RefreshToken, AccessToken, Interaction, Session})
"""What is found by a digest."""
_NAMES: dict[type, Callable[[Any], object]] = {
    Grant: attrgetter("grant_id"),
    AuditRecord: attrgetter("audit_id"),
    Client: attrgetter("client_id"),
    Consent: lambda consent: consent.subject and consent.client_id,
    SigningKey: attrgetter("kid"),
    User: lambda user: user.user_id and "" not in (user.username, user.email),
    Session: attrgetter("session_id"),
}
"""What is true of a record that has a name."""


def refuse_nameless(changes: Iterable[Change]) -> None:
    """Raise `ValueError` unless each of *changes* says what it is about: a digest of 32 bytes, a name, or both.

    For the first line of a `commit`. `Revoke` and `CutOff` cannot be made without a name.
    """
    for change in changes:
        about: Any = getattr(change, "record", change)
        kind = type(about)
        if kind in KEYED and (not isinstance(about.key, bytes) or len(about.key) != 32):
            raise ValueError(f"{kind.__name__}: a digest has 32 bytes")
        if kind in _NAMES and not _NAMES[kind](about):
            raise ValueError(f"{kind.__name__}: a name is empty")


@transient
class Decision(Generic[A]):
    """What to answer, what to change, what to report. A refusal is an answer too, and may carry changes."""

    answer: A
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
