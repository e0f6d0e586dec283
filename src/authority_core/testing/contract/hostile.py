"""Texts with NUL, which some databases cannot hold and others cut short."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from attrs import evolve

from ...kernel.changes import Change, Put, Replace
from ...kernel.records import Stored
from .samples import (
    a_client,
    a_code,
    a_consent,
    a_grant,
    a_session,
    a_signing_key,
    a_user,
    an_access_token,
    an_audit_record,
    an_interaction,
)
from .stage import Stage, expect, promise


async def _only(reading: Coroutine[Any, Any, Sequence[object]]) -> object:
    return next(iter(await reading), None)


class Hostile:
    """NUL in a field of every kind of record. In the names of records it may be refused by all: none has it."""

    holds_nul = False
    """Whether texts with NUL survive. PostgreSQL and others cannot hold it; such texts must then be refused whole."""

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
