"""Attacks on sessions and cookies, each with the request that must go through."""

from __future__ import annotations

import random

import pytest

from authority_core.kernel.changes import CutOff, Revoke
from authority_core.kernel.encoding import digest
from support.browser import answer_of, hidden_fields
from support.checks import Unchanged, is_page
from support.relying_party import claims_of
from support.server import PASSWORD, make_server


def signed_in(browser) -> bool:
    return browser.get("/profile").status == 200


def page_before(browser):
    """A sign-in form for this browser although it is signed in."""
    kept = dict(browser.cookies)
    browser.cookies.pop("session_id", None)
    page = browser.get("/signin")
    browser.cookies |= kept
    return page


def test_a214_session_fixation(world):
    """A planted id is never adopted; sign-in makes a new one and the old is dead."""
    browser = world.browser()
    browser.cookies["session_id"] = "planted" + "x" * 36
    browser.sign_in("alice", page=page_before(browser))
    first = browser.cookies["session_id"]
    browser.sign_in("alice", page=page_before(browser))
    second = browser.cookies["session_id"]

    world.server.change_user("u1", password_must_change=True)
    world.server.clock.wind(seconds=1)
    page = browser.follow(browser.sign_in("alice", page=page_before(browser)))
    browser.cookies["session_id"] = "planted" + "y" * 36
    browser.choose(page, "Another-Horse-22")
    third = browser.cookies["session_id"]

    assert "planted" not in first + third
    assert len({first, second, third}) == 3
    assert signed_in(browser)
    for old in (first, second, "planted" + "x" * 36, "planted" + "y" * 36):
        browser.cookies["session_id"] = old
        assert not signed_in(browser)


@pytest.mark.parametrize("issuer", ["https://id.example.com", "http://localhost:4000"])
def test_a215_cookie_attributes(door, issuer):
    """On every cookie of a whole visit, deletions included."""
    world = door(issuer=issuer)
    browser = world.browser()
    responses = [browser.get("/signin"), browser.get(world.party().url()), browser.sign_in("alice"), browser.sign_out()]
    cookies = [value for response in responses for name, value in response.headers if name == "set-cookie"]

    assert len(cookies) >= 3
    for cookie in cookies:
        attributes = set(cookie.split("; ")[1:])
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= attributes
        assert not any(attribute.startswith("Domain") for attribute in attributes)
        assert ("Secure" in attributes) is issuer.startswith("https")
        assert cookie.startswith("__Host-") is issuer.startswith("https")
    assert {cookie.split("=")[0] for cookie in cookies} == {
        prefix + name
        for prefix in (["__Host-"] if issuer.startswith("https") else [""])
        for name in ("authority_browser", "session_id")
    }


def test_a216_cookie_tossing(world):
    """Two of our name, nameless ones or look-alikes count as no session."""
    browser = world.browser()
    browser.sign_in("alice")
    good = f"session_id={browser.cookies['session_id']}"

    assert world.send("GET", "/profile", (("cookie", good),)).status == 200
    assert world.send("GET", "/profile", (("cookie", f"a=b; {good}; c=d"),)).status == 200
    for header in (
        f"={good}",
        f"{good}; session_id=evil",
        f"session_id=evil; {good}",
        f"{good}; {good}",
        good.replace("session_id", "session%5fid"),
        good.replace("session_id", "SESSION_ID"),
        good.replace("=", " =", 1),
        good.replace("session_id", "__Host-session_id"),
        good.replace("session_id", " $session_id"),
        f'session_id="{browser.cookies["session_id"]}"',
    ):
        assert world.send("GET", "/profile", (("cookie", header),)).status == 302
    assert world.send("GET", "/profile", (("cookie", good), ("cookie", good))).status == 302


def test_a217_malformed_cookies(world):
    """A thousand mutations: anonymous, never a 500, never signed in."""
    browser = world.browser()
    browser.sign_in("alice")
    good, dice = browser.cookies["session_id"], random.Random(7)
    alphabet = "".join(map(chr, range(33, 127))) + "\xff é"
    for _ in range(1000 if world.transport.name == "core" else 100):
        text = list(good)
        for _ in range(dice.randint(1, 3)):
            text[dice.randrange(len(text))] = dice.choice(alphabet)
        mutated = "".join(text[: dice.choice((43, 43, 42, 10))]) + dice.choice(("", "", "x", "x" * 5000))
        if mutated == good:
            continue
        assert world.send("GET", "/profile", (("cookie", f"session_id={mutated}"),)).status == 302
    assert signed_in(browser)


def test_a218_session_ids(world):
    """256 bits, found by digest, saying nothing; storage never sees the secret."""
    secrets = []
    for who in ("alice", "bob", "alice"):
        browser = world.browser()
        browser.sign_in(who)
        secrets.append(browser.cookies["session_id"])
        assert world.server.storage.session(digest("session", secrets[-1])) is not None

    assert len(set(secrets)) == 3
    assert all(len(secret) == 43 for secret in secrets)
    stored = repr(world.server.storage._records)
    assert not any(secret in stored for secret in secrets)


def test_a219_idle_and_absolute_limits(world):
    """Both on the server; a remembered session has them too."""
    browser = world.browser()
    browser.sign_in("alice", remember="on")
    world.server.clock.wind(minutes=29)
    assert signed_in(browser)
    world.server.clock.wind(minutes=30)
    assert not signed_in(browser)
    busy = world.browser()
    busy.sign_in("alice", remember="on")
    for _ in range(7 * 48):
        world.server.clock.wind(minutes=29, seconds=59)
        busy.get("/profile")
    assert signed_in(busy)
    world.server.clock.wind(minutes=29)
    assert not signed_in(busy)


@pytest.mark.parametrize("how", ["revoked", "cut off", "disabled", "signed out"])
def test_a220_revoked_session(world, how):
    """The next request is nobody's, in another process too."""
    browser = world.browser()
    browser.sign_in("alice")
    again = make_server(storage=world.server.storage)
    elsewhere = again.browser()
    elsewhere.cookies = dict(browser.cookies)
    assert signed_in(elsewhere)
    now, session = world.server.clock.now, world.server.storage.sessions("u1")[0]
    match how:
        case "revoked":
            world.server.write(Revoke("session", session.session_id, now, now))
        case "cut off":
            world.server.write(CutOff("u1", None, now, now))
        case "disabled":
            world.server.change_user("u1", active=False)
        case _:
            browser.sign_out()

    assert not signed_in(browser)
    assert not signed_in(elsewhere)


def test_a221_public_ids_are_no_secrets(world):
    """The `sid` of a token opens nothing."""
    browser, thief = world.browser(), world.browser()
    tokens = world.party().tokens(browser=browser)
    sid = claims_of(tokens["id_token"])["sid"]
    for value in (sid, sid.ljust(43, "A"), "u1"):
        thief.cookies["session_id"] = value
        assert not signed_in(thief)
    assert sid != browser.cookies["session_id"]


def test_a222_csrf_tokens(world):
    """Bound to browser and session; the origin counts; the cookie's own value is no token."""
    browser, other = world.browser(), world.browser()
    before = hidden_fields(browser.get("/signin"))["csrf_token"]
    browser.sign_in("alice")
    other.sign_in("bob")
    page = browser.get("/signout")
    own = {"origin": "http://localhost:4000"}

    with Unchanged(world.server):
        for token in (
            before,
            hidden_fields(other.get("/signout"))["csrf_token"],
            browser.cookies["authority_browser"],
            browser.cookies["session_id"],
            "",
            "x",
            hidden_fields(page)["csrf_token"][:-1],
            hidden_fields(page)["csrf_token"] + "A",
        ):
            is_page(browser.post("/signout", {"csrf_token": token}, own), 403)
        for origin in (
            "null",
            "https://localhost:4000",
            "http://localhost:4001",
            "http://evil.example",
            "http://localhost:4000.evil",
            "",
        ):
            is_page(browser.submit(page, {"origin": origin}), 403)
        is_page(browser.submit(page, {"referer": "http://localhost:4000.evil/"}), 403)
        is_page(browser.submit(page, {"sec-fetch-site": "cross-site", **own}), 403)
    assert signed_in(browser)
    assert browser.submit(page, {**own, "sec-fetch-site": "same-origin"}).status == 303
    is_page(browser.post("/signin", {"username": "alice", "password": PASSWORD, **hidden_fields(page)}), 403)


def test_a223_personal_pages_cached(world):
    """Whatever reads or sets a session is not stored and varies by cookie."""
    browser = world.browser()
    responses = [
        browser.get("/signin"),
        browser.sign_in("alice"),
        browser.get("/profile"),
        browser.get("/"),
        browser.get("/signout"),
    ]
    page = browser.follow(browser.get(world.party().url()))
    responses += [page, browser.approve(page), browser.sign_out(), browser.get("/signed-out")]
    world.server.change_user("u1", password_must_change=True)
    held = browser.sign_in("alice")
    asked = browser.follow(held)
    responses += [held, asked, browser.choose(asked, "short"), browser.choose(asked, "Another-Horse-22")]

    for response in responses:
        assert response.header("cache-control") == "no-store"
        if response.body:
            assert response.header("vary") == "Cookie"


def test_a224_session_in_the_url(world):
    """Ignored, in the query as in the path."""
    browser = world.browser()
    browser.sign_in("alice")
    secret = browser.cookies["session_id"]

    for url in (
        f"/profile?session_id={secret}",
        f"/profile?session={secret}&token={secret}",
        f"/profile;jsessionid={secret}",
    ):
        assert world.send("GET", url).status in (302, 404)
    assert signed_in(browser)


def test_a225_accounts_mixed_in_one_browser(world):
    """When somebody else signs in meanwhile, the old page decides nothing and the code is for who is there."""
    browser = world.browser()
    page = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(world.party().url()))))
    browser.sign_in("bob", page=page_before(browser))

    with Unchanged(world.server):
        is_page(browser.approve(page), 403)
    again = browser.follow(browser.get(f"/authorize?transaction={hidden_fields(page)['transaction']}"))
    assert b"consent_action" in again.body
    assert "code" in answer_of(browser.approve(again))
    assert {event.subject for event in world.server.told("code.issued")} == {"u2"}
    assert world.server.storage.consent("u1", "web") is None
