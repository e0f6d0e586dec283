"""Authorization requests under way: kept on the server, bound to the browser that began them."""

from __future__ import annotations

from datetime import timedelta

from ..kernel.browser import INTERACTION, begun_by, transaction_key
from ..kernel.changes import Put
from ..kernel.encoding import Digest
from ..kernel.moment import Moment
from ..kernel.ports import InteractionReads
from ..kernel.problems import Problem
from ..kernel.records import Interaction
from ..kernel.requests import Form
from ..kernel.settings import Settings

_KEPT = timedelta(hours=1)


def begin(
    form: Form, client_id: str, browser: Digest, settings: Settings, moment: Moment
) -> tuple[str, Put]:
    """Return the transaction's secret name and the change that stores the request."""
    transaction = moment.token(INTERACTION)
    expires_at = moment.now + timedelta(seconds=settings.interaction_ttl)
    record = Interaction(
        key=transaction_key(transaction),
        browser=browser,
        client_id=client_id,
        parameters=tuple(form),
        created_at=moment.now,
        expires_at=expires_at,
        keep_until=expires_at + _KEPT,
    )
    return transaction, Put(record)


async def find(
    reads: InteractionReads, transaction: str, browser: Digest | None, moment: Moment
) -> Interaction:
    """Return the interaction that *browser* began; raises `Problem`, for a page."""
    found = begun_by(await reads.interaction(transaction_key(transaction)), browser, moment.now)
    if found is None:
        raise ended()
    return found


def ended() -> Problem:
    """Return the refusal of a transaction that cannot go on."""
    reason = "unknown, used, expired or another browser's transaction"
    return Problem("invalid_request", "This sign-in has expired or was already completed.", reason=reason)
