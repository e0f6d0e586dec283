"""The kit catches storages that write over a record in part."""

from __future__ import annotations

import pytest

from authority_core.kernel.records import Client, Consent, Session, SigningKey, User
from authority_core.testing.contract import ContractBroken
from authority_core.testing.memory import MemoryStorage
from storage.broken_writes import WAYS, overwriting, written
from storage.test_kit import suite

PROMISE = "test_a_replace_writes_the_whole_record"


@pytest.mark.parametrize("kind", [Client, Consent, SigningKey, User, Session], ids=lambda kind: kind.__name__)
def test_no_field_is_written_in_part(kind):
    """Whichever field keeps what it had, or is added to, is found; and so is every one that is never written again."""
    getattr(suite(MemoryStorage), PROMISE)()
    missed = []
    for name in written(kind):
        for way in WAYS:
            storage = overwriting(kind, name, way)
            try:
                getattr(suite(storage), PROMISE)()
            except ContractBroken:
                continue
            if storage.changed or (way.__name__ == "never" and (kind, name) != (Session, "revoked_at")):
                missed.append((name, way.__name__))

    assert missed == []
