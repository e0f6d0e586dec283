"""The kit passes a right storage that asks for another try where somebody else was in between."""

from __future__ import annotations

import pytest

from authority_core.testing.contract import ContractBroken
from storage import broken
from storage.asking_again import AsksAgain
from storage.test_kit import suite

PROMISES = [
    "test_a_grant_born_while_it_is_revoked_is_dead",
    "test_the_latest_of_many_cut_offs_is_kept",
    "test_the_first_of_many_revocations_is_kept",
    "test_no_increment_is_lost",
]


@pytest.mark.parametrize("promise", PROMISES)
def test_a_request_to_try_again_is_no_broken_promise(promise):
    """A `Conflict` there is the database's, and the contenders ask again, as the server does."""
    getattr(suite(AsksAgain), promise)()


def test_who_never_lets_anybody_through_is_caught():
    """Asking again has an end: a storage that always asks for another try keeps no promise."""
    with pytest.raises(ContractBroken, match="committed in the end"):
        suite(broken.RefusesEverything).test_a_grant_born_while_it_is_revoked_is_dead()
