"""The compiled ways between records and rows."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority_sql.compiling import reader, writer
from authority_sql.kinds import EPOCH, FLAG, MICROSECOND, TEXT, TIME, WORDS, WRITTEN_OUT, micros, moment_of, optional

KINDS = {"name": TEXT, "words": WORDS, "at": TIME, "until": optional(TIME), "flag": FLAG}
AT = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=timezone.utc)


class Thing:
    """A record."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def test_a_record_goes_there_and_back():
    """By every kind of column; NULL stays `None`; a reader may begin anywhere and takes what was computed."""
    thing = Thing(name="a", words=frozenset({"x", "y"}), at=AT, until=None, flag=True)
    row = writer(KINDS)(thing)
    back = reader(Thing, KINDS, 1, ("computed",))(("before", *row), "more")

    assert row == ("a", '["x","y"]', micros(AT), None, True)
    assert vars(back) == {**vars(thing), "computed": "more"}


def test_only_names_become_code():
    """Whatever is not the name of a field is refused, both ways."""
    for compiled in (lambda names: writer(names), lambda names: reader(Thing, names, 0, ())):
        assert compiled({"name": TEXT}) is not None
        with pytest.raises(ValueError, match="no name of a field"):
            compiled({"name or print()": TEXT})


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_what_is_written_out_is_what_is_called(value: int):
    """The expressions do what their functions do, for every instant there is."""
    names = {"EPOCH": EPOCH, "MICROSECOND": MICROSECOND, "value": value, "moment": moment_of(value)}

    assert eval(WRITTEN_OUT[moment_of].format("value"), names) == moment_of(value)
    assert eval(WRITTEN_OUT[micros].format("moment"), names) == micros(moment_of(value)) == value


@pytest.mark.parametrize("value", [0, 1, False, True])
def test_a_flag_is_a_truth(value: int):
    """SQLite answers with numbers."""
    assert eval(WRITTEN_OUT[bool].format("value"), {"value": value}) is bool(value)
