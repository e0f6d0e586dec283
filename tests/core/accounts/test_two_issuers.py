"""Two servers on one host share its cookies: a name for each session lets them live side by side."""

from __future__ import annotations

import pytest

from support.browser import answer_of, hidden_fields
from support.relying_party import RelyingParty
from support.server import make_server

HERE, THERE = "https://example.com/here", "https://example.com/there"


def pair(*keys):
    """Two servers on one host, and for each the browser of one person, who has one jar for both."""
    servers = [
        make_server(issuer=issuer, session_key=key, secret_key=f"{issuer}, a secret of its own")
        for issuer, key in zip((HERE, THERE), keys, strict=True)
    ]
    for _ in range(1000):  # so that the two draw different secrets
        servers[1].clock()
    browsers = [server.browser() for server in servers]
    browsers[1].cookies = browsers[0].cookies
    return servers, browsers


def signed_in(browser):
    return browser.get("/profile").status == 200


def test_each_has_a_session_of_its_own():
    """Signed in here as Alice and there as Bob; signing out here leaves the other alone."""
    _, (here, there) = pair("here_session", "there_session")
    here.sign_in("alice")
    there.sign_in("bob")

    assert b"Alice" in here.get("/profile").body
    assert b"Bob" in there.get("/profile").body
    here.sign_out()
    assert not signed_in(here)
    assert signed_in(there)
    assert {name for name in here.cookies if "session" in name} == {"__Host-there_session"}


def test_with_one_name_the_later_sign_in_ends_the_earlier():
    """What the guide warns of: nobody is taken for another, but people are signed out."""
    _, (here, there) = pair("session_id", "session_id")
    here.sign_in("alice")
    there.sign_in("bob")

    assert signed_in(there)
    assert not signed_in(here)


@pytest.mark.parametrize("keys", [("here_session", "there_session"), ("session_id", "session_id")])
def test_what_began_at_one_is_unknown_at_the_other(keys):
    """The cookie that knows a browser again is shared and ties nothing together: neither requests nor forms."""
    servers, (here, there) = pair(*keys)
    page = here.follow(here.get(RelyingParty(servers[0]).url()))
    waiting = there.follow(there.get(RelyingParty(servers[1]).url()))
    stray = there.get(f"/authorize?transaction={hidden_fields(page)['transaction']}")
    foreign = there.sign_in("alice", page=waiting, csrf_token=hidden_fields(page)["csrf_token"])

    assert (stray.status, foreign.status) == (400, 403)
    assert "code" in answer_of(here.approve(here.follow(here.sign_in("alice", page=page))))
    assert "code" in answer_of(there.approve(there.follow(there.sign_in("alice", page=waiting))))
