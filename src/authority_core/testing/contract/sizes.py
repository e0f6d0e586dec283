"""Many of a kind: lists are whole, and a commit is one however many changes it has."""

from __future__ import annotations

from ...kernel.changes import Change, Conflict, Put, Replace, Revoke, Spend, StorageUnavailable
from .samples import KEEP, NOW, a_consent, a_grant, a_session, a_signing_key, an_audit_record, key_of
from .stage import ContractBroken, Stage, expect, expect_same, promise

MANY = 120
"""More than pages and transactions of databases hold where nothing is said."""
_AT_ONCE = 40


class Sizes:
    """Limits that nobody asked for."""

    @promise
    async def test_lists_are_whole(self, stage: Stage) -> None:
        """A user's sessions and consents, and the signing keys, are all in their lists, however many."""
        storage, names = stage.storage, [f"{at:03}" for at in range(MANY)]
        for start in range(0, MANY, _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            await storage.commit([Replace(a_session(name)) for name in some])
            await storage.commit([Replace(a_consent("subject", name)) for name in some])
            await storage.commit([Replace(a_signing_key(name)) for name in some])

        sessions, consents = await storage.sessions("subject"), await storage.consents("subject")
        expect_same(sorted(one.session_id for one in sessions), names, "all sessions are in the list")
        expect_same([one.client_id for one in consents], names, "all consents are in the list")
        expect_same(sorted(key.kid for key in await storage.signing_keys()), names, "all signing keys are in the list")

    @promise
    async def test_a_large_commit_is_one(self, stage: Stage) -> None:
        """Of a commit of many changes nothing is written when the last is in conflict; nor when they are too many."""
        storage, last = stage.storage, Put(an_audit_record())
        await storage.commit([last, Put(a_grant("witness", None))])
        names = [f"{at:03}" for at in range(MANY // 2)]
        changes: list[Change] = [Spend(key_of(name), NOW, KEEP) for name in names]
        changes += [Revoke("grant", "witness", NOW, KEEP)]
        changes += [Replace(a_session(name)) for name in names]
        changes += [Put(an_audit_record(name)) for name in names]
        try:
            await storage.commit([*changes, last])
        except (Conflict, StorageUnavailable):
            pass
        else:
            raise ContractBroken("the last of many changes is a Conflict")

        first, witness = await storage.spent(key_of(names[0])), await storage.grant("witness")
        expect(first is None and witness is not None and witness.revoked_at is None, "no key is spent, no mark is left")
        expect_same(list(await storage.sessions("subject")), [], "no session is open")
        expect_same([line.audit_id for line in await storage.audit()], ["audit"], "no line is written")
        await storage.commit([Spend(key_of(name), NOW, KEEP) for name in names[:_AT_ONCE]])
