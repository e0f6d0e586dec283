"""Records as documents and back, by the types of their fields.

BSON keeps only the milliseconds of a time, has no sets, and gives some names of members a meaning. So times are whole
microseconds since 1970 (an integer of 64 bits holds every one), sets are sorted lists, and objects with names from
outside are JSON texts.
"""

# ruff: noqa: I001 - imports as compact as the rest

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import attrs

from authority_core.kernel.identity import comparable
from authority_core.kernel.records import (
    AuditRecord, Client, Consent, Grant, Insertable, Mutable, Session, SigningKey, User,
)  # fmt: skip

Document = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
KEYS = {Client: "client_id", Grant: "grant_id", SigningKey: "kid", User: "user_id", Session: "session_id",
        AuditRecord: "audit_id"}  # fmt: skip
"""The field that names a record; in all others it is `key`."""


def name_of(*parts: str | None) -> str:
    """Return one name for several texts, unlike that of any other texts."""
    return json.dumps(parts)


def id_of(record: Insertable | Mutable) -> str | bytes:
    """Return the `_id` of *record*."""
    if isinstance(record, Consent):
        return name_of(record.subject, record.client_id)
    return getattr(record, KEYS.get(type(record), "key"))  # type: ignore[no-any-return]  # all are texts or digests


def document_of(record: Insertable | Mutable, **changed: int) -> Document:
    """Return the document of *record*."""
    document = {"_id": id_of(record), **plain(record), **changed}
    if isinstance(record, User):
        names = {comparable(text) for text in (record.username, record.email) if text is not None}
        # An empty list would count as a value that two users share; a field that is absent does not.
        document |= {"identifiers": sorted(names)} if names else {}
    return document


def plain(value: Any) -> Any:
    """Return *value*, a record or a part of one, in BSON's types."""
    match value:
        case datetime():
            return (value - EPOCH) // timedelta(microseconds=1)
        case frozenset():
            return sorted(value)
        case tuple():
            return [plain(one) for one in value]
        case Mapping():
            return json.dumps(dict(value))
        case _ if attrs.has(type(value)):
            return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value


hints = cache(get_type_hints)


def read(hint: Any, value: Any) -> Any:
    """Return what `plain` made *value* of; *hint* is its type."""
    if value is None:
        return None
    if isinstance(hint, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    kind = get_origin(hint) or hint
    if kind is datetime:
        return EPOCH + timedelta(microseconds=value)
    if kind is frozenset:
        return frozenset(value)
    if kind is tuple:
        return tuple(read(get_args(hint)[0], one) for one in value)
    if kind is Mapping:
        return json.loads(value)
    if attrs.has(kind):
        types = hints(kind)
        return kind(**{field.name: read(types[field.name], value[field.name]) for field in attrs.fields(kind)})
    return value
