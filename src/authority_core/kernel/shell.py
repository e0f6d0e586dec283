"""The shell: look, decide, seal, commit, tell. The only code that writes.

Whoever writes does it here: draws a moment, looks and decides at it, seals the answer before anything is written (a
failing signer burns no code), and commits all changes with their lines of the audit trail at once. On `Conflict` it
looks again: three times at most, but for records that people crowd upon.
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
        return KnownClients(self.storage, seconds(self.settings.client_cache_ttl), self.moment)

    @_trail.default
    def _as_settings_ask(self) -> AuditTrail:
        return AuditTrail.from_settings(self.settings)

    async def act(
        self, origin: Origin, attempt: Callable[[Moment], Awaitable[Decision[A]]], attempts: int = ATTEMPTS
    ) -> A:
        """Return the answer of the first *attempt* whose changes were committed, of *attempts* at most.

        Raises:
            StorageUnavailable: Storage conflicts for ever, or cannot be reached. Nothing is half done.
        """
        for _ in range(attempts):
            moment = self.moment()
            decision = await attempt(moment)
            if await self.commit(decision, origin, moment):
                return decision.answer
        raise conflicting()

    async def commit(self, decision: Decision[object], origin: Origin, moment: Moment) -> bool:
        """Make the changes of *decision* with their lines of the audit trail, then tell its events.

        Returns whether they were made; otherwise somebody was first, nothing was written, and one looks again.
        """
        changes = in_order(decision.changes)
        lines = self._trail.lines(decision.events, origin, moment)  # inserts, which come last in any order
        if lines or changes:
            try:
                await self.storage.commit((*changes, *lines) if lines else changes)
            except Conflict:
                return False
            finally:  # also when the answer was lost: it may have been written
                self.clients.forget(changes)
        if self.listeners:
            await self._tell(decision.events, origin)
        return True

    async def write(self, *changes: Change) -> bool:
        """Commit *changes* that no decision or event goes with; tell whether they were made, or somebody was first."""
        try:
            await self.storage.commit(in_order(changes))
        except Conflict:
            return False
        finally:
            self.clients.forget(changes)
        return True

    async def report(self, origin: Origin, *events: Event) -> None:
        """Record and tell *events* that come with no change. Raises `StorageUnavailable` as `act` does."""

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
    agent = user_agent(request) if "user-agent" in request.headers else None  # programs seldom send one
    return Origin(request.client_address, agent, request.request_id)


def conflicting() -> StorageUnavailable:
    """Return what is raised when the last attempt has met a conflict as well."""
    return StorageUnavailable("storage conflicts time and again")
