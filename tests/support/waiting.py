"""Waiting for other processes, which have no event to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0


def until(done: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return when *done* says so. Raises `TimeoutError`, which says *what*, after *patience* (seconds)."""
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
