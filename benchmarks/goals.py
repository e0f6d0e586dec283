"""A goal, what was measured for it, and the table they are printed in."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class Goal:
    """One measured figure beside the bound it must keep: at most *bound*, or at least when *floor* is true.

    *held* is what has been reached and must not be lost, with room for a busy machine; `None` says that the bound is.
    """

    name: str
    figure: float
    bound: float
    unit: str
    floor: bool = False
    note: str = ""
    held: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure keeps its bound."""
        return self._keeps(self.bound)

    @property
    def lost(self) -> bool:
        """Whether the figure falls behind what has been reached before."""
        return not self._keeps(self.bound if self.held is None else self.held)

    def _keeps(self, bound: float) -> bool:
        return self.figure >= bound if self.floor else self.figure <= bound

    def line(self) -> str:
        """The goal as one line of the table."""
        sign = ">=" if self.floor else "<="
        figure, bound = f"{self.figure:,.2f} {self.unit}", f"{sign} {self.bound:,.2f} {self.unit}"
        verdict = "ok  " if self.met else "LOST" if self.lost else "MISS"
        return f"{verdict}  {self.name:<58} {figure:>14}  {bound:>16}  {self.note}".rstrip()


def report(goals: Sequence[Goal], *, held: bool = False) -> int:
    """Print *goals*; return the exit status: 1 when one is missed or, with *held*, when one was lost again."""
    for goal in goals:
        print(goal.line(), flush=True)
    missed = [goal.name for goal in goals if not goal.met]
    lost = [goal.name for goal in goals if goal.lost]
    print(f"\n{len(goals) - len(missed)} of {len(goals)} goals met, {len(lost)} lost since they were held.")
    return 1 if (lost if held else missed) else 0
