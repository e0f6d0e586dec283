"""A goal, what was measured for it, and the table they are printed in."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class Goal:
    """One measured figure beside the bound it must keep: at most *bound*, or at least when *floor* is true."""

    name: str
    figure: float
    bound: float
    unit: str
    floor: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure keeps its bound."""
        return self.figure >= self.bound if self.floor else self.figure <= self.bound

    def line(self) -> str:
        """The goal as one line of the table."""
        sign = ">=" if self.floor else "<="
        figure, bound = f"{self.figure:,.2f} {self.unit}", f"{sign} {self.bound:,.2f} {self.unit}"
        return f"{'ok  ' if self.met else 'MISS'}  {self.name:<58} {figure:>14}  {bound:>16}  {self.note}".rstrip()


def report(goals: Sequence[Goal]) -> int:
    """Print *goals*; return the exit status: 1 when one is missed."""
    for goal in goals:
        print(goal.line(), flush=True)
    missed = [goal.name for goal in goals if not goal.met]
    print(f"\n{len(goals) - len(missed)} of {len(goals)} goals met.")
    return 1 if missed else 0
