"""Forgetting, of all kinds at once: each goes at its own time, and all are counted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import evolve

from ...kernel.changes import Change, Count, CutOff, Put, Replace, Revoke, Spend
from ...kernel.ports import Storage
from ...kernel.records import Grant, Session, Spent, Stored
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
from .secrecy import needs_cleanup
from .stage import Stage, expect, expect_same, promise

_MOST = 3
_BATCH = 2
_WAYS = ("by its name", "by its session", "by its subject")


def _ending() -> list[Change]:
    """Return one change of each sort whose record, mark or counter is over `LATER`."""
    records = a_code(a_grant()), a_refresh_token(), an_access_token(), an_interaction(), an_audit_record()
    versions = a_session(), a_signing_key(), a_consent()
    return [
        Put(evolve(a_grant(), keep_until=LATER)),
        *(Put(evolve(record, keep_until=LATER)) for record in records),
        *(Replace(evolve(record, keep_until=LATER)) for record in versions),
        Spend(key_of("spent"), NOW, LATER),
        Revoke("grant", "ended", NOW, LATER),
        Revoke("session", "ended", NOW, LATER),
        CutOff("ended", None, NOW, LATER),
        CutOff("ended", "client", NOW, LATER),
        Count(key_of("counter"), NOW, LATER),
    ]


def _name(change: Change) -> str:
    return "Counter" if isinstance(change, Count) else type(getattr(change, "record", change)).__name__


class Forgetting:
    """`cleanup` over everything there is."""

    forgotten_by_clock: frozenset[str] = frozenset()

    @promise
    async def test_forgetting_counts_every_kind(self, stage: Stage) -> None:
        """`cleanup` returns how many records, marks and counters went, of all kinds, and its *limit* is one for all."""
        needs_cleanup(stage)
        stay: list[Change] = [Replace(a_client()), Replace(a_user()), Put(a_grant("kept"))]
        await stage.storage.commit(stay)
        counted = [change for change in _ending() if _name(change) not in self.forgotten_by_clock]
        await stage.storage.commit(counted)
        gone = [await stage.call("cleanup", LATER), await stage.call("cleanup", LATER)]
        expect_same(gone, [len(counted), 0], "it returns how many went, each record, mark and counter once")

        await stage.storage.commit(counted)
        whole, rest = divmod(len(counted), _MOST)
        gone = [await stage.call("cleanup", LATER, _BATCH, _MOST) for _ in range(whole + 2)]
        expect_same(gone, [*[_MOST] * whole, rest, 0], "no more than the limit go, of all kinds together")

    @promise
    async def test_a_mark_and_its_record_go_each_at_its_own_time(self, stage: Stage) -> None:
        """A record's end takes no mark with it that is kept longer, nor does a mark's end the record."""
        needs_cleanup(stage)
        storage = stage.storage
        for name, kept, marked in (("record", LATER, KEEP), ("mark", KEEP, LATER)):
            tokens = a_code(a_grant(), name), a_refresh_token("kept", name), an_access_token("kept", name)
            records = [evolve(record, keep_until=kept) for record in (*tokens, an_interaction(name))]
            await storage.commit([Put(record) for record in (*records, *_grants(name, kept))])
            await storage.commit([Replace(session) for session in _sessions(name, kept)])
            await storage.commit([Spend(record.key, LATER, marked) for record in records])
            await storage.commit(_ends(name, marked))
        await stage.call("cleanup", LATER)

        expect_same(await _marks(storage, "record"), [Spent(at=LATER)] * 4, "a mark outlives what it was about")
        expect_same(await _marks(storage, "mark"), [None] * 4, "a mark goes at its own time")
        found = await _records(storage, "mark")
        expect(all(one is not None and one.spent is None for one in found), "what is kept longer than its mark stays")
        expect_same(await _found_ended(storage, "mark"), ([None] * 3, [None] * 3), "so do grants and sessions")
        await storage.commit([Put(grant) for grant in _grants("record", KEEP)])
        for session in _sessions("record", KEEP):
            if not await storage.sessions(session.user_id):  # a database may forget sessions by its own clock
                await storage.commit([Replace(session)])
        over = [LATER] * 3, [None, LATER, LATER]
        expect_same(await _found_ended(storage, "record"), over, "a mark is there for what comes again")


def _grants(name: str, kept: datetime) -> list[Grant]:
    return [evolve(a_grant(one, one), subject=one, keep_until=kept) for one in _names(name)]


def _sessions(name: str, kept: datetime) -> list[Session]:
    return [evolve(a_session(one, one), keep_until=kept) for one in _names(name)]


def _names(name: str) -> list[str]:
    return [f"{name} {way}" for way in _WAYS]


def _ends(name: str, kept: datetime) -> list[Change]:
    """Return what ends the first grant, what the second session, and what all that is of the third subject."""
    grant, session, subject = _names(name)
    return [
        Revoke("grant", grant, LATER, kept),
        Revoke("session", session, LATER, kept),
        CutOff(subject, None, LATER, kept),
    ]


async def _found_ended(storage: Storage, name: str) -> tuple[list[object], list[object]]:
    """Return when the grants of these names have ended, and when the sessions."""
    grants: list[object] = [await storage.grant(one) for one in _names(name)]
    sessions: list[object] = [one for user_id in _names(name) for one in await storage.sessions(user_id)]
    ended = [[getattr(one, "revoked_at", "missing") for one in some] for some in (grants, sessions)]
    return ended[0], ended[1]


async def _records(storage: Storage, name: str) -> list[Stored[Any] | None]:
    return [
        await storage.code(key_of(name, "code")),
        await storage.refresh_token(key_of(name, "refresh")),
        await storage.access_token(key_of(name, "access")),
        await storage.interaction(key_of(name, "interaction")),
    ]


async def _marks(storage: Storage, name: str) -> list[Spent | None]:
    kinds = "code", "refresh", "access", "interaction"
    return [await storage.spent(key_of(name, kind)) for kind in kinds]
