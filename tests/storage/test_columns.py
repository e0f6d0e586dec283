"""The two ways between a record and its columns."""

from __future__ import annotations

from datetime import datetime, timezone

import attrs
import pytest
from attrs import frozen

from authority_core.kernel.records import Standing
from authority_core.testing.contract.samples import a_grant, a_refresh_token, a_user
from authority_sql import rows, shapes
from authority_sql.columns import reader, writer
from authority_sql.kinds import FLAG, TEXT, TIME, WORDS, micros, optional
from authority_sql.schema import tables_for

KINDS = {"name": TEXT, "words": WORDS, "at": TIME, "until": optional(TIME), "flag": FLAG}
AT = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=timezone.utc)


@frozen(kw_only=True, weakref_slot=False)
class Thing:
    """A record with two fields that have no column."""

    name: str
    words: frozenset[str]
    at: datetime
    until: datetime | None
    flag: bool
    computed: object
    rest: str = "as it is"


def test_a_record_goes_there_and_back():
    """By every kind of column; NULL stays `None`, a flag is a truth; the rest is computed, or has its default."""
    thing = Thing(name="a", words=frozenset({"x", "y"}), at=AT, until=None, flag=True, computed="more")

    row = writer(KINDS)(thing)

    assert row == ("a", '["x","y"]', micros(AT), None, True)
    assert reader(Thing, KINDS, 1, ("computed",))(("before", *row, "behind"), "more") == thing
    assert reader(Thing, KINDS, 0, ("computed",))((*row[:-1], 1), "more").flag is True


def test_a_record_is_read_whole_or_not_at_all():
    """A field that nothing gives is refused when the way is planned; a row too short for it, when it comes."""
    row = writer(KINDS)(Thing(name="a", words=frozenset(), at=AT, until=AT, flag=False, computed=None))

    with pytest.raises(ValueError, match="nothing gives computed of Thing"):
        reader(Thing, KINDS, 0, ())
    with pytest.raises(TypeError, match="missing"):
        reader(Thing, KINDS, 0, ("computed",))(row[:-1], None)


@pytest.mark.parametrize("where", [("app$1_", None), ("", "app$1")])
def test_names_are_no_places_of_values(where):
    """A `$` in a table prefix or a schema is refused; other names are taken."""
    with pytest.raises(ValueError, match="must not contain"):
        tables_for(*where)

    assert tables_for("app_1_", "app_1").of["grants"].name == "app_1_grants"


@pytest.mark.parametrize("changed", [None, *(one.name for one in attrs.fields(Standing))])
def test_every_field_of_a_standing_is_read_from_its_own_column(changed):
    """A field that `Standing` gets is told as well, or this fails: none shifts into the place of another."""
    user = attrs.evolve(a_user("subject"), active=True, locked_at=None, unlock_at=None, password_must_change=False)
    if changed is not None:
        now = getattr(user, changed)
        user = attrs.evolve(user, **{changed: not now if isinstance(now, bool) else AT})
    columns = dict(zip(shapes.USER.names, shapes.USER.encode(user), strict=True))
    row = (
        *shapes.REFRESH.encode(a_refresh_token()), *shapes.GRANT.encode(a_grant()), None, None, None, None,
        *(columns[name] for name in shapes.STANDING), None, None,
    )  # fmt: skip
    holder = rows.refresh_token(row).holder

    assert holder is not None
    assert isinstance(holder.account, Standing)
    assert attrs.asdict(holder.account) == {name: getattr(user, name) for name in shapes.STANDING}
