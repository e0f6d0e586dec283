"""The kit catches storages that forget too much at once, or count it wrongly."""

from __future__ import annotations

import pytest

from authority_core.testing.contract import ContractBroken
from authority_core.testing.memory import MemoryStorage
from storage import broken_forgetting as broken
from storage.test_kit import suite

FAULTS = [
    *((storage, "test_a_mark_and_its_record_go_each_at_its_own_time") for storage in (*broken.MARKS, *broken.RECORDS)),
    (broken.LimitOfEachTable, "test_forgetting_counts_every_kind"),
    (broken.CountsOneTable, "test_forgetting_counts_every_kind"),
]


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """A storage with a known fault breaks the promise that names it; the reference keeps it."""
    getattr(suite(MemoryStorage), promise)()
    with pytest.raises(ContractBroken):
        getattr(suite(storage), promise)()
