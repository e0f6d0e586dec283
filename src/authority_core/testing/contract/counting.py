"""Counters under contention with more than increments: what is taken back, and commits that are refused."""

from __future__ import annotations

from functools import partial

from ...kernel.changes import Change, Conflict, Count, Spend
from ...kernel.encoding import Digest
from ...kernel.ports import Storage
from .contested import until_through
from .samples import KEEP, LATER, NOW, key_of
from .stage import CONTENDERS, ContractBroken, Stage, expect_same, promise

_MANY = 3 * CONTENDERS
_PACES = (False, True)
"""Everybody at full speed, and the first few step by step."""


class Counting:
    """A counter belongs to everybody: nobody writes what he has read of it."""

    @promise
    async def test_what_is_counted_back_takes_nobody_elses(self, stage: Stage) -> None:
        """Of many who count, and who count back, at once, each is counted once."""
        for stepwise in _PACES:
            key = key_of(f"stepwise: {stepwise}", "sign-in")
            await stage.storage.commit([Count(key, NOW, LATER, by=_MANY)])
            forth, back = Count(key, NOW, LATER, by=2), Count(key, NOW, NOW, by=-1)
            attempts = [partial(until_through, stage.storage, [count]) for count in (forth, back) * (CONTENDERS // 2)]
            outcomes = await stage.contend(attempts, stepwise=stepwise)

            expect_same(outcomes, [None] * CONTENDERS, "every Count is committed in the end")
            await _holds(stage.storage, key, _MANY + CONTENDERS // 2)

    @promise
    async def test_what_is_refused_takes_no_count_with_it(self, stage: Stage) -> None:
        """A commit that counts and is lost over something else leaves the counter as others have made it meanwhile."""
        spent = Spend(key_of("spent", "code"), NOW, KEEP)
        await stage.storage.commit([spent])
        for stepwise in _PACES:
            key = key_of(f"stepwise: {stepwise}", "admission")
            counts = Count(key, NOW, LATER)

            async def lost(changes: tuple[Change, ...] = (counts, spent)) -> None:
                try:
                    await stage.storage.commit(changes)
                except Conflict:
                    return
                raise ContractBroken("nobody spends a key that is spent")

            counting = partial(until_through, stage.storage, [counts])
            outcomes = await stage.contend([counting, lost] * (CONTENDERS // 2), stepwise=stepwise)

            expect_same(outcomes, [None] * CONTENDERS, "who only counts is through in the end")
            await _holds(stage.storage, key, CONTENDERS // 2)


async def _holds(storage: Storage, key: Digest, value: int) -> None:
    counter = await storage.counter(key)
    found = counter and (counter.value, counter.expires_at)
    expect_same(found, (value, LATER), "none is lost, and none is counted twice")
