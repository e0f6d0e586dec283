"""Client secrets: what ours are, what other systems' may be, and the form in which each is kept.

A generated secret has 256 random bits, and one SHA-256 protects it. One that came from elsewhere and is less is kept
as people's passwords are, as a slow hash; so is one of which only such a hash is known.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from .encoding import base64url, digest
from .moment import Moment, expired
from .passwords import COMMON
from .records import ClientSecret

KIND: Final = "client_secret"
"""The kind mixed into the digest."""
_ID: Final = "client_secret_hash"
LEAST: Final = 16
LEAST_DIFFERENT: Final = 8
"""Characters, and different ones, that a secret of another system has at least."""
DIFFERENT: Final = 20
"""Different characters that a random secret has at least; of 43 there are 31, give or take three."""
_GENERATED = re.compile(r"[A-Za-z0-9_-]{43,128}\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,1024}\Z")


def generated(secret: str) -> bool:
    """Tell whether *secret* looks like one of ours: 256 bits or more in base64url."""
    return _GENERATED.match(secret) is not None


def random_looking(secret: str) -> bool:
    """Tell whether *secret*, which somebody else made, is `generated` as far as can be seen: no words, no repetition.

    Of random ones, seven in ten thousand do not look it, and are kept as a slow hash for nothing.
    """
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = all(any(map(kind, secret)) for kind in kinds) and len(set(secret)) >= DIFFERENT
    return mixed and generated(secret)


def foreign_faults(secret: str) -> list[str]:
    """Return why *secret*, which another system kept, may not be a client's."""
    if not _PRINTABLE.match(secret):
        return ["has 1 to 1024 printable characters of ASCII (RFC 6749 appendix A.2)."]
    if len(secret) < LEAST or len(set(secret)) < LEAST_DIFFERENT or secret.lower() in COMMON:
        rule = f"{LEAST} characters or more, {LEAST_DIFFERENT} of them different"
        return [f"is too easy to guess: give the client a new one, or one of {rule}."]
    return []


def kept_digest(secret: str, moment: Moment) -> ClientSecret:
    """Return a `generated` *secret* as it is stored."""
    return ClientSecret(
        secret_id=moment.identifier("secret_id"), digest=digest(KIND, secret), hint=secret[-4:], created_at=moment.now
    )


def kept_hash(secret_hash: str, moment: Moment, *, secret_id: str | None = None) -> ClientSecret:
    """Return a secret of which *secret_hash* is kept; no hint tells a part of what may be short."""
    secret_id = secret_id or moment.identifier("secret_id")
    return ClientSecret(secret_id=secret_id, secret_hash=secret_hash, hint="", created_at=moment.now)


def id_of_hash(secret_hash: str) -> str:
    """Return the id of a secret that came as *secret_hash*: by it one knows it again when a better one is kept."""
    return base64url(digest(_ID, secret_hash)[:16])


def live(secret: ClientSecret, now: datetime) -> bool:
    """Tell whether *secret* still counts at *now*."""
    return secret.expires_at is None or not expired(secret.expires_at, now)
