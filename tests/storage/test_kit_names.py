"""The kit catches what takes one name or key for another, has limits nobody asked for, or forgets too much."""

from __future__ import annotations

from unittest import SkipTest

import pytest

from authority_core.testing.contract import ContractBroken
from storage import broken, broken_names, nearly
from storage.test_kit import Right, suite

FAULTS = [
    (nearly.FindsGrantsInAnyLetters, "test_names_are_read_exactly"),
    (nearly.EndsNamesInAnyLetters, "test_marks_are_of_exactly_one_name"),
    (nearly.EndsSubjectsInAnyLetters, "test_marks_are_of_exactly_one_name"),
    (nearly.EndsClientsInAnyLetters, "test_marks_are_of_exactly_one_name"),
    (nearly.JoinsConsents, "test_two_names_are_not_one_text"),
    (nearly.JoinsCutOffs, "test_two_names_are_not_one_text"),
    (nearly.JoinsEveryCutOff, "test_two_names_are_not_one_text"),
    *((storage, "test_keys_are_compared_whole") for storage in nearly.CUT),
    (nearly.ForgetsWhatWasSpent, "test_keys_are_compared_whole"),
    *((storage, "test_what_is_no_name_finds_nothing") for storage in nearly.NOBODY),
    (nearly.ObjectsAreOperators, "test_what_is_no_name_finds_nothing"),
    (broken_names.NamesAnAddressOnce, "test_a_name_may_be_ones_own_address"),
    (broken_names.GivesBothUp, "test_a_name_may_be_ones_own_address"),
    (nearly.ForgetsAccounts, "test_everything_that_ends_is_forgotten"),
    (nearly.TwentySessions, "test_lists_are_whole"),
    (nearly.TenConsents, "test_lists_are_whole"),
    (nearly.AHundredKeys, "test_lists_are_whole"),
    (nearly.TwentyFiveAtOnce, "test_a_large_commit_is_one"),
    (nearly.AHundredAtOnce, "test_a_large_commit_is_one"),
    (nearly.CutsSalts, "test_spent_marks_hold_every_value"),
]


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """A storage with a known fault breaks the promise that names it; the reference keeps it."""
    getattr(Right(), promise)()
    with pytest.raises(ContractBroken):
        getattr(suite(storage), promise)()


@pytest.mark.parametrize(
    ("promise", "unproven"),
    [
        ("test_no_secret_is_written", "that no secret is written"),
        ("test_what_may_be_forgotten_is_forgotten", "that what may be forgotten is forgotten, and nothing else"),
    ],
)
def test_a_skip_says_what_was_not_proven(promise, unproven):
    """A storage without a dump, or without `cleanup`, passes; the report says what nobody has seen of it."""
    with pytest.raises(SkipTest, match=f"not proven: {unproven}"):
        getattr(suite(broken.CheckThenAct), promise)()
