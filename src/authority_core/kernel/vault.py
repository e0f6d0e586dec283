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


class CannotDecrypt(Exception):
    """A stored secret opens under none of the keys; the message names what to check, never the data."""


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
        """Decrypt what `seal` made for the same *context*; raises `CannotDecrypt`."""
        key_id, nonce = sealed[1 : 1 + _KEY_ID], sealed[1 + _KEY_ID : 1 + _KEY_ID + _NONCE]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != _VERSION or cipher is None:
            raise CannotDecrypt(f"{context} was encrypted under another secret key: is secret_key_previous complete?")
        try:
            return cipher.decrypt(nonce, sealed[1 + _KEY_ID + _NONCE :], context.encode("utf-8"))
        except InvalidTag:
            raise CannotDecrypt(f"{context} is damaged or belongs to another record") from None

    def current(self, sealed: bytes) -> bool:
        """Tell whether *sealed* is under the key that encrypts now."""
        return sealed[1 : 1 + _KEY_ID] == self._first
