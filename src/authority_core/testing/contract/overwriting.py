"""Changes over what is there already, and whether any of them has happened."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from attrs import evolve

from ...kernel.changes import Change, Count, CutOff, Put, Remove, Replace
from ...kernel.ports import Storage
from ...kernel.records import Client, Consent, Mutable, Session, SigningKey, User
from .samples import KEEP, LATER, NOW, a_client, a_consent, a_grant, a_session, a_signing_key, a_user, key_of

_KEPT: tuple[Mutable, ...] = (
    a_client("kept"),
    a_consent("kept", "kept"),
    a_signing_key("kept"),
    a_user("kept", "keeper", "kept@mail.example"),
    a_session("kept", "kept"),
)
_LEAVING: tuple[Mutable, ...] = (
    a_client("leaving"),
    a_consent("leaving", "leaving"),
    a_signing_key("leaving"),
    a_user("leaving", "leaver", "leaving@mail.example"),
    a_session("leaving", "leaving"),
)
_CHANGED: tuple[Mutable, ...] = (
    a_client("kept"),
    evolve(a_consent("kept", "kept"), revoked_at=LATER),
    evolve(a_signing_key("kept"), state="active"),
    a_user("kept", "renamed", None),
    evolve(a_session("kept", "kept"), key=key_of("renewed", "session")),
)
_COUNTED, _TAKEN = key_of("counted", "counter"), key_of("taken", "counter")
_YOUNG = tuple(
    evolve(a_grant(subject, None), subject=subject, created_at=LATER) for subject in ("cut off", "client cut off")
)

KNOWN: tuple[Change, ...] = (
    *map(Replace, _KEPT),
    *map(Replace, _LEAVING),
    Count(_COUNTED, NOW, LATER, by=2),
    Count(_TAKEN, NOW, LATER, by=3),
    CutOff("cut off", None, NOW, KEEP),
    CutOff("client cut off", "client", NOW, KEEP),
    *map(Put, _YOUNG),
)
"""What `overwriting` needs."""


def overwriting() -> list[Change]:
    """Return one change of every sort that writes over what is there, or takes it away."""
    later = LATER + timedelta(hours=1)
    return [
        CutOff("cut off", None, later, KEEP),
        CutOff("client cut off", "client", later, KEEP),
        *(Remove(evolve(record, version=1)) for record in _LEAVING),
        *(Replace(evolve(record, version=1)) for record in _CHANGED),
        Count(_COUNTED, NOW, LATER, by=5),
        Count(_TAKEN, NOW, LATER, by=None),
    ]


async def overwritten(storage: Storage) -> list[str]:
    """Return what is no longer as `KNOWN` left it."""
    found: dict[str, bool] = {}
    for record in (*_KEPT, *_LEAVING):
        sort = "Replace" if record in _KEPT else "Remove"
        found[f"{sort} of a {type(record).__name__}"] = await read(storage, record) != evolve(record, version=1)
    for name, owner in (("keeper", "kept"), ("leaving@mail.example", "leaving")):
        user = await storage.user_by_identifier(name)
        found[f"name of {owner}"] = user is None or user.user_id != owner
    for key, value in ((_COUNTED, 2), (_TAKEN, 3)):
        counter = await storage.counter(key)
        found[f"Count from {value}"] = counter is None or counter.value != value
    for grant in _YOUNG:
        found[f"CutOff of {grant.subject}"] = await storage.grant(grant.grant_id) != grant
    return [name for name, changed in found.items() if changed]


async def read(storage: Storage, record: Mutable) -> Mutable | None:
    """Return what is stored in the place of *record*."""
    match record:
        case Client():
            return await storage.client(record.client_id)
        case Consent():
            return await storage.consent(record.subject, record.client_id)
        case SigningKey():
            return next((key for key in await storage.signing_keys() if key.kid == record.kid), None)
        case User():
            return await storage.user(record.user_id)
        case Session():
            return await storage.session(record.key)
        case _:
            assert_never(record)
