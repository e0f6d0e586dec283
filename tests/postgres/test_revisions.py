"""On PostgreSQL too, a database of any released revision is brought up to date with everything in it."""

from __future__ import annotations

import attrs
import pytest

from authority_sql import contents, migrate, pending
from support.postgres import private
from support.revisions import REVISIONS, as_known_then, rebuild, rows_of, written_today


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_every_revision_is_brought_up_to_date(revision: str):
    """What that version wrote is, after the upgrade, what this version would have written, and nothing is lost."""
    old = private().database()
    rebuild(old, revision)
    migrate(old)
    found = written_today(private().database())
    expected = attrs.evolve(found, records=[as_known_then(record, rows_of(revision)) for record in found.records])

    assert pending(old) == []
    assert contents(old) == expected
