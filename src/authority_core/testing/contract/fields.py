"""Records that between them have every value that databases get wrong in every field, and how to compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from attrs import evolve, fields, has

from ...kernel.encoding import Digest
from ...kernel.records import AuditRecord, ClientSecret, User
from ..values import BYTES, ENDS, HOSTILE, INSTANTS, MEMBERS, NAMES, WHOLE
from .samples import key_of

R = TypeVar("R")

FOUND_BY = ("grant_id", "client_id", "subject", "session_id", "kid", "user_id", "audit_id", "username", "email")
"""Fields by which something is found: no storage promises to find an empty name, or one of any length. What a line of
the audit trail speaks of is found by none of them."""
_IDENTITIES = {
    "Grant": "grant_id",
    "AuditRecord": "audit_id",
    "Client": "client_id",
    "Consent": "subject",
    "SigningKey": "kid",
    "User": "user_id",
    "Session": "session_id",
}
"""The field in which no two records of a kind are equal; of the others it is the key."""
_FIXED: dict[str, Any] = {"version": 0}
_NEVER_WRITTEN = ("Grant", "Session")
"""Kinds whose `revoked_at` is computed."""


def records(kind: type[R]) -> tuple[R, ...]:
    """Return so many records of *kind* that each of its fields has each of its values, and no two one name."""
    choices = {name: _values(kind, name, hint) for name, hint in get_type_hints(kind).items()}
    made = []
    for at in range(max(map(len, choices.values()))):
        chosen = {name: of[(at + turn) % len(of)] for turn, (name, of) in enumerate(choices.items())}
        made.append(kind(**{**chosen, **_own(kind, at, chosen)}))
    return tuple(made)


def _own(kind: type, at: int, chosen: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields in which the record at this place differs from all others."""
    name = NAMES[at] if at < len(NAMES) else f"name {at}"
    own: dict[str, object] = {_IDENTITIES[kind.__name__]: name} if kind.__name__ in _IDENTITIES else {}
    if "key" in chosen:
        own["key"] = key_of(f"{kind.__name__} {at}", "field")
    if kind is User:  # one name in all spellings and letters has one owner
        own["username"] = chosen["username"] and f"{chosen['username']}{at}u"
        own["email"] = chosen["email"] and f"e{at}{chosen['email']}"
    return own


def _values(kind: type, name: str, hint: Any) -> Sequence[Any]:
    if name in _FIXED:
        return (_FIXED[name],)
    if name == "revoked_at" and kind.__name__ in _NEVER_WRITTEN:
        return (None,)
    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        (rest,) = (one for one in get_args(hint) if one is not NoneType)
        return (*_values(kind, name, rest), None)
    if name in FOUND_BY and (kind is not AuditRecord or name == "audit_id"):
        return ("", *NAMES) if (kind.__name__, name) == ("Interaction", "client_id") else NAMES
    if name == "keep_until":
        return ENDS
    if get_origin(hint) is tuple:
        return _tuples(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return get_args(hint)
    return records(hint) if has(hint) else _PLAIN[get_origin(hint) or hint]


def _pairs() -> list[tuple[str, str]]:
    return list(zip(HOSTILE, (*HOSTILE[1:], HOSTILE[0]), strict=True))


def _tuples(hint: Any) -> list[tuple[Any, ...]]:
    """Return tuples with repetitions, neither sorted nor the same backwards."""
    if hint is str:
        return [(), *((one, one, other) for one, other in _pairs())]
    if hint is ClientSecret:
        return [(), *((_digested(one), evolve(one, digest=None)) for one in records(ClientSecret))]
    return [(), *(((one, other), (one, other), (other, one)) for one, other in _pairs())]


def _digested(secret: ClientSecret) -> ClientSecret:
    """Return *secret* with a digest in place of the hash, for none has both."""
    return evolve(secret, digest=key_of(repr(secret), "field"), secret_hash=None)


_PLAIN: dict[Any, Sequence[Any]] = {
    str: HOSTILE,
    bool: (False, True),
    int: WHOLE,
    bytes: BYTES,
    Digest: [key_of(f"{at}", "field") for at in range(3)],
    datetime: INSTANTS,
    frozenset: [frozenset(), frozenset({""}), *map(frozenset, _pairs())],
    Mapping: [{}, *({one: other, "in": {other: [one, {one: other}]}, "all": [*MEMBERS]} for one, other in _pairs())],
}


def alike(found: Any, stored: Any) -> bool:
    """Tell whether *found* equals *stored* in kind too: 1 is not `True`, a buffer no `bytes`; times are in UTC."""
    kind: Any = type(stored)
    if has(kind):
        names = [one.name for one in fields(kind)]
        return type(found) is kind and all(alike(getattr(found, name), getattr(stored, name)) for name in names)
    if isinstance(stored, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == stored.keys()
            and all(alike(found[name], value) for name, value in stored.items())
        )
    if isinstance(stored, tuple | list):
        return (
            isinstance(found, kind)
            and len(found) == len(stored)
            and all(alike(one, other) for one, other in zip(found, stored, strict=True))
        )
    if isinstance(found, datetime) and found.utcoffset() != timedelta(0):
        return False
    return isinstance(found, kind) and isinstance(found, bool) == isinstance(stored, bool) and found == stored
