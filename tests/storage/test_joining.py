"""Which steps of a commit PostgreSQL gets as one statement, and what that statement says."""

from __future__ import annotations

from typing import get_args

import pytest

from authority_core.kernel.changes import Change, Count, CutOff, Put, Replace, Revoke, Spend
from authority_core.testing.contract.samples import KEEP, NOW, a_client, a_grant, a_refresh_token, key_of
from authority_sql.joining import joined
from authority_sql.plan import _STEPS, Step, plan
from authority_sql.statements import Statements, statements_for

ONE = Revoke("grant", "one", NOW, KEEP)


class _Dialect:
    """All that is asked of a dialect."""

    def __init__(self, driver: str) -> None:
        self.name, self.driver = "postgresql", driver


def statements(driver: str = "psycopg") -> Statements:
    """Return the statements for a driver of PostgreSQL."""
    return statements_for("", None, _Dialect(driver))  # type: ignore[arg-type]  # all that is asked of a dialect


@pytest.mark.parametrize(
    "changes",
    [
        [Spend(key_of("a"), NOW, KEEP), Put(a_grant()), Put(a_refresh_token())],
        [ONE, Revoke("grant", "two", NOW, KEEP), Revoke("session", "one", NOW, KEEP), CutOff("a", None, NOW, KEEP)],
        [Spend(key_of("a"), NOW, KEEP), Spend(key_of("a"), NOW, KEEP)],
        [ONE],
    ],
)
def test_what_is_independent_is_one_statement(changes: list[Change]):
    """Inserts, and marks over different rows; of two inserts of one key the database refuses one, as it must."""
    assert len(joined(plan(statements(), changes))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        [ONE, ONE],
        [CutOff("a", "b", NOW, KEEP), CutOff("a", "b", NOW, KEEP)],
        [Replace(a_client()), ONE],
        [Count(key_of("a"), NOW, KEEP), ONE],
    ],
)
def test_what_is_not_stays_as_it_is(changes: list[Change]):
    """Two marks over one row, and whatever must be asked how many rows it touched."""
    steps = plan(statements(), changes)

    assert joined(steps) == steps


def test_values_follow_their_places():
    """Numbered places count on from statement to statement, the last first; the others need no number."""
    numbered = [Step("INSERT a ($1, $2, $1)", (1, 2), False), Step("INSERT b ($1)", (3,), False)]
    plain = [Step("INSERT a (%s)", (1,), False), Step("INSERT b (%s)", (2,), False)]

    assert joined(numbered) == (Step("WITH step0 AS (INSERT b ($1)) INSERT a ($2, $3, $2)", (3, 1, 2), False),)
    assert joined(plain) == (Step("WITH step0 AS (INSERT b (%s)) INSERT a (%s)", (2, 1), False),)


def test_every_kind_of_change_is_planned():
    """What the protocol may ask for has a function here that plans it."""
    assert set(_STEPS) == set(get_args(Change))
