"""When a grant is over: at its own end, or at the end that today's settings give it, whichever comes first.

Lowered limits apply at once. It has to be so: the marks of what was ended are kept as long as today's settings let
grants live, and a grant that outlived them would come alive when its mark is forgotten.
"""

from __future__ import annotations

from datetime import datetime

from ...kernel.moment import expired, seconds
from ...kernel.records import Grant
from ...kernel.settings import Settings


def over(grant: Grant, settings: Settings, now: datetime) -> bool:
    """Tell whether *grant* has reached its end; whether it was ended before is not asked here."""
    longest = max(settings.refresh_token_absolute_ttl, settings.code_ttl + settings.access_token_ttl)
    return expired(grant.expires_at, now) or expired(grant.created_at + seconds(longest), now)
