"""Sessions: new at every sign-in, ended by idleness, by age, by hand, and with them their tokens."""

from __future__ import annotations

import pytest

from authority_core.kernel.changes import CutOff, Revoke
from authority_core.kernel.encoding import digest
from support.checks import Unchanged, is_page
from support.relying_party import RelyingParty, claims_of
from support.server import make_server


@pytest.fixture
def server():
    return make_server()


def signed_in(browser) -> bool:
    return browser.get("/profile").status == 200


def test_the_cookie_is_new_at_every_sign_in(server):
    """A planted cookie is never adopted; the old one is dead afterwards."""
    browser = server.browser()
    browser.cookies["session_id"] = "p" * 43
    browser.sign_in("alice")
    first = browser.cookies["session_id"]
    browser.sign_in("alice", page=server.browser().get("/signin") and _page(browser))
    second = browser.cookies["session_id"]

    assert len({"p" * 43, first, second}) == 3
    assert signed_in(browser)
    browser.cookies["session_id"] = first
    assert not signed_in(browser)


def _page(browser):
    """The sign-in form as shown to one who is signed in, for a request that wants a fresh sign-in."""
    kept = dict(browser.cookies)
    del browser.cookies["session_id"]
    page = browser.get("/signin")
    browser.cookies = kept
    return page


def test_the_same_persons_session_goes_on_and_anothers_ends(server):
    """The `sid` stays for the same person; for another it is new and the old one is revoked."""
    browser = server.browser()
    browser.sign_in("alice")
    first = server.storage.sessions("u1")[0]
    server.clock.wind(seconds=10)
    browser.sign_in("alice", page=_page(browser))
    again = server.storage.sessions("u1")
    browser.sign_in("bob", page=_page(browser))

    assert [one.session_id for one in again] == [first.session_id]
    assert again[0].auth_time > first.auth_time
    assert again[0].created_at == first.created_at
    assert server.storage.sessions("u1")[0].revoked_at is not None
    assert server.storage.sessions("u2")[0].session_id != first.session_id


def test_storage_knows_the_digest_only(server):
    """The cookie's secret is nowhere in storage."""
    browser = server.browser()
    browser.sign_in("alice")
    secret = browser.cookies["session_id"]

    assert len(secret) == 43
    assert server.storage.session(digest("session", secret)) is not None
    assert secret not in repr(server.storage._records)


def test_idle_sessions_end(server):
    """Half an hour without a request; every request in between puts it off."""
    browser = server.browser()
    browser.sign_in("alice")
    for _ in range(4):
        server.clock.wind(minutes=29)
        assert signed_in(browser)
    server.clock.wind(minutes=30)
    assert not signed_in(browser)


def test_sessions_end_absolutely(server):
    """Seven days after the sign-in, however busy."""
    browser = server.browser()
    browser.sign_in("alice")
    for _ in range(7 * 24 * 3 - 1):
        server.clock.wind(minutes=20)
        browser.get("/profile")
    assert signed_in(browser)
    server.clock.wind(minutes=20)
    assert not signed_in(browser)


def test_no_idle_end_when_switched_off():
    """Zero minutes means none."""
    server = make_server(idle_timeout_minutes=0)
    browser = server.browser()
    browser.sign_in("alice")
    server.clock.wind(days=6)

    assert signed_in(browser)


def test_lowered_limits_apply_at_once(server):
    """A session made under longer limits ends by today's."""
    browser = server.browser()
    browser.sign_in("alice", remember="on")
    server.clock.wind(minutes=20)
    stricter = make_server(storage=server.storage, idle_timeout_minutes=10)
    stricter.clock.now = server.clock.now
    strict = stricter.browser()
    strict.cookies = dict(browser.cookies)
    assert not signed_in(strict)

    browser.get("/profile")
    shorter = make_server(storage=server.storage, session_duration_days=1, idle_timeout_minutes=0)
    shorter.clock.now = server.clock.now
    short = shorter.browser()
    short.cookies = dict(browser.cookies)
    assert signed_in(short)
    shorter.clock.wind(days=1)
    assert not signed_in(short)


def test_activity_is_written_now_and_then(server):
    """Not with every request: once a minute is enough."""
    browser = server.browser()
    browser.sign_in("alice")
    first = server.storage.sessions("u1")[0]
    server.clock.wind(seconds=59)
    browser.get("/profile")
    assert server.storage.sessions("u1")[0].version == first.version
    server.clock.wind(seconds=1)
    browser.get("/profile")
    assert server.storage.sessions("u1")[0].last_activity > first.last_activity


def test_a_lost_race_of_touching_harms_nobody(server):
    """Another request of the same browser wrote first: this one is signed in all the same."""
    from authority_core.kernel.changes import Conflict, Replace
    from authority_core.kernel.records import Session

    browser = server.browser()
    browser.sign_in("alice")
    server.clock.wind(minutes=2)
    real = server.authority.shell.storage.commit

    async def losing(changes):
        if any(isinstance(change, Replace) and isinstance(change.record, Session) for change in changes):
            raise Conflict
        await real(changes)

    server.authority.shell.storage.commit = losing  # type: ignore[method-assign]  # the race

    assert signed_in(browser)


def test_remembered_or_not(server):
    """Without "remember" the cookie ends with the browser; with it, with the session."""
    forgetful, mindful = server.browser(), server.browser()
    short = forgetful.sign_in("alice").header("set-cookie") or ""
    long = mindful.sign_in("alice", remember="on").header("set-cookie") or ""

    assert "Max-Age" not in short
    assert f"Max-Age={7 * 86400}" in long
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(short.split("; "))


@pytest.mark.parametrize("how", ["revoke", "cut off", "inactive", "gone", "locked"])
def test_sessions_end_with_their_reason(server, how):
    """Revoked, cut off, or the person may not sign in any more: the next request is nobody's."""
    from authority_core.kernel.changes import Remove

    browser = server.browser()
    browser.sign_in("alice")
    assert signed_in(browser)
    session, now = server.storage.sessions("u1")[0], server.clock.now
    match how:
        case "revoke":
            server.write(Revoke("session", session.session_id, now, now))
        case "cut off":
            server.write(CutOff("u1", None, now, now))
        case "inactive":
            server.change_user("u1", active=False)
        case "locked":
            server.change_user("u1", locked_at=now)
        case _:
            server.write(Remove(server.storage.user("u1")))

    assert not signed_in(browser)


def test_signing_out_is_asked_and_posted(server):
    """A GET only asks; the POST ends the session, its cookie and its tokens."""
    party, browser = RelyingParty(server), server.browser()
    tokens = party.tokens(browser=browser)
    cookie = browser.cookies["session_id"]
    page = browser.get("/signout")
    assert page.status == 200
    assert signed_in(browser)
    is_page(browser.post("/signout", {}), 403)
    is_page(browser.submit(page, {"origin": "https://evil.example"}), 403)
    assert party.alive(tokens["access_token"])

    done = browser.submit(page)

    assert (done.status, done.header("location")) == (303, "http://localhost:4000/signed-out")
    assert "session_id" not in browser.cookies
    assert browser.follow(done).status == 200
    browser.cookies["session_id"] = cookie
    assert not signed_in(browser)
    assert not party.alive(tokens["access_token"])
    assert party.userinfo(tokens["access_token"]).status == 401
    assert party.refresh(tokens["refresh_token"]).status == 400
    assert [event.name for event in server.events[-3:-1]] == ["user.logout", "session.revoked"]


def test_tokens_may_outlive_the_session():
    """With `revoke_tokens_on_session_end` off, signing out ends the session alone."""
    server = make_server(revoke_tokens_on_session_end=False)
    party, browser = RelyingParty(server), server.browser()
    tokens = party.tokens(browser=browser)
    browser.sign_out()

    assert party.alive(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).status == 200


def test_tokens_outlive_an_idle_session(server):
    """Idleness ends the session only; `offline_access` means access while away."""
    party, browser = RelyingParty(server), server.browser()
    tokens = party.tokens(browser=browser)
    server.clock.wind(minutes=31)

    assert not signed_in(browser)
    assert party.alive(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).status == 200


def test_nobody_signs_out_nobody(server):
    """Without a session there is nothing to ask; GET and POST lead to the same place and change nothing."""
    browser = server.browser()

    with Unchanged(server):
        assert browser.get("/signout").header("location") == "http://localhost:4000/signed-out"
        assert browser.post("/signout", {}).status == 303


def test_sessions_of_one_person_are_separate(server):
    """Signing out here leaves the session there, and its tokens."""
    party = RelyingParty(server)
    here, there = server.browser(), server.browser()
    first, second = party.tokens(browser=here), party.tokens(browser=there)
    here.sign_out()

    assert signed_in(there)
    assert not party.alive(first["access_token"])
    assert party.alive(second["access_token"])
    assert claims_of(first["id_token"])["sid"] != claims_of(second["id_token"])["sid"]


def test_https_cookies_are_tied_to_the_host():
    """Under https every cookie is `__Host-`, `Secure`, without a domain."""
    server = make_server(issuer="https://id.example.com")
    browser = server.browser()
    cookies = [value for name, value in browser.get("/signin").headers if name == "set-cookie"]
    cookies += [value for name, value in browser.sign_in("alice").headers if name == "set-cookie"]
    cookies += [value for name, value in browser.sign_out().headers if name == "set-cookie"]

    assert len(cookies) == 3
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "omain" not in cookie
