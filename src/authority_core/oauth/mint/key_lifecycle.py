"""The life of signing keys, as pure decisions: which key signs, which waits, which only verifies, which is gone.

pending (published) → active (signs) → retired (verifies) → removed; compromised is published no more from that moment,
and removed when the audit trail has forgotten it too. Two processes that turn the keys at the same time are told apart
by the versions they read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve

from ...kernel.changes import Change, Decision, Remove, Replace, Spend
from ...kernel.encoding import digest
from ...kernel.events import Event, KeyActivated, KeyCompromised, KeyCreated, KeyRetired
from ...kernel.moment import Moment, expired
from ...kernel.records import SigningKey
from ...kernel.settings import Settings

Turned = Decision[tuple[SigningKey, ...]]

_REFEREE_KEPT = timedelta(days=2)


def signing_key(records: Sequence[SigningKey], algorithm: str) -> SigningKey | None:
    """Return the key that signs with *algorithm*: the active one."""
    return next((record for record in records if record.alg == algorithm and record.state == "active"), None)


def first(records: Sequence[SigningKey], fresh: Sequence[SigningKey], moment: Moment) -> Turned:
    """Make each of the *fresh* keys active whose algorithm has no active key; of several processes one succeeds."""
    changes: list[Change] = []
    events: list[Event] = []
    made = []
    for key in fresh:
        if signing_key(records, key.alg) is not None:
            continue
        active = evolve(key, state="active", activated_at=moment.now)
        # The day is in the name, so that a table somebody has emptied fills again.
        referee = digest("first_signing_key", f"{key.alg}:{len(records)}:{moment.now:%Y-%m-%d}")
        changes += [Spend(referee, moment.now, moment.now + _REFEREE_KEPT), Replace(active)]
        events += [KeyCreated(kid=key.kid, alg=key.alg), KeyActivated(kid=key.kid, alg=key.alg)]
        made.append(active)
    return Decision(tuple(made), tuple(changes), tuple(events))


def in_use(records: Sequence[SigningKey], settings: Settings, now: datetime) -> list[SigningKey]:
    """Return the keys that sign, or will, as `advance` would leave them *now*."""
    replaced = {record.alg for record in records if _ripe(record, settings, now)}
    return [one for one in records if one.state == "pending" or (one.state == "active" and one.alg not in replaced)]


def due(records: Sequence[SigningKey], settings: Settings, now: datetime) -> bool:
    """Tell whether `advance` has something to do."""
    return any(_ripe(record, settings, now) or _over(record, now) for record in records)


def advance(records: Sequence[SigningKey], settings: Settings, moment: Moment) -> Turned:
    """Let pending keys that were published long enough take over, and remove keys that nobody needs any more."""
    changes: list[Change] = [Remove(record) for record in records if _over(record, moment.now)]
    events: list[Event] = []
    for record in records:
        if _ripe(record, settings, moment.now):
            _activate(record, records, settings, moment, changes, events)
    return Decision((), tuple(changes), tuple(events))


def rotate(
    records: Sequence[SigningKey],
    fresh: Mapping[str, SigningKey],
    settings: Settings,
    moment: Moment,
    *,
    at_once: bool,
) -> Turned:
    """Publish a successor for each algorithm of *fresh*; *at_once* also lets it sign from now on."""
    changes: list[Change] = []
    events: list[Event] = []
    made = []
    for algorithm, key in fresh.items():
        waiting = next((one for one in records if one.alg == algorithm and one.state == "pending"), None)
        successor = waiting or key
        if waiting is None:
            events.append(KeyCreated(kid=key.kid, alg=algorithm))
        if at_once or settings.key_publish_lead == 0:
            successor = _activate(successor, records, settings, moment, changes, events)
        elif waiting is None:
            changes.append(Replace(successor))
        made.append(successor)
    return Decision(tuple(made), tuple(changes), tuple(events))


def compromise(
    records: Sequence[SigningKey], kid: str, fresh: SigningKey, settings: Settings, moment: Moment
) -> Turned:
    """Take *kid* out at once; if it was signing, the *fresh* key signs from now on."""
    changes: list[Change] = []
    events: list[Event] = []
    made: tuple[SigningKey, ...] = ()
    keep_until = moment.now + timedelta(days=settings.audit_log_retention_days)
    for record in records:
        if record.kid != kid or record.state == "compromised":
            continue
        withdrawn = evolve(record, state="compromised", retired_at=moment.now, keep_until=keep_until)
        changes.append(Replace(withdrawn))
        events.append(KeyCompromised(kid=kid, alg=record.alg))
        if record.state == "active":
            made = (evolve(fresh, state="active", activated_at=moment.now),)
            changes.append(Replace(made[0]))
            events += [KeyCreated(kid=fresh.kid, alg=fresh.alg), KeyActivated(kid=fresh.kid, alg=fresh.alg)]
    return Decision(made, tuple(changes), tuple(events))


def _activate(
    key: SigningKey,
    records: Sequence[SigningKey],
    settings: Settings,
    moment: Moment,
    changes: list[Change],
    events: list[Event],
) -> SigningKey:
    old = signing_key(records, key.alg)
    if old is not None:
        # Until the longest token it signed has ended and every cache has been refreshed.
        lifetime = max(settings.access_token_ttl, settings.id_token_ttl) + settings.jwks_cache_ttl + settings.clock_skew
        keep_until = moment.now + timedelta(seconds=lifetime)
        changes.append(Replace(evolve(old, state="retired", retired_at=moment.now, keep_until=keep_until)))
        events.append(KeyRetired(kid=old.kid, alg=old.alg))
    active = evolve(key, state="active", activated_at=moment.now)
    changes.append(Replace(active))
    events.append(KeyActivated(kid=key.kid, alg=key.alg))
    return active


def _ripe(record: SigningKey, settings: Settings, now: datetime) -> bool:
    return record.state == "pending" and expired(record.created_at + timedelta(seconds=settings.key_publish_lead), now)


def _over(record: SigningKey, now: datetime) -> bool:
    return record.keep_until is not None and expired(record.keep_until, now)
