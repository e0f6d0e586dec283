"""Storage on Redis for asynchronous applications."""

from __future__ import annotations

from functools import partial
from typing import Self

from .awaiting import LIBRARY, AwaitingLink
from .connecting import connect, placed
from .operations import Operations
from .urls import Address


class AsyncRedisStorage(Operations):
    """`authority_core` storage on Redis 6.2 or newer, or Valkey, asynchronous, for one event loop.

    Make it with `from_url`.
    """

    _link: AwaitingLink

    def __init__(self, link: AwaitingLink, prefix: str, place: Address) -> None:
        super().__init__(link, prefix)
        self._place = place

    @classmethod
    def from_url(
        cls, url: str, *, prefix: str = "authority:", timeout: float = 2.0, max_connections: int = 50
    ) -> Self:
        """Return storage at *url*; see `RedisStorage.from_url`."""
        place = placed(url)
        link = AwaitingLink(partial(connect, LIBRARY, place, timeout, max_connections))
        return cls(link, place.tagged(prefix), place)

    def __repr__(self) -> str:
        return f"AsyncRedisStorage({str(self._place)!r}, prefix={self._prefix!r})"

    async def aclose(self) -> None:
        """Close every connection."""
        await self._link.aclose()
