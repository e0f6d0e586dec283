"""What each process has of its own: after a fork, the parent's connections must be neither used nor closed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_forks = 0
"""How often a fork has led from the first process to this one; counted, for asking for the process's id is slow."""


def _count() -> None:
    global _forks  # noqa: PLW0603 - what a process counts is a global thing
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count)


class OfProcess(Generic[T]):
    """One *made* thing for every process that asks. A child leaves its parent's alone, and holds it, unclosed.

    *forked* is done first in a child.
    """

    def __init__(self, made: Callable[[], T], forked: Callable[[], None] = lambda: None) -> None:
        self._made = made
        self._forked = forked
        self._of: dict[int, T] = {_forks: made()}

    def mine(self) -> T:
        """Return this process's own."""
        mine = self._of.get(_forks)
        if mine is None:
            self._forked()
            mine = self._of.setdefault(_forks, self._made())  # one of the threads that come here first wins
        return mine
