"""Names and keys that are nearly the same are two, and what is no name at all is nobody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import evolve

from ...kernel.changes import Change, Conflict, Count, CutOff, Put, Replace, Revoke, Spend
from ...kernel.encoding import Digest
from ...kernel.ports import Storage
from ...kernel.records import Stored
from .reading import furnish
from .samples import (
    KEEP,
    LATER,
    NOW,
    a_client,
    a_code,
    a_consent,
    a_grant,
    a_refresh_token,
    a_session,
    a_user,
    an_access_token,
    an_interaction,
)
from .stage import ContractBroken, Stage, expect, expect_same, promise

NEARLY = (
    ("name", "NAME", "name ", " name", "names", "nam"),
    ("\u00e9", "e\u0301", "e"),
    ("stra\u00dfe", "strasse"),
    ("\U0001f98a", "\U0001f43b", "?"),
    ("\uff11", "1", "01"),
    ("x" * 200, "x" * 199 + "y"),
)
"""Names that collations, numbers, character sets and short columns take for one another."""
NAMES = tuple(name for group in NEARLY for name in group)
SEPARATORS = (*":/|,;.-_#@&=+ \t\n\\\"'\x1f", "::")
"""What two texts might be joined with."""
UNNAMED: tuple[Any, ...] = (None, True, 0, b"", [], {"$ne": ""}, {"$gt": ""})
"""What is no text and no digest, as a caller's mistake or a client's JSON may be."""


def near(kind: int) -> list[Digest]:
    """Return digests of a *kind* of its own, of which each is nearly the first: by letters, blanks, zeros, its end."""
    changed = [{}, {31: b"K"}, {31: b" "}, {31: b"\0"}, {30: b"\0", 31: b"\0"}, {16: b"x"}, {0: b"K"}, {0: b"\0"}]
    changed += [{20: b"\xfe"}, {20: b"\xff"}, {12: b"\n"}]
    keys = []
    for places in changed:
        key = bytearray(b"k" * 8 + bytes([ord("a") + kind]) + b"k" * 23)
        for place, byte in places.items():
            key[place : place + 1] = byte
        keys.append(Digest(bytes(key)))
    return keys


async def store(storage: Storage, changes: Sequence[Change], promise: str) -> None:
    """Commit *changes*; a `Conflict` among them breaks the *promise*."""
    try:
        await storage.commit(changes)
    except Conflict:
        raise ContractBroken(f"{promise}: this is no Conflict") from None


async def found_or_refused(read: Callable[[Any], Awaitable[Any]], name: Any) -> Any:
    """Return what *read* finds under *name*; a read that raises has found nothing."""
    try:
        return await read(name)
    except Exception:  # noqa: BLE001 - storage says no in its own words
        return None


class Names:
    """Whatever a database thinks of two texts, they are one if they are equal, and else two."""

    @promise
    async def test_names_are_read_exactly(self, stage: Stage) -> None:
        """Of names that differ in case, blanks, spelling or their end each finds its own record."""
        storage, apart = stage.storage, "names that are nearly the same are two"
        users = [a_user(name, None, None) for name in NAMES]
        sessions = [a_session(f"of {name}", name) for name in NAMES]
        consents = [a_consent(name, "client") for name in NAMES], [a_consent("subject", name) for name in NAMES]
        await store(storage, [Put(a_grant(name)) for name in NAMES], apart)
        for records in ([a_client(name) for name in NAMES], users, sessions, *consents):
            await store(storage, [Replace(one) for one in records], apart)

        for name in NAMES:
            grant, client, user = await storage.grant(name), await storage.client(name), await storage.user(name)
            consent, other = await storage.consent(name, "client"), await storage.consent("subject", name)
            alone: list[object] = [grant and grant.grant_id, client and client.client_id, user and user.user_id]
            alone += [consent and consent.subject, other and other.client_id]
            listed = [one.user_id for one in await storage.sessions(name)]
            listed += [one.subject for one in await storage.consents(name)]
            expect_same([*alone, *listed], [name] * 7, apart)

    @promise
    async def test_marks_are_of_exactly_one_name(self, stage: Stage) -> None:
        """A mark ends what has its name: no grant or session whose name, subject, client or session is nearly that."""
        storage = stage.storage
        grants = [evolve(a_grant(name, None), subject="by id") for name in NAMES]
        grants += [evolve(a_grant(f"in {name}", name), subject="by session") for name in NAMES]
        grants += [evolve(a_grant(f"of {name}", None), subject=name) for name in NAMES]
        grants += [evolve(a_grant(f"at {name}", None), subject="by client", client_id=name) for name in NAMES]
        sessions = [a_session(name, "by session") for name in NAMES] + [a_session(f"of {name}", name) for name in NAMES]
        apart = "names that are nearly the same are two"
        await store(storage, [*map(Put, grants)], apart)
        await store(storage, [*map(Replace, sessions)], apart)
        ended = [group[0] for group in NEARLY]
        for name in ended:
            await storage.commit([
                Revoke("grant", name, LATER, KEEP),
                Revoke("session", name, LATER, KEEP),
                CutOff(name, None, LATER, KEEP),
                CutOff("by client", name, LATER, KEEP),
            ])  # fmt: skip

        of_grants = {f"{way}{name}" for way in ("", "in ", "of ", "at ") for name in ended}
        found = [await storage.grant(one.grant_id) for one in grants]
        expect_same({one.grant_id for one in found if one and one.revoked_at}, of_grants, "grants of these names end")
        seen = list(await storage.sessions("by session"))
        for name in NAMES:
            seen += await storage.sessions(name)
        expect_same(len(seen), len(sessions), "every session is in one list")
        of_sessions = {f"{way}{name}" for way in ("", "of ") for name in ended}
        expect_same({one.session_id for one in seen if one.revoked_at}, of_sessions, "so do sessions, and no others")

    @promise
    async def test_two_names_are_not_one_text(self, stage: Stage) -> None:
        """A subject and a client are two names: a separator may be part of either, and a cut-off ends nobody else's."""
        storage, apart = stage.storage, "two names are two, whatever is in them"
        pairs = [pair for mark in SEPARATORS for pair in ((f"a{mark}b", "c"), ("a", f"b{mark}c"))]
        await store(storage, [Replace(a_consent(*pair)) for pair in pairs], apart)
        grants = [evolve(a_grant(f"{at}", None), subject="a", client_id=f"b{SEPARATORS[at]}c") for at in _places()]
        grants += [evolve(a_grant(f"of {at}", None), subject=f"f{SEPARATORS[at]}g") for at in _places()]
        grants.append(evolve(a_grant("both", None), subject="d", client_id="e"))
        await storage.commit([Put(grant) for grant in grants])
        await storage.commit([CutOff(f"a{mark}b", "c", LATER, KEEP) for mark in SEPARATORS])
        await storage.commit([CutOff(f"d{mark}e", None, LATER, KEEP) for mark in SEPARATORS])
        await storage.commit([CutOff("f", "g", LATER, KEEP)])

        found = [await storage.consent(*pair) for pair in pairs]
        expect_same([one and (one.subject, one.client_id) for one in found], pairs, apart)
        expect_same([await storage.grant(one.grant_id) for one in grants], grants, "all of these live")

    @promise
    async def test_keys_are_compared_whole(self, stage: Stage) -> None:
        """Digests of which all bytes but one are equal are two, for every kind of record, marks and counters."""
        storage, grant = stage.storage, a_grant()
        codes, refreshes, accesses, interactions, sessions, counters, marks = map(near, range(7))
        for at in range(len(codes) - 1):  # of the last of each there is nothing
            changes: list[Change] = [
                Put(evolve(a_code(grant), key=codes[at], nonce=f"{at}")),
                Put(evolve(a_refresh_token(), key=refreshes[at], generation=at)),
                Put(evolve(an_access_token(), key=accesses[at], token_id=f"{at}")),
                Put(evolve(an_interaction(), key=interactions[at], client_id=f"{at}")),
                Replace(evolve(a_session(f"{at}"), key=sessions[at])),
                Count(counters[at], NOW, LATER, by=at + 1),
                Spend(marks[at], NOW, KEEP, salt=b"%d" % at),
            ]
            await store(storage, changes, "keys that are nearly the same are two")
        await storage.commit([Spend(keys[-1], NOW, KEEP) for keys in (codes, refreshes, accesses, interactions)])

        numbers = range(len(codes) - 1)
        texts, salts = [f"{at}" for at in numbers], [b"%d" % at for at in numbers]
        expected: list[tuple[Callable[[Digest], Awaitable[Any]], list[Digest], str, list[Any]]] = [
            (storage.code, codes, "nonce", texts),
            (storage.refresh_token, refreshes, "generation", [*numbers]),
            (storage.access_token, accesses, "token_id", texts),
            (storage.interaction, interactions, "client_id", texts),
            (storage.session, sessions, "session_id", texts),
            (storage.counter, counters, "value", [at + 1 for at in numbers]),
            (storage.spent, marks, "salt", salts),
        ]
        for read, keys, name, values in expected:
            found = [await read(key) for key in keys]
            expect(not any(one.spent for one in found if isinstance(one, Stored)), "only another key was spent")
            records = [one.record if isinstance(one, Stored) else one for one in found]
            expect_same([getattr(one, name, None) for one in records], [*values, None], "each key finds its own")

    @promise
    async def test_what_is_no_name_finds_nothing(self, stage: Stage) -> None:
        """Asked for `None`, or for what is no text or digest at all, a read finds nothing or raises: never somebody."""
        storage = stage.storage
        await furnish(storage)
        await storage.commit([Replace(a_user("nameless", None, None)), Put(a_grant("of no session", None))])
        everybody: tuple[Callable[[Any], Awaitable[Any]], ...] = (
            *(storage.client, storage.grant, storage.user, storage.user_by_identifier),
            *(storage.consents, storage.sessions),
            *(storage.code, storage.refresh_token, storage.access_token, storage.interaction),
            *(storage.session, storage.spent, storage.counter),
            lambda name: storage.consent(name, "client"),
            lambda name: storage.consent("subject", name),
        )
        for unnamed in UNNAMED:
            for read in everybody:
                expect(not await found_or_refused(read, unnamed), f"{unnamed!r} is nobody")

        expect(await storage.client("client") is not None, "the right name finds its record")


def _places() -> range:
    return range(len(SEPARATORS))
