"""The kit catches every storage that gets one field wrong: each field of each record is corrupted in each way."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import pytest
from attrs import evolve

from authority_core.kernel.changes import Conflict, Count, CutOff, Revoke, Spend, StorageUnavailable
from authority_core.kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    User,
)
from authority_core.testing.contract import ContractBroken
from authority_core.testing.contract.fields import alike, records
from storage.corrupting import CORRUPTIONS, LONG, PAST, TEXTS, TIMES, corrupted, places
from storage.test_kit import suite

PROMISES = {
    Grant: "test_grants_hold_every_value",
    AuthorizationCode: "test_codes_hold_every_value",
    RefreshToken: "test_refresh_tokens_hold_every_value",
    AccessToken: "test_access_tokens_hold_every_value",
    Interaction: "test_interactions_hold_every_value",
    AuditRecord: "test_audit_records_hold_every_value",
    Client: "test_clients_hold_every_value",
    Consent: "test_consents_hold_every_value",
    SigningKey: "test_signing_keys_hold_every_value",
    User: "test_users_hold_every_value",
    Session: "test_sessions_hold_every_value",
}
NAMED = {"grant_id", "client_id", "subject", "session_id", "kid", "user_id", "audit_id", "username", "email"}
CAUGHT = (ContractBroken, Conflict, StorageUnavailable)
"""A name that is corrupted may be another one's, or none."""


def needed(kind: type, name: str, hint: object) -> set[str]:
    """Return what must be tried with a field of this name and type."""
    last = name.rpartition(".")[2]
    if hint is str or str in get_args(hint):
        affixed = {"without trailing spaces"} if last == "username" else {"without leading spaces", "byte order mark"}
        names = set(TEXTS) - (affixed if last in ("username", "email") else set())
        named = last == "audit_id" if kind is AuditRecord else last in NAMED
        return names if named else {*names, *LONG}
    if last == "revoked_at" and name != "revoked_at":
        return set()
    if hint is datetime or datetime in get_args(hint):
        return set(TIMES) if last == "keep_until" else {*TIMES, *PAST}
    return set()


@pytest.mark.parametrize("kind", PROMISES, ids=lambda kind: kind.__name__)
def test_no_field_may_be_corrupted(kind):
    """Whatever happens to the values of one field, of all those that are tried, is seen."""
    made = records(kind)
    getattr(suite(corrupted(kind, lambda record: record)), PROMISES[kind])()
    missed = []
    for name, hint, setting in places(kind):
        tried = set()
        for corruption, corrupt in CORRUPTIONS.items():
            if all(alike(setting(record, corrupt), record) for record in made):
                continue
            tried.add(corruption)
            storage = corrupted(kind, lambda record, setting=setting, corrupt=corrupt: setting(record, corrupt))
            try:
                getattr(suite(storage), PROMISES[kind])()
            except CAUGHT:
                continue
            missed.append((name, corruption))
        if name != "revoked_at" or kind is Consent:
            missed += [(name, f"{one} is not tried") for one in needed(kind, name, hint) - tried]

    assert missed == []


MARKS = {
    Spend: ("test_spent_marks_hold_every_value", ("at", "salt")),
    Count: ("test_counters_hold_every_value", ("until", "by")),
    Revoke: ("test_ends_hold_every_instant", ("at",)),
    CutOff: ("test_ends_hold_every_instant", ("at",)),
}
OF_MARKS = {
    "at": {*TIMES, *PAST} - {"another zone", "no zone"},
    "until": {*TIMES} - {"no zone"},
    "salt": {"32 bytes", "until zero", "without trailing zeros", "bytes as text", "buffers", "lost"},
    "by": {"numbers with a point"},
}


@pytest.mark.parametrize("change", MARKS, ids=lambda change: change.__name__)
def test_no_mark_may_be_corrupted(change):
    """Whatever happens to the instant or salt of a mark, or to the end of a counter, is seen."""
    promise, names = MARKS[change]
    for name in names:
        for corruption in OF_MARKS[name]:
            corrupt = CORRUPTIONS[corruption]
            storage = corrupted(
                change, lambda one, name=name, of=corrupt: evolve(one, **{name: of(getattr(one, name))})
            )
            with pytest.raises(CAUGHT):
                getattr(suite(storage), promise)()
