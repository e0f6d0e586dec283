"""Marks under contention: many end one thing at once, each as of its own time, and none of them is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from attrs import evolve

from ...kernel.changes import Change, CutOff, Put, Revoke
from ...kernel.ports import Storage
from ...kernel.records import Grant
from .contested import until_through
from .samples import KEEP, LATER, TICK, a_grant
from .stage import Stage, expect, expect_same, promise
from .steps import STEPPING

_HOUR = timedelta(hours=1)
_TURNS = STEPPING
"""They may write in one order every time: each of them is the latest once, and another one the longest then."""
_LATEST = LATER + _HOUR * (STEPPING - 1)
_LONGEST = KEEP + _HOUR * (STEPPING - 1)


def _times(turn: int) -> list[tuple[datetime, datetime]]:
    """Return when each contender ends the thing, and until when it keeps the mark: the latest is not the longest."""
    return [
        (LATER + _HOUR * ((at + turn) % STEPPING), KEEP + _HOUR * ((at + turn + 1) % STEPPING))
        for at in range(STEPPING)
    ]


class Enders:
    """`Revoke` and `CutOff` of one thing at the same time. Who is asked to try again does."""

    @promise
    async def test_the_latest_of_many_cut_offs_is_kept(self, stage: Stage) -> None:
        """Of many `CutOff` of one subject at once, of a client or of all, the latest time and the longest end stay."""
        names = [f"cut off {turn}" for turn in range(_TURNS)]
        await _young(stage.storage, [evolve(a_grant(name, None), subject=name, created_at=LATER) for name in names])
        for turn, name in enumerate(names):
            client_id = None if turn % 2 else "client"
            marks = [CutOff(name, client_id, at, kept) for at, kept in _times(turn)]
            seen = await _ended_at_once(stage, name, [[mark] for mark in marks])

            early = [mark.at for mark, found in zip(marks, seen, strict=True) if found is None or found < mark.at]
            expect_same(early, [], "what a cut-off has ended stays ended, however early another cuts off")
        expect_same(await _keeps(stage, names), [_LATEST] * _TURNS, "the latest stays")

    @promise
    async def test_the_first_of_many_revocations_is_kept(self, stage: Stage) -> None:
        """Of many `Revoke` of one grant or session at once the first time and the longest end stay."""
        of_grants, of_sessions = ([f"{what} {turn}" for turn in range(_TURNS)] for what in ("alone", "within"))
        grants = [a_grant(name, None) for name in of_grants]
        await _young(stage.storage, [*grants, *(a_grant(name, f"session of {name}") for name in of_sessions)])
        first: list[datetime | None] = []
        for turn, (name, within) in enumerate(zip(of_grants, of_sessions, strict=True)):
            times = _times(turn)
            both = [
                [Revoke("grant", name, at, kept), Revoke("session", f"session of {within}", at, times[place - 1][1])]
                for place, (at, kept) in enumerate(times)
            ]
            seen = await _ended_at_once(stage, name, both)

            expect(len(set(seen)) == 1, f"whoever has revoked sees the first time, which stays: {seen!r}")
            expect(seen[0] in [at for at, _ in times], "it is the time of one of them")
            first.append(seen[0])
        ends = await _keeps(stage, [*of_grants, *of_sessions])
        expect_same(ends[:_TURNS], first, "the first time stays")
        expect(None not in ends, "the other grants have ended with their session")


async def _young(storage: Storage, grants: Sequence[Grant]) -> None:
    await storage.commit([Put(evolve(grant, keep_until=_LONGEST + _HOUR)) for grant in grants])


async def _ended_at_once(stage: Stage, grant_id: str, marks: Sequence[Sequence[Change]]) -> list[datetime | None]:
    """Commit all lists of *marks* at once; return when the grant had ended as each found it afterwards."""

    async def ending(marks: Sequence[Change]) -> datetime | None:
        await until_through(stage.storage, marks)
        return await _ended(stage.storage, grant_id)

    outcomes = await stage.contend([partial(ending, some) for some in marks], stepwise=True, lines=True)
    strange = [one for one in outcomes if isinstance(one, BaseException)]
    expect(not strange, f"a mark is made in the end, whoever makes it too: {strange[:3]!r}")
    return [one for one in outcomes if one is None or isinstance(one, datetime)]


async def _ended(storage: Storage, grant_id: str) -> datetime | None:
    grant = await storage.grant(grant_id)
    return None if grant is None else grant.revoked_at


async def _keeps(stage: Stage, names: Sequence[str]) -> list[datetime | None]:
    """Return when the grants have ended; raise `ContractBroken` unless that is so until the longest of the ends."""
    ends = [await _ended(stage.storage, name) for name in names]
    if hasattr(stage.raw, "cleanup"):
        await stage.call("cleanup", _LONGEST - TICK)
        found = [await _ended(stage.storage, name) for name in names]
        expect_same(found, ends, "a mark stays until the longest of its ends")
    return ends
