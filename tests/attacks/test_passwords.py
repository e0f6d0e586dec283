"""Attacks on the changing of passwords, each with the change that must go through."""

from __future__ import annotations

import pytest

from support.browser import hidden_fields
from support.checks import Unchanged, is_page
from support.server import PASSWORD
from support.transports import in_loop

NEW = "Another-Horse-22"


def asked(world, browser, who="alice", user_id="u1"):
    """Return the page that asks *who* for a new password."""
    world.server.change_user(user_id, password_must_change=True)
    world.server.clock.wind(seconds=1)
    page = browser.follow(browser.sign_in(who))
    assert b"new_password" in page.body
    return page


def password_is(world, password, user_id="u1"):
    known = world.server.storage.user(user_id).password_hash
    return in_loop(world.server.authority.passwords.verify(password, known))


def refused(response):
    """No way on, and no session."""
    assert response.status in (400, 403)
    assert response.header("location") is None
    assert not [value for name, value in response.headers if name == "set-cookie" and "session_id" in value]


def test_a164_whether_a_password_must_change_is_not_told(world):
    """Wrong passwords get the same bytes whether it must or not; only the right one leads to the page."""
    world.server.change_user("u1", password_must_change=True)
    answers = {}
    for who in ("alice", "bob"):
        browser = world.browser()
        page = browser.get("/signin")
        answer = browser.sign_in(who, "wrong", page=page)
        token = hidden_fields(answer)["csrf_token"].encode()
        bare = answer.body.replace(token, b"").replace(who.encode(), b"who")
        answers[who] = (answer.status, bare)

    assert answers["alice"] == answers["bob"]
    assert asked(world, world.browser()).status == 200


def test_a174_sessions_survive_a_password_change(world):
    """Two browsers and their tokens: all ended, in every browser, and the one that changed it has a new session."""
    party, here, there = world.party(), world.browser(), world.browser()
    mine, others = party.tokens(browser=here), party.tokens(browser=there)
    bobs = party.tokens("bob")
    before = here.cookies.pop("session_id")
    page = asked(world, here)
    assert here.choose(page, NEW).status == 303
    fresh = party.tokens(browser=here)

    assert there.get("/profile").status == 302
    for tokens in (mine, others):
        assert not party.alive(tokens["access_token"])
        assert party.refresh(tokens["refresh_token"]).status == 400
    assert here.cookies["session_id"] != before
    assert here.get("/profile").status == 200
    assert party.alive(fresh["access_token"])
    assert party.refresh(bobs["refresh_token"]).status == 200


def test_a176_a_password_changed_without_the_present_one(world):
    """A session changes nothing, nor a form made up; the pending sign-in is the proof of the present password."""
    browser = world.browser()
    browser.sign_in("alice")
    token = hidden_fields(browser.get("/signout"))["csrf_token"]
    form = {"csrf_token": token, "new_password": NEW, "confirm_new_password": NEW, "user_id": "u1", "username": "alice"}

    with Unchanged(world.server):
        refused(browser.post("/password/change", form))
        refused(browser.post("/password/change", {**form, "ticket": "u1"}))
        refused(browser.post("/password/change", {**form, "ticket": "x" * 43}))
    assert password_is(world, PASSWORD)
    stranger = world.browser()
    assert stranger.choose(asked(world, stranger), NEW, user_id="u2", username="bob").status == 303
    assert password_is(world, NEW)
    assert password_is(world, PASSWORD, "u2")


@pytest.mark.parametrize("door", ["/profile", "/signin", "/authorize", "prompt=none", "old session"])
def test_a203_another_door_around_the_new_password(world, door):
    """No session, no code and no token before it is chosen, whichever way is tried."""
    party, browser = world.party(), world.browser()
    browser.sign_in("alice")
    session = browser.cookies["session_id"]
    party.code(browser)
    browser.cookies.pop("session_id")
    page = asked(world, browser)
    if door == "old session":
        browser.cookies["session_id"] = session
    if door in ("/profile", "old session"):
        assert browser.get("/profile").header("location") == "http://localhost:4000/signin"
    if door == "/signin":
        assert b'name="password"' in browser.get("/signin").body
    if door in ("/authorize", "old session"):
        assert b'name="password"' in browser.follow(browser.get(party.url())).body
    if door == "prompt=none":
        assert "error=login_required" in (browser.get(party.url(prompt="none")).header("location") or "")

    assert world.server.told("code.issued")[1:] == []
    assert browser.choose(page, NEW).status == 303
    assert "code=" in (browser.get(party.url()).header("location") or "")


def test_a205_a_pending_sign_in_is_bound_and_short(world):
    """Another browser, a spent, an expired or a mixed up ticket: refused, with nothing set; the right one goes on."""
    browser, thief = world.browser(), world.browser()
    page = asked(world, browser)
    bobs = asked(world, thief, "bob", "u2")
    ticket, stolen = hidden_fields(page)["ticket"], hidden_fields(bobs)["ticket"]
    form = {"new_password": NEW, "confirm_new_password": NEW}

    with Unchanged(world.server):
        is_page(thief.get(f"/password/change?ticket={ticket}"), 400)
        is_page(thief.post("/password/change", {**hidden_fields(page), **form}), 403)
        is_page(thief.post("/password/change", {**hidden_fields(bobs), **form, "ticket": ticket}), 403)
        is_page(browser.post("/password/change", {**hidden_fields(page), **form, "ticket": stolen}), 403)
    assert browser.choose(page, NEW).status == 303
    refused(browser.choose(page, "Third-Horse-333"))
    world.server.clock.wind(minutes=10)
    refused(thief.choose(bobs, NEW))
    assert password_is(world, NEW)
    assert password_is(world, PASSWORD, "u2")
    again = asked(world, thief, "bob", "u2")
    assert thief.choose(again, NEW).status == 303


def test_a187_long_passwords(world):
    """A new password beyond the limit is refused before it is hashed; at the limit every character counts."""
    browser = world.browser()
    page = asked(world, browser)
    longest = "Aa1-" + "x" * 124

    for text in (longest + "x", longest * 100):
        refused(browser.choose(page, text))
    assert browser.choose(page, longest).status == 303
    assert not password_is(world, longest[:-1])
    assert world.browser().sign_in("alice", longest[:127] + "y").status == 401
    assert world.browser().sign_in("alice", longest).status == 303
