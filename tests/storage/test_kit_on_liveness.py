"""The kit catches storages that do not see every end, or not on every read."""

from __future__ import annotations

import pytest

from authority_core.testing.contract import ContractBroken
from authority_core.testing.memory import MemoryStorage
from storage import broken_liveness as broken
from storage.test_kit_on_commits import suite

EVERY_READ = (
    broken.RefreshTokensOfRevokedGrants,
    broken.RefreshTokensUncut,
    broken.RefreshTokensOfAnyClient,
    broken.AccessTokensOfRevokedGrants,
    broken.CodesOfRevokedGrants,
    broken.RemembersTokens,
    broken.SessionsUncut,
    broken.ListsSessionsUncut,
    broken.TheLatestMarkDecides,
)
FAULTS = [
    *((storage, "test_every_read_tells_every_end") for storage in EVERY_READ),
    (broken.SessionsUncut, "test_an_ended_session_never_lives_again"),
    (broken.KeepsEndsInSessions, "test_an_ended_session_never_lives_again"),
    (broken.ForgetsEndsWithSessions, "test_an_ended_session_never_lives_again"),
    (broken.InteractionsAreNeverSpent, "test_a_spent_mark_is_seen_from_the_record"),
    (broken.TheFirstCutOffOfAClientStays, "test_the_latest_cut_off_is_kept"),
    (broken.TheLastCutOffOfAClientStays, "test_the_latest_cut_off_is_kept"),
    (broken.OneCutOffOfASubject, "test_cut_offs_of_one_subject_are_kept_apart"),
    (broken.OneCutOffOfAnyClient, "test_cut_offs_of_one_subject_are_kept_apart"),
]


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """A storage with a known fault breaks the promise that names it; the reference keeps it."""
    getattr(suite(MemoryStorage), promise)()
    with pytest.raises(ContractBroken):
        getattr(suite(storage), promise)()
