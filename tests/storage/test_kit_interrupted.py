"""The kit catches commits that can be seen or stopped half way, and promises no more than that."""

from __future__ import annotations

import pytest

from authority_core.kernel.sync import coat
from authority_core.testing.contract import ContractBroken
from authority_core.testing.memory import MemoryStorage
from storage import halfway
from storage.test_kit import suite

FAULTS = [
    (halfway.StopsHalfWay, "test_a_cancelled_commit_is_whole_or_nothing"),
    (halfway.GivesFirst, "test_nothing_is_given_before_it_is_ended"),
]


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """Every run finds the fault; the reference keeps the promise in both colours."""
    getattr(suite(MemoryStorage), promise)()
    getattr(suite(lambda: coat(MemoryStorage())), promise)()
    for _ in range(20):
        with pytest.raises(ContractBroken):
            getattr(suite(storage), promise)()


def test_a_storage_without_transactions_may_be_seen_half_way():
    """Written in the order that fails closed, nothing is seen alive that the commit ends: that much is promised."""
    suite(halfway.StopsHalfWay).test_nothing_is_given_before_it_is_ended()
