"""Texts that people will read as names: what could deceive the eye is refused. It knows nothing of whose name it is."""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 100

# Controls, formatting (bidirectional overrides, zero-width characters, soft hyphens), surrogates, private use,
# unassigned, line and paragraph separators.
_DECEIVING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols that are drawn as nothing."""


def deceives(text: str) -> bool:
    """Tell whether *text* holds a character that is not seen, or that changes how others are seen."""
    return any(unicodedata.category(character) in _DECEIVING or character in _BLANK for character in text)


def name_fault(name: str, what: str = "The name", longest: int = LONGEST_NAME) -> str | None:
    """Return why *name* will not do; *what* begins the sentence."""
    if not name.strip():
        return f"{what} must not be empty."
    if len(name) > longest:
        return f"{what} has at most {longest} characters."
    if deceives(name):
        return f"{what} must not contain control, bidirectional or zero-width characters."
    if name != name.strip():
        return f"{what} must not begin or end with white space."
    return None
