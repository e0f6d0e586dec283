"""The lines of a transfer file, one at a time and never more than a few megabytes of it at once.

What is not a line of UTF-8 JSON is told apart here, by its number; what a line means is read elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, Protocol

from attrs import field, frozen

from ..kernel.encoding import Json, decode_json_object

LONGEST_LINE: Final = 4_194_304
"""Bytes of one line, 4 MiB; a longer one is passed over, not loaded."""
_UTF_16: Final = "The file is UTF-16: save it as UTF-8, without a byte-order mark."
_PACKED: Final = "The file is compressed: unpack it first, or on the way into `authority import -`."
_BOM: Final = b"\xef\xbb\xbf"
_MARKS: Final = {
    _BOM: "The file begins with a byte-order mark: save it as UTF-8 without one.",
    b"\x1f\x8b": "The file is compressed with gzip: unpack it on the way, as in `zcat FILE | authority import -`.",
    b"BZh": _PACKED,
    b"\xfd7zXZ": _PACKED,
    b"\x28\xb5\x2f\xfd": _PACKED,
    b"PK\x03\x04": _PACKED,
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"{\x00": _UTF_16,
    b"\x00{": _UTF_16,
}
OTHER_FILES: Final = frozenset(_MARKS.values())
"""What is said of files that are of another kind by their first bytes."""


class Readable(Protocol):
    """A file or pipe, open for reading bytes."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return bytes up to and with the next newline, *size* at most; nothing at the end."""
        ...


@frozen
class Entry:
    """One line: its *number* from 1, the object on it or the *fault* why there is none, and where it ends in bytes."""

    number: int
    value: Json | None = field(repr=False)
    fault: str | None
    end: int


def entries(stream: Readable, number: int = 0, offset: int = 0) -> Iterator[Entry]:
    """Return the entries of *stream*, which stands at *offset* behind line *number*; blank lines are passed over."""
    while piece := stream.readline(LONGEST_LINE + 1):
        number += 1
        offset += len(piece)
        begin = piece[:4]
        if len(piece) > LONGEST_LINE and not piece.endswith(b"\n"):
            while piece and not piece.endswith(b"\n"):
                piece = stream.readline(LONGEST_LINE)
                offset += len(piece)
            other = _other(begin) if number == 1 else None
            yield Entry(number, None, other or f"The line is longer than {LONGEST_LINE} bytes.", offset)
        elif piece.strip():
            value, fault = _decoded(piece, first=number == 1)
            yield Entry(number, value, fault, offset)


def _other(begin: bytes) -> str | None:
    """Return what kind of file begins so, and what to do with it."""
    return next((said for mark, said in _MARKS.items() if begin.startswith(mark)), None)


def _decoded(piece: bytes, *, first: bool) -> tuple[Json | None, str | None]:
    other = _other(piece) if first else None
    if other is not None:
        return None, other
    try:
        return decode_json_object(piece.strip(b" \t\r\n")), None
    except UnicodeDecodeError as error:
        return None, f"The line is not UTF-8, from byte {error.start + 1} on."
    except json.JSONDecodeError as error:
        if piece.startswith(_BOM):
            return None, "The line begins with a byte-order mark, as where two files were joined: take it out."
        if b"\r" in piece.rstrip():
            return None, "The lines end in carriage returns alone: save the file with line feeds."
        if not piece.endswith(b"\n"):
            return None, "The file ends in the middle of this line: it was cut short."
        return None, f"The line is not JSON, from column {error.colno} on."
    except ValueError as error:
        return None, _unusual(piece, str(error))


def _unusual(piece: bytes, said: str) -> str:
    """Return why a line is none although it is JSON, or nearly; *said* is of the decoder, and shows nothing of it."""
    if said == "not a JSON object":
        return "The line is JSON, but no object: each line is one, in braces."
    if said == "nested too deeply":
        return "The line nests lists and objects too deeply: some hundred levels are read."
    if said == "duplicate member name":
        return f"The line has the member {_twice(piece)[:40]!a} twice: leave one out."
    if said.endswith(" is not JSON"):
        value = said.removesuffix(" is not JSON")
        return f"The line is no JSON, which has no {value}: give null, or leave the member out."
    return "The line holds a number that is too large: leave it out, or write it as a text."


class _Twice(Exception):
    """A member is there twice; the message is its name."""


def _twice(piece: bytes) -> str:
    def look(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Twice(name)
            seen.add(name)

    try:
        json.loads(piece, object_pairs_hook=look)
    except _Twice as found:
        return str(found)
    return ""
