"""Counting on from below zero, as `storage/test_counting_on.py` plays it on SQLite."""

from __future__ import annotations

from authority_sql import SqlStorage
from storage.test_counting_on import count_on
from support.postgres import emptied


def test_a_counter_below_zero_has_more_room():
    """Five are admitted to a most of two where three were taken back; after the counter's end they are not."""
    storage = SqlStorage.from_url(emptied())

    assert count_on(storage) == (2, -3)
    storage.close()
