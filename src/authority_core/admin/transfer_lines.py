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
_BOM: Final = b"\xef\xbb\xbf"


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
        if len(piece) > LONGEST_LINE and not piece.endswith(b"\n"):
            while piece and not piece.endswith(b"\n"):
                piece = stream.readline(LONGEST_LINE)
                offset += len(piece)
            yield Entry(number, None, f"The line is longer than {LONGEST_LINE} bytes.", offset)
        elif piece.strip():
            value, fault = _decoded(piece, first=number == 1)
            yield Entry(number, value, fault, offset)


def _decoded(piece: bytes, *, first: bool) -> tuple[Json | None, str | None]:
    if first and piece.startswith(_BOM):
        return None, "The file begins with a byte-order mark: save it as UTF-8 without one."
    try:
        return decode_json_object(piece.strip(b" \t\r\n")), None
    except UnicodeDecodeError:
        return None, "The line is not UTF-8."
    except json.JSONDecodeError as error:
        if not piece.endswith(b"\n"):
            return None, "The file ends in the middle of this line: it was cut short."
        return None, f"The line is not JSON, from column {error.colno} on."
    except ValueError as error:
        said = str(error)  # of the decoder's own, which show nothing of the line
        known = ("duplicate member name", "not a JSON object", "nested too deeply", "number out of range")
        return None, f"The line is not a JSON object of the usual kind: {said if said in known else 'a value is odd'}."
