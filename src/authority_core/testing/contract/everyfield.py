"""Every field of every record, mark and counter, with every value that databases get wrong: nothing is left to chance.

What is tried together is a matter of chance in `roundtrips`; here each value is tried in each field.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from typing import Any, TypeVar, get_args

from attrs import evolve, fields

from ...kernel.changes import Change, Count, CutOff, Put, Replace, Revoke, Spend
from ...kernel.identity import comparable
from ...kernel.ports import Storage
from ...kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Insertable,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    Stored,
    User,
)
from ..values import ENDS, INSTANTS, SALTS
from .fields import alike, records
from .samples import KEEP, NOW, TICK, a_grant, key_of
from .stage import ContractBroken, Stage, expect, expect_same, promise

R = TypeVar("R")
_SHOWN = 300
"""Characters of a value that are shown when it is not what it was."""


def expect_held(found: object, stored: object) -> None:
    """Raise `ContractBroken`, naming the field, unless *found* equals the record *stored*, in kind too."""
    kind: Any = type(stored)
    expect(type(found) is kind, f"a {kind.__name__} that was stored is found")
    for name in (one.name for one in fields(kind)):
        before, after = getattr(stored, name), getattr(found, name)
        if not alike(after, before):
            shown = f"\n  stored:   {before!r:.{_SHOWN}}\n  returned: {after!r:.{_SHOWN}}"
            raise ContractBroken(f"{kind.__name__}.{name} comes back as it was{shown}")


async def hold(storage: Storage, kind: type, read: Callable[[Any], Awaitable[object]]) -> Sequence[Any]:
    """Store the records of *kind* in one commit and *read* each; return them as they are stored."""
    made: Sequence[Any] = records(kind)
    once = kind in get_args(Insertable)
    await storage.commit([Put(one) if once else Replace(one) for one in made])
    kept = made if once else [evolve(one, version=1) for one in made]
    for one in kept:
        found = await read(one)
        expect_held(found.record if isinstance(found, Stored) else found, one)
    return kept


def expect_listed(found: Sequence[R], stored: Sequence[R], name: Callable[[R], object]) -> None:
    """Raise `ContractBroken` unless the list *found* holds each record of *stored* as it was, and no other."""
    kept = {name(one): one for one in stored}
    expect_same(len(found), len(kept), "every one is in the list, once")
    for one in found:
        expect_held(one, kept.get(name(one)))


class EveryField:
    """Texts, times, numbers, lists, sets and objects come back as they were, and of the kind they were."""

    @promise
    async def test_grants_hold_every_value(self, stage: Stage) -> None:
        """Every field of a grant holds every value."""
        storage = stage.storage
        await hold(storage, Grant, lambda one: storage.grant(one.grant_id))

    @promise
    async def test_codes_hold_every_value(self, stage: Stage) -> None:
        """Every field of a code holds every value, and so does the grant that it carries."""
        storage = stage.storage
        for code in await hold(storage, AuthorizationCode, lambda one: storage.code(one.key)):
            found = await storage.code(code.key)
            expect_held(found and found.grant, code.grant)

    @promise
    async def test_refresh_tokens_hold_every_value(self, stage: Stage) -> None:
        """Every field of a refresh token holds every value."""
        storage = stage.storage
        await hold(storage, RefreshToken, lambda one: storage.refresh_token(one.key))

    @promise
    async def test_access_tokens_hold_every_value(self, stage: Stage) -> None:
        """Every field of an access token holds every value."""
        storage = stage.storage
        await hold(storage, AccessToken, lambda one: storage.access_token(one.key))

    @promise
    async def test_interactions_hold_every_value(self, stage: Stage) -> None:
        """Every field of an authorization request holds every value; no client has an empty name."""
        storage = stage.storage
        await hold(storage, Interaction, lambda one: storage.interaction(one.key))

    @promise
    async def test_audit_records_hold_every_value(self, stage: Stage) -> None:
        """Every field of a line of the audit trail holds every value."""
        storage, lines = stage.storage, records(AuditRecord)
        await storage.commit([Put(line) for line in lines])
        expect_listed(await storage.audit(None, 100), lines, lambda line: line.audit_id)

    @promise
    async def test_clients_hold_every_value(self, stage: Stage) -> None:
        """Every field of a client and of its secrets holds every value, alone and in the list."""
        storage = stage.storage
        kept = await hold(storage, Client, lambda one: storage.client(one.client_id))
        expect_listed(await storage.clients(None, 100), kept, lambda one: one.client_id)

    @promise
    async def test_consents_hold_every_value(self, stage: Stage) -> None:
        """Every field of a consent holds every value, alone and in the list of all."""
        storage = stage.storage
        kept = await hold(storage, Consent, lambda one: storage.consent(one.subject, one.client_id))
        expect_listed(await storage.all_consents(None, 100), kept, lambda one: one.subject)
        for one in kept:
            expect_listed(await storage.consents(one.subject), [one], lambda found: found.subject)

    @promise
    async def test_signing_keys_hold_every_value(self, stage: Stage) -> None:
        """Every field of a signing key holds every value."""
        storage, keys = stage.storage, records(SigningKey)
        await storage.commit([Replace(key) for key in keys])
        kept = [evolve(key, version=1) for key in keys]
        expect_listed(await storage.signing_keys(), kept, lambda key: key.kid)

    @promise
    async def test_users_hold_every_value(self, stage: Stage) -> None:
        """Every field of an account holds every value, by its id, its name or address, and in the list."""
        storage = stage.storage
        kept = await hold(storage, User, lambda one: storage.user(one.user_id))
        expect_listed(await storage.users(None, 100), kept, lambda one: one.user_id)
        for one in kept:
            identifier = one.username or one.email
            if identifier is not None:
                expect_held(await storage.user_by_identifier(comparable(identifier)), one)

    @promise
    async def test_sessions_hold_every_value(self, stage: Stage) -> None:
        """Every field of a session holds every value, by its cookie and in the list of its user's."""
        storage = stage.storage
        kept = await hold(storage, Session, lambda one: storage.session(one.key))
        for user_id in {one.user_id for one in kept}:
            mine = [one for one in kept if one.user_id == user_id]
            expect_listed(await storage.sessions(user_id), mine, lambda one: one.session_id)

    @promise
    async def test_spent_marks_hold_every_value(self, stage: Stage) -> None:
        """The mark of a spent key holds every instant, and every salt."""
        storage = stage.storage
        marks = [Spent(at, salt) for at, salt in zip(INSTANTS, cycle(SALTS), strict=False)]
        keys = [key_of(f"{at}", "field") for at in range(len(marks))]
        await storage.commit([Spend(key, one.at, KEEP, one.salt) for key, one in zip(keys, marks, strict=True)])
        for key, one in zip(keys, marks, strict=True):
            expect_held(await storage.spent(key), one)

    @promise
    async def test_counters_hold_every_value(self, stage: Stage) -> None:
        """A counter holds every end, and large numbers."""
        storage = stage.storage
        counters = [Counter(value=value, expires_at=at) for at in ENDS for value in (1, 2**31 - 1)]
        keys = [key_of(f"{at}", "field") for at in range(len(counters))]
        counts = [Count(key, NOW, one.expires_at, one.value) for key, one in zip(keys, counters, strict=True)]
        await storage.commit(counts)
        for key, one in zip(keys, counters, strict=True):
            expect_held(await storage.counter(key), one)

    @promise
    async def test_ends_hold_every_instant(self, stage: Stage) -> None:
        """Revocations and cut-offs hold every instant: what was created a microsecond after a cut-off lives."""
        storage, marks, lives = stage.storage, list[Change](), list[tuple[Grant, Any]]()
        for number, at in enumerate(INSTANTS):
            marks += [
                Revoke("grant", f"revoked {number}", at, KEEP),
                Revoke("session", f"session {number}", at, KEEP),
                CutOff(f"cut {number}", None, at, KEEP),
                CutOff(f"client {number}", "client", at, KEEP),
            ]
            own = evolve(a_grant(f"revoked {number}", None), subject="other")
            lives += [(own, at), (evolve(own, grant_id=f"in {number}", session_id=f"session {number}"), at)]
            for subject in (f"cut {number}", f"client {number}"):
                before = evolve(a_grant(f"before {subject}", None), subject=subject, created_at=at)
                lives.append((before, at))
                if at != INSTANTS[-1]:
                    lives.append((evolve(before, grant_id=f"after {subject}", created_at=at + TICK), None))
        await storage.commit(marks)
        await storage.commit([Put(grant) for grant, _ in lives])
        for grant, ended in lives:
            expect_held(await storage.grant(grant.grant_id), evolve(grant, revoked_at=ended))
