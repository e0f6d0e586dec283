"""A counter below zero takes more than one that starts: for what is above its most SQL has a statement of its own."""

from __future__ import annotations

import pytest

from authority_core.kernel.changes import Conflict, Count
from authority_core.testing.contract.samples import LATER, NOW, TICK, key_of
from authority_sql import SqlStorage

KEY = key_of("below zero", "counter")


def count_on(storage):
    """Play on *storage* what more than its most brings to a counter of -3, alive and past its end."""
    storage.commit([Count(KEY, NOW, LATER, by=-3)])
    storage.commit([Count(KEY, LATER - TICK, LATER, by=5, most=2)])
    below = storage.counter(KEY).value
    with pytest.raises(Conflict):
        storage.commit([Count(KEY, LATER - TICK, LATER, by=5, most=2)])
    storage.commit([Count(KEY, NOW, LATER, by=-5)])
    with pytest.raises(Conflict):
        storage.commit([Count(KEY, LATER, LATER + TICK, by=5, most=2)])
    return below, storage.counter(KEY).value


def test_a_counter_below_zero_has_more_room():
    """Five are admitted to a most of two where three were taken back; after the counter's end they are not."""
    storage = SqlStorage.from_url("sqlite://")

    assert count_on(storage) == (2, -3)
    storage.close()
