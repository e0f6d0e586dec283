"""The shell: look, decide, seal, commit, tell. The only code that writes.

Every endpoint goes through `settle`: it draws a moment, lets the endpoint look and decide, seals the answer before
anything is written (a failing signer burns no code), commits all changes with their audit records at once, and on
`Conflict` looks again: three times at most, but for records that people crowd upon.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs
from attrs import frozen

from .changes import Change, Conflict, Decision, Put, StorageUnavailable, in_order
from .events import Event
from .moment import Moment, MomentSource, days
from .ports import Listener, Origin, Storage
from .records import AuditRecord
from .requests import HttpRequest, user_agent
from .settings import Settings

A = TypeVar("A")
S = TypeVar("S")

ATTEMPTS = 3
CROWD = 16
"""Attempts for a record that one person writes from several places at once: each conflict lets another one through."""
_LEVELS = {"all": frozenset({"all", "important", "errors"}), "important": frozenset({"important", "errors"}),
           "errors": frozenset({"errors"})}  # fmt: skip
_COMMON = frozenset(field.name for field in attrs.fields(Event)) - {"reason"}
_details: dict[type[Event], tuple[str, ...]] = {}

logger = logging.getLogger("authority")


@frozen(eq=False)
class Shell:
    """What every endpoint needs to act: settings, storage, the source of moments, listeners."""

    settings: Settings
    storage: Storage
    moment: MomentSource
    listeners: Sequence[Listener] = ()

    async def settle(
        self,
        origin: Origin,
        attempt: Callable[[Moment], Awaitable[Decision[A]]],
        seal: Callable[[A, Moment], Awaitable[S]],
        attempts: int = ATTEMPTS,
    ) -> S:
        """Return the sealed answer of the first *attempt* whose changes were committed, of *attempts* at most.

        Raises:
            StorageUnavailable: Storage conflicts for ever, or cannot be reached. Nothing is half done.
        """
        for _ in range(attempts):
            moment = self.moment()
            decision = await attempt(moment)
            sealed = await seal(decision.answer, moment)
            if await self._committed(decision.changes, decision.events, origin, moment):
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
        return True

    async def report(self, origin: Origin, *events: Event) -> None:
        """Record and tell *events* that come with no change. Raises `StorageUnavailable` as `settle` does."""

        async def attempt(moment: Moment) -> Decision[None]:
            return Decision(None, (), events)

        await self.act(origin, attempt)

    async def _committed(
        self, changes: Sequence[Change], events: Sequence[Event], origin: Origin, moment: Moment
    ) -> bool:
        settings = self.settings
        recorded = _LEVELS[settings.audit_log_level]
        puts = [
            Put(audit_record(event, index, origin, moment, settings.audit_log_retention_days))
            for index, event in enumerate(events)
            if event.level in recorded
        ]
        if changes or puts:
            try:
                await self.storage.commit(in_order((*changes, *puts)) if changes else puts)
            except Conflict:
                return False
        if self.listeners:
            await self._tell(events, origin)
        return True

    async def _tell(self, events: Sequence[Event], origin: Origin) -> None:
        for event in events:
            for listener in self.listeners:
                try:
                    await listener(event, origin)
                except Exception:
                    logger.exception("a listener failed on %s", event.name)


def origin_of(request: HttpRequest) -> Origin:
    """Return where *request* came from, for the audit trail."""
    return Origin(
        ip_address=request.client_address,
        user_agent=user_agent(request),
        request_id=request.request_id,
    )


async def _as_it_is(answer: A, moment: Moment) -> A:
    return answer


def audit_record(event: Event, index: int, origin: Origin, moment: Moment, retention_days: int) -> AuditRecord:
    """Return the audit trail's line for *event*."""
    names = _details.get(type(event))
    if names is None:
        names = tuple(field.name for field in attrs.fields(type(event)) if field.name not in _COMMON)
        _details[type(event)] = names
    detail = {name: value for name in names if (value := getattr(event, name)) is not None}
    return AuditRecord(
        audit_id=moment.identifier(f"audit{index}"),
        at=moment.now,
        event=event.name,
        severity=event.severity,
        client_id=event.client_id,
        subject=event.subject,
        session_id=event.session_id,
        grant_id=event.grant_id,
        detail=detail,
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
        request_id=origin.request_id,
        keep_until=moment.now + days(retention_days),
    )
