"""What may be forgotten is forgotten on use: cleaning up changes no answer, whenever it comes."""

from __future__ import annotations

import pytest

from support.relying_party import RelyingParty, error_of, json_of
from support.server import make_server

REFUSED = (400, "invalid_grant")
HOUR, DAY = 3600, 86_400
KEPT_CODE = 60 + 600
"""Seconds from the issue of a code until it may be forgotten: its life, and ten minutes."""
LIFE = 30 * DAY
"""Seconds that a refresh token lives."""


@pytest.fixture(params=[False, True], ids=["kept", "cleaned up"])
def world(request: pytest.FixtureRequest):
    """A server, and a function that lets time pass, after which storage forgets what it may, or has not come to it."""
    server = make_server()

    def later(seconds: float) -> None:
        server.clock.wind(seconds=seconds)
        if request.param:
            server.storage.cleanup(server.clock.now)

    return RelyingParty(server), later


@pytest.mark.parametrize(("seconds", "ends"), [(KEPT_CODE - 1, True), (KEPT_CODE, False), (DAY, False)])
def test_a_replayed_code_ends_its_grant_as_long_as_it_is_known(world, seconds: int, ends: bool):
    """Ten minutes beyond its life; afterwards it is a stranger's word."""
    party, later = world
    code = party.code(scope="openid offline_access")
    tokens = json_of(party.redeem(code))
    later(seconds)

    assert error_of(party.redeem(code)) == REFUSED
    assert party.refresh(tokens["refresh_token"]).status == (400 if ends else 200)


@pytest.mark.parametrize(("seconds", "ends"), [(LIFE + DAY - 1, True), (LIFE + DAY, False)])
def test_a_replayed_refresh_token_ends_its_grant_as_long_as_it_is_known(world, seconds: int, ends: bool):
    """A day beyond its life; its successors live on afterwards."""
    party, later = world
    first = party.tokens(scope="openid offline_access")["refresh_token"]
    last = first
    for _ in range(2):
        later(seconds / 2 - HOUR)
        last = json_of(party.refresh(last))["refresh_token"]
    later(2 * HOUR)

    assert error_of(party.refresh(first)) == REFUSED
    assert party.refresh(last).status == (400 if ends else 200)
