"""Promises under contention for every kind of record: one is inserted, one writes a version, one takes it away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import cycle
from typing import Any

from attrs import evolve

from ...kernel.changes import Change, Conflict, Put, Remove, Replace
from ...kernel.ports import Storage
from ...kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Insertable,
    Interaction,
    Mutable,
    RefreshToken,
    Session,
    SigningKey,
    Stored,
    User,
)
from .samples import (
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
from .steps import STEPPING

_FEW = STEPPING
"""Contenders of each kind: those that keep step, a line at a time."""
_ATTEMPTS = 1000
"""More than enough: with each round at least one contender is through."""
_TIMES = {
    Client: "created_at",
    Consent: "granted_at",
    SigningKey: "created_at",
    User: "updated_at",
    Session: "last_activity",
}
"""Where a record tells whose it is."""
_READS: dict[type, Callable[[Storage, Any], Awaitable[object]]] = {
    AuthorizationCode: lambda storage, record: storage.code(record.key),
    RefreshToken: lambda storage, record: storage.refresh_token(record.key),
    AccessToken: lambda storage, record: storage.access_token(record.key),
    Interaction: lambda storage, record: storage.interaction(record.key),
    AuditRecord: lambda storage, record: storage.audit(),
    Client: lambda storage, record: storage.client(record.client_id),
    Consent: lambda storage, record: storage.consent(record.subject, record.client_id),
    SigningKey: lambda storage, record: storage.signing_keys(),
    User: lambda storage, record: storage.user(record.user_id),
    Session: lambda storage, record: storage.session(record.key),
}


class Contested:
    """A few threads, line by line, or a few tasks."""

    @promise
    async def test_one_of_many_inserts_a_record_of_any_kind(self, stage: Stage) -> None:
        """Of all `Put` of one key one succeeds, whatever the record; it is the winner's."""
        records: Sequence[Insertable] = (
            a_code(a_grant()),
            a_refresh_token(),
            an_access_token(),
            an_interaction(),
            an_audit_record(),
        )
        for record in records:
            kind = type(record).__name__
            rivals = [evolve(record, keep_until=record.keep_until + timedelta(hours=at)) for at in range(_FEW)]
            winner = await _only_winner(stage, [Put(rival) for rival in rivals], f"one Put of one {kind} succeeds")

            found = await _read(stage.storage, record)
            expect_same(found, rivals[winner], f"the {kind} is the winner's")

    @promise
    async def test_one_of_many_replaces_a_record_of_any_kind(self, stage: Stage) -> None:
        """Of all `Replace` of one version one succeeds, the first write included, whatever the record."""
        for record in (a_consent(), a_signing_key(), a_user(), a_session()):
            kind = type(record).__name__
            for version in (0, 1):
                rivals = [_of_contender(record, at, version) for at in range(_FEW)]
                told = f"one Replace of version {version} of a {kind} succeeds"
                winner = await _only_winner(stage, [Replace(rival) for rival in rivals], told)

                found = await _read(stage.storage, record)
                expect_same(found, evolve(rivals[winner], version=version + 1), f"the {kind} is the winner's")

    @promise
    async def test_one_of_many_removes_a_record(self, stage: Stage) -> None:
        """Of all `Remove` of one version one succeeds, whatever the record."""
        records = (a_client(), a_consent(), a_signing_key(), a_user(), a_session())
        await stage.storage.commit([Replace(record) for record in records])
        for record in records:
            kind = type(record).__name__
            removal = Remove(evolve(record, version=1))
            await _only_winner(stage, [removal] * _FEW, f"one Remove of a {kind} succeeds")

            expect(await _read(stage.storage, record) is None, f"the {kind} is gone")

    @promise
    async def test_one_of_many_takes_a_cookie(self, stage: Stage) -> None:
        """Of many sessions that come to the same key at once, new ones or known ones, one has it."""
        known = [a_session(f"{at}") for at in range(_FEW)]
        await stage.storage.commit([Replace(session) for session in known])
        new = [a_session(f"new {at}") for at in range(_FEW)]
        for version, sessions in enumerate((new, known)):
            key = key_of(f"contested at {version}", "session")
            takers = [evolve(session, key=key, version=version) for session in sessions]
            winner = await _only_winner(stage, [Replace(taker) for taker in takers], "a key opens one session")

            found = await stage.storage.session(key)
            expect_same(found, evolve(takers[winner], version=version + 1), "the key opens the winner's session")

    @promise
    async def test_one_of_many_takes_a_text_as_name_or_address(self, stage: Stage) -> None:
        """Of many accounts that take one text at once, as a name or as an address, new ones or known ones, one has it.

        People sign in by either, and what is one's name and another's address would be both of theirs.
        """
        known = [a_user(f"{at}", f"user-{at}", f"{at}@mail.example") for at in range(_FEW)]
        await stage.storage.commit([Replace(user) for user in known])
        new = [a_user(f"new {at}", None, None) for at in range(_FEW)]
        for version, left in enumerate((new, known)):
            for turn in range(2):  # whoever may come first, by name or by address
                text = f"{version}{turn}@contested.example"
                field = cycle(("username", "email") if turn else ("email", "username"))
                told = "a text is the name or the address of one account"
                takers = [_of_name(evolve(user, version=version), next(field), text) for user in left]
                winner = await _only_winner(stage, [Replace(taker) for taker in takers], told)

                found = await stage.storage.user_by_identifier(text)
                expect_same(found, evolve(takers[winner], version=version + 1), "the text finds the winner")
                del left[winner]


async def _only_winner(stage: Stage, changes: Sequence[Change], promised: str) -> int:
    """Commit each of *changes* at once; return the place of the one that succeeded."""
    winners = await stage.contend_to_commit([[change] for change in changes], stepwise=True, lines=True)
    expect_same(len(winners), 1, promised)
    return winners[0]


def _of_contender(record: Mutable, at: int, version: int) -> Mutable:
    field = _TIMES[type(record)]
    time = getattr(record, field) + timedelta(minutes=at)
    changes: dict[str, Any] = {field: time, "version": version}
    return evolve(record, **changes)


def _of_name(user: User, field: str, text: str) -> User:
    changes: dict[str, Any] = {field: text}
    return evolve(user, **changes)


async def _read(storage: Storage, record: Insertable | Mutable) -> object:
    found = await _READS[type(record)](storage, record)
    if isinstance(found, Sequence):
        found = next(iter(found), None)
    return found.record if isinstance(found, Stored) else found


async def until_through(storage: Storage, changes: Sequence[Change]) -> None:
    """Commit *changes*, and again as long as that is a `Conflict`, as the server does."""
    for _ in range(_ATTEMPTS):
        try:
            return await storage.commit(changes)
        except Conflict:
            continue
    raise TimeoutError("Conflict, again and again")
