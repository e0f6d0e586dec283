"""Where an import stands in its file, kept beside it, so that `--resume` need not read from the beginning.

It only saves time: a run from the beginning finds what is there and passes over it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from attrs import define, field

from .troubles import Trouble

_EVERY = 1000
"""Lines between two notes."""
_HEAD = 65_536


@define(eq=False)
class Place:
    """The place in the file at *path*: behind line *number*, which ends at byte *offset*.

    *left* counts the lines until there that did not go in: whoever goes on from here has not seen them.
    """

    path: Path
    number: int = 0
    offset: int = 0
    left: int = 0
    _noted: int = field(default=0, init=False)
    _kept: bool = field(default=True, init=False)

    @property
    def note(self) -> Path:
        """The file that says it."""
        return self.path.with_name(self.path.name + ".import-state")

    def recall(self) -> None:
        """Go to where the run before stopped; raises `Trouble` when that was in another file."""
        try:
            known = json.loads(self.note.read_text(encoding="ascii"))
            number, offset, left = int(known["line"]), int(known["offset"]), int(known["left"])
            head = str(known["head"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError):
            raise Trouble(f"{self.note} cannot be read: remove it and run without --resume.") from None
        self.number, self.offset, self.left, self._noted = number, offset, left, number
        if offset < 1 or offset > self.path.stat().st_size or head != self._head() or not self._between_lines():
            raise Trouble(f"{self.path} is not the file that {self.note.name} belongs to: run without --resume.")

    def move(self, number: int, offset: int, *, left: bool) -> None:
        """Line *number* was done, or *left*."""
        self.number, self.offset, self.left = number, offset, self.left + left
        if number >= self._noted + _EVERY:
            self.keep()

    def keep(self) -> bool:
        """Write down where we are; tell whether that was possible."""
        self._noted = self.number
        text = json.dumps({"line": self.number, "offset": self.offset, "left": self.left, "head": self._head()})
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

    def _between_lines(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(self.offset - 1)
            return file.read(1) == b"\n" or self.offset == self.path.stat().st_size

    def _head(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.sha256(file.read(min(_HEAD, self.offset))).hexdigest()
