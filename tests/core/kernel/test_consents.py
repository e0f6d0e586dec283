"""A consent counts for the client it was given to until its end, and is kept for thirty days more."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from attrs import evolve

from authority_core.kernel.consents import KEPT, holds, kept
from authority_core.testing.contract.samples import LATER, NOW, TICK, a_client, a_consent

CLIENT, CONSENT = evolve(a_client(), created_at=NOW), a_consent()
LATEST = datetime.max.replace(tzinfo=timezone.utc)


def test_consent_counts_until_its_end():
    """Without an end for ever; with one, up to that instant and not at it; withdrawn, never again."""
    over = evolve(CONSENT, expires_at=LATER)

    assert holds(CONSENT, CLIENT, LATEST)
    assert holds(over, CLIENT, LATER - TICK)
    assert not holds(over, CLIENT, LATER)
    assert not holds(evolve(CONSENT, revoked_at=LATER), CLIENT, NOW)


def test_consent_counts_for_the_client_it_was_given_to():
    """One that was given before the client was made was given to another of its id."""
    assert holds(CONSENT, CLIENT, NOW)
    assert not holds(CONSENT, evolve(CLIENT, created_at=NOW + TICK), NOW)


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "end"),
    [
        (None, None, None),
        (LATER, None, LATER),
        (None, LATER, LATER),
        (NOW, LATER, NOW),
        (LATER, NOW, NOW),
        (LATEST, NOW, NOW),
    ],
)
def test_consent_is_kept_for_thirty_days_after_its_end(expires_at, revoked_at, end):
    """Whichever of the two ends comes first; what has none is kept."""
    ended = evolve(CONSENT, expires_at=expires_at, revoked_at=revoked_at, keep_until=NOW - timedelta(days=99))

    assert timedelta(days=30) == KEPT
    assert kept(ended) == evolve(ended, keep_until=None if end is None else end + KEPT)


def test_an_end_beyond_all_calendars_is_none():
    """Nobody waits until the year ten thousand to forget."""
    assert kept(evolve(CONSENT, expires_at=LATEST)).keep_until is None
    assert kept(evolve(CONSENT, expires_at=LATEST - KEPT)).keep_until == LATEST
