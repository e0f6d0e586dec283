"""Those who know the primary, in both colours."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from copy import copy
from typing import Any

from authority_core.kernel.values import Soon

from .connecting import Client

Place = tuple[str, int]


class Sentinels:
    """Asks the Sentinels at *hosts* by redis-py's class *kind*, of either colour.

    Each search has an order of its own, and the last that found the primary is the next one's. redis-py's searches
    reorder one list: of two at the same time, as in a failover, one may lose a Sentinel for good.
    """

    def __init__(self, kind: Any, hosts: Sequence[Place], options: dict[str, Any]) -> None:
        self._found: Client = kind(hosts, sentinel_kwargs=options)

    @property
    def sentinels(self) -> Sequence[Client]:
        """The client of each."""
        found: Sequence[Client] = self._found.sentinels
        return found

    def discover_master(self, service_name: str) -> Soon[Place]:
        """Return where the primary is, or what to await for it.

        Raises redis-py's `MasterNotFoundError` when none of them knows.
        """
        search = copy(self._found)
        search.sentinels = list(search.sentinels)
        answer = search.discover_master(service_name)
        return self._awaited(search, answer) if inspect.isawaitable(answer) else self._noted(search, answer)

    async def _awaited(self, search: Client, answer: Awaitable[Place]) -> Place:
        return self._noted(search, await answer)

    def _noted(self, search: Client, place: Place) -> Place:
        self._found = search
        return place
