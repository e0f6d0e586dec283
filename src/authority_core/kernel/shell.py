"""The shell: look, decide, seal, commit, tell. The only code that writes.

Every endpoint goes through `settle`: it draws a moment, lets the endpoint look and decide, seals the answer before
anything is written (a failing signer burns no code), commits all changes with their audit records at once, and on
`Conflict` looks again: three times at most, but for records that people crowd upon.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from attrs import field, frozen

from .audit import AuditTrail
from .changes import Change, Conflict, Decision, StorageUnavailable, in_order
from .events import Event
from .known_clients import KnownClients
from .moment import Moment, MomentSource, seconds
from .ports import Listener, Origin, Storage
from .requests import HttpRequest, user_agent
from .settings import Settings

A = TypeVar("A")
S = TypeVar("S")

ATTEMPTS = 3
CROWD = 16
"""Attempts for a record that one person writes from several places at once: each conflict lets another one through."""

logger = logging.getLogger("authority")


@frozen(eq=False)
class Shell:
    """What every endpoint needs to act: settings, storage, the source of moments, listeners."""

    settings: Settings
    storage: Storage
    moment: MomentSource
    listeners: Sequence[Listener] = ()
    clients: KnownClients = field(init=False)
    _trail: AuditTrail = field(init=False)

    @clients.default
    def _remembered(self) -> KnownClients:
        return KnownClients(self.storage, seconds(self.settings.client_cache_ttl))

    @_trail.default
    def _as_settings_ask(self) -> AuditTrail:
        return AuditTrail.from_settings(self.settings)

    async def settle(
        self,
        origin: Origin,
        attempt: Callable[[Moment], Awaitable[Decision[A]]],
        seal: Callable[[A, Moment], Awaitable[S]],
        attempts: int = ATTEMPTS,
        *,
        moment: Moment | None = None,
    ) -> S:
        """Return the sealed answer of the first *attempt* whose changes were committed, of *attempts* at most.

        The first attempt is made at *moment*, when the request has drawn one already.

        Raises:
            StorageUnavailable: Storage conflicts for ever, or cannot be reached. Nothing is half done.
        """
        for _ in range(attempts):
            if moment is None:
                moment = self.moment()
            decision = await attempt(moment)
            sealed = await seal(decision.answer, moment)
            changes, events = decision.changes, decision.events
            lines = self._trail.lines(events, origin, moment)
            try:
                if changes:
                    await self.storage.commit(in_order((*changes, *lines)))
                    self.clients.forget(changes)
                elif lines:
                    await self.storage.commit(lines)
            except Conflict:
                moment = None
                continue
            if self.listeners:
                await self._tell(events, origin)
            return sealed
        raise StorageUnavailable("storage conflicts time and again")

    async def act(
        self, origin: Origin, attempt: Callable[[Moment], Awaitable[Decision[A]]], attempts: int = ATTEMPTS
    ) -> A:
        """`settle` for answers that need no sealing."""
        return await self.settle(origin, attempt, _as_it_is, attempts)

    async def write(self, *changes: Change) -> bool:
        """Commit *changes* that no decision or event goes with; tell whether they were made, or somebody was first."""
        try:
            await self.storage.commit(in_order(changes))
        except Conflict:
            return False
        self.clients.forget(changes)
        return True

    async def report(self, origin: Origin, *events: Event) -> None:
        """Record and tell *events* that come with no change. Raises `StorageUnavailable` as `settle` does."""

        async def attempt(moment: Moment) -> Decision[None]:
            return Decision(None, (), events)

        await self.act(origin, attempt)

    async def _tell(self, events: Sequence[Event], origin: Origin) -> None:
        for event in events:
            for listener in self.listeners:
                try:
                    await listener(event, origin)
                except Exception:
                    logger.exception("a listener failed on %s", event.name)


def origin_of(request: HttpRequest) -> Origin:
    """Return where *request* came from, for the audit trail."""
    return Origin(request.client_address, user_agent(request), request.request_id)


async def _as_it_is(answer: A, moment: Moment) -> A:
    return answer
