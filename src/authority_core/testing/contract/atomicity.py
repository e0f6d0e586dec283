"""All or nothing: a commit that meets `Conflict` leaves no trace."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from ...kernel.changes import Change, Count, CutOff, Put, Remove, Replace, Revoke, Spend
from ...kernel.ports import Storage
from ...kernel.records import Insertable
from .overwriting import KNOWN, overwriting, overwritten
from .samples import (
    ADMITTED,
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
from .stage import Stage, expect, expect_conflict, expect_same, promise


def everything() -> list[Change]:
    """Return one change of every sort that needs nothing to be there; `overwriting` returns the others."""
    return [
        Spend(key_of("other", "code"), NOW, KEEP),
        Spend(key_of("other", "jti"), NOW, KEEP, earliest=ADMITTED),
        Revoke("grant", "old", NOW, KEEP),
        Revoke("session", "old session", NOW, KEEP),
        CutOff("old subject", None, NOW, KEEP),
        CutOff("old subject too", "client", NOW, KEEP),
        Replace(a_client("new")),
        Replace(a_consent("new", "new")),
        Replace(a_signing_key("new")),
        Replace(a_user("new", "newcomer", "new@mail.example")),
        Replace(a_session("new session", "new")),
        Count(key_of("new", "counter"), NOW, LATER),
        Put(a_grant("new", None)),
        Put(a_code(a_grant("unborn", None))),
        Put(a_refresh_token("new")),
        Put(an_access_token("new")),
        Put(an_interaction()),
        Put(an_audit_record()),
    ]


async def traces(storage: Storage) -> list[str]:
    """Return what `everything` has left in *storage*."""
    other = await storage.grant("witness"), await storage.grant("witness too"), await storage.grant("witness three")
    found: dict[str, object] = {
        "Spend": await storage.spent(key_of("other", "code")),
        "Spend of a jti": await storage.spent(key_of("other", "jti")),
        "client": await storage.client("new"),
        "consent": await storage.consent("new", "new"),
        "signing key": [key for key in await storage.signing_keys() if key.kid == "new"],
        "user": await storage.user("new"),
        "name": await storage.user_by_identifier("newcomer"),
        "session": await storage.session(key_of("new session", "session")),
        "Count": await storage.counter(key_of("new", "counter")),
        "grant": await storage.grant("new"),
        "code": await storage.code(key_of("code", "code")),
        "refresh token": await storage.refresh_token(key_of("refresh", "refresh")),
        "access token": await storage.access_token(key_of("access", "access")),
        "interaction": await storage.interaction(key_of("interaction", "interaction")),
        "audit": list(await storage.audit()),
        "mark": [grant for grant in other if grant is not None and grant.revoked_at is not None],
    }
    return [name for name, value in found.items() if value]


WITNESSES = (
    Put(evolve(a_grant("old"), session_id=None)),
    Put(evolve(a_grant("witness"), session_id="old session", subject="a")),
    Put(evolve(a_grant("witness too", None), subject="old subject")),
    Put(evolve(a_grant("witness three", None), subject="old subject too")),
)
"""Grants that the marks of `everything` end."""


class Atomicity:
    """A lost referee anywhere in a commit undoes all of it."""

    @promise
    async def test_everything_happens(self, stage: Stage) -> None:
        """A commit of every sort of change, given in any order, happens whole: the control of all that follows."""
        await stage.storage.commit([*WITNESSES, *KNOWN])
        expect_same(await overwritten(stage.storage), [], "what is to be written over is there")
        await stage.storage.commit([*everything(), *overwriting()][::-1])

        expect_same(len(await traces(stage.storage)), 16, "every change has happened")
        expect_same(len(await overwritten(stage.storage)), 16, "so has every change of what was there")

    @promise
    async def test_a_lost_spend_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit whose `Spend` lost is stored, wherever in the commit it stands."""
        key = key_of("lost", "refresh")
        await self._nothing_is_written(stage, [Spend(key, NOW, KEEP)], Spend(key, NOW, KEEP))

    @promise
    async def test_a_stale_replace_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit whose `Replace` came with an old version is stored."""
        await self._nothing_is_written(stage, [Replace(a_client())], Replace(a_client()))

    @promise
    async def test_a_replace_of_what_is_gone_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit that replaces a record that does not exist is stored."""
        await self._nothing_is_written(stage, [], Replace(evolve(a_client(), version=3)))

    @promise
    async def test_a_stale_remove_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit whose `Remove` came with another version is stored, and the record stays."""
        await self._nothing_is_written(stage, [Replace(a_client())], Remove(evolve(a_client(), version=2)))

        await self._nothing_is_written_twice(stage)

    @promise
    async def test_a_second_put_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit that inserts a key that exists is stored, and the first record stays."""
        first = a_refresh_token("first", "taken")
        await self._nothing_is_written(stage, [Put(first)], Put(evolve(first, grant_id="second")))

        found = await stage.storage.refresh_token(first.key)
        expect(found is not None and found.record == first, "the first record stays as it was")

    @promise
    async def test_no_record_is_inserted_twice(self, stage: Stage) -> None:
        """A second `Put` of a key is a `Conflict` for every kind of record, and changes nothing."""
        storage, grant = stage.storage, a_grant()
        records: tuple[Insertable, ...] = (
            grant, a_code(grant), a_refresh_token(), an_access_token(), an_interaction(), an_audit_record(),
        )  # fmt: skip
        await storage.commit([Put(record) for record in records])
        for record in records:
            again = evolve(record, keep_until=KEEP + timedelta(days=1))
            await expect_conflict(storage, [Put(again)], f"a second {type(record).__name__} of one key is a Conflict")
            await expect_conflict(storage, [Put(record)], f"an equal {type(record).__name__} too")

        found = await storage.code(key_of("code", "code"))
        expect(found is not None and found.record == a_code(grant), "the first record stays as it was")
        expect_same(list(await storage.audit()), [an_audit_record()], "no line of the audit trail is added")

    @promise
    async def test_a_taken_name_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit that breaks a unique rule is stored."""
        await self._nothing_is_written(
            stage, [Replace(a_user("owner", "taken", None))], Replace(a_user("thief", "taken", None))
        )

    @promise
    async def test_a_taken_session_key_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit whose session has another one's key is stored."""
        owner = a_session("owner")
        await self._nothing_is_written(stage, [Replace(owner)], Replace(evolve(a_session("thief"), key=owner.key)))

    @promise
    async def test_a_full_counter_writes_nothing(self, stage: Stage) -> None:
        """Nothing of a commit whose `Count` would exceed its most is stored, and the counter stays."""
        full = Count(key_of("full", "admission"), NOW, LATER, most=1)
        await self._nothing_is_written(stage, [full], full)

        counter = await stage.storage.counter(full.key)
        expect_same(counter and counter.value, 1, "what was refused is not counted")

    @promise
    async def test_a_key_spent_twice_in_one_commit(self, stage: Stage) -> None:
        """A commit that spends one key twice is a `Conflict`, and the key stays unspent."""
        spend = Spend(key_of("twice", "code"), NOW, KEEP)
        await expect_conflict(stage.storage, [spend, spend], "one key is spent once, in one commit too")

        expect(await stage.storage.spent(spend.key) is None, "the key is unspent")
        await stage.storage.commit([spend])

    @promise
    async def test_a_key_inserted_twice_in_one_commit(self, stage: Stage) -> None:
        """A commit that inserts two records under one key is a `Conflict`, and neither is there."""
        one = an_access_token()
        both = [Put(one), Put(evolve(one, token_id="another"))]
        await expect_conflict(stage.storage, both, "one key is inserted once, in one commit too")

        expect(await stage.storage.access_token(one.key) is None, "neither of the two is stored")
        await stage.storage.commit(both[:1])

    @promise
    async def test_nothing_to_do(self, stage: Stage) -> None:
        """An empty commit succeeds."""
        await stage.storage.commit([])

    @promise
    async def test_a_conflict_leaves_storage_usable(self, stage: Stage) -> None:
        """After any number of conflicts the next commit succeeds: no lock, no transaction is left behind."""
        spend = Spend(key_of("again", "code"), NOW, KEEP)
        await stage.storage.commit([spend])
        for _ in range(40):
            await expect_conflict(stage.storage, [Put(a_grant("ghost")), spend], "a spent key is a Conflict")

        await stage.storage.commit([Put(a_grant("ghost"))])
        expect(await stage.storage.grant("ghost") is not None, "storage still works")

    async def _nothing_is_written(self, stage: Stage, before: list[Change], lost: Change) -> None:
        await stage.storage.commit([*WITNESSES, *KNOWN, *before])
        everywhere = [*everything(), *overwriting()]
        for changes in ([*everywhere, lost], [lost, *everywhere]):
            await expect_conflict(stage.storage, changes, f"{type(lost).__name__} that comes second is a Conflict")
            expect_same(await traces(stage.storage), [], "nothing of a commit in conflict is stored")
            expect_same(await overwritten(stage.storage), [], "what was there before a conflict is as it was")
            old = await stage.storage.grant("old")
            expect(old is not None and old.revoked_at is None, "no mark of a commit in conflict is stored")

    async def _nothing_is_written_twice(self, stage: Stage) -> None:
        client = await stage.storage.client("client")
        expect(client is not None and client.version == 1, "what could not be removed stays")
        later = evolve(a_client(), version=1, tokens_valid_after=NOW + timedelta(days=1))
        await stage.storage.commit([Remove(later)])
        expect(await stage.storage.client("client") is None, "the right version is removed, whatever else differs")
