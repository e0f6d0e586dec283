"""Members of one line of a transfer file: how a value is written as JSON, and read back with every fault.

Knows types, not records. Faults are sentences for an administrator and never show the value of a member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, cast

from attrs import frozen

from ..kernel.encoding import Digest, Json
from ..kernel.records import ClientSecret

encode_line = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
"""One line, in ASCII: no editor, terminal or mail system spoils it, and no character in it hides."""

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
_HALF = re.compile("[\ud800-\udfff]")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
MOST_SECRETS = 2


@frozen
class Member:
    """One member: *read* returns its value or raises `ValueError` with what it must be."""

    name: str
    read: Callable[[object], object]
    write: Callable[[Any], object] = lambda value: value
    required: bool = False


def read_members(value: Json, members: Sequence[Member], at: str = "") -> tuple[dict[str, object], list[str]]:
    """Return the members that are given and right, and every fault; *at* begins each sentence."""
    given: dict[str, object] = {}
    faults = []
    for member in members:
        if member.name not in value:
            if member.required:
                faults.append(f"{at}{member.name} is missing.")
            continue
        try:
            given[member.name] = member.read(value[member.name])
        except ValueError as error:
            faults.append(f"{at}{member.name} {error}.")
    unknown = sorted(set(value) - {member.name for member in members})
    faults += [f"{at}{name[:40]!a} is not a member that is known here." for name in unknown]
    return given, faults


def written(record: object, members: Sequence[Member]) -> Json:
    """Return *record* as a JSON object with every one of *members*, in their order."""
    return {member.name: member.write(getattr(record, member.name)) for member in members}


# --- readers ---------------------------------------------------------------------------------------------------------


def text(value: object) -> str:
    """Read a text that any database can hold."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    odd = _odd(value)
    if odd:
        raise ValueError(odd)
    return value


def _odd(value: str) -> str | None:
    """Return what of *value* no database can hold."""
    if "\x00" in value:
        return "holds NUL (U+0000), which no database keeps: take it out"
    half = _HALF.search(value)
    if half:
        return f"holds {half[0]!a} alone, half a character of UTF-16: write the whole character, or take it out"
    return None


def flag(value: object) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def time(value: object) -> datetime:
    """Read an instant (RFC 3339) and return it in UTC."""
    if isinstance(value, str) and _TIME.match(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            pass
    raise ValueError("must be a time with its zone, such as 2026-01-31T12:00:00Z")


def texts(value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list):
        raise ValueError("must be a list of texts")
    return tuple(text(item) for item in value)


def words(value: object) -> frozenset[str]:
    """Read a list of texts whose order says nothing."""
    return frozenset(texts(value))


def mapping(value: object) -> Mapping[str, object]:
    """Read a JSON object."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    for name, item in value.items():
        # One value may hold others, in which NUL is spelled and kept as JSON spells it.
        odd = _odd(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)) or _odd(name)
        if odd:
            raise ValueError(f"{name[:40]!a} {odd}")
    return cast(Json, value)


def optional(read: Callable[[object], object]) -> Callable[[object], object]:
    """Let *read* have null, too."""
    return lambda value: None if value is None else read(value)


def one_of(*choices: str) -> Callable[[object], object]:
    """Read one of *choices*."""

    def read(value: object) -> object:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return read


def digest(value: object) -> Digest:
    """Read a SHA-256 digest."""
    if not isinstance(value, str) or not _DIGEST.match(value):
        raise ValueError("must be 64 hexadecimal digits")
    return Digest(bytes.fromhex(value))


def secrets(value: object) -> tuple[ClientSecret, ...]:
    """Read a list of a client's secrets, of which only digests or slow hashes are known."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("must be a list of objects")
    if len(value) > MOST_SECRETS:
        raise ValueError(f"has at most {MOST_SECRETS} entries")
    found = []
    for item in value:
        given, faults = read_members(cast(Json, item), SECRET, "of an entry: ")
        if faults:
            raise ValueError("; ".join(fault.rstrip(".") for fault in faults))
        one = ClientSecret(**given)  # type: ignore[arg-type]  # each member was read by its own reader
        if (one.digest is None) == (one.secret_hash is None):
            raise ValueError("of an entry: either digest or secret_hash is needed")
        found.append(one)
    return tuple(found)


# --- writers ---------------------------------------------------------------------------------------------------------


def in_order(value: frozenset[str]) -> list[str]:
    """Write a set: equal sets have equal texts."""
    return sorted(value)


def timestamp(value: datetime | None) -> str | None:
    """Write an instant in UTC."""
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def _hex(value: Digest | None) -> str | None:
    return None if value is None else value.hex()


def secret_list(value: tuple[ClientSecret, ...]) -> list[Json]:
    """Write a client's secrets: digests or slow hashes, and what tells them apart."""
    return [written(secret, SECRET) for secret in value]


SECRET = (
    Member("secret_id", text, required=True),
    Member("digest", optional(digest), _hex),
    Member("secret_hash", optional(text)),
    Member("hint", text, required=True),
    Member("created_at", time, timestamp, required=True),
    Member("expires_at", optional(time), timestamp),
)
"""The members of one entry of `secrets`."""
