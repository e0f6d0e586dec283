"""Timing loops in the process: short slices of every case, taking turns, so that a slow moment hits all of them.

CPU time is taken, not the clock's: what others do with the core in the meantime does not count.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Case = Callable[[], object]
SLICE = 0.004
"""Seconds one case runs before it is the next one's turn."""


def pin(core: int) -> None:
    """Keep this process on one *core*, where the system lets us."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on one *core*; then let it wander as before."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    pin(core)
    try:
        yield
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)


def take_turns(
    cases: Mapping[str, Case], rounds: int, after: Callable[[], None] | None = None
) -> dict[str, list[float]]:
    """Return CPU seconds per call of each case, one figure a round; *after* is called untimed after every round."""
    sizes = {name: _size(case) for name, case in cases.items()}
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        if number % 20 == 0:
            gc.collect()
        for name, case in cases.items():
            taken[name].append(_loop(case, sizes[name]))
        if after is not None:
            after()
    return taken


def _size(case: Case) -> int:
    _loop(case, 50)  # warm
    return max(1, int(SLICE / _loop(case, 50)))


def _loop(case: Case, times: int) -> float:
    gc.disable()
    try:
        start = time.thread_time()
        for _ in range(times):
            case()
        return (time.thread_time() - start) / times
    finally:
        gc.enable()


def ratio(taken: Mapping[str, list[float]], ours: str, floor: str) -> float:
    """Return the median over the rounds of *ours* divided by the *floor* of the same round."""
    return statistics.median(a / b for a, b in zip(taken[ours], taken[floor], strict=True))


def microseconds(figures: list[float]) -> float:
    """Return the median in microseconds."""
    return statistics.median(figures) * 1e6
