"""Records with a version, and counters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from attrs import evolve

from ...kernel.changes import Conflict, Count, Remove, Replace
from ...kernel.ports import Storage
from ...kernel.records import Mutable as Record
from ...kernel.records import User
from .samples import LATER, NOW, TICK, a_client, a_consent, a_session, a_signing_key, a_user, key_of
from .stage import ContractBroken, Stage, expect, expect_conflict, expect_same, promise


async def _first(reading: Coroutine[Any, Any, Sequence[object]]) -> object:
    return next(iter(await reading), None)


async def _taken(storage: Storage, user: User, promised: str) -> None:
    try:
        await storage.commit([Replace(user)])
    except Conflict:
        raise ContractBroken(f"{promised}: this is no Conflict") from None


class Mutable:
    """`Replace`, `Remove` and `Count`."""

    @promise
    async def test_versions_count_up(self, stage: Stage) -> None:
        """The first write makes version 1; each `Replace` of the version read adds one and changes every field."""
        storage = stage.storage
        await storage.commit([Replace(a_client())])
        first = await storage.client("client")
        expect_same(first, evolve(a_client(), version=1), "the first write makes version 1")
        changed = evolve(a_client(), version=1, name="Renamed", scopes=frozenset({"a"}), active=False)
        await storage.commit([Replace(changed)])

        expect_same(await storage.client("client"), evolve(changed, version=2), "the second makes version 2")

    @promise
    async def test_an_old_version_is_refused(self, stage: Stage) -> None:
        """A `Replace` or `Remove` of any other version than the present one is a `Conflict`."""
        storage = stage.storage
        await storage.commit([Replace(a_client())])
        await storage.commit([Replace(evolve(a_client(), version=1))])
        for version in (0, 1, 3):
            stale = evolve(a_client(), version=version)
            await expect_conflict(storage, [Replace(stale)], f"version {version} is not the present one")
            await expect_conflict(storage, [Remove(stale)], f"version {version} is not the present one")

        await storage.commit([Remove(evolve(a_client(), version=2))])
        expect(await storage.client("client") is None, "the present version is removed")

    @promise
    async def test_every_mutable_record_has_versions(self, stage: Stage) -> None:
        """Consents, keys, accounts and sessions too: each version is written over once, and removed once."""
        storage = stage.storage
        reads: list[tuple[Record, Callable[[], Coroutine[Any, Any, object]]]] = [
            (a_client(), lambda: storage.client("client")),
            (a_consent(), lambda: storage.consent("subject", "client")),
            (a_signing_key(), lambda: _first(storage.signing_keys())),
            (a_user(), lambda: storage.user("user")),
            (a_session(), lambda: storage.session(key_of("session", "session"))),
        ]
        for record, read in reads:
            name = type(record).__name__
            await storage.commit([Replace(record)])
            await storage.commit([Replace(evolve(record, version=1))])
            for version in (0, 1, 3):
                stale = evolve(record, version=version)
                await expect_conflict(storage, [Replace(stale)], f"{name}: version {version} is not the present one")
                await expect_conflict(storage, [Remove(stale)], f"{name}: version {version} is not the present one")
            expect_same(await read(), evolve(record, version=2), f"{name}: what is refused changes nothing")
            await storage.commit([Remove(evolve(record, version=2))])
            expect(await read() is None, f"{name}: the present version is removed")
            await expect_conflict(storage, [Replace(evolve(record, version=2))], f"{name}: what is gone has no version")

    @promise
    async def test_what_was_removed_may_come_again(self, stage: Stage) -> None:
        """After `Remove` the id, the name and the address are free."""
        storage = stage.storage
        await storage.commit([Replace(a_user())])
        await storage.commit([Remove(evolve(a_user(), version=1))])
        expect(await storage.user_by_identifier("alice") is None, "the name is gone")
        await storage.commit([Replace(a_user())])
        await storage.commit([Remove(evolve(a_user(), version=1))])
        await storage.commit([Replace(a_user("another"))])

        found = await storage.user_by_identifier("alice@mail.example")
        expect_same(found and found.user_id, "another", "the address has its new owner")

    @promise
    async def test_names_and_addresses_have_one_owner(self, stage: Stage) -> None:
        """Names and addresses are unique without regard to case; users without either do not clash."""
        storage = stage.storage
        await storage.commit([Replace(a_user("one", "Alice", "Alice@Mail.example"))])
        await expect_conflict(storage, [Replace(a_user("two", "aLICE", None))], "a name is taken in any case")
        thief = a_user("two", None, "ALICE@mail.EXAMPLE")
        await expect_conflict(storage, [Replace(thief)], "an address is taken in any case")
        await storage.commit([Replace(a_user(f"nameless {at}", None, None)) for at in range(3)])

        for identifier in ("alice", "alice@mail.example"):
            found = await storage.user_by_identifier(identifier)
            expect_same(found and found.user_id, "one", "the canonical form finds the owner")
            expect_same(found and found.username, "Alice", "names are kept as they were written")

    @promise
    async def test_a_name_has_one_owner_in_every_spelling(self, stage: Stage) -> None:
        """What Unicode spells in several ways is one name, and one address: whichever came first, no twin is taken."""
        storage, composed, decomposed = stage.storage, "Ren\u00e9e", "Rene\u0301e"
        for at, (first, second) in enumerate(((composed, decomposed), (decomposed, composed))):
            owner, thief = f"owner {at}", f"thief {at}"
            await storage.commit([Replace(a_user(owner, f"{first}-{at}", f"{first}@{at}.example"))])
            twins = a_user(thief, f"{second}-{at}", None), a_user(thief, None, f"{second}@{at}.example")
            for twin in twins:
                await expect_conflict(storage, [Replace(twin)], "another spelling is the same name")

            for identifier in (f"ren\u00e9e-{at}", f"ren\u00e9e@{at}.example"):
                found = await storage.user_by_identifier(identifier)
                expect_same(found and found.user_id, owner, "the canonical form finds the owner")
                expect_same(found and found.username, f"{first}-{at}", "names are kept as they were written")

    @promise
    async def test_a_name_is_not_anothers_address(self, stage: Stage) -> None:
        """Nobody takes, as a name, the address by which another signs in."""
        await stage.storage.commit([Replace(a_user("one", None, "alice@mail.example"))])
        thief = a_user("two", "alice@mail.example", None)
        await expect_conflict(stage.storage, [Replace(thief)], "an identifier has one owner")

    @promise
    async def test_a_name_may_be_ones_own_address(self, stage: Stage) -> None:
        """An account's name and address may be one text, in any letters: it is the account's, once, and others' never.

        It stays so when either is given up, and is free when both are.
        """
        storage, text = stage.storage, "alice@mail.example"
        both = a_user("one", "Alice@mail.example", text)
        thieves = a_user("two", text, None), a_user("two", None, text)
        one_text = "a name may be one's own address"
        await _taken(storage, both, one_text)
        await _taken(storage, evolve(both, version=1, active=False), one_text)
        steps = (("alice", text), (text, "other@mail.example"), (text, text), (text, None))
        for version, (username, email) in enumerate(steps, start=2):
            await _taken(storage, evolve(both, version=version, username=username, email=email), one_text)
            found = await storage.user_by_identifier(text)
            expect_same(found and found.user_id, "one", "the text finds its owner")
            for thief in thieves:
                await expect_conflict(storage, [Replace(thief)], "an identifier has one owner")
        await _taken(storage, evolve(both, version=6, username=None, email=None), one_text)
        await _taken(storage, thieves[0], "what nobody is called any more is free")

    @promise
    async def test_a_changed_name_is_free(self, stage: Stage) -> None:
        """A user may keep a name, change it, and swap it for the address; the old one is free at once."""
        storage = stage.storage
        await storage.commit([Replace(a_user())])
        await storage.commit([Replace(evolve(a_user(), version=1, active=False))])
        await storage.commit([Replace(evolve(a_user(), version=2, username="carol"))])

        expect(await storage.user_by_identifier("alice") is None, "the old name finds nobody")
        await storage.commit([Replace(a_user("two", "alice", None))])
        found = await storage.user_by_identifier("carol")
        expect_same(found and found.user_id, "user", "the new name finds its owner")
        stale = evolve(a_user(), version=3, username="Alice")
        await expect_conflict(storage, [Replace(stale)], "the name has another owner now")

    @promise
    async def test_session_keys_are_unique_and_may_change(self, stage: Stage) -> None:
        """One cookie, one session; a session whose key was changed is found by the new one only."""
        storage = stage.storage
        await storage.commit([Replace(a_session("one"))])
        twin = evolve(a_session("two"), key=a_session("one").key)
        await expect_conflict(storage, [Replace(twin)], "one key opens one session")
        renewed = evolve(a_session("one"), version=1, key=key_of("renewed", "session"))
        await storage.commit([Replace(renewed)])

        expect(await storage.session(a_session("one").key) is None, "the old key opens nothing")
        expect_same(await storage.session(renewed.key), evolve(renewed, version=2), "the new key opens the session")

    @promise
    async def test_a_counter_adds_up_until_its_end(self, stage: Stage) -> None:
        """A counter starts with its first `Count`, adds, and keeps the end it started with."""
        storage, key = stage.storage, key_of("counter", "sign-in")
        expect(await storage.counter(key) is None, "what was never counted is unknown")
        await storage.commit([Count(key, NOW, LATER)])
        await storage.commit([Count(key, LATER - TICK, LATER + timedelta(days=1), by=4)])

        counter = await storage.counter(key)
        expect_same(counter and (counter.value, counter.expires_at), (5, LATER), "1 and 4 is 5, until the first end")

    @promise
    async def test_a_counter_past_its_end_starts_anew(self, stage: Stage) -> None:
        """A counter that has ended (at its end, not only after) starts from zero, with a new end."""
        storage, key, end = stage.storage, key_of("counter", "sign-in"), LATER + timedelta(hours=1)
        await storage.commit([Count(key, NOW, LATER, by=7)])
        before = await storage.counter(key)
        expect_same(before and before.value, 7, "a counter is returned as it is")
        await storage.commit([Count(key, LATER, end, by=2)])

        counter = await storage.counter(key)
        expect_same(counter and (counter.value, counter.expires_at), (2, end), "it starts from zero")

    @promise
    async def test_a_counter_stops_at_its_most(self, stage: Stage) -> None:
        """A commit that would bring a counter above *most* is a conflict and counts nothing; past its end it may."""
        storage, key, end = stage.storage, key_of("counter", "sign-in"), LATER + timedelta(hours=1)
        for _ in range(2):
            await storage.commit([Count(key, NOW, LATER, most=2)])
        await expect_conflict(storage, [Count(key, NOW, LATER, most=2)], "two is the most")
        counter = await storage.counter(key)
        expect_same(counter and counter.value, 2, "what was refused is not counted")
        await storage.commit([Count(key, NOW, LATER, most=3)])
        await storage.commit([Count(key, LATER, end, most=1)])

        counter = await storage.counter(key)
        expect_same(counter and (counter.value, counter.expires_at), (1, end), "after its end it starts from zero")

    @promise
    async def test_a_counter_goes_no_further_than_its_most(self, stage: Stage) -> None:
        """What counts is where it would bring the counter, by however much; `by=None` has no most."""
        storage, key = stage.storage, key_of("counter", "sign-in")
        await storage.commit([Count(key, NOW, LATER, by=2, most=3)])
        await expect_conflict(storage, [Count(key, NOW, LATER, by=2, most=3)], "two and two is more than three")
        await storage.commit([Count(key, NOW, LATER, by=2, most=4)])
        await expect_conflict(storage, [Count(key, NOW, LATER, most=0)], "four is more than none already")

        counter = await storage.counter(key)
        expect_same(counter and counter.value, 4, "what was refused is not counted")
        await storage.commit([Count(key, NOW, LATER, by=None, most=1)])
        expect(await storage.counter(key) is None, "a full counter may be taken away")

    @promise
    async def test_no_counter_starts_above_its_most(self, stage: Stage) -> None:
        """A counter that starts, or starts from zero after its end, is held against its most like any other."""
        storage, key, end = stage.storage, key_of("counter", "sign-in"), LATER + timedelta(hours=1)
        for by, most in ((1, 0), (5, 3), (2, 1)):
            await expect_conflict(storage, [Count(key, NOW, LATER, by=by, most=most)], f"{by} is more than {most}")
        expect(await storage.counter(key) is None, "what was refused has not started")
        await storage.commit([Count(key, NOW, LATER, by=3, most=3)])
        for by, most in ((1, 0), (5, 3)):
            await expect_conflict(storage, [Count(key, LATER, end, by=by, most=most)], f"{by} is more than {most}")

        counter = await storage.counter(key)
        expect_same(counter and (counter.value, counter.expires_at), (3, LATER), "nor has it started anew")
        await storage.commit([Count(key, LATER, end, by=2, most=2)])
        counter = await storage.counter(key)
        expect_same(counter and (counter.value, counter.expires_at), (2, end), "two is not more than two")

    @promise
    async def test_a_counter_counts_back(self, stage: Stage) -> None:
        """A negative *by* takes that much back and leaves the end; a counter that it starts ends when it says."""
        storage, key, absent = stage.storage, key_of("counter", "sign-in"), key_of("counter", "absent")
        await storage.commit([Count(key, NOW, LATER, by=3)])
        await storage.commit([Count(key, NOW, NOW, by=-1)])
        await storage.commit([Count(absent, NOW, NOW, by=-1)])

        counter = await storage.counter(key)
        expect_same(counter and (counter.value, counter.expires_at), (2, LATER), "one of three is taken back")
        await storage.commit([Count(absent, NOW, LATER, most=1)])
        counter = await storage.counter(absent)
        expect_same(counter and (counter.value, counter.expires_at), (1, LATER), "nothing was there to take back")

    @promise
    async def test_a_counter_is_taken_away(self, stage: Stage) -> None:
        """`by=None` takes the counter away, again and again without conflict; others stay."""
        storage, key, other = stage.storage, key_of("counter", "sign-in"), key_of("counter", "other")
        await storage.commit([Count(key, NOW, LATER), Count(other, NOW, LATER)])
        for _ in range(2):
            await storage.commit([Count(key, NOW, LATER, by=None)])

        expect(await storage.counter(key) is None, "the counter is gone")
        expect(await storage.counter(other) is not None, "another kind's counter of the same name stays")
