"""Where an import stands in its file, kept beside it, so that `--resume` need not read from the beginning.

It only saves time: a run from the beginning finds what is there and passes over it. So a note is believed only of the
file it was made of, byte for byte as far as it was read, and of the database the lines went into.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO, TYPE_CHECKING

from attrs import asdict, define, field, frozen

from .troubles import Trouble

if TYPE_CHECKING:
    from authority_core.admin.transfer_extent import Extent

_EVERY = 1000
"""Lines between two notes."""
_PIECE = 1 << 20
AFRESH = "run without --resume, which passes over what is there."
"""What to do where a note cannot be believed."""


@frozen
class _Mark:
    """Behind line *number*, which ends at byte *offset*; *content* is the SHA-256 of what was read until there."""

    number: int = 0
    offset: int = 0
    left: int = 0
    there: tuple[int, int, int] | None = None
    """The last line that the database then held: its number, the byte where it begins and the one where it ends."""
    content: str = ""
    extent: Extent | None = None
    """What had come of the file, so that its last line can be judged."""


@define(eq=False)
class Place:
    """The place in the file at *path*, whose lines go into the *database* of this name.

    It is a file to be read, too: what is read is what the note is bound to.
    """

    path: Path
    database: str
    stream: IO[bytes]
    _mark: _Mark = field(factory=_Mark, init=False)
    _read: hashlib._Hash = field(factory=hashlib.sha256, init=False)
    _noted: int = field(default=0, init=False)
    _kept: bool = field(default=True, init=False)

    @property
    def note(self) -> Path:
        """The file that says it."""
        return self.path.with_name(self.path.name + ".import-state")

    @property
    def number(self) -> int:
        """The number of the last line that was done."""
        return self._mark.number

    @property
    def offset(self) -> int:
        """Where that line ends."""
        return self._mark.offset

    @property
    def left(self) -> int:
        """How many lines until there did not go in: whoever goes on from here has not seen them."""
        return self._mark.left

    @property
    def extent(self) -> Extent | None:
        """What had come of the file until there."""
        return self._mark.extent

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next bytes of the file, up to and with a newline, *size* at most."""
        piece = self.stream.readline(size)
        self._read.update(piece)
        return piece

    def recall(self) -> None:
        """Go to where the run before stopped; raises `Trouble` when that was in another file or database.

        What that run has read is read again, which takes a second for one or two gigabytes.
        """
        from authority_core.admin.transfer_extent import Extent

        try:
            known = json.loads(self.note.read_text(encoding="ascii"))
            database, there = str(known["database"]), known["there"]
            mark = _Mark(
                int(known["line"]),
                int(known["offset"]),
                int(known["left"]),
                None if there is None else (int(there[0]), int(there[1]), int(there[2])),
                str(known["content"]),
                Extent(**known["extent"]),
            )
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            raise Trouble(f"{self.note} cannot be read: remove it and run without --resume.") from None
        if database != self.database:
            raise Trouble(f"The run that broke off wrote into {database}, not into {self.database}: {AFRESH}")
        if not self._skip(mark):
            raise Trouble(f"{self.path} was changed since, or is not the file that broke off: {AFRESH}")
        self._mark, self._noted = mark, mark.number

    def last_there(self) -> tuple[int, bytes] | None:
        """Return the number and the bytes of the last line that the database held when it was done."""
        if self._mark.there is None:
            return None
        number, begin, end = self._mark.there
        with self.path.open("rb") as file:
            file.seek(begin)
            return number, file.read(end - begin)

    def move(self, number: int, offset: int, extent: Extent, *, left: bool, there: bool) -> None:
        """Line *number*, which ends at *offset*, was done: it was *left* out, or is *there*, or is no record."""
        before = self._mark
        last = (number, before.offset, offset) if there else before.there
        # In one assignment: a signal may come in between any two.
        self._mark = _Mark(number, offset, before.left + left, last, self._read.hexdigest(), extent)
        if number >= self._noted + _EVERY:
            self.keep()

    def keep(self) -> bool:
        """Write down where we are; tell whether that was possible."""
        mark = self._mark
        self._noted = mark.number
        text = json.dumps(
            {
                "line": mark.number,
                "offset": mark.offset,
                "left": mark.left,
                "there": mark.there,
                "content": mark.content,
                "extent": asdict(mark.extent) if mark.extent is not None else {},
                "database": self.database,
            }
        )
        fresh = self.note.with_name(self.note.name + ".new")
        try:
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self.note)
        except OSError:
            self._kept = False  # a folder that cannot be written costs the shortcut, nothing else
        return self._kept

    def forget(self) -> None:
        """Remove the note: the file is done."""
        try:
            self.note.unlink(missing_ok=True)
        except OSError:
            self._kept = False

    def _skip(self, mark: _Mark) -> bool:
        """Read as far as *mark*; tell whether that is what was read then, and ends with a line."""
        missing, piece = mark.offset, b""
        while missing > 0 and (got := self.stream.read(min(_PIECE, missing))):
            self._read.update(got)
            missing, piece = missing - len(got), got
        ends = piece.endswith(b"\n") or self.stream.tell() == self.path.stat().st_size
        return mark.offset > 0 and missing == 0 and ends and self._read.hexdigest() == mark.content
