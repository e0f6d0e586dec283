"""Whether a transfer file is whole: what came of it, and what its first and its last line say.

An export says in its first line that a last one comes, and in the last how many lines came before it; so a file that
was cut off is known, also where it was cut between two lines. Files from elsewhere need neither.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, frozen

from ..kernel.encoding import Json
from .transfer_members import encode_line

END = "end"
KINDS = {"client": "clients", "user": "users", "consent": "consents"}
"""What the last line calls the lines of each kind."""
AGAIN = "make the export again and import that"


def end_line(counts: Mapping[str, int]) -> bytes:
    """Return the last line of an export that wrote *counts* of each kind."""
    return encode_line({"kind": END, **{name: counts[name] for name in KINDS.values()}}).encode("ascii") + b"\n"


@frozen
class Extent:
    """The lines that came since the first one; those that cannot be read have no kind, and are *unread*."""

    promised: bool = False
    """Whether the first line says that a last one comes, which has not come yet."""
    number: int = 0
    """Of the line that came last."""
    clients: int = 0
    users: int = 0
    consents: int = 0
    unread: int = 0
    fault: str | None = None
    """Why the file is not whole, found so far."""

    def begun(self, number: int, *, promised: bool) -> Extent:
        """Return this with a first line, with which the counts begin anew: files may stand one behind another."""
        return Extent(promised=promised, number=number, fault=self.missing)

    def with_line(self, number: int, kind: object) -> Extent:
        """Return this with a line more."""
        name = KINDS.get(kind, "unread") if isinstance(kind, str) else "unread"
        return evolve(self, number=number, **{name: getattr(self, name) + 1})

    def ended(self, number: int, value: Json) -> Extent:
        """Return this with the last line, *value*."""
        found = {name: getattr(self, name) for name in KINDS.values()}
        said = {name: value.get(name) for name in found}
        fault = None
        if set(value) != {"kind", *found} or any(type(count) is not int for count in said.values()):
            fault = f"Line {number} is no last line of an export: it was changed; {AGAIN}."
        elif not self._fits({name: count for name, count in said.items() if isinstance(count, int)}):
            fault = (
                f"Line {number} says that {_counted(said)} come before it, and there are {_counted(found)}: lines are "
                f"missing, or were added; {AGAIN}. Whoever changed the file on purpose takes this line out, and "
                '"end" out of the first.'
            )
        return Extent(number=number, fault=self.fault or fault)

    @property
    def missing(self) -> str | None:
        """Why the file is not whole, if nothing comes any more."""
        if self.promised and self.fault is None:
            return f"The export stops here, behind line {self.number}, before its last line: it was cut off; {AGAIN}."
        return self.fault

    def _fits(self, said: Mapping[str, int]) -> bool:
        """Tell whether as many lines came as are *said*; each unread one may have been of any kind."""
        lacking: list[int] = [said[name] - getattr(self, name) for name in KINDS.values()]
        return min(lacking) >= 0 and sum(lacking) == self.unread


def _counted(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
