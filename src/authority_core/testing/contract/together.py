"""Changes of one commit that are about one thing: each meets what those before it have done."""

from __future__ import annotations

from attrs import evolve

from ...kernel.changes import Change, Count, Remove, Replace
from ...kernel.records import Mutable
from .overwriting import read
from .samples import LATER, NOW, a_client, a_consent, a_session, a_signing_key, a_user, key_of
from .stage import Stage, expect_conflict, expect_same, promise

_RECORDS: tuple[Mutable, ...] = (a_client(), a_consent(), a_signing_key(), a_user(), a_session())


class Together:
    """What holds from commit to commit holds within one."""

    @promise
    async def test_a_record_begins_once_in_one_commit(self, stage: Stage) -> None:
        """Two first versions of one record in one commit are a `Conflict`, and none is there."""
        for record in _RECORDS:
            twice = [Replace(record), Replace(record)]
            await expect_conflict(stage.storage, twice, f"{type(record).__name__}: it begins once, in one commit too")

            expect_same(await read(stage.storage, record), None, "neither of the two is stored")

    @promise
    async def test_a_version_is_written_over_once_in_one_commit(self, stage: Stage) -> None:
        """Of one version two `Replace`, or two `Remove`, in one commit are a `Conflict`, and it stays."""
        await stage.storage.commit([Replace(record) for record in _RECORDS])
        for record in _RECORDS:
            known = evolve(record, version=1)
            for change in (Replace(known), Remove(known)):
                what = f"{type(change).__name__} of a {type(record).__name__}"
                await expect_conflict(stage.storage, [change, change], f"{what}: once, in one commit too")

            expect_same(await read(stage.storage, record), known, "it is as it was")

    @promise
    async def test_what_was_never_there_is_not_removed(self, stage: Stage) -> None:
        """`Remove` of what is not there is a `Conflict`, that of version 0 too: nobody has read it."""
        for record in _RECORDS:
            await expect_conflict(stage.storage, [Remove(record)], f"{type(record).__name__}: there is none to remove")

    @promise
    async def test_a_name_has_one_owner_in_one_commit(self, stage: Stage) -> None:
        """Two accounts of one name or address in one commit are a `Conflict`, and neither is there."""
        pairs = (
            (a_user("one", "alice", None), a_user("two", "ALICE", None)),
            (a_user("one", None, "alice@mail.example"), a_user("two", None, "alice@mail.example")),
            (a_user("one", None, "alice@mail.example"), a_user("two", "alice@mail.example", None)),
        )
        for pair in pairs:
            await expect_conflict(stage.storage, [*map(Replace, pair)], "a name has one owner, in one commit too")

            expect_same([await read(stage.storage, user) for user in pair], [None, None], "neither is stored")

    @promise
    async def test_a_cookie_opens_one_session_in_one_commit(self, stage: Stage) -> None:
        """Two sessions of one key in one commit are a `Conflict`, and neither is there."""
        one = a_session("one")
        both = [Replace(one), Replace(evolve(a_session("two"), key=one.key))]
        await expect_conflict(stage.storage, both, "one key opens one session, in one commit too")

        expect_same(list(await stage.storage.sessions(one.user_id)), [], "neither is stored")

    @promise
    async def test_what_is_removed_may_return_in_one_commit(self, stage: Stage) -> None:
        """`Remove` comes before `Replace`, in whichever order they are given: the record begins anew."""
        await stage.storage.commit([Replace(record) for record in _RECORDS])
        for turn in (1, -1):
            for record in _RECORDS:
                known: list[Change] = [Remove(evolve(record, version=1)), Replace(record)]
                await stage.storage.commit(known[::turn])

                what = f"{type(record).__name__}: removed and written again it has version 1"
                expect_same(await read(stage.storage, record), evolve(record, version=1), what)

    @promise
    async def test_what_is_removed_gives_its_name_at_once(self, stage: Stage) -> None:
        """The name of an account, and the key of a session, may be another's in the commit that removes their owner."""
        storage, session = stage.storage, a_session("one")
        heir, opened = a_user("two", None, "Alice"), evolve(a_session("two"), key=session.key)
        await storage.commit([Replace(a_user("one", "alice", None)), Replace(session)])
        await storage.commit([Replace(heir), Remove(evolve(a_user("one", "alice", None), version=1))])
        await storage.commit([Replace(opened), Remove(evolve(session, version=1))])

        expect_same(await storage.user_by_identifier("alice"), evolve(heir, version=1), "the name finds its new owner")
        expect_same(await storage.session(session.key), evolve(opened, version=1), "the key opens the new session")

    @promise
    async def test_what_is_changed_gives_its_name_at_once(self, stage: Stage) -> None:
        """So it is with a `Replace` that gives a name or key up, and one that comes after it in the commit."""
        storage, session = stage.storage, a_session("one")
        heir, opened = a_user("two", "alice", None), evolve(a_session("two"), key=session.key)
        await storage.commit([Replace(a_user("one", "alice", None)), Replace(session)])
        await storage.commit([Replace(evolve(a_user("one", "alix", None), version=1)), Replace(heir)])
        renewed = evolve(session, version=1, key=key_of("renewed", "session"))
        await storage.commit([Replace(renewed), Replace(opened)])

        expect_same(await storage.user_by_identifier("alice"), evolve(heir, version=1), "the name finds its new owner")
        expect_same(await storage.session(session.key), evolve(opened, version=1), "the key opens the new session")
        found = await storage.user_by_identifier("alix"), await storage.session(renewed.key)
        expect_same([one and one.version for one in found], [2, 2], "who gave it up is found by what came instead")

    @promise
    async def test_counts_of_one_commit_add_up(self, stage: Stage) -> None:
        """Two `Count` of one key in one commit both count, towards their most too."""
        storage, key = stage.storage, key_of("counter", "admission")
        await expect_conflict(storage, [Count(key, NOW, LATER, most=1)] * 2, "one is the most, in one commit too")
        expect_same(await storage.counter(key), None, "neither is counted")
        await storage.commit([Count(key, NOW, LATER, by=1), Count(key, NOW, LATER, by=4)])
        await storage.commit([Count(key, NOW, LATER, by=2, most=9), Count(key, NOW, LATER, by=2, most=9)])
        await expect_conflict(storage, [Count(key, NOW, LATER, most=10)] * 2, "ten is the most")

        counter = await storage.counter(key)
        expect_same(counter and counter.value, 9, "1, 4, 2 and 2 is 9")
        again = [Count(key, NOW, LATER, by=None), Count(key, NOW, LATER, by=2, most=3)]
        await storage.commit(again)
        counter = await storage.counter(key)
        expect_same(counter and counter.value, 2, "a counter that is taken away starts again in the same commit")
