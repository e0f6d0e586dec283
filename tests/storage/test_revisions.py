"""A database of any released revision is brought up to date with everything in it."""

from __future__ import annotations

import copy
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import attrs
import pytest

from authority_core.kernel.changes import Put, Replace
from authority_core.kernel.consents import kept
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import AuthorizationCode, Consent
from authority_core.testing.invariants import Contents
from authority_sql import contents, metadata, migrate, pending
from authority_sql.kinds import micros
from support.revisions import (
    AT,
    CLIENT,
    END,
    FOLDER,
    GRANT,
    KEEP,
    ONE_OF_EACH,
    REVISIONS,
    USER,
    as_known_then,
    rebuild,
    rows_of,
    written_today,
)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_every_revision_is_brought_up_to_date(tmp_path: Path, revision: str):
    """What that version wrote is, after the upgrade, what this version would have written, and nothing is lost."""
    old = f"sqlite:///{tmp_path}/old.db"
    rebuild(old, revision)
    missing = pending(old)
    migrate(old)

    assert missing == REVISIONS[REVISIONS.index(revision) + 1 :]
    assert pending(old) == []
    assert contents(old) == expected(revision, f"sqlite:///{tmp_path}/new.db")


def expected(revision: str, new: str) -> Contents:
    """Return what today's version makes of the same records in a *new* database, as far as *revision* knew them."""
    found = written_today(new)
    return attrs.evolve(found, records=[as_known_then(record, rows_of(revision)) for record in found.records])


def test_consents_of_the_first_revision_have_their_end(tmp_path: Path):
    """What had an end before consents were forgotten is forgotten as what ends today."""
    url = f"sqlite:///{tmp_path}/old.db"
    rebuild(url, "0001")
    latest = datetime.max.replace(tzinfo=timezone.utc)
    ends = [(None, None), (END, None), (None, END), (AT, END), (END, AT), (latest, None), (latest, END)]
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        for at, pair in enumerate(ends):
            row = (f"{at}", "web", "[]", 0, *(None if end is None else micros(end) for end in pair), 1)
            connection.execute("INSERT INTO authorizations VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    migrate(url)
    found = sorted(contents(url).all(Consent), key=lambda consent: consent.subject)

    assert [(one.expires_at, one.revoked_at) for one in found[: len(ends)]] == ends
    assert found == [kept(one) for one in found]
    assert [one.keep_until is None for one in found] == [True, False, False, False, False, True, False, False]


def test_a_field_that_came_later_has_its_default():
    """Of a revision that did not know a column, the default of the field is expected and all else is kept."""
    rows = copy.deepcopy(rows_of(REVISIONS[-1]))
    for table, column in (("grants", "acr"), ("authorization_codes", "grant_acr"), ("users", "claims")):
        del rows[table][0][column]
    code = AuthorizationCode(
        key=digest("code", "1"), grant=GRANT, redirect_uri="", nonce=None, code_challenge=None,
        code_challenge_method=None, expires_at=END, keep_until=KEEP,
    )  # fmt: skip

    assert as_known_then(GRANT, rows) == attrs.evolve(GRANT, acr=None)
    assert as_known_then(code, rows) == attrs.evolve(code, grant=attrs.evolve(GRANT, acr=None))
    assert as_known_then(USER, rows) == attrs.evolve(USER, claims={})
    assert as_known_then(CLIENT, rows) == CLIENT


def test_every_revision_has_its_rows():
    """Whoever adds a revision writes down what it stores: `nox -s revisions`."""
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == REVISIONS


def test_the_rows_fill_every_table():
    """A table without a row would prove nothing; the newest file has one for each."""
    newest = rows_of(REVISIONS[-1])

    assert sorted(newest) == sorted(metadata.tables)
    assert [name for name, rows in newest.items() if not rows] == []


def test_no_field_has_its_default():
    """A field that is lost on the way would come back as its default, and nobody would notice."""
    bare = [
        f"{type(change.record).__name__}.{field.name}"
        for change in ONE_OF_EACH
        if isinstance(change, Put | Replace)
        for field in attrs.fields(type(change.record))
        if field.default is not attrs.NOTHING
        and field.name not in ("version", "revoked_at")
        and getattr(change.record, field.name) in (field.default, {}, ())
    ]

    assert bare == []
