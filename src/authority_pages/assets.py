"""Static files under names that change with their content, so that browsers may keep them for ever.

Every file is read once, when the collection is made; a look-up is a dictionary look-up, so no path a browser sends
ever reaches a file system. What depends on the brand colour is computed from the colour in the name. This module knows
nothing of HTTP or templates.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from authority_core.kernel.pages import Asset

from .colours import parse_colour, text_on, theme_css, write_colour

_TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
}
_TINTED = re.compile(r"(theme|favicon)\.([0-9a-f]{6})\.([0-9a-f]{10})\.(css|svg)", re.ASCII)
_COMMENT = re.compile(rb"/\*.*?\*/\s*", re.DOTALL)
_MARK_COLOUR = "#7c3aed"
_MARK_GLYPH = "#ffffff"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:10]


def _bundled() -> dict[str, bytes]:
    found = {}
    for entry in files("authority_pages").joinpath("static").iterdir():
        if entry.name.rpartition(".")[2] in _TYPES:
            body = entry.read_bytes()
            found[entry.name] = _COMMENT.sub(b"", body) if entry.name.endswith(".css") else body
    return found


@lru_cache(maxsize=64)
def _tint(kind: str, digits: str, mark: bytes) -> bytes:
    colour = parse_colour(f"#{digits}")
    if kind == "theme.css":
        return theme_css(colour).encode()
    glyph = write_colour(text_on(colour))
    return mark.decode().replace(_MARK_GLYPH, glyph).replace(_MARK_COLOUR, f"#{digits}").encode()


class Assets:
    """The bundled static files, and those computed from a brand colour."""

    def __init__(self) -> None:
        bundled = _bundled()
        self._mark = bundled["favicon.svg"]
        self._names: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        for name, body in bundled.items():
            stem, _, suffix = name.rpartition(".")
            hashed = f"{stem}.{_digest(body)}.{suffix}"
            self._names[name] = hashed
            self._assets[name] = Asset(_TYPES[suffix], body)
            self._assets[hashed] = Asset(_TYPES[suffix], body, immutable=True)

    def hashed(self, name: str) -> str:
        """Return the content-hashed name of the bundled file *name*; raises `KeyError` if there is none."""
        return self._names[name]

    def tinted(self, kind: str, colour: str) -> str:
        """Return the name under which *kind* (`theme.css` or `favicon.svg`) is served in *colour* (`#rrggbb`).

        Raises `ValueError` if *colour* has another shape.
        """
        digits = write_colour(parse_colour(colour))[1:]
        stem, _, suffix = kind.rpartition(".")
        return f"{stem}.{digits}.{_digest(_tint(kind, digits, self._mark))}.{suffix}"

    def find(self, path: str) -> Asset | None:
        """Return the file called *path*, or nothing: names are compared whole, there are no folders."""
        return self._assets.get(path) or self._find_tinted(path)

    def _find_tinted(self, path: str) -> Asset | None:
        match = _TINTED.fullmatch(path)
        if match is None:
            return None
        stem, digits, digest, suffix = match.groups()
        kind = f"{stem}.{suffix}"
        if kind not in ("theme.css", "favicon.svg"):
            return None
        body = _tint(kind, digits, self._mark)
        return Asset(_TYPES[suffix], body, immutable=True) if _digest(body) == digest else None
