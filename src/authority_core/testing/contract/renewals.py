"""What is renewed while storage forgets: it stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from unittest import SkipTest

from attrs import evolve

from ...kernel.changes import Change, Count, CutOff, Replace, Revoke
from .samples import KEEP, LATER, NOW, a_consent, a_session, key_of
from .stage import Stage, expect_same, promise

_RENEWALS = 48
"""How many are made, one in between any two lines of the `cleanup`."""
_NAMES = [f"{at:02}" for at in range(_RENEWALS)]
_ORDER = [at for both in zip(range(_RENEWALS // 2), reversed(range(_RENEWALS)), strict=False) for at in both]
"""The first, the last, the second, the last but one: renewals do not walk ahead of a cleanup, whichever way it goes."""


class Renewals:
    """`cleanup` beside commits that put an end off. Whoever comes too late finds a record gone, which is a conflict."""

    @promise
    async def test_a_mark_renewed_during_cleanup_stays(self, stage: Stage) -> None:
        """A mark whose end is put off while `cleanup` is at work stays."""
        _needs_cleanup(stage)
        storage = stage.storage
        owned = [evolve(a_session(name, name), keep_until=KEEP) for name in _NAMES]
        ended = [evolve(a_session(f"{name} ended", "ended"), keep_until=KEEP) for name in _NAMES]
        await storage.commit([Replace(session) for session in (*owned, *ended)])
        renewed = await _renewed(stage, *([_marks(name, until) for name in _NAMES] for until in (LATER, KEEP)))

        revoked = {one.session_id for one in await storage.sessions("ended") if one.revoked_at is not None}
        lost = [name for name in renewed if f"{name} ended" not in revoked]
        lost += [name for name in renewed if any(one.revoked_at is None for one in await storage.sessions(name))]
        expect_same(lost, [], "a mark that was renewed stays")

    @promise
    async def test_consent_given_again_during_cleanup_stays(self, stage: Stage) -> None:
        """A consent that is given anew while `cleanup` is at work stays."""
        over = [evolve(a_consent(name), keep_until=LATER) for name in _NAMES]
        again: list[list[Change]] = [[Replace(evolve(one, keep_until=KEEP, version=1))] for one in over]
        renewed = await _renewed(stage, [[Replace(one)] for one in over], again)

        there = {consent.subject for consent in await stage.storage.all_consents()}
        expect_same([name for name in renewed if name not in there], [], "a consent that was given again stays")

    @promise
    async def test_a_session_renewed_during_cleanup_stays(self, stage: Stage) -> None:
        """A session that is used again while `cleanup` is at work stays."""
        over = [evolve(a_session(name), keep_until=LATER) for name in _NAMES]
        again: list[list[Change]] = [[Replace(evolve(one, keep_until=KEEP, version=1))] for one in over]
        renewed = await _renewed(stage, [[Replace(one)] for one in over], again)

        there = {session.session_id for session in await stage.storage.sessions("subject")}
        expect_same([name for name in renewed if name not in there], [], "a session that was renewed stays")

    @promise
    async def test_a_counter_restarted_during_cleanup_stays(self, stage: Stage) -> None:
        """A counter that starts anew while `cleanup` is at work stays."""
        counts = [Count(key_of(name, "counter"), NOW, LATER) for name in _NAMES]
        again: list[list[Change]] = [[evolve(count, at=LATER, until=KEEP)] for count in counts]
        renewed = await _renewed(stage, [[count] for count in counts], again)

        lost = [name for name in renewed if await stage.storage.counter(key_of(name, "counter")) is None]
        expect_same(lost, [], "a counter that was started again stays")


def _marks(name: str, keep_until: datetime) -> list[Change]:
    return [Revoke("session", f"{name} ended", NOW, keep_until), CutOff(name, None, NOW, keep_until)]


async def _renewed(stage: Stage, over: Sequence[Sequence[Change]], again: Sequence[Sequence[Change]]) -> list[str]:
    """Commit what is *over* `LATER`, and forget it while each is made *again*; return whose renewal succeeded."""
    _needs_cleanup(stage)
    await stage.storage.commit([change for changes in over for change in changes])
    renewed = await stage.commit_during(lambda: stage.call("cleanup", LATER), [again[at] for at in _ORDER])
    return [_NAMES[_ORDER[at]] for at in renewed]


def _needs_cleanup(stage: Stage) -> None:
    if not hasattr(stage.raw, "cleanup"):
        raise SkipTest("this storage forgets by itself")
