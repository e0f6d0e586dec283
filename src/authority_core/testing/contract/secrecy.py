"""Digests only, and forgetting."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from ...kernel.changes import CutOff, Put, Replace, Revoke, Spend
from ...kernel.encoding import Digest, base64url, digest
from .samples import KEEP, LATER, NOW, a_code, a_grant, a_refresh_token, a_session, an_access_token, key_of
from .stage import Stage, expect, expect_same, promise

PLAIN = "what only the browser knows: 43 characters!"
KINDS = ("code", "refresh", "access", "session")


class Secrecy:
    """What a thief of the database does not find, and what is forgotten in time."""

    def dump(self, storage: object) -> bytes | None:
        """Return everything *storage* has written, as bytes; `None` leaves the promise of digests untested."""
        return None

    def key_of(self, kind: str, secret: str) -> Digest:
        """Return the key under which *secret* is stored: `digest`, unless your application has its own way."""
        return digest(kind, secret)

    @promise
    async def test_no_secret_is_written(self, stage: Stage) -> None:
        """A dump of the storage holds digests, and no secret in any spelling; `repr` shows none either."""
        keys = {kind: self.key_of(kind, PLAIN) for kind in KINDS}
        await stage.storage.commit([
            Put(evolve(a_code(a_grant()), key=keys["code"])),
            Put(evolve(a_refresh_token(), key=keys["refresh"])),
            Put(evolve(an_access_token(), key=keys["access"])),
            Replace(evolve(a_session(), key=keys["session"])),
            Spend(keys["code"], NOW, KEEP),
        ])  # fmt: skip
        written = self.dump(stage.raw)
        if written is None:
            return

        raw = PLAIN.encode()
        for spelling in (raw, raw[:32], raw.hex().encode(), base64url(raw).encode(), PLAIN.encode("utf-16-le")):
            expect(spelling not in written, "a secret was written")
        spellings = (bytes(keys["refresh"]), keys["refresh"].hex().encode(), base64url(keys["refresh"]).encode())
        expect(any(one in written for one in spellings), "the dump holds what was written: its digest")
        expect(PLAIN not in repr(stage.raw), "repr shows a secret")

    @promise
    async def test_what_may_be_forgotten_is_forgotten(self, stage: Stage) -> None:
        """`cleanup(now)`, where there is one, takes away what is past its `keep_until`, and only that."""
        if not hasattr(stage.raw, "cleanup"):
            return
        storage = stage.storage
        old, new = evolve(a_refresh_token(name="old"), keep_until=LATER), a_refresh_token(name="new")
        await storage.commit([Put(old), Put(new), Put(a_grant())])
        await storage.commit([Spend(old.key, NOW, LATER), Spend(new.key, NOW, KEEP)])
        await storage.commit([Revoke("grant", "grant", NOW, KEEP), CutOff("nobody", None, NOW, LATER)])

        await stage.call("cleanup", LATER - timedelta(microseconds=1))
        expect(await storage.spent(old.key) is not None, "nothing goes before its time")
        await stage.call("cleanup", LATER)

        gone = await storage.refresh_token(old.key), await storage.spent(old.key)
        kept = await storage.refresh_token(new.key), await storage.spent(new.key)
        grant = await storage.grant("grant")
        expect_same(gone, (None, None), "what is past its time is gone")
        expect(None not in kept, "what is not past its time stays")
        expect(grant is not None and grant.revoked_at is not None, "marks that are still needed stay")

    @promise
    async def test_forgetting_stops_at_its_limit(self, stage: Stage) -> None:
        """`cleanup(now, batch, limit)`, where there is one, takes no more than *limit* away, and says how many."""
        if not hasattr(stage.raw, "cleanup"):
            return
        storage, keys = stage.storage, [key_of(f"{at}") for at in range(5)]
        await storage.commit([Spend(key, NOW, LATER) for key in keys])
        gone = [await stage.call("cleanup", LATER, 2, 3) for _ in range(3)]

        expect_same(gone, [3, 2, 0], "three, the two that were left, and nothing")
        expect_same([await storage.spent(key) for key in keys], [None] * 5, "all are gone in the end")
