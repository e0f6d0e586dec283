"""Changes as the keys and arguments of the commit script. Pure; knows nothing of connections.

Keys are declared, as a cluster asks; what a record held before it is replaced only the script can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from attrs import evolve, field, frozen

from authority_core.kernel import records as r
from authority_core.kernel.changes import (
    Change,
    Count,
    CutOff,
    Put,
    Remove,
    Replace,
    Revoke,
    Spend,
    in_order,
    refuse_nameless,
)

from . import names
from .codec import encoded, milliseconds, stamp

Text = str | bytes

MARGIN = 3_600_000
"""Milliseconds that Redis keeps things past their `keep_until`: clocks of servers may differ by an hour."""


@frozen
class Call:
    """What the commit script is called with; keys are suffixes."""

    keys: list[str] = field(factory=list)
    arguments: list[Text] = field(factory=list)


def plan(changes: Sequence[Change]) -> Call:
    """Return the call that makes *changes* happen. Raises `ValueError` for one that is about nothing."""
    refuse_nameless(changes)
    call = Call()
    for change in in_order(changes):
        keys, arguments = _step(change)
        call.keys.extend(keys)
        call.arguments.extend(arguments)
    return call


def _step(change: Change) -> tuple[list[str], list[Text]]:
    match change:
        case Spend():
            suffix, value = mark(change)
            earliest = "" if change.earliest is None else milliseconds(change.earliest)
            return [suffix], ["spend", value, milliseconds(change.keep_until), earliest]
        case Put(record):
            return _line(record) if isinstance(record, r.AuditRecord) else _put(record)
        case Revoke(what, name, at, keep_until):
            return [names.named(f"revoked:{what}", name)], ["revoke", stamp(at), milliseconds(keep_until)]
        case CutOff(subject, client_id, at, keep_until):
            texts = (subject,) if client_id is None else (subject, client_id)
            return [names.named("cut", *texts)], ["cut", stamp(at), milliseconds(keep_until)]
        case Replace(record):
            return _replace(record)
        case Remove(record):
            suffix = names.of(record)
            return [suffix], ["remove", str(record.version), suffix]
        case Count(key, at, until, by, most):
            numbers = ["" if number is None else str(number) for number in (by, most)]
            counter = names.keyed("counter", key)
            return [counter], ["count", stamp(at), stamp(until), *numbers, milliseconds(until)]
        case _:
            assert_never(change)


def mark(spend: Spend) -> tuple[str, bytes]:
    """Return the suffix and the value of the mark that *spend* leaves."""
    return names.keyed("spent", spend.key), stamp(spend.at).encode() + spend.salt


def _put(record: r.Insertable) -> tuple[list[str], list[Text]]:
    marks, born, behind = "", "", ""
    if isinstance(record, r.Grant | r.AuthorizationCode):
        grant = record if isinstance(record, r.Grant) else record.grant
        marks, born = names.marks_of_grant(grant), stamp(grant.created_at)
    elif isinstance(record, r.RefreshToken | r.AccessToken) and record.grant_id is not None:
        behind = names.named("grant", record.grant_id)
    ends = milliseconds(record.keep_until)
    return [names.of(record)], ["put", encoded(record), marks, born, behind, ends]


def _line(record: r.AuditRecord) -> tuple[list[str], list[Text]]:
    suffix = names.of(record)
    member = f"{stamp(record.at)}:{suffix}"
    ends = milliseconds(record.keep_until)
    return [suffix, names.AUDIT, names.AUDIT_ENDS], ["line", encoded(record), member, ends]


def _replace(record: r.Mutable) -> tuple[list[str], list[Text]]:
    suffix = names.of(record)
    written = evolve(record, version=record.version + 1)
    marks, born, ends = "", "", ""
    if isinstance(record, r.Session):
        marks, born = names.marks_of_session(record), stamp(record.created_at)
    if isinstance(record, r.Session | r.SigningKey | r.Consent) and record.keep_until is not None:
        ends = milliseconds(record.keep_until)
    held: list[Text] = [" ".join(names.unique(record)), *names.listing(record), names.ends(record), ends]
    versions = [str(record.version), suffix, encoded(written), str(written.version)]
    return [suffix], ["replace", *versions, marks, born, *held]
