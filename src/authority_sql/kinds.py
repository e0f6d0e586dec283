"""How one field of a record becomes one column and comes back.

Knows types, not records. Times are whole microseconds since the epoch in UTC, so every instant that Python can hold
survives on every database; sets and lists are JSON text in ASCII, so no character in them can trouble a database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from attrs import evolve, frozen
from sqlalchemy import BigInteger, Boolean, LargeBinary, Text
from sqlalchemy.types import TypeEngine

from authority_core.kernel.encoding import Digest, encode_json
from authority_core.kernel.records import ClientSecret

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
_escaped = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # in C

TEXT_TYPE = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared by code point on every database, so that pages and look-ups agree everywhere."""


def micros(moment: datetime) -> int:
    """Return *moment*, which must be aware, as whole microseconds since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def moment_of(value: int) -> datetime:
    """Return the instant *value* microseconds after the epoch, in UTC."""
    return EPOCH + value * MICROSECOND


def _encode(value: object) -> str:
    text = encode_json(value)
    return text if text.isascii() else _escaped(value)


def _decode(text: str) -> Any:
    return _scan(text, 0)[0]  # we wrote it, so there is nothing around it


def earliest(*values: int | None) -> datetime | None:
    """Return the first instant among *values*, or `None` when there is none."""
    if values.count(None) == len(values):
        return None
    return moment_of(min(value for value in values if value is not None))


def storable(text: str) -> bool:
    """Tell whether any database can hold *text*: no NUL (PostgreSQL), no lone surrogate (UTF-8)."""
    if text.isascii():
        return "\x00" not in text
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text)


@frozen
class Kind:
    """A column's type, and the two ways through it, which `None` (NULL) never takes.

    `None` for a way means that every value passes unchanged.
    """

    type: TypeEngine[Any]
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None
    nullable: bool = False


def optional(kind: Kind) -> Kind:
    """Return *kind* with `None` allowed, stored as NULL."""
    return evolve(kind, nullable=True)


def digest_of(value: object) -> bytes:
    """Return *value*; raises `ValueError` unless it is a digest."""
    if not isinstance(value, bytes) or len(value) != 32:
        raise ValueError("a digest has 32 bytes")
    return value


# The texts of scopes, audiences and methods repeat from request to request; their values are immutable and shared.
@lru_cache(maxsize=512)
def _write_words(words: frozenset[str]) -> str:
    return _encode(sorted(words))


@lru_cache(maxsize=512)
def _read_words(text: str) -> frozenset[str]:
    return frozenset(_decode(text))


@lru_cache(maxsize=512)
def _write_list(items: tuple[str, ...]) -> str:
    return _encode(items)


@lru_cache(maxsize=512)
def _read_list(text: str) -> tuple[str, ...]:
    return tuple(_decode(text))


def _read_pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in _decode(text))


def _write_mapping(mapping: Mapping[str, object]) -> str:
    return _encode(dict(mapping))


def _read_mapping(text: str) -> Any:
    return {} if text == "{}" else _decode(text)  # most accounts have no further claims


def _write_secrets(secrets: tuple[ClientSecret, ...]) -> str:
    return _encode([_secret(one) for one in secrets])


def _secret(secret: ClientSecret) -> list[object]:
    known = None if secret.digest is None else digest_of(secret.digest).hex()
    ends = None if secret.expires_at is None else micros(secret.expires_at)
    hashed = () if secret.secret_hash is None else (secret.secret_hash,)
    return [secret.secret_id, known, secret.hint, micros(secret.created_at), ends, *hashed]


def _read_secrets(text: str) -> tuple[ClientSecret, ...]:
    return tuple(
        ClientSecret(
            secret_id=secret_id,
            digest=None if digest is None else Digest(bytes.fromhex(digest)),
            secret_hash=hashed[0] if hashed else None,
            hint=hint,
            created_at=moment_of(created_at),
            expires_at=None if expires_at is None else moment_of(expires_at),
        )
        for secret_id, digest, hint, created_at, expires_at, *hashed in _decode(text)
    )


# `columns` spells out both ways of TIME, and the way back of FLAG, itself.
TEXT = Kind(TEXT_TYPE)
WHOLE = Kind(BigInteger())
FLAG = Kind(Boolean(create_constraint=False), read=bool)
TIME = Kind(BigInteger(), micros, moment_of)
DIGEST = Kind(LargeBinary(32), digest_of)
BYTES = Kind(LargeBinary())
WORDS = Kind(TEXT_TYPE, _write_words, _read_words)
LIST = Kind(TEXT_TYPE, _write_list, _read_list)
PAIRS = Kind(TEXT_TYPE, _encode, _read_pairs)
MAPPING = Kind(TEXT_TYPE, _write_mapping, _read_mapping)
SECRETS = Kind(TEXT_TYPE, _write_secrets, _read_secrets)
