"""Digests only, and forgetting."""

from __future__ import annotations

from unittest import SkipTest

from attrs import evolve

from ...kernel.changes import Count, CutOff, Put, Replace, Revoke, Spend
from ...kernel.encoding import Digest, base64url, digest
from ...kernel.ports import Storage
from ...kernel.records import Stored
from .samples import (
    KEEP,
    LATER,
    NOW,
    TICK,
    a_client,
    a_code,
    a_consent,
    a_grant,
    a_refresh_token,
    a_session,
    a_signing_key,
    a_user,
    an_access_token,
    an_audit_record,
    an_interaction,
    key_of,
)
from .stage import Stage, expect, expect_same, promise

PLAIN = "what only the browser knows: 43 characters!"
HASHED = "$argon2id$v=19$only for people to see who must not"
KINDS = ("code", "refresh", "access", "session", "interaction")


class Secrecy:
    """What a thief of the database does not find, and what is forgotten in time."""

    forgotten_by_clock: frozenset[str] = frozenset()
    """Classes of records that the database forgets by its own clock, although there is a `cleanup` for the others."""

    def dump(self, storage: object) -> bytes | None:
        """Return everything *storage* has written, as bytes; with `None` it is not proven that no secret is written."""
        return None

    def key_of(self, kind: str, secret: str) -> Digest:
        """Return the key under which *secret* is stored: `digest`, unless your application has its own way."""
        return digest(kind, secret)

    @promise
    async def test_no_secret_is_written(self, stage: Stage) -> None:
        """A dump of the storage holds digests, and no secret in any spelling; `repr` shows nothing of what is stored.

        No storage can write a secret that it was never given: found in the dump is the fault of an application which
        has keys of its own (`key_of`). But `repr` is the storage's, and goes into logs and reports of errors.
        """
        keys = {kind: self.key_of(kind, PLAIN) for kind in KINDS}
        await stage.storage.commit([
            Put(evolve(a_code(a_grant()), key=keys["code"])),
            Put(evolve(a_refresh_token(), key=keys["refresh"])),
            Put(evolve(an_access_token(), key=keys["access"])),
            Put(evolve(an_interaction(), key=keys["interaction"])),
            Replace(evolve(a_session(), key=keys["session"])),
            Replace(evolve(a_user(), password_hash=HASHED)),
            Spend(keys["code"], NOW, KEEP),
        ])  # fmt: skip
        shown = repr(stage.raw)
        hidden = [PLAIN, HASHED, *(text for key in keys.values() for text in (repr(key)[2:-1], key.hex()))]
        expect(not any(text in shown for text in hidden), "repr shows what is stored")
        written = self.dump(stage.raw)
        if written is None:
            raise SkipTest("not proven: that no secret is written. Define dump, which returns all that was written")

        raw = PLAIN.encode()
        for spelling in (raw, raw[:32], raw.hex().encode(), base64url(raw).encode(), PLAIN.encode("utf-16-le")):
            expect(spelling not in written, "a secret was written")
        spellings = (bytes(keys["refresh"]), keys["refresh"].hex().encode(), base64url(keys["refresh"]).encode())
        expect(any(one in written for one in spellings), "the dump holds what was written: its digest")

    @promise
    async def test_what_may_be_forgotten_is_forgotten(self, stage: Stage) -> None:
        """`cleanup(now)`, where there is one, takes away what is past its `keep_until`, and only that."""
        needs_cleanup(stage)
        storage = stage.storage
        old, new = evolve(a_refresh_token(name="old"), keep_until=LATER), a_refresh_token(name="new")
        await storage.commit([Put(old), Put(new), Put(a_grant())])
        await storage.commit([Spend(old.key, NOW, LATER), Spend(new.key, NOW, KEEP)])
        await storage.commit([Revoke("grant", "grant", NOW, KEEP), CutOff("nobody", None, NOW, LATER)])

        await stage.call("cleanup", LATER - TICK)
        expect(await storage.spent(old.key) is not None, "nothing goes before its time")
        await stage.call("cleanup", LATER)

        gone = await storage.refresh_token(old.key), await storage.spent(old.key)
        kept = await storage.refresh_token(new.key), await storage.spent(new.key)
        grant = await storage.grant("grant")
        expect_same(gone, (None, None), "what is past its time is gone")
        expect(None not in kept, "what is not past its time stays")
        expect(grant is not None and grant.revoked_at is not None, "marks that are still needed stay")

    @promise
    async def test_everything_that_ends_is_forgotten(self, stage: Stage) -> None:
        """Every kind of record, mark and counter goes when its time has come, at that instant and not before."""
        needs_cleanup(stage)
        storage, grant = stage.storage, evolve(a_grant(), keep_until=LATER)
        puts = (a_code(grant), a_refresh_token(), an_access_token(), an_interaction(), an_audit_record())
        await storage.commit([Put(grant), *(Put(evolve(record, keep_until=LATER)) for record in puts)])
        session, key = evolve(a_session(), keep_until=LATER), evolve(a_signing_key(), keep_until=LATER)
        await storage.commit([Replace(session), Replace(key), Replace(a_signing_key("for ever"))])
        await storage.commit([Replace(evolve(a_consent(), keep_until=LATER)), Replace(a_consent("for ever"))])
        await storage.commit([Replace(a_client()), Replace(a_user())])
        await storage.commit([Spend(key_of("spent"), NOW, LATER), Count(key_of("counter"), NOW, LATER)])
        marks = [Revoke("grant", "late", NOW, LATER), Revoke("session", "late", NOW, LATER)]
        cuts = [CutOff("late", None, NOW, LATER), CutOff("late too", "client", NOW, LATER)]
        await storage.commit([*marks, *cuts])

        await stage.call("cleanup", LATER - TICK)
        expect_same(len(await _remains(storage)), 11, "nothing goes before its time")
        await stage.call("cleanup", LATER)
        left = [kind for kind in await _remains(storage) if kind not in self.forgotten_by_clock]
        expect_same(left, [], "nothing is left")
        stay = [one.kid for one in await storage.signing_keys()] + [one.subject for one in await storage.all_consents()]
        stay += [one.client_id for one in await storage.clients()] + [one.user_id for one in await storage.users()]
        expect_same(stay, ["for ever", "for ever", "client", "user"], "what has no end stays: clients and accounts too")
        lives = [a_grant("late", None), a_grant("of a session", "late")]
        lives += [evolve(a_grant("cut", None), subject="late"), evolve(a_grant("too", None), subject="late too")]
        await storage.commit([Put(one) for one in lives])
        found = [await storage.grant(one.grant_id) for one in lives]
        expect(not any(one is None or one.revoked_at for one in found), "no mark is left")

    @promise
    async def test_a_mark_that_is_renewed_stays(self, stage: Stage) -> None:
        """A mark is kept until the later of two times, whichever was committed first."""
        needs_cleanup(stage)
        storage = stage.storage
        for first, second in ((LATER, KEEP), (KEEP, LATER)):
            name = "kept longer" if first < second else "kept as long"
            await storage.commit([Revoke("grant", name, NOW, first), CutOff(name, None, NOW, first)])
            await storage.commit([Revoke("grant", name, NOW, second), CutOff(name, None, NOW, second)])
        await stage.call("cleanup", LATER)

        for name in ("kept longer", "kept as long"):
            await storage.commit([Put(a_grant(name, None)), Put(evolve(a_grant(f"of {name}", None), subject=name))])
            found = [await storage.grant(name), await storage.grant(f"of {name}")]
            expect(all(one is not None and one.revoked_at for one in found), "the later of two ends is kept")

    @promise
    async def test_consent_that_is_given_again_stays(self, stage: Stage) -> None:
        """A consent that had ended and was given anew is kept as long as the new one says, or for ever."""
        needs_cleanup(stage)
        storage = stage.storage
        for name, keep_until in (("longer", KEEP), ("for ever", None)):
            over = evolve(a_consent(name), keep_until=LATER)
            await storage.commit([Replace(over)])
            await storage.commit([Replace(evolve(over, keep_until=keep_until, version=1))])
        await stage.call("cleanup", LATER)
        expect_same([one.subject for one in await storage.all_consents()], ["for ever", "longer"], "both are kept")

        await stage.call("cleanup", KEEP)
        expect_same([one.subject for one in await storage.all_consents()], ["for ever"], "what has an end goes then")

    @promise
    async def test_forgetting_stops_at_its_limit(self, stage: Stage) -> None:
        """`cleanup(now, batch, limit)`, where there is one, takes no more than *limit* away, and says how many."""
        needs_cleanup(stage)
        storage, keys = stage.storage, [key_of(f"{at}") for at in range(5)]
        await storage.commit([Spend(key, NOW, LATER) for key in keys])
        gone = [await stage.call("cleanup", LATER, 2, 3) for _ in range(3)]

        expect_same(gone, [3, 2, 0], "three, the two that were left, and nothing")
        expect_same([await storage.spent(key) for key in keys], [None] * 5, "all are gone in the end")


def needs_cleanup(stage: Stage) -> None:
    """Skip a promise about `cleanup`, saying what is not proven, where there is none."""
    if not hasattr(stage.raw, "cleanup"):
        raise SkipTest(
            "not proven: that what may be forgotten is forgotten, and nothing else. This storage has no cleanup to "
            "call; if its database forgets by its own clock, look there"
        )


async def _remains(storage: Storage) -> list[str]:
    """Return of which classes something is left; of marks nothing is shown."""
    found = [
        await storage.grant("grant"),
        await storage.code(key_of("code", "code")),
        await storage.refresh_token(a_refresh_token().key),
        await storage.access_token(an_access_token().key),
        await storage.interaction(an_interaction().key),
        await storage.session(a_session().key),
        await storage.spent(key_of("spent")),
        await storage.counter(key_of("counter")),
        await storage.consent("subject", "client"),
        *await storage.audit(),
        *(key for key in await storage.signing_keys() if key.keep_until is not None),
    ]
    records = [one.record if isinstance(one, Stored) else one for one in found]
    return [type(record).__name__ for record in records if record is not None]
