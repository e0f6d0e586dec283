"""Texts with NUL, which some databases cannot hold and others cut short; and changes that are about nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from attrs import evolve

from ...kernel.changes import Change, Count, Put, Remove, Replace, Spend
from ...kernel.records import Insertable, Mutable, Stored
from .atomicity import WITNESSES, everything, traces
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
    a_signing_key,
    a_user,
    an_access_token,
    an_audit_record,
    an_interaction,
    key_of,
)
from .stage import Stage, expect, expect_refused, expect_same, promise

_NO_KEYS: tuple[Any, ...] = (b"", None, key_of("cut")[:31], key_of("long") + b"\x00", key_of("text").hex()[:32])
_NO_NAMES: tuple[Any, ...] = ("", None)


def about_nothing() -> list[Change]:
    """Return changes that name nothing, one of each sort for each way to do so."""
    grant = a_grant()
    changes: list[Change] = []
    for key in _NO_KEYS:
        changes += [Spend(key, NOW, KEEP), Count(key, NOW, LATER), Count(key, NOW, LATER, by=None)]
        keyed: tuple[Insertable, ...] = (a_code(grant), a_refresh_token(), an_access_token(), an_interaction())
        changes += [Put(evolve(record, key=key)) for record in keyed]
        changes.append(Replace(evolve(a_session(), key=key)))
    for name in _NO_NAMES:
        changes += [Put(evolve(grant, grant_id=name)), Put(evolve(an_audit_record(), audit_id=name))]
        named: tuple[Mutable, ...] = (
            evolve(a_client(), client_id=name),
            evolve(a_consent(), subject=name),
            evolve(a_consent(), client_id=name),
            evolve(a_signing_key(), kid=name),
            evolve(a_user(), user_id=name),
            evolve(a_session(), session_id=name),
        )
        changes += [*map(Replace, named), *(Remove(evolve(record, version=1)) for record in named)]
    return [*changes, Replace(a_user("user", "", None)), Replace(a_user("user", None, ""))]


async def _only(reading: Coroutine[Any, Any, Sequence[object]]) -> object:
    return next(iter(await reading), None)


class Hostile:
    """NUL in a field of every kind of record, and names that are none. In names NUL may be refused: none has it."""

    holds_nul = False
    """Whether texts with NUL survive. PostgreSQL and others cannot hold it; such texts must then be refused whole."""

    @promise
    async def test_a_change_about_nothing_is_refused(self, stage: Stage) -> None:
        """Without a name, or a key of 32 bytes, a change is a `ValueError`: nothing of its commit is written.

        Elsewhere such a change has deleted everything, or was found by whoever asked for nothing. `Revoke` and `CutOff`
        cannot be made without a name.
        """
        storage = stage.storage
        await storage.commit(WITNESSES)
        for change in about_nothing():
            sort = type(getattr(change, "record", change)).__name__
            for changes in ([*everything(), change], [change, *everything()]):
                await expect_refused(storage, changes, f"{type(change).__name__}, {sort}: it is about nothing")
            expect_same(await traces(storage), [], "nothing of a commit that is refused is stored")
        old = await storage.grant("old")
        expect(old is not None and old.revoked_at is None, "no mark of a commit that is refused is stored")

        await storage.commit(everything())
        expect_same(len(await traces(storage)), 16, "the rest was right, and happens without it")

    @promise
    async def test_nul_is_held_or_refused(self, stage: Stage) -> None:
        """A text with NUL comes back whole where `holds_nul`; elsewhere the commit is refused, never cut short."""
        nul, grant = "before\x00after", evolve(a_grant(), acr="before\x00after")
        code, session = evolve(a_code(grant), nonce=nul), evolve(a_session(), user_agent=nul)
        consent = evolve(a_consent(), scope=frozenset({nul}))
        client, key = evolve(a_client(), name=nul, redirect_uris=(nul,)), evolve(a_signing_key(), public_jwk={"k": nul})
        user, line = evolve(a_user(), claims={nul: nul}), evolve(an_audit_record(), user_agent=nul, detail={"k": nul})
        interaction = evolve(an_interaction(), parameters=((nul, nul),))
        access = evolve(an_access_token(), subject=nul, audience=(nul,))
        storage = stage.storage
        trips: list[tuple[Change, Callable[[], Coroutine[Any, Any, object]]]] = [
            (Put(grant), lambda: storage.grant("grant")),
            (Put(code), lambda: storage.code(code.key)),
            (Put(access), lambda: storage.access_token(access.key)),
            (Put(interaction), lambda: storage.interaction(interaction.key)),
            (Put(line), lambda: _only(storage.audit())),
            (Replace(session), lambda: storage.session(session.key)),
            (Replace(consent), lambda: storage.consent("subject", "client")),
            (Replace(client), lambda: storage.client("client")),
            (Replace(key), lambda: _only(storage.signing_keys())),
            (Replace(user), lambda: storage.user("user")),
        ]
        for change, read in trips:
            written = change.record if isinstance(change, Put | Replace) else None
            name = type(written).__name__
            try:
                await storage.commit([change])
            except Exception:  # noqa: BLE001 - storage says no in its own words
                expect(not self.holds_nul, f"{name}: this storage says that it holds NUL")
            stored = await read()
            found = stored.record if isinstance(stored, Stored) else stored
            kept = written if isinstance(change, Put) else evolve(cast(Any, written), version=1)
            expect(found is None or found == kept, f"{name}: a text with NUL is whole or absent")
            expect(found is not None or not self.holds_nul, f"{name}: a storage that holds NUL returns it")
