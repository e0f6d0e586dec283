"""Choosing a new password at sign-in: no session before, one session after, and once."""

from __future__ import annotations

import pytest

from support.browser import answer_of, hidden_fields
from support.password_change import NEW, asked, knows, server_where_alice_must_change
from support.relying_party import RelyingParty, claims_of
from support.server import PASSWORD


@pytest.fixture
def server():
    """Alice's password must be changed."""
    return server_where_alice_must_change()


def test_the_right_password_leads_to_the_page_and_to_no_session(server):
    """303 to a page of its own; nobody is signed in, there or anywhere, and the trail says what was asked."""
    browser = server.browser()
    answer = browser.sign_in("alice")

    assert answer.status == 303
    assert (answer.header("location") or "").startswith("http://localhost:4000/password/change?ticket=")
    assert "session_id" not in browser.cookies
    assert server.storage.sessions("u1") == []
    page = browser.follow(answer)
    assert page.status == 200
    assert b"Choose a new password" in page.body
    assert b"Use at least 12 characters." in page.body
    assert browser.get("/profile").header("location") == "http://localhost:4000/signin"
    assert [event.name for event in server.events] == ["password.change_asked"]


def test_who_need_not_change_is_signed_in(server):
    """The control: Bob's sign-in is an ordinary one."""
    browser = server.browser()

    assert browser.sign_in("bob").header("location") == "http://localhost:4000/profile"
    assert browser.get("/profile").status == 200


def test_a_new_password_signs_in(server):
    """The password is set, the flag is gone, a session begins as after any sign-in, and the old password is dead."""
    browser = server.browser()
    page = asked(browser)
    server.clock.wind(seconds=30)
    done = browser.choose(page, NEW)

    assert (done.status, done.header("location")) == (303, "http://localhost:4000/profile")
    assert browser.get("/profile").status == 200
    user, (session,) = server.storage.user("u1"), server.storage.sessions("u1")
    assert not user.password_must_change
    assert user.password_changed_at == user.last_login_at == session.auth_time == session.created_at == server.clock.now
    assert knows(server, NEW)
    assert [event.name for event in server.events[1:]] == ["password.changed", "user.login", "session.created"]
    assert {(event.subject, event.session_id) for event in server.events[1:]} == {("u1", session.session_id)}
    assert server.browser().sign_in("alice", PASSWORD).status == 401
    again = server.browser()
    assert again.sign_in("alice", NEW).header("location") == "http://localhost:4000/profile"


def test_the_application_that_waits_gets_its_code(server):
    """The authorization request goes on as if the sign-in had been one step, with the time of the last."""
    browser, party = server.browser(), RelyingParty(server)
    page = asked(browser, browser.follow(browser.get(party.url(prompt="login"))))
    assert b"The web" in page.body
    server.clock.wind(minutes=5)
    consent = browser.follow(browser.choose(page, NEW))
    tokens = party.redeem(answer_of(browser.approve(consent))["code"])

    assert tokens.status == 200
    assert claims_of(tokens.body.decode().split('"id_token":"')[1].split('"')[0])["auth_time"] == int(
        server.clock.now.timestamp()
    )


@pytest.mark.parametrize(("remember", "lasts"), [("on", True), ("", False)])
def test_remember_is_kept_from_the_sign_in(server, remember, lasts):
    """The cookie's life is what was ticked on the first page."""
    browser = server.browser()
    done = browser.choose(asked(browser, remember=remember), NEW)

    cookies = [value for name, value in done.headers if name == "set-cookie"]
    assert ["Max-Age" in cookie for cookie in cookies if cookie.startswith("session_id=")] == [lasts]
    assert server.storage.sessions("u1")[0].remember is lasts


def test_who_is_signed_in_has_nothing_to_choose_here(server):
    """After it is done, or for who never had to: the page leads home."""
    browser = server.browser()
    address = browser.sign_in("alice").header("location")
    browser.choose(browser.get(address), NEW)

    assert browser.get(address).header("location") == "http://localhost:4000/profile"
    assert browser.get("/password/change").header("location") == "http://localhost:4000/profile"


def test_the_page_may_lead_to_another_origin(server):
    """Its form may end at the application, so the policy must let it; nothing else of the policy is looser."""
    browser = server.browser()
    page, sign_in = asked(browser), browser.get("/signin")

    assert page.header("content-security-policy") == sign_in.header("content-security-policy")
    assert "form-action" not in (page.header("content-security-policy") or "")
    assert (page.header("referrer-policy"), page.header("cache-control")) == ("same-origin", "no-store")


def test_the_name_of_the_account_may_be_an_address(server):
    """The page is made of what there is."""
    server.change_user("u1", username=None, claims={})
    browser = server.browser()

    page = browser.follow(browser.sign_in("alice@example.com"))
    assert page.body.count(b"alice@example.com") >= 1
    assert browser.choose(page, NEW).status == 303


def test_a_wrong_password_tells_nothing(server):
    """Whether a password must change is learnt with the right one only; wrong ones count as ever."""
    browser = server.browser()
    marked, plain = (browser.sign_in(who, "wrong") for who in ("alice", "bob"))

    def bare(page):
        return page.body.replace(hidden_fields(page)["csrf_token"].encode(), b"").replace(b"alice", b"bob")

    assert (marked.status, plain.status) == (401, 401)
    assert bare(marked) == bare(plain)


def test_the_right_password_forgives_the_wrong_ones(server):
    """Whoever leaves the page and signs in again, three times over, is not locked out."""
    browser = server.browser()
    for _ in range(3):
        assert [browser.sign_in("alice", "wrong").status for _ in range(4)] == [401] * 4
        assert asked(browser).status == 200
