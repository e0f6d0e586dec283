"""What each process has of its own: after a fork, the parent's connections must be neither used nor closed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OfProcess(Generic[T]):
    """One *made* thing for every process that asks. A child leaves its parent's alone, and holds it, unclosed.

    *forked* is done first in a child. The process's id tells a child, not a handler of forks: servers such as uWSGI
    fork in C, and call none.
    """

    def __init__(self, made: Callable[[], T], forked: Callable[[], None] = lambda: None) -> None:
        self._made = made
        self._forked = forked
        self._of: dict[int, T] = {os.getpid(): made()}

    def mine(self) -> T:
        """Return this process's own."""
        mine = self._of.get(os.getpid())
        if mine is None:
            self._forked()
            mine = self._of.setdefault(os.getpid(), self._made())  # one of the threads that come here first wins
        return mine
