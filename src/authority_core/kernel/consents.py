"""What a person allowed a client: whether it counts, and until when it is kept. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from attrs import evolve

from .moment import expired
from .records import Client, Consent

KEPT: Final = timedelta(days=30)
"""How long a consent that has ended is kept. It counts for nothing by then.

But whoever read it while it counted has long written over it or lost to somebody who did, so that no version number
comes twice within one request; and a copy that is brought up to date by export and import hears of the end.
"""
_LAST = datetime.max.replace(tzinfo=timezone.utc) - KEPT


def holds(consent: Consent, client: Client, now: datetime) -> bool:
    """Tell whether *consent* counts: given to this very *client* (ids may have had other owners) and not over."""
    if consent.revoked_at is not None or consent.granted_at < client.begins:
        return False
    return consent.expires_at is None or not expired(consent.expires_at, now)


def kept(consent: Consent) -> Consent:
    """Return *consent* with the time after which it may be forgotten: 30 days after its end, none while it has none."""
    ends = [end for end in (consent.expires_at, consent.revoked_at) if end is not None]
    keep_until = min(ends) + KEPT if ends and min(ends) <= _LAST else None
    return evolve(consent, keep_until=keep_until)
