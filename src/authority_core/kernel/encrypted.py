"""The columns that hold ciphertext: how each is bound to its record, and how all of them are gone through.

A column that is not in `COLUMNS` is lost when its key is taken away; whoever encrypts a new one adds it here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import evolve, frozen

from .ports import Storage
from .records import Mutable, SigningKey

SIGNING_KEYS: Final = "signing_keys.private_jwk"


def context(column: str, key: str) -> str:
    """Return what binds a ciphertext to one *column* of the record called *key*."""
    return f"{column}:{key}"


@frozen
class EncryptedColumn:
    """One column: *page* returns records with their keys, beyond one of these; *read* returns one as it is now."""

    name: str
    page: Callable[[Storage, str | None], Awaitable[Sequence[tuple[str, Mutable]]]]
    read: Callable[[Storage, str], Awaitable[Mutable | None]]
    sealed: Callable[[Mutable], bytes | None]
    resealed: Callable[[Mutable, bytes], Mutable]


async def _keys(storage: Storage, after: str | None) -> Sequence[tuple[str, Mutable]]:
    return [(key.kid, key) for key in await storage.signing_keys()] if after is None else ()


async def _key(storage: Storage, kid: str) -> SigningKey | None:
    return next((key for key in await storage.signing_keys() if key.kid == kid), None)


def _private_jwk(record: Mutable) -> bytes | None:
    return record.private_jwk if isinstance(record, SigningKey) else None


def _with_private_jwk(record: Mutable, sealed: bytes) -> Mutable:
    return evolve(record, private_jwk=sealed) if isinstance(record, SigningKey) else record


COLUMNS: Final = (EncryptedColumn(SIGNING_KEYS, _keys, _key, _private_jwk, _with_private_jwk),)
"""Every column that holds ciphertext."""
