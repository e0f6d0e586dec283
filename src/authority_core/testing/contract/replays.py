"""What others made is used once: the `jti` of an assertion or a proof, wherever its marks live."""

from __future__ import annotations

from ...kernel.changes import Change, Put, Spend
from .samples import ADMITTED, KEEP, NOW, a_grant, a_refresh_token, key_of
from .stage import CONTENDERS, Stage, expect, expect_conflict, expect_same, promise

JTI = key_of("contested", "jti")


def of_others(at: int, name: str = "contested") -> Spend:
    """Return the change by which the contender *at* spends a `jti`."""
    return Spend(key_of(name, "jti"), NOW, KEEP, salt=b"%d" % at, earliest=ADMITTED)


class Replays:
    """`Spend` with *earliest*, together with what it lets through."""

    @promise
    async def test_one_of_many_is_let_through(self, stage: Stage) -> None:
        """Of all who bring one `jti` one commit succeeds, and no other has written anything."""
        contenders: list[list[Change]] = [
            [of_others(at), Spend(key_of(f"own-{at}"), NOW, KEEP), Put(a_grant(f"grant-{at}"))]
            for at in range(CONTENDERS)
        ]
        winners = await stage.contend_to_commit(contenders, stepwise=True)

        expect_same(len(winners), 1, f"of {CONTENDERS} commits with one jti exactly one succeeds")
        stored = [at for at in range(CONTENDERS) if await stage.storage.grant(f"grant-{at}") is not None]
        spent = [at for at in range(CONTENDERS) if await stage.storage.spent(key_of(f"own-{at}")) is not None]
        expect_same([stored, spent], [winners, winners], "only the winner has written")
        mark = await stage.storage.spent(JTI)
        expect(mark is not None and mark.salt == b"%d" % winners[0], "the mark is the winner's, for all to see")

    @promise
    async def test_a_replay_stays_one(self, stage: Stage) -> None:
        """Who brings a `jti` again, many at once, all lose, whatever instant they name."""
        await stage.storage.commit([of_others(0)])
        again: list[list[Change]] = [[of_others(at), Put(a_grant(f"grant-{at}"))] for at in range(CONTENDERS)]

        expect_same(await stage.contend_to_commit(again), [], "nobody spends a jti that is spent")

    @promise
    async def test_a_lost_commit_leaves_it_unspent(self, stage: Stage) -> None:
        """A commit that lost over something else may come again with the same `jti`."""
        lost = a_refresh_token()
        await stage.storage.commit([Put(lost)])
        await expect_conflict(stage.storage, [of_others(0), Put(lost)], "a key is inserted once")
        expect(await stage.storage.spent(JTI) is None, "the jti is unspent")

        await stage.storage.commit([of_others(0), Put(a_grant())])
        expect(await stage.storage.spent(JTI) is not None, "now it is spent")

    @promise
    async def test_losers_keep_theirs(self, stage: Stage) -> None:
        """Many contend for one code, each with a `jti` of its own: the winner's alone is spent."""
        code = Spend(key_of("contested", "code"), NOW, KEEP)
        contenders: list[list[Change]] = [[of_others(at, f"own-{at}"), code] for at in range(CONTENDERS)]
        winners = await stage.contend_to_commit(contenders)

        spent = [at for at in range(CONTENDERS) if await stage.storage.spent(key_of(f"own-{at}", "jti")) is not None]
        expect_same(len(winners), 1, "one commit spends the code")
        expect_same(spent, winners, "a jti whose commit lost is unspent")
