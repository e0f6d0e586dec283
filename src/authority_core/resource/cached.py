"""A value that lives elsewhere and is kept for a while: fetched by one caller at a time, not too often, never forced.

It knows nothing of keys or metadata. Ages are measured on the moment's clock; a clock set back makes a value stale.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from attrs import frozen

from ..kernel.moment import MomentSource, expired, instant
from .fetch import Fetch, FetchFailed
from .reach import Reach
from .refusals import RETRY_AFTER

T = TypeVar("T")

logger = logging.getLogger("authority")

MOST_TRIES = 10
"""Fetches of one value a minute, whatever tokens come in."""
_MINUTE = timedelta(minutes=1)
_PAUSE = timedelta(seconds=RETRY_AFTER)
LONGEST = timedelta(hours=1)
"""How long a value serves while the issuer cannot be reached, counted from when it was fetched."""


@frozen
class _Held(Generic[T]):
    value: T
    since: datetime


class Cached(Generic[T]):
    """One value, its age, and the record of attempts to renew it.

    Args:
        load: Fetches the value anew; raises `FetchFailed`.
        fresh: Seconds during which a value is used without asking again.
        moment: The clock.
    """

    def __init__(self, load: Callable[[Fetch], Awaitable[T]], *, fresh: int, moment: MomentSource) -> None:
        self._load = load
        self._fresh = timedelta(seconds=fresh)
        self._longest = max(LONGEST, self._fresh)
        self._moment = moment
        self._held: _Held[T] | None = None
        self._attempts = 0
        self._recent: deque[datetime] = deque(maxlen=MOST_TRIES)
        self._failed: datetime | None = None

    async def get(self, reach: Reach, enough: Callable[[T], bool] | None = None) -> T:
        """Return the value: fresh and *enough* if one attempt can make it so, else the last one that was good.

        Of callers that need it at the same time, one fetches and the others use what it brought.
        Raises `FetchFailed` when there is none.
        """
        seen = self._attempts
        found = self._suitable(enough)
        if found is None:
            async with reach.gate:
                found = self._suitable(enough)
                if found is None and self._attempts == seen:
                    await self.renew(reach.fetch)
        return self._last() if found is None else found.value

    async def peek(self, fetch: Fetch) -> T:
        """Return the value as `get` does, for a caller that is already inside the gate."""
        if (found := self._suitable(None)) is not None:
            return found.value
        await self.renew(fetch)
        return self._last()

    async def renew(self, fetch: Fetch) -> None:
        """Fetch the value anew, unless that was tried too often or has just failed. Failures are logged."""
        now = instant(self._moment)
        if not self._may_try(now):
            return
        self._attempts += 1
        self._recent.append(now)
        try:
            self._held = _Held(await self._load(fetch), now)
            self._failed = None
        except FetchFailed as error:
            self._failed = now
            logger.warning("The issuer's keys or metadata were not renewed: %s", error)

    def _may_try(self, now: datetime) -> bool:
        if self._failed is not None and self._failed <= now and not expired(self._failed + _PAUSE, now):
            return False
        if len(self._recent) < MOST_TRIES:
            return True
        return expired(self._recent[0] + _MINUTE, now) or now < self._recent[-1]

    def _suitable(self, enough: Callable[[T], bool] | None) -> _Held[T] | None:
        held = self._held
        if held is None or not self._younger(held, self._fresh) or (enough is not None and not enough(held.value)):
            return None
        return held

    def _younger(self, held: _Held[T], age: timedelta) -> bool:
        now = instant(self._moment)
        return held.since <= now and not expired(held.since + age, now)

    def _last(self) -> T:
        held = self._held
        if held is None or not self._younger(held, self._longest):
            raise FetchFailed("the issuer could not be asked")
        return held.value
