"""The generated reference: every setting, event and error is in its table, and no secret is."""

from __future__ import annotations

import sys

import attrs
import pytest

from authority_core.kernel.events import CATALOGUE
from authority_core.kernel.problems import STATUS
from authority_core.kernel.settings import Settings
from project.sources import ROOT


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    import tables

    yield tables
    for name in ("tables", "meanings"):
        sys.modules.pop(name, None)


def test_every_setting_is_explained(tables):
    """Each has a row with its variable and a meaning."""
    rows = {row.split("`")[1]: row for row in tables.settings() if row.startswith("| `")}

    assert set(rows) == {attribute.name for attribute in attrs.fields(Settings)}
    assert [name for name, row in rows.items() if f"`AUTHORITY_{name.upper()}`" not in row] == []
    assert [name for name, row in rows.items() if row.split("|")[-2].strip() == "–"] == []


def test_secrets_have_no_default_to_show(tables):
    """The table offers no key to copy."""
    rows = [row for row in tables.settings() if row.startswith("| `secret_key")]

    assert [row.split("|")[3].strip() for row in rows] == ["**required**", "none"]


def test_every_event_is_explained(tables):
    """Each has a row with a meaning."""
    rows = [row for row in tables.event_catalogue() if row.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [event.name for event in CATALOGUE]
    assert [row for row in rows if row.split("|")[-2].strip() == "–"] == []


def test_every_error_is_explained(tables):
    """Each code has a sentence for the developer who meets it."""
    rows = [row for row in tables.errors() if row.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == list(STATUS)
    assert tables.missing_meanings() == []
