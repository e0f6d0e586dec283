"""Refresh tokens: the first of a grant is drawn, every further one is derived from the one presented.

`successor = BLAKE2b(key=presented token, "successor" ‖ salt)`, keyed (RFC 7693 §2.9), which promises what HMAC does at
a fifth of the price; the salt is random and kept in the spent mark. A repeat within the reuse interval therefore gets
the same successor and nothing needs storing in the clear. The database alone cannot compute it, nor can an old token
without the database.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b, sha256

from ...kernel.encoding import base64url, digest
from ...kernel.moment import Moment, seconds
from ...kernel.records import Client, Grant, RefreshToken
from ...kernel.settings import Settings

KIND = "refresh_token"
GRACE = timedelta(days=1)
_LONGEST_KEY = blake2b.MAX_KEY_SIZE
"""Bytes; a token of ours has 43."""


def successor_of(presented: str, salt: bytes) -> str:
    """Return the one successor of the *presented* token under the *salt* of its spent mark."""
    key = presented.encode("utf-8", "surrogatepass")
    if len(key) > _LONGEST_KEY:  # a foreign token; as HMAC does it (RFC 2104 §2)
        key = sha256(key).digest()
    return base64url(blake2b(b"successor" + salt, digest_size=32, key=key).digest())


def refresh_record(
    token: str, grant: Grant, generation: int, settings: Settings, moment: Moment
) -> RefreshToken:
    """Return the record of *token*: it lives `refresh_token_ttl` from now, never beyond its grant."""
    expires_at = min(moment.now + seconds(settings.refresh_token_ttl), grant.expires_at)
    keep_until = expires_at + GRACE  # until then a used token is recognised, and ends its grant
    return RefreshToken(digest(KIND, token), grant.grant_id, generation, expires_at, keep_until)


def may_refresh(client: Client, scope: frozenset[str], settings: Settings) -> bool:
    """Tell whether a grant of *scope* comes with a refresh token (OpenID Connect Core §11)."""
    return "refresh_token" in client.grant_types and (
        "offline_access" in scope or client.always_issue_refresh_token or settings.issue_refresh_without_offline_access
    )
