"""Time and chance: the only file that reads a clock or draws randomness.

A `Moment` is drawn by the shell once per attempt and handed to pure decisions, which therefore replay exactly.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b

from attrs import field

from .encoding import base64url
from .values import transient

MomentSource = Callable[[], "Moment"]
"""Draws the moment of one attempt; `system_moment` in production, a hand-wound clock in tests."""


@transient
class Moment:
    """An instant and the chance that belongs to it.

    *now* is aware and in UTC. *entropy* is 64 random bytes; each label draws an independent secret from them,
    so a decision may draw as many as it likes and stays a function. BLAKE2b over entropy and label is pseudo-random,
    for it cannot be extended as SHA-256 can, at a quarter of the price of HMAC. How much is drawn is hashed too
    (RFC 7693 §2.5), so the identifier of a label tells nothing of its token. The last 16 bytes name the moment in
    public; 48 that nobody is ever told remain.
    """

    now: datetime
    entropy: bytes = field(repr=False)

    def token(self, label: str) -> str:
        """Return 256 secret bits as 43 characters of base64url, always the same for the same *label*."""
        return base64url(blake2b(self.entropy + label.encode(), digest_size=32).digest())

    def identifier(self, label: str) -> str:
        """Return a public, unguessable identifier of 128 bits (22 characters)."""
        return base64url(blake2b(self.entropy + label.encode(), digest_size=16).digest())

    def token_and_identifier(self, label: str) -> tuple[str, str]:
        """Return a secret of the length of `token`'s and a public identifier for it that tells nothing of it.

        Neither is ever decoded: of 66 characters with 6 bits each, the secret takes 258 bits, the identifier 132.
        """
        drawn = base64url(blake2b(self.entropy + label.encode(), digest_size=49).digest())
        return drawn[:43], drawn[43:65]

    def salt(self, label: str) -> bytes:
        """Return 32 random bytes: those that `token` spells for the same *label*."""
        return blake2b(self.entropy + label.encode(), digest_size=32).digest()

    @property
    def name(self) -> str:
        """A public, unguessable identifier of the moment itself, of 128 bits (22 characters).

        It is the `jti` of a JWT access token and the id of the moment's first line of the audit trail.
        """
        return base64url(self.entropy[48:])

    @property
    def seconds(self) -> int:
        """The instant as a JSON NumericDate: whole seconds since the epoch (RFC 7519 §2)."""
        return int(self.now.timestamp())


def system_moment() -> Moment:
    """Draw the present moment from the system's clock and random generator."""
    return Moment(datetime.now(timezone.utc), os.urandom(64))


def instant(source: MomentSource) -> datetime:
    """Return the present instant of *source*; nothing is drawn for it from the system's random generator."""
    return datetime.now(timezone.utc) if source is system_moment else source().now


def entropy(size: int) -> bytes:
    """Return *size* random bytes for a nonce, which decides nothing and needs no replay."""
    return os.urandom(size)


@lru_cache(maxsize=64)
def seconds(number: int) -> timedelta:
    """Return *number* seconds as a span; the few spans that settings name are made once."""
    return timedelta(seconds=number)


@lru_cache(maxsize=64)
def days(number: int) -> timedelta:
    """Return *number* days as a span."""
    return timedelta(days=number)


def expired(expires_at: datetime, now: datetime) -> bool:
    """Tell whether something that ends at *expires_at* has ended: intervals are half open, decided here alone."""
    return now >= expires_at
