"""ID tokens (OpenID Connect Core §2, §3.1.3.6)."""

from __future__ import annotations

import hashlib

from ...kernel.encoding import Json, base64url
from ...kernel.moment import Moment
from ...kernel.records import Client, Grant
from ...kernel.settings import Settings
from .unsigned import Unsigned, add_authentication

# The hash of at_hash follows the ID token's own algorithm; EdDSA with Ed25519 uses SHA-512 (RFC 8032 §5.1).
_HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}


def mint_id_token(
    settings: Settings, client: Client, grant: Grant, *, nonce: str | None, moment: Moment
) -> Unsigned:
    """Return the ID token of *grant* for *client*; `at_hash` is added once the access token is known."""
    issued_at = moment.seconds
    claims: Json = {
        "iss": settings.issuer,
        "sub": grant.subject,
        "aud": client.client_id,
        "exp": issued_at + settings.id_token_ttl,
        "iat": issued_at,
        "jti": moment.identifier("id_token_id"),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    add_authentication(claims, grant)
    return Unsigned(_algorithm(settings, client), "JWT", claims)


def _algorithm(settings: Settings, client: Client) -> str:
    """The client's algorithm while the server has a key for it, else the server's."""
    wanted = client.id_token_signed_response_alg
    return wanted if wanted in settings.signing_algorithms else settings.jwt_algorithm


def at_hash(access_token: str, algorithm: str) -> str:
    """Return the left half of the hash of *access_token* (OpenID Connect Core §3.1.3.6)."""
    hashed = _HASHES[algorithm](access_token.encode("ascii")).digest()
    return base64url(hashed[: len(hashed) // 2])
