"""Saves reading the same registered client with every request, for `client_cache_ttl` seconds.

The price: what another process changes, this one sees only when its memory has run out, so that a client disabled there
still gets tokens here for that long. Hence the setting is 0 unless an operator asks for more, and then nothing is
remembered. What this process itself changes it forgets at once. That a client does not exist is never remembered: a new
one works at once everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta

from attrs import define, field

from .changes import Change, Remove, Replace
from .moment import MomentSource, instant
from .ports import ClientReads
from .records import Client

MOST = 1000
"""Clients that are remembered; one more, and all are forgotten."""


@define(eq=False)
class KnownClients:
    """Reads clients from storage, each at most once in *memory*; with every request when that is zero."""

    _storage: ClientReads
    _memory: timedelta
    _moment: MomentSource
    _known: dict[str, tuple[Client, datetime, datetime]] = field(factory=dict, init=False)
    _changes: int = field(default=0, init=False)

    def find(self, client_id: str) -> Awaitable[Client | None]:
        """Return the client called exactly *client_id*, as it is now or was within the *memory*."""
        return self._remembered(client_id) if self._memory else self._storage.client(client_id)

    async def _remembered(self, client_id: str) -> Client | None:
        now = instant(self._moment)
        known = self._known.get(client_id)
        if known is not None and known[1] <= now < known[2]:
            return known[0]
        before = self._changes
        client = await self._storage.client(client_id)
        if client is not None and before == self._changes:  # nothing was changed while it was on its way
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[client_id] = client, now, now + self._memory
        return client

    def forget(self, changes: Iterable[Change]) -> None:
        """Forget the clients that *changes* have written or taken away."""
        if not self._memory:
            return
        for change in changes:
            if isinstance(change, Replace | Remove) and isinstance(change.record, Client):
                self._changes += 1
                self._known.pop(change.record.client_id, None)
