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


def entries(lines: list[str]) -> dict[str, tuple[str, str]]:
    """Return meaning and facts by term."""
    return {
        line.strip("`"): (lines[number + 1].removeprefix(": "), lines[number + 3].strip())
        for number, line in enumerate(lines)
        if line.startswith("`")
    }


def test_every_setting_is_explained(tables):
    """Each has its variable and a meaning."""
    found = entries(tables.settings())

    assert list(found) == [attribute.name for attribute in attrs.fields(Settings)]
    assert [name for name, (_, facts) in found.items() if f"`AUTHORITY_{name.upper()}`" not in facts] == []
    assert [name for name, (meaning, _) in found.items() if len(meaning) < 10] == []


def test_defaults_and_ranges_are_told(tables):
    """What holds when nothing is set, and how far it may go."""
    facts = entries(tables.settings())["code_ttl"][1]

    assert facts == "`AUTHORITY_CODE_TTL` · default `60` · from 10 to 600"


def test_secrets_have_no_default_to_show(tables):
    """The list offers no key to copy."""
    found = entries(tables.settings())

    assert found["secret_key"][1] == "`AUTHORITY_SECRET_KEY` · required"
    assert found["secret_key_previous"][1] == "`AUTHORITY_SECRET_KEY_PREVIOUS` · no default"


def test_every_event_is_explained(tables):
    """Each has its class, its severity and a meaning."""
    found = entries(tables.event_catalogue())

    assert list(found) == [event.name for event in CATALOGUE]
    assert {"client.created", "token.issued", "password.changed"} <= set(found)
    assert [name for name, (meaning, _) in found.items() if len(meaning) < 10] == []


def test_every_error_is_explained(tables):
    """Each code has a sentence for the developer who meets it."""
    rows = [row for row in tables.errors() if row.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == list(STATUS)
    assert tables.missing_meanings() == []
