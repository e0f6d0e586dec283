"""Signing keys made once per process: an RSA key takes 100 ms to make and 40 ms to import."""

from __future__ import annotations

from functools import cache

from authority_core.kernel.encoding import encode_json
from authority_core.kernel.jose import PrivateKey, generate_private_jwk, public_jwk
from authority_core.kernel.records import SigningKey
from authority_core.kernel.settings import Settings
from authority_core.kernel.vault import Vault
from authority_core.testing.moments import START


@cache
def private_jwk(algorithm: str, name: str = "first") -> dict[str, object]:
    """Return the private JWK called *name* for *algorithm*, always the same within a process."""
    return generate_private_jwk(algorithm)


@cache
def public_half(algorithm: str, name: str = "first") -> dict[str, object]:
    """Return the public JWK of `private_jwk` with the same arguments."""
    return public_jwk(private_jwk(algorithm, name), algorithm)


@cache
def signer(algorithm: str, name: str = "first") -> PrivateKey:
    """Return the key ready to sign, under its real `kid`."""
    return PrivateKey.from_jwk(private_jwk(algorithm, name), algorithm, str(public_half(algorithm, name)["kid"]))


def signing_key(settings: Settings, algorithm: str, name: str = "first") -> SigningKey:
    """Return the record of an active key, encrypted under the secret of *settings*."""
    kid = str(public_half(algorithm, name)["kid"])
    sealed = Vault.from_settings(settings).seal(
        encode_json(private_jwk(algorithm, name)).encode(), f"signing_keys.private_jwk:{kid}"
    )
    return SigningKey(
        kid=kid,
        alg=algorithm,
        public_jwk=public_half(algorithm, name),
        private_jwk=sealed,
        state="active",
        created_at=START,
        activated_at=START,
    )
