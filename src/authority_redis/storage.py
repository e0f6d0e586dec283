"""Storage on Redis for synchronous applications."""

from __future__ import annotations

from functools import partial
from typing import Self

from authority_core.kernel.blocking import BlockingStorage
from authority_core.kernel.sync import run

from .blocking import LIBRARY, BlockingLink
from .connecting import connect, placed
from .operations import Operations
from .urls import Address


class RedisStorage(BlockingStorage[Operations]):
    """`authority_core` storage on Redis 6.2 or newer, or Valkey, synchronous and safe to share between threads.

    Make it with `from_url`.
    """

    tells_holders = True

    def __init__(self, link: BlockingLink, prefix: str, place: Address) -> None:
        super().__init__(Operations(link, prefix))
        self._link = link
        self._prefix = prefix
        self._place = place

    @classmethod
    def from_url(
        cls, url: str, *, prefix: str = "authority:", timeout: float = 2.0, max_connections: int = 50
    ) -> Self:
        """Return storage at *url*: `redis://`, `rediss://` or `unix://`, Sentinel or a cluster (see the how-to).

        Keys begin with *prefix*; in a cluster all of a deployment live in one slot, for a commit must be one script,
        so that the prefix is written `{authority:}` there. *timeout* (seconds) bounds connecting and every answer.
        Nothing is opened before the first use.

        Raises `ValueError` for a URL that is none, or names a file that cannot be read; it repeats nothing of the URL.
        """
        place = placed(url)
        link = BlockingLink(partial(connect, LIBRARY, place, timeout, max_connections))
        return cls(link, place.tagged(prefix), place)

    @property
    def operations(self) -> Operations:
        """The storage of the other colour that this is the front of; it never suspends."""
        return self._on

    def __repr__(self) -> str:
        return f"RedisStorage({str(self._place)!r}, prefix={self._prefix!r})"

    def close(self) -> None:
        """Close every connection that is not at work."""
        self._link.close()

    def rehearse(self) -> None:
        """Run every command of a commit on keys that mean nothing. Raises `StorageUnavailable` when one is refused."""
        run(self._on.rehearse())

    def advice(self) -> tuple[str, ...]:
        """Return what is wrong with the server's setup, a sentence each; nothing where the user may not ask."""
        return run(self._on.advice())

    def refuses_replays(self) -> str | None:
        """Return why every `Spend` of what others made is refused here; `None` if it is not."""
        return run(self._on.refuses_replays())
