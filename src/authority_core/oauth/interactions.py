"""Authorization requests under way: kept on the server, bound to the browser that began them."""

from __future__ import annotations

from datetime import timedelta

from ..kernel.browser import INTERACTION, Over, transaction_key, under_way
from ..kernel.changes import Put
from ..kernel.encoding import Digest
from ..kernel.moment import Moment
from ..kernel.ports import InteractionReads
from ..kernel.problems import Problem
from ..kernel.records import Interaction
from ..kernel.requests import Form
from ..kernel.settings import Settings

_KEPT = timedelta(hours=1)

_NOT_HERE = "This sign-in did not begin in this browser, or the server no longer knows it."
_TOLD = {
    Over.NO_COOKIE: "This browser sent no cookie: the sign-in began in another one, or cookies are blocked here.",
    # Both in the same words: whoever has only the address of somebody else's sign-in learns nothing about it.
    Over.UNKNOWN: _NOT_HERE,
    Over.ELSEWHERE: _NOT_HERE,
    Over.USED: "This sign-in was already completed.",
    Over.EXPIRED: "This sign-in took too long and has expired.",
}
"""What the person is told; the page says what to do."""


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
    found = under_way(await reads.interaction(transaction_key(transaction)), browser, moment.now)
    if isinstance(found, Over):
        raise Problem("invalid_request", _TOLD[found], reason=f"the transaction cannot go on: {found.value}")
    return found
