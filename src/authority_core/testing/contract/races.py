"""Promises under contention: of many who try at once, exactly one succeeds, and nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from attrs import evolve

from ...kernel.changes import Change, Count, Put, Replace, Revoke, Spend
from .contested import Contested, until_through
from .counting import Counting
from .enders import Enders
from .renewals import Renewals
from .samples import (
    KEEP,
    LATER,
    NOW,
    SPENDABLE,
    a_client,
    a_grant,
    a_refresh_token,
    a_session,
    a_user,
    an_audit_record,
    key_of,
)
from .stage import CONTENDERS, Stage, expect, expect_same, promise
from .steps import STEPPING

_PACES = (False, True)
"""Everybody at full speed, and the first few step by step."""


_END = LATER + timedelta(hours=1)


class Races(Contested, Counting, Enders, Renewals):
    """Threads over synchronous storage, tasks over asynchronous."""

    @promise
    async def test_one_of_many_spends_a_key(self, stage: Stage) -> None:
        """Of all commits that spend a key one succeeds, for every kind; the mark and all else are the winner's."""
        for number, kind in enumerate(SPENDABLE):
            key = key_of("contested", kind)
            contenders: list[list[Change]] = [
                [
                    Spend(key, NOW, KEEP, salt=b"%d" % at),
                    Put(a_grant(f"{kind}-{at}")),
                    Put(a_refresh_token(f"{kind}-{at}", f"{kind}-{at}")),
                ]
                for at in range(CONTENDERS)
            ]
            winners = await stage.contend_to_commit(contenders, stepwise=number < 3)

            expect_same(len(winners), 1, f"of {CONTENDERS} commits that spend one {kind} exactly one succeeds")
            written = [at for at in range(CONTENDERS) if await stage.storage.grant(f"{kind}-{at}") is not None]
            expect_same(written, winners, "only the winner's grant is stored")
            mark = await stage.storage.spent(key)
            expect(mark is not None and mark.salt == b"%d" % winners[0], "the mark holds the winner's salt")

    @promise
    async def test_a_spent_key_stays_spent(self, stage: Stage) -> None:
        """Who comes later, many at once, all lose."""
        key = key_of("spent before", "code")
        await stage.storage.commit([Spend(key, NOW, KEEP)])

        winners = await stage.contend_to_commit([[Spend(key, NOW, KEEP)]] * CONTENDERS)

        expect_same(winners, [], "nobody spends a key that is spent")

    @promise
    async def test_keys_spent_in_opposite_orders(self, stage: Stage) -> None:
        """Two keys in both orders: one commit has both, the others have none, and nobody waits for ever."""
        first, second = key_of("first", "jti"), key_of("second", "jti")
        forth = [Spend(first, NOW, KEEP), Spend(second, NOW, KEEP)]
        winners = await stage.contend_to_commit([forth, forth[::-1]] * (CONTENDERS // 2))

        # A database may answer a deadlock by letting nobody through; then everybody looks again.
        expect(len(winners) <= 1, "two commits spent the same keys")
        if not winners:
            await stage.storage.commit(forth)
        expect(await stage.storage.spent(first) is not None, "the first key is spent")
        expect(await stage.storage.spent(second) is not None, "the second key is spent")

    @promise
    async def test_changes_in_opposite_orders(self, stage: Stage) -> None:
        """Two counters or two records in both orders: whoever succeeds has both, and nobody waits for ever."""
        keys = key_of("first", "counter"), key_of("second", "counter")
        counts: list[Change] = [Count(key, NOW, LATER) for key in keys]
        winners = await stage.contend_to_commit([counts, counts[::-1]] * (STEPPING // 2), stepwise=True)

        counters = [await stage.storage.counter(key) for key in keys]
        values = [0 if counter is None else counter.value for counter in counters]
        expect_same(values, [len(winners)] * 2, "whoever succeeds has counted both")

        records: list[Change] = [Replace(a_client("first")), Replace(a_client("second"))]
        winners = await stage.contend_to_commit([records, records[::-1]] * (STEPPING // 2), stepwise=True)

        # A database may answer a deadlock by letting nobody through.
        expect(len(winners) <= 1, "two commits wrote the same records")
        written = [client.client_id for client in await stage.storage.clients()]
        expect_same(written, ["first", "second"] if winners else [], "whoever succeeds has written both")

    @promise
    async def test_one_of_many_inserts_a_record(self, stage: Stage) -> None:
        """Of all `Put` of one key one succeeds."""
        for stepwise in _PACES:
            name = f"stepwise: {stepwise}"
            contenders = [[Put(evolve(a_grant(name), subject=f"subject-{at}"))] for at in range(CONTENDERS)]
            winners = await stage.contend_to_commit(contenders, stepwise=stepwise)

            expect_same(len(winners), 1, "one Put of a key succeeds")
            grant = await stage.storage.grant(name)
            expect(grant is not None and grant.subject == f"subject-{winners[0]}", "the record is the winner's")

    @promise
    async def test_one_of_many_replaces_a_version(self, stage: Stage) -> None:
        """Of all `Replace` of one version one succeeds, the first write included."""
        for version, stepwise in ((0, False), (1, False), (2, True), (0, True)):
            record = a_client("client" if version or not stepwise else "another")
            contenders = [
                [Replace(evolve(record, name=f"{version}-{at}", version=version))] for at in range(CONTENDERS)
            ]
            winners = await stage.contend_to_commit(contenders, stepwise=stepwise)

            expect_same(len(winners), 1, f"one Replace of version {version} succeeds")
            client = await stage.storage.client(record.client_id)
            expect(client is not None and client.name == f"{version}-{winners[0]}", "the record is the winner's")
            expect(client is not None and client.version == version + 1, "storage adds one to the version")

    @promise
    async def test_one_of_many_takes_a_name(self, stage: Stage) -> None:
        """Of many who register the same name or address at once, one has it."""
        for stepwise in _PACES:
            names = (f"alice-{stepwise}", None), (None, f"{stepwise}@mail.example")
            for username, email in names:
                users = [a_user(f"{username}-{email}-{at}", username, email) for at in range(CONTENDERS)]
                winners = await stage.contend_to_commit([[Replace(user)] for user in users], stepwise=stepwise)

                expect_same(len(winners), 1, "a name has one owner")

    @promise
    async def test_no_increment_is_lost(self, stage: Stage) -> None:
        """A counter counts every commit, one that starts it included."""
        for stepwise in _PACES:
            count = Count(key_of(f"stepwise: {stepwise}", "sign-in"), NOW, LATER)
            await _counted(stage, count, stepwise)

    @promise
    async def test_no_increment_is_lost_past_the_end(self, stage: Stage) -> None:
        """A counter that has ended starts from zero once, however many count it at once."""
        count = Count(key_of("over", "sign-in"), LATER, _END)
        await stage.storage.commit([evolve(count, at=NOW, until=LATER, by=7)])
        await _counted(stage, count, stepwise=True)

    @promise
    async def test_a_counter_admits_exactly_its_most(self, stage: Stage) -> None:
        """Of many who count up to a most at once, exactly so many succeed; past its end too."""
        most = STEPPING - 1  # fewer than keep step
        full = Count(key_of("full", "admission"), NOW, LATER, by=most)
        await stage.storage.commit([full])
        counts = [Count(key_of(f"stepwise: {stepwise}", "admission"), NOW, LATER, most=most) for stepwise in _PACES]
        for count, stepwise in (*zip(counts, _PACES, strict=True), (Count(full.key, LATER, _END, most=most), True)):
            admitted = await stage.contend_to_commit([[count]] * CONTENDERS, stepwise=stepwise)

            expect_same(len(admitted), most, "exactly so many get in, whoever comes first")

    @promise
    async def test_a_grant_born_while_it_is_revoked_is_dead(self, stage: Stage) -> None:
        """`Put` and `Revoke` at the same time: whatever the order, the grant is dead afterwards.

        A database may ask for another try; the contenders ask again, as the server does.
        """
        for stepwise in _PACES:
            names = [f"{stepwise}-{at}" for at in range(CONTENDERS // 2)]
            contenders: list[list[Change]] = []
            for at, name in enumerate(names):
                birth: list[Change] = [Put(a_grant(name, None))]
                end: list[Change] = [Revoke("grant", name, NOW, KEEP)]
                contenders += [birth, end] if at % 2 else [end, birth]
            attempts = [partial(until_through, stage.storage, changes) for changes in contenders]
            outcomes = await stage.contend(attempts, stepwise=stepwise)

            expect_same(outcomes, [None] * len(contenders), "every birth and every end is committed in the end")
            for name in names:
                grant = await stage.storage.grant(name)
                expect(grant is not None and grant.revoked_at is not None, "no grant escapes its revocation")

    @promise
    async def test_strangers_do_not_disturb_each_other(self, stage: Stage) -> None:
        """Commits that share nothing all succeed: a storage that refuses everything is not safe, but useless."""
        contenders: list[list[Change]] = [
            [
                Spend(key_of(f"own-{at}", "refresh"), NOW, KEEP),
                Replace(a_session(f"session-{at}", f"user-{at}")),
                Count(key_of(f"own-{at}", "counter"), NOW, LATER),
                Put(a_grant(f"own-{at}")),
                Put(an_audit_record(f"own-{at}")),
            ]
            for at in range(CONTENDERS)
        ]

        expect_same(len(await stage.contend_to_commit(contenders)), CONTENDERS, "everybody succeeds")


async def _counted(stage: Stage, count: Count, stepwise: bool) -> None:
    attempt = partial(until_through, stage.storage, [count])
    outcomes = await stage.contend([attempt] * CONTENDERS, stepwise=stepwise)

    expect_same(outcomes, [None] * CONTENDERS, "every Count is committed in the end")
    counter = await stage.storage.counter(count.key)
    found = counter and (counter.value, counter.expires_at)
    expect_same(found, (CONTENDERS, count.until), f"of {CONTENDERS} increments none is lost")
