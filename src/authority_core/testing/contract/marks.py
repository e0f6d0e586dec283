"""Liveness: marks end grants and sessions, those that are yet to be stored included."""

from __future__ import annotations

from attrs import evolve

from ...kernel.abilities import marking
from ...kernel.changes import Change, CutOff, Put, Replace, Revoke, Spend
from ...kernel.ports import Storage
from ...kernel.records import Spent
from .samples import (
    KEEP,
    LATER,
    NOW,
    TICK,
    a_code,
    a_grant,
    a_refresh_token,
    a_session,
    an_access_token,
    an_interaction,
    key_of,
)
from .stage import Stage, expect, expect_same, promise


async def dead(storage: Storage, grant_id: str = "grant") -> bool:
    """Tell whether the grant is revoked; a grant that is missing is a broken promise of its own."""
    grant = await storage.grant(grant_id)
    expect(grant is not None, "a grant that was stored is found, dead or alive")
    return grant is not None and grant.revoked_at is not None


class Marks:
    """`Revoke` and `CutOff`."""

    @promise
    async def test_a_grant_is_alive_until_revoked(self, stage: Stage) -> None:
        """`Revoke` ends the grant at its time, as seen from the grant, its code and all its tokens."""
        storage = stage.storage
        grant = a_grant()
        await storage.commit([Put(grant), Put(a_code(grant)), Put(a_refresh_token()), Put(an_access_token())])
        expect_same(await storage.grant("grant"), grant, "an untouched grant is alive")

        await storage.commit([Revoke("grant", "grant", LATER, KEEP, "why")])

        ended = evolve(grant, revoked_at=LATER)
        code, refresh = await storage.code(key_of("code", "code")), await storage.refresh_token(a_refresh_token().key)
        access = await storage.access_token(an_access_token().key)
        expect_same(await storage.grant("grant"), ended, "a revoked grant says when")
        expect_same(code and code.grant, ended, "its code says so")
        expect_same(refresh and refresh.grant, ended, "its refresh token says so")
        expect_same(access and access.grant, ended, "its access token says so")

    @promise
    async def test_revoking_is_idempotent(self, stage: Stage) -> None:
        """A second `Revoke` is no conflict and changes nothing: the first time is kept."""
        await stage.storage.commit([Put(a_grant()), Revoke("grant", "grant", LATER, KEEP, "first")])
        for at in (LATER + TICK, LATER - TICK, LATER):
            await stage.storage.commit([Revoke("grant", "grant", at, KEEP, "second")])

        grant = await stage.storage.grant("grant")
        expect_same(grant and grant.revoked_at, LATER, "the first revocation's time is kept")

    @promise
    async def test_a_grant_revoked_before_it_is_stored_is_born_dead(self, stage: Stage) -> None:
        """Marks may come first: by grant, by session, by subject, by subject and client."""
        marks: dict[str, Change] = {
            "by grant": Revoke("grant", "by grant", NOW, KEEP),
            "by session": Revoke("session", "s of by session", NOW, KEEP),
            "by subject": CutOff("by subject", None, NOW, KEEP),
            "by client": CutOff("by client", "client", NOW, KEEP),
        }
        await stage.storage.commit(list(marks.values()))
        names = [*marks, "free"]
        await stage.storage.commit([Put(evolve(a_grant(name, f"s of {name}"), subject=name)) for name in names])

        expect_same([await dead(stage.storage, name) for name in names], [True] * 4 + [False], "born dead, or free")

    @promise
    async def test_an_unredeemed_codes_grant_dies_too(self, stage: Stage) -> None:
        """A code whose grant is not stored yet shows it dead once a mark exists, by any of the four ways."""
        marks: list[Change] = [
            Revoke("grant", "g0", NOW, KEEP),
            Revoke("session", "session 1", NOW, KEEP),
            CutOff("subject 2", None, NOW, KEEP),
            CutOff("subject 3", "client", NOW, KEEP),
        ]
        codes = [
            a_code(evolve(a_grant(f"g{at}", f"session {at}"), subject=f"subject {at}"), f"c{at}") for at in range(5)
        ]
        await stage.storage.commit([Put(code) for code in codes])
        await stage.storage.commit(marks)

        for at, code in enumerate(codes):
            found = await stage.storage.code(code.key)
            expect(found is not None and found.record == code, "the code itself is untouched")
            ended = found is not None and found.grant is not None and found.grant.revoked_at is not None
            expect_same(ended, at < 4, f"the grant of code {at} is dead exactly if a mark ends it")

    @promise
    async def test_a_code_kept_elsewhere_shows_what_became_of_it(self, stage: Stage) -> None:
        """Of a code that is not stored here `marked` tells what `code` would, where there is such a method."""
        asked = marking(stage.storage)
        if asked is None:
            return
        marks: list[Change] = [
            Revoke("grant", "g0", NOW, KEEP),
            Revoke("session", "session 1", NOW, KEEP),
            CutOff("subject 2", None, NOW, KEEP),
            CutOff("subject 3", "client", NOW, KEEP),
            CutOff("subject 4", "another client", NOW, KEEP),
            CutOff("subject 4", None, NOW - TICK, KEEP),
            Spend(key_of("c5", "code"), LATER, KEEP),
        ]
        await stage.storage.commit(marks)
        for at in range(6):
            code = a_code(evolve(a_grant(f"g{at}", f"session {at}"), subject=f"subject {at}"), f"c{at}")
            found = await asked.marked(code)
            expect_same(found.record, code, "the code is given back as it came")
            expect_same(found.grant, evolve(code.grant, revoked_at=NOW if at < 4 else None), "its grant as it lives")
            expect_same(found.spent, Spent(at=LATER) if at == 5 else None, "the mark of its spending, if it has one")

    @promise
    async def test_a_session_kept_elsewhere_shows_what_ended_it(self, stage: Stage) -> None:
        """Of a session that is not stored here `marked_session` tells what `session` would, where there is a method."""
        asked = marking(stage.storage)
        if asked is None:
            return
        marks: list[Change] = [
            Revoke("session", "s0", NOW, KEEP),
            CutOff("user 1", None, NOW, KEEP),
            Revoke("grant", "s2", NOW, KEEP),
            CutOff("user 3", "client", NOW, KEEP),
            CutOff("user 4", None, NOW - TICK, KEEP),
        ]
        await stage.storage.commit(marks)
        for at in range(5):
            session = evolve(a_session(f"s{at}"), user_id=f"user {at}", created_at=NOW)
            ended = evolve(session, revoked_at=NOW if at < 2 else None)
            expect_same(await asked.marked_session(session), ended, "it is ended exactly if a mark ends it")

    @promise
    async def test_ending_a_session_ends_its_grants_only(self, stage: Stage) -> None:
        """`Revoke` of a session ends it and the grants born in it; others, and grants without one, live on."""
        storage = stage.storage
        grants = [a_grant("mine", "s1"), a_grant("other", "s2"), a_grant("none", None)]
        await storage.commit([*map(Put, grants), Replace(a_session("s1")), Replace(a_session("s2"))])
        await storage.commit([Revoke("session", "s1", LATER, KEEP)])

        expect_same([await dead(storage, one) for one in ("mine", "other", "none")], [True, False, False], "its grants")
        first, second = await storage.session(key_of("s1", "session")), await storage.session(key_of("s2", "session"))
        expect_same(first and first.revoked_at, LATER, "the session is over")
        expect_same(second and second.revoked_at, None, "the other one is not")
        listed = {one.session_id: one.revoked_at for one in await storage.sessions("subject")}
        expect_same(listed, {"s1": LATER, "s2": None}, "the list says the same")

    @promise
    async def test_a_grant_and_a_session_of_one_name(self, stage: Stage) -> None:
        """Marks of grants and of sessions are kept apart, whatever their ids."""
        storage = stage.storage
        await storage.commit([Put(a_grant("same", None)), Replace(a_session("same")), Put(a_grant("in", "same"))])
        await storage.commit([Revoke("grant", "same", NOW, KEEP)])

        found = await storage.session(key_of("same", "session"))
        expect(await dead(storage, "same"), "the grant is over")
        expect(found is not None and found.revoked_at is None, "the session of the same id is not")
        expect(not await dead(storage, "in"), "nor is a grant born in it")

    @promise
    async def test_a_cut_off_ends_what_was_created_until_then(self, stage: Stage) -> None:
        """`CutOff` ends grants and sessions created at its time or before, and nothing created after."""
        storage = stage.storage
        times = {"before": LATER - TICK, "at": LATER, "after": LATER + TICK}
        await storage.commit([CutOff("subject", None, LATER, KEEP)])
        await storage.commit([Put(evolve(a_grant(name, None), created_at=at)) for name, at in times.items()])
        await storage.commit([Replace(evolve(a_session(name), created_at=at)) for name, at in times.items()])
        await storage.commit([Put(evolve(a_grant("stranger", None), subject="other"))])

        expect_same([await dead(storage, name) for name in times], [True, True, False], "created at the time is dead")
        expect(not await dead(storage, "stranger"), "another subject's grants live on")
        over = {one.session_id: one.revoked_at is not None for one in await storage.sessions("subject")}
        expect_same(over, {"before": True, "at": True, "after": False}, "sessions likewise")

    @promise
    async def test_a_clients_cut_off_ends_its_grants_only(self, stage: Stage) -> None:
        """`CutOff` with a client leaves other clients' grants and all sessions alone."""
        storage = stage.storage
        grants = [evolve(a_grant(name, None), client_id=name) for name in ("client", "other")]
        await storage.commit([Put(evolve(grant, grant_id=f"of {grant.client_id}")) for grant in grants])
        await storage.commit([Replace(a_session()), CutOff("subject", "client", LATER, KEEP)])

        ended = [await dead(storage, f"of {name}") for name in ("client", "other")]
        expect_same(ended, [True, False], "one client's grants end")
        found = await storage.session(key_of("session", "session"))
        expect(found is not None and found.revoked_at is None, "sessions go on")

    @promise
    async def test_the_latest_cut_off_is_kept(self, stage: Stage) -> None:
        """A later `CutOff` reaches further, an earlier one takes nothing back, of a client or of all."""
        storage = stage.storage
        for subject, client_id in (("of all", None), ("of one", "client")):
            young = evolve(a_grant(subject), subject=subject, created_at=LATER)
            await storage.commit([Put(young), CutOff(subject, client_id, NOW, KEEP)])
            expect(not await dead(storage, subject), "the grant is younger than the cut-off")
            await storage.commit([CutOff(subject, client_id, LATER, KEEP)])
            expect(await dead(storage, subject), "a later cut-off reaches it")
            await storage.commit([CutOff(subject, client_id, NOW, KEEP)])
            expect(await dead(storage, subject), "the latest is kept")

    @promise
    async def test_a_token_before_its_grant(self, stage: Stage) -> None:
        """A token whose grant is missing says so, and is not made up for; one without a grant has none."""
        storage = stage.storage
        tokens = an_access_token("missing", "orphan"), an_access_token(None, "own")
        await storage.commit([Put(a_refresh_token("missing")), *map(Put, tokens)])

        refresh = await storage.refresh_token(a_refresh_token().key)
        found = [await storage.access_token(token.key) for token in tokens]
        expect(refresh is not None and refresh.grant is None, "a refresh token without its grant has none")
        expect_same([one and one.grant for one in found], [None, None], "an access token likewise")

    @promise
    async def test_a_spent_mark_is_seen_from_the_record(self, stage: Stage) -> None:
        """One read says whether a single-use record is spent, when, and with which salt."""
        storage, grant = stage.storage, a_grant()
        records = a_code(grant), a_refresh_token(), an_access_token(), an_interaction()
        keys = [record.key for record in records]
        await storage.commit([Put(grant), *(Put(record) for record in records)])

        async def found() -> list[Spent | str | None]:
            code, refresh = await storage.code(keys[0]), await storage.refresh_token(keys[1])
            stored = code, refresh, await storage.access_token(keys[2]), await storage.interaction(keys[3])
            return ["missing" if one is None else one.spent for one in stored]

        expect_same(await found(), [None] * 4, "what is unspent has no mark")
        marks = [Spent(at=LATER, salt=bytes([at]) * 32) for at in range(4)]
        await storage.commit([Spend(key, LATER, KEEP, salt=mark.salt) for key, mark in zip(keys, marks, strict=True)])

        expect_same(await found(), marks, "each record shows its mark, with its time and its salt")
        expect_same([await storage.spent(key) for key in keys], marks, "the mark is the same from both sides")
