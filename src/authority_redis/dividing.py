"""Which change belongs to which of two storages. Pure.

Durable, whatever the operator chooses: grants, tokens, users, clients, consents, keys, the audit trail, every mark of
revocation, and every spent mark of what we made: one that Redis lost would let a code or a refresh token be used again.
Of what others made we know since when it can have been used, so that Redis may keep those marks ("replays"): it refuses
what may be older than its memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, assert_never

from attrs import frozen

from authority_core.kernel.changes import Change, Count, CutOff, Put, Remove, Replace, Revoke, Spend
from authority_core.kernel.records import AuditRecord, AuthorizationCode, Interaction, Session

Kind = Literal["codes", "interactions", "sessions", "counters", "replays"]
KINDS: frozenset[Kind] = frozenset({"codes", "interactions", "sessions", "counters", "replays"})
CHOSEN: frozenset[Kind] = frozenset({"codes", "interactions", "sessions"})


def checked(kinds: Iterable[str]) -> frozenset[str]:
    """Return *kinds*. Raises `ValueError` for any that must not live in Redis alone."""
    wanted = frozenset([kinds] if isinstance(kinds, str) else kinds)
    if wanted - KINDS:
        raise ValueError(
            f"Only {', '.join(sorted(KINDS))} may live in Redis alone, not {', '.join(sorted(wanted - KINDS))}: "
            "what is lost there must be safe to lose."
        )
    return wanted


@frozen
class Parts:
    """One commit, divided."""

    durable: tuple[Change, ...]
    shared: tuple[Change, ...]

    @property
    def decisive(self) -> bool:
        """Whether the durable part may lose to somebody, or ends something: then nothing begins in Redis before it."""
        return not all(map(_incidental, self.durable))

    @property
    def replays(self) -> tuple[Spend, ...]:
        """Those of the shared changes that Redis referees."""
        return tuple(one for one in self.shared if isinstance(one, Spend))

    @property
    def begun(self) -> tuple[Change, ...]:
        """Those of the shared changes that begin or count something."""
        return tuple(one for one in self.shared if not isinstance(one, Spend))

    @property
    def to_check(self) -> bool:
        """Whether the part of Redis may lose to somebody."""
        return any(isinstance(one, Replace | Remove | Spend) or _limited(one) for one in self.shared)


def _limited(change: Change) -> bool:
    return isinstance(change, Count) and change.most is not None


def _incidental(change: Change) -> bool:
    if isinstance(change, Put):
        return isinstance(change.record, AuditRecord)
    return isinstance(change, Count) and not _limited(change)


def divide(changes: Iterable[Change], kinds: frozenset[str]) -> Parts:
    """Return *changes* as two parts, where *kinds* live in Redis."""
    durable: list[Change] = []
    shared: list[Change] = []
    for change in changes:
        (shared if _short_lived(change, kinds) else durable).append(change)
    return Parts(tuple(durable), tuple(shared))


def _short_lived(change: Change, kinds: frozenset[str]) -> bool:
    match change:
        case Put(AuthorizationCode()):
            return "codes" in kinds
        case Put(Interaction()):
            return "interactions" in kinds
        case Replace(Session()) | Remove(Session()):
            return "sessions" in kinds
        case Count():
            return "counters" in kinds
        case Spend(earliest=earliest):
            return earliest is not None and "replays" in kinds
        case Put() | Replace() | Remove() | Revoke() | CutOff():
            return False
        case _:
            assert_never(change)

