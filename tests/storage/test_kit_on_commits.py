"""The kit catches storages whose commit is not whole, or not held to what it says."""

from __future__ import annotations

import pytest

from authority_core.kernel.changes import Conflict
from authority_core.testing.contract import ContractBroken, StorageContract
from authority_core.testing.memory import MemoryStorage
from storage import broken_commits as broken


def suite(storage: type) -> StorageContract:
    class Suite(StorageContract):
        __test__ = False
        make_storage = staticmethod(storage)

    return Suite()


HASTY = (
    broken.RemovesAtOnce,
    broken.UpdatesAtOnce,
    broken.CountsOnAtOnce,
    broken.TakesCountersAwayAtOnce,
    broken.CutsFurtherAtOnce,
)
LOST = (
    "test_a_lost_spend_writes_nothing",
    "test_a_second_put_writes_nothing",
    "test_a_taken_name_writes_nothing",
)
FAULTS = [(storage, promise) for storage in HASTY for promise in LOST]
FAULTS += [
    (broken.ChecksAllFirst, "test_a_record_begins_once_in_one_commit"),
    (broken.ChecksAllFirst, "test_a_version_is_written_over_once_in_one_commit"),
    (broken.ChecksAllFirst, "test_a_name_has_one_owner_in_one_commit"),
    (broken.ChecksAllFirst, "test_a_cookie_opens_one_session_in_one_commit"),
    (broken.ChecksAllFirst, "test_counts_of_one_commit_add_up"),
    (broken.RemovesNothing, "test_what_was_never_there_is_not_removed"),
    (broken.TheLastCountDecides, "test_counts_of_one_commit_add_up"),
    (broken.StartsAnyCounter, "test_no_counter_starts_above_its_most"),
    (broken.StartsAnyCounterAnew, "test_no_counter_starts_above_its_most"),
    (broken.LooksForAFullCounter, "test_a_counter_goes_no_further_than_its_most"),
]
REFUSING = [
    (broken.ChecksAllFirst, "test_what_is_removed_may_return_in_one_commit"),
    (broken.ChecksAllFirst, "test_what_is_removed_gives_its_name_at_once"),
    (broken.ChecksAllFirst, "test_what_is_changed_gives_its_name_at_once"),
    (broken.WritesBeforeItRemoves, "test_what_is_removed_may_return_in_one_commit"),
    (broken.WritesBeforeItRemoves, "test_what_is_removed_gives_its_name_at_once"),
    (broken.KeepsAFullCounter, "test_a_counter_goes_no_further_than_its_most"),
]
"""Storages that see a conflict where there is none."""


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """A storage with a known fault breaks the promise that names it; the reference keeps it."""
    getattr(suite(MemoryStorage), promise)()
    with pytest.raises(ContractBroken):
        getattr(suite(storage), promise)()


@pytest.mark.parametrize(("storage", "promise"), REFUSING, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches_conflicts_that_are_none(storage, promise):
    """A storage that refuses what it must take breaks the promise that names it; the reference keeps it."""
    getattr(suite(MemoryStorage), promise)()
    with pytest.raises(Conflict):
        getattr(suite(storage), promise)()
