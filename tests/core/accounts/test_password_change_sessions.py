"""What a password that must be changed, and the change of it, do to sessions and tokens that exist."""

from __future__ import annotations

import pytest

from support.browser import answer_of
from support.password_change import NEW, asked, server_where_alice_must_change
from support.relying_party import RelyingParty


@pytest.fixture
def server():
    """Alice's password must be changed."""
    return server_where_alice_must_change()


def test_older_sessions_and_grants_end_and_the_new_one_lives(server):
    """Whoever had the old password may hold them."""
    server.change_user("u1", password_must_change=False)
    party, old, browser = RelyingParty(server), server.browser(), server.browser()
    tokens = party.tokens(browser=old)
    server.change_user("u1", password_must_change=True)
    server.clock.wind(seconds=1)
    browser.choose(asked(browser), NEW)

    assert browser.get("/profile").status == 200
    assert old.get("/profile").status == 302
    assert not party.alive(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).status == 400
    fresh = party.tokens(browser=browser)
    assert party.alive(fresh["access_token"])
    assert party.refresh(fresh["refresh_token"]).status == 200


def test_a_session_counts_for_nothing_while_the_password_must_change(server):
    """Marked while signed in: the next request is nobody's, no code, no token; the change makes it good again."""
    server.change_user("u1", password_must_change=False)
    party, browser = RelyingParty(server), server.browser()
    tokens = party.tokens(browser=browser)
    assert party.userinfo(tokens["access_token"]).status == 200
    server.change_user("u1", password_must_change=True)

    assert browser.get("/profile").header("location") == "http://localhost:4000/signin"
    assert answer_of(browser.get(party.url(prompt="none")))["error"] == "login_required"
    assert party.userinfo(tokens["access_token"]).status == 401
    assert not party.alive(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).status == 400
    page = browser.follow(browser.get(party.url()))
    assert b'name="password"' in page.body
    onward = browser.follow(browser.choose(asked(browser, page), NEW))
    assert "code" in answer_of(onward)


def test_another_persons_session_in_this_browser_ends(server):
    """As at any sign-in: one browser, one person."""
    browser = server.browser()
    page = browser.get("/signin")
    browser.sign_in("bob", page=page)
    waiting = asked(browser, page)
    assert b"Bob" in browser.get("/profile").body

    browser.choose(waiting, NEW)

    assert b"Alice" in browser.get("/profile").body
    assert server.storage.sessions("u2")[0].revoked_at is not None
