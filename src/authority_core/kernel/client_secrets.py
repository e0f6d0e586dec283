"""Client secrets: what ours are, what other systems' may be, and the form in which each is kept.

A generated secret has 256 random bits, and one SHA-256 protects it. One that came from elsewhere and is less is kept
as people's passwords are, as a slow hash; so is one of which only such a hash is known.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from .encoding import digest
from .moment import Moment, expired
from .passwords import COMMON
from .records import ClientSecret

KIND: Final = "client_secret"
"""The kind mixed into the digest."""
LEAST: Final = 16
LEAST_DIFFERENT: Final = 8
"""Characters, and different ones, that a secret of another system has at least."""
_GENERATED = re.compile(r"[A-Za-z0-9_-]{43,128}\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,1024}\Z")


def generated(secret: str) -> bool:
    """Tell whether *secret* looks like one of ours: 256 bits or more in base64url."""
    return _GENERATED.match(secret) is not None


def foreign_faults(secret: str) -> list[str]:
    """Return why *secret*, which another system kept, may not be a client's; a `generated` one always may."""
    if not _PRINTABLE.match(secret):
        return ["has 1 to 1024 printable characters of ASCII (RFC 6749 appendix A.2)."]
    weak = len(secret) < LEAST or len(set(secret)) < LEAST_DIFFERENT or secret.lower() in COMMON
    if weak and not generated(secret):
        rule = f"{LEAST} characters or more, {LEAST_DIFFERENT} of them different"
        return [f"is too easy to guess: give the client a new one, or one of {rule}."]
    return []


def kept_digest(secret: str, moment: Moment) -> ClientSecret:
    """Return a `generated` *secret* as it is stored."""
    return ClientSecret(
        secret_id=moment.identifier("secret_id"), digest=digest(KIND, secret), hint=secret[-4:], created_at=moment.now
    )


def kept_hash(secret_hash: str, moment: Moment) -> ClientSecret:
    """Return a secret of which *secret_hash* is kept; no hint tells a part of what may be short."""
    return ClientSecret(
        secret_id=moment.identifier("secret_id"), secret_hash=secret_hash, hint="", created_at=moment.now
    )


def live(secret: ClientSecret, now: datetime) -> bool:
    """Tell whether *secret* still counts at *now*."""
    return secret.expires_at is None or not expired(secret.expires_at, now)
