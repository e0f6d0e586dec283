"""The kit catches storages whose commit is not whole, or not held to what it says."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """A storage with a known fault breaks the promise that names it; the reference keeps it."""
    getattr(suite(MemoryStorage), promise)()
    with pytest.raises(ContractBroken):
        getattr(suite(storage), promise)()
