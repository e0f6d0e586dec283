"""From events to lines of the audit trail: which are recorded, under which name, and for how long.

Pure. A line holds what its event holds, and an event holds no secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import attrs
from attrs import frozen

from .changes import Put
from .events import Event
from .moment import Moment, days
from .ports import Origin
from .records import AuditRecord
from .settings import Settings

_LEVELS = {
    "all": frozenset({"all", "important", "errors"}),
    "important": frozenset({"important", "errors"}),
    "errors": frozenset({"errors"}),
}
_COMMON = frozenset(attribute.name for attribute in attrs.fields(Event)) - {"reason"}
_own: dict[type[Event], tuple[str, ...]] = {}
"""The fields that an event has beyond those with a column of their own."""


@frozen(eq=False)
class AuditTrail:
    """What the settings want recorded: events of the levels *recorded*, *kept* for so long."""

    recorded: frozenset[str]
    kept: timedelta

    @classmethod
    def from_settings(cls, settings: Settings) -> AuditTrail:
        """Return the trail that *settings* ask for."""
        return cls(_LEVELS[settings.audit_log_level], days(settings.audit_log_retention_days))

    def lines(self, events: Iterable[Event], origin: Origin, moment: Moment) -> list[Put]:
        """Return the lines to write for *events* of one *moment*, in their order."""
        lines: list[Put] = []
        for event in events:
            if event.level in self.recorded:
                audit_id = f"{moment.name}{len(lines)}" if lines else moment.name
                lines.append(Put(self._line(event, audit_id, origin, moment)))
        return lines

    def _line(self, event: Event, audit_id: str, origin: Origin, moment: Moment) -> AuditRecord:
        own = _own.get(type(event)) or _own_of(type(event))
        return AuditRecord(  # by position, which is a third of the price of naming thirteen
            audit_id,
            moment.now,
            event.name,
            event.severity,
            event.client_id,
            event.subject,
            event.session_id,
            event.grant_id,
            {name: value for name in own if (value := getattr(event, name)) is not None},
            origin.ip_address,
            origin.user_agent,
            origin.request_id,
            moment.now + self.kept,
        )


def _own_of(event: type[Event]) -> tuple[str, ...]:
    names = tuple(attribute.name for attribute in attrs.fields(event) if attribute.name not in _COMMON)
    _own[event] = names
    return names
