"""How values become text on a page: dates for people, initials, safe links, and characters that must not reach a page.

Knows nothing of templates; the renderer offers these functions to them as filters.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit
from zlib import crc32

from markupsafe import Markup, escape

_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Control characters, and the bidirectional embeddings, overrides and isolates with which one name can rewrite the
reading order of a sentence around it (Unicode TR 36 §2.6). Marks and joiners that scripts need stay."""

_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def tidy(value: object) -> object:
    """Return *value* without characters that reorder or break text; markup that is already escaped stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNWANTED.sub("", value)
    return value


def exact(value: str) -> Markup:
    """Return *value* escaped but otherwise untouched: for hidden fields, which must come back as they were."""
    return escape(value)


def initial(name: str) -> str:
    """Return the letter that stands for *name* where there is no picture, or a bullet if it has none."""
    return next((letter.upper()[0] for letter in name if letter.isalnum()), "•")


def tone(identifier: str) -> int:
    """Return which of the six tile colours stands for *identifier*: always the same one, 0 to 5."""
    return crc32(identifier.encode("utf-8", "replace")) % 6


def https_url(url: str | None) -> str | None:
    """Return *url* if it is an absolute https address without credentials, else nothing.

    For addresses that clients chose: whatever else they registered is not linked and not loaded.
    """
    parts = _split(url)
    if parts is None or parts[0] != "https" or not parts[1] or "@" in parts[1]:
        return None
    return url


def host_url(url: str | None) -> str | None:
    """Return *url* if it is a path or an http(s) address, else nothing: for addresses the host chose."""
    parts = _split(url)
    if parts is None or parts[0] not in ("", "http", "https") or (parts[0] and not parts[1]):
        return None
    return url


def image_url(url: str | None) -> str | None:
    """Return *url* if it is a path on this host or an https address, else nothing: for the operator's logo."""
    parts = _split(url)
    if parts is not None and not parts[0] and not parts[1]:
        return url
    return https_url(url)


def _split(url: str | None) -> tuple[str, str] | None:
    if not url or _UNWANTED.search(url) or any(letter in url for letter in " \t\n\\\"'<>"):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.scheme.lower(), parts.netloc


def direction(locale: str) -> str:
    """Return `rtl` for languages written from right to left, else `ltr`."""
    return "rtl" if re.split("[-_]", locale.lower())[0] in _RIGHT_TO_LEFT else "ltr"


def day(value: str) -> str:
    """Return an ISO 8601 date or time as `12 March 2025`; anything else as it is."""
    moment = _moment(value)
    return value if moment is None else f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def day_and_time(value: str) -> str:
    """Return an ISO 8601 time as `12 March 2025, 09:30 UTC`; anything else as it is."""
    moment = _moment(value)
    return value if moment is None else f"{day(value)}, {moment:%H:%M} UTC"


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC)
