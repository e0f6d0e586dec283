"""A clock wound by hand, and chance that repeats."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

from ..kernel.moment import Moment

START = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)


class Clock:
    """A source of moments that stands still until it is wound.

    >>> clock = Clock()
    >>> before = clock().now
    >>> clock.wind(seconds=90)
    >>> (clock().now - before).total_seconds()
    90.0
    """

    def __init__(self, start: datetime = START, seed: str = "") -> None:
        self.now = start
        self._seed = seed
        self._drawn = 0

    def __call__(self) -> Moment:
        """Draw the next moment: the same time until wound, new entropy each time."""
        self._drawn += 1
        return Moment(self.now, hashlib.sha512(f"{self._seed}:{self._drawn}".encode()).digest())

    def wind(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move on (or back, with negative numbers)."""
        self.now += timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
