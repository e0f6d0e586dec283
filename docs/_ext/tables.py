"""The lists and tables of the reference, as Markdown, from the library's own catalogues. Knows nothing of Sphinx."""

from __future__ import annotations

import inspect
import re

import attrs
from meanings import ERRORS

from authority_core.kernel import events, problems
from authority_core.kernel.settings import PREFIX, Scope, Settings
from authority_core.kernel.values import Secret

SECRETS = ("secret_key", "secret_key_previous")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "–"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows] + [""]


def _entry(term: str, meaning: str, facts: list[str]) -> list[str]:
    """Return one entry of a list of definitions: what it means, and below it the facts in a line."""
    return [term, f": {_cell(meaning)}", "", "  " + " · ".join(fact for fact in facts if fact), ""]


# --- settings --------------------------------------------------------------------------------------------------------


def _chapters() -> dict[str, str]:
    """Return the chapter of each setting: the comment above its group in the source."""
    chapters, chapter = {}, "The issuer"
    for line in inspect.getsource(Settings).splitlines():
        if comment := re.match(r" {4}# (.+)$", line):
            chapter = comment[1][0].upper() + comment[1][1:]
        elif name := re.match(r" {4}(\w+):", line):
            chapters[name[1]] = chapter
    return chapters


def _default(attribute: attrs.Attribute) -> str:
    if attribute.default is attrs.NOTHING:
        return "required"
    if attribute.name in SECRETS or isinstance(attribute.default, Secret):
        return "no default"
    return f"default {_value(attribute.default)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | frozenset):
        return " ".join(f"`{item.name if isinstance(item, Scope) else item}`" for item in value) or "none"
    return f"`{value}`"


def _range(attribute: attrs.Attribute) -> str:
    rule = attribute.metadata
    if "low" in rule:
        return f"from {rule['low']} to {rule['high']}"
    if "options" in rule:
        return "one of " + " ".join(f"`{option}`" for option in rule["options"])
    return ""


def settings() -> list[str]:
    """Return the settings by chapter: meaning, variable, default, range."""
    chapters, entries = _chapters(), {}
    for attribute in attrs.fields(Settings):
        facts = [f"`{PREFIX}{attribute.name.upper()}`", _default(attribute), _range(attribute)]
        entry = _entry(f"`{attribute.name}`", attribute.metadata.get("doc", ""), facts)
        entries.setdefault(chapters.get(attribute.name, "Further"), []).extend(entry)
    return [line for chapter, lines in entries.items() for line in (f"## {chapter}", "", *lines)]


# --- events ----------------------------------------------------------------------------------------------------------


def _meaning(event: type[events.Event]) -> str:
    return re.sub(r"\*(\w+)\*", r"`\1`", inspect.getdoc(event) or "")


def event_catalogue() -> list[str]:
    """Return the catalogue of events by name."""
    common = {attribute.name for attribute in attrs.fields(events.Event)}
    lines = []
    for event in events.CATALOGUE:
        own = " ".join(f"`{a.name}`" for a in attrs.fields(event) if a.name not in common)
        facts = [f"`{event.__name__}`", event.severity, f"recorded from `{event.level}`", own and f"tells {own}"]
        lines += _entry(f"`{event.name}`", _meaning(event), facts)
    return lines


# --- errors ----------------------------------------------------------------------------------------------------------


def _sources() -> dict[str, str]:
    """Return the specification of each error: the comment beside it in the source."""
    lines = inspect.getsource(problems).splitlines()
    return {found[1]: found[2] for line in lines if (found := re.match(r' {4}"(\w+)": \d+,\s*# (.+)$', line))}


def missing_meanings() -> list[str]:
    """Return the errors that `meanings.py` says nothing about."""
    return sorted(set(problems.STATUS) - set(ERRORS))


def errors() -> list[str]:
    """Return the error codes with HTTP status, meaning and specification."""
    sources = _sources()
    rows = [
        (f"`{error}`", str(status), ERRORS.get(error, ""), sources.get(error, "this project"))
        for error, status in problems.STATUS.items()
    ]
    return _table(("Error", "HTTP status", "What it means, and what to look at", "Defined in"), rows)


TABLES = {"settings": settings, "events": event_catalogue, "errors": errors}
