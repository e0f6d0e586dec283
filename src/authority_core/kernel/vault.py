"""Secrets at rest and keys derived from the master secret.

One master secret encrypts and derives; earlier ones still decrypt. Every purpose has a key of its own (HKDF-SHA-256,
RFC 5869), so that a cookie key never opens a database column. It knows nothing of what it protects.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .moment import entropy
from .settings import Settings
from .values import Secret

_VERSION: Final = b"\x01"
_NONCE: Final = 12
_KEY_ID: Final = 8
_HEAD: Final = len(_VERSION) + _KEY_ID
_TAG: Final = 16


class CannotDecrypt(Exception):
    """A stored secret does not open; the message names the record and what to do, never the data."""


class UnderNoKey(CannotDecrypt):
    """It was encrypted under a key that is not among those given: the secret is missing."""


class Damaged(CannotDecrypt):
    """It is not what was once encrypted for this record: no secret opens it."""


def derive(secret: Secret, purpose: str) -> bytes:
    """Return 32 key bytes for *purpose*, independent of every other purpose."""
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"authority:" + purpose.encode("utf-8"))
    return kdf.derive(secret.reveal().encode("utf-8"))


@frozen(eq=False)
class Vault:
    """AES-256-GCM under a rotatable key list: the first key encrypts, all decrypt."""

    _ciphers: dict[bytes, AESGCM] = field(repr=False)
    _first: bytes = field(repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Vault:
        """Derive the key list from `secret_key` and `secret_key_previous`."""
        ciphers = {}
        for secret in (settings.secret_key, *settings.secret_key_previous):
            ciphers[derive(secret, "vault-id")[:_KEY_ID]] = AESGCM(derive(secret, "vault"))
        return cls(ciphers, next(iter(ciphers)))

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt *plaintext*, bound to *context* (record and column), so that it cannot be moved elsewhere."""
        nonce = entropy(_NONCE)
        sealed = self._ciphers[self._first].encrypt(nonce, plaintext, context.encode("utf-8"))
        return _VERSION + self._first + nonce + sealed

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what `seal` made for the same *context*; raises `UnderNoKey` or `Damaged`."""
        if sealed[:1] != _VERSION or len(sealed) < _HEAD + _NONCE + _TAG:
            what = "is damaged" if sealed else "is empty"
            raise Damaged(f"{context} {what}: restore it from a backup, for no secret opens it")
        cipher = self._ciphers.get(sealed[1:_HEAD])
        if cipher is None and all(_opened(one, sealed, context) is None for one in self._ciphers.values()):
            raise UnderNoKey(f"{context} is under no secret that was given: is secret_key_previous complete?")
        plain = None if cipher is None else _opened(cipher, sealed, context)
        if plain is None:  # also where only the mark of the key is not what it was
            what = "is damaged or was moved from another record"
            raise Damaged(f"{context} {what}: restore it from a backup, for no secret opens it")
        return plain

    def current(self, sealed: bytes) -> bool:
        """Tell whether *sealed* says that it is under the key that encrypts now; whether it opens is another matter."""
        return sealed[1:_HEAD] == self._first


def _opened(cipher: AESGCM, sealed: bytes, context: str) -> bytes | None:
    try:
        return cipher.decrypt(sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :], context.encode("utf-8"))
    except InvalidTag:
        return None
