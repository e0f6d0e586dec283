"""Choosing a new password at sign-in: no session before, one session after, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authority_core.kernel.changes import CutOff
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import Interaction
from authority_core.kernel.sync import run
from support.browser import action_of, answer_of, hidden_fields
from support.checks import Unchanged, is_page
from support.relying_party import RelyingParty, claims_of
from support.server import PASSWORD, make_server

NEW = "Another-Horse-22"
OVER = b"Please sign in again."


@pytest.fixture
def server():
    """Alice's password must be changed."""
    server = make_server()
    server.change_user("u1", password_must_change=True)
    return server


def asked(browser, page=None, **more):
    """Sign in with the right password and go where that leads."""
    return browser.follow(browser.sign_in("alice", page=page, **more))


def is_over(response):
    """The sign-in form, which says why the person is there again."""
    assert response.status == 400
    assert OVER in response.body
    assert action_of(response).endswith("/signin")


def knows(server, password):
    return run(server.authority.passwords.verify(password, server.storage.user("u1").password_hash))


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


@pytest.mark.parametrize(
    ("chosen", "again", "said"),
    [
        ("", "", "Use at least 12 characters."),
        ("Short-1", "Short-1", "Use at least 12 characters."),
        ("A1" + "a" * 127, None, "Use at most 128 characters."),
        ("another-horse-22", None, "Add an upper-case letter."),
        ("ANOTHER-HORSE-22", None, "Add a lower-case letter."),
        ("Another-Horse-xx", None, "Add a digit."),
        ("Password1234", None, "This password is too common."),
        ("Horse-of-Alice-22", None, "The password must not contain your name or address."),
        (NEW, NEW + "x", "The two passwords differ."),
        (NEW, "", "The two passwords differ."),
        (PASSWORD, None, "Choose a password that differs from your present one."),
    ],
)
def test_what_will_not_do_is_said_and_may_be_tried_again(server, chosen, again, said):
    """400 with the reason; nothing changes, nobody is signed in, and the next choice counts."""
    browser = server.browser()
    page = asked(browser)
    with Unchanged(server):
        refused = browser.choose(page, chosen, again)

    assert refused.status == 400
    assert f"<p>{said}</p>" in refused.body.decode()
    assert not chosen or chosen.encode() not in refused.body
    assert "session_id" not in browser.cookies
    assert browser.choose(refused, NEW).status == 303


def test_all_faults_are_said_at_once(server):
    """Nobody corrects one only to learn of the next."""
    browser = server.browser()
    refused = browser.choose(asked(browser), "short", "other").body

    for said in (b"at least 12", b"upper-case", b"digit", b"passwords differ"):
        assert said in refused.split(b'id="form-error"')[1].split(b"<form")[0]


def test_an_administrators_password_is_longer(server):
    """16 characters for a role that can do more; the page says so before, and holds to it after."""
    server.change_user("u1", role="admin")
    browser = server.browser()
    page = asked(browser)

    assert b"Use at least 16 characters." in page.body
    assert browser.choose(page, NEW[:15]).status == 400
    assert browser.choose(page, NEW).status == 303


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


def test_it_works_once(server):
    """A form sent again is refused and changes nothing; the first one counted."""
    browser = server.browser()
    page = asked(browser)
    key = digest("pending_sign_in", hidden_fields(page)["ticket"])
    assert server.storage.interaction(key).spent is None
    assert browser.choose(page, NEW).status == 303
    assert server.storage.interaction(key).spent is not None
    with Unchanged(server):
        is_over(browser.choose(page, "Third-Horse-333"))

    assert knows(server, NEW)


def test_it_works_for_ten_minutes(server):
    """To the last second, and no longer, page and form alike."""
    browser, late = server.browser(), server.browser()
    address = late.sign_in("alice").header("location")
    page, stale = asked(browser), late.get(address)
    server.clock.wind(minutes=9, seconds=59)
    assert late.get(address).status == 200
    server.clock.wind(seconds=1)

    is_over(late.get(address))
    is_over(late.choose(stale, NEW))
    fresh = asked(browser, browser.choose(page, NEW))
    server.clock.wind(minutes=9, seconds=59)
    assert browser.choose(fresh, NEW).status == 303


def test_a_ticket_is_its_browsers(server):
    """Another browser that got hold of the address sees the sign-in form, and its forms set nothing."""
    browser, thief = server.browser(), server.browser()
    address = browser.sign_in("alice").header("location")
    page = browser.get(address)
    is_over(server.browser().get(address))
    own = thief.get("/signin")

    is_over(thief.get(address))
    ticket = hidden_fields(page)["ticket"]
    forged = {"ticket": ticket, "new_password": NEW, "confirm_new_password": NEW}
    is_page(thief.post("/password/change", forged), 403)
    is_page(thief.post("/password/change", {**forged, "csrf_token": hidden_fields(own)["csrf_token"]}), 403)
    is_page(thief.post("/password/change", {**hidden_fields(page), **forged}), 403)
    assert knows(server, PASSWORD)
    assert browser.choose(page, NEW).status == 303


@pytest.mark.parametrize("ticket", [None, "", "x", "x" * 43, "transaction"])
def test_without_a_ticket_there_is_only_the_sign_in_form(server, ticket):
    """None, an unknown one, or the name of an authorization request: that is another kind of thing."""
    browser = server.browser()
    page = browser.follow(browser.get(RelyingParty(server).url()))
    if ticket == "transaction":
        ticket = hidden_fields(page)["transaction"]

    is_over(browser.get("/password/change" + (f"?ticket={ticket}" if ticket is not None else "")))
    assert asked(browser).status == 200


def test_a_ticket_is_no_transaction(server):
    """What waits for a password cannot be gone on with as an authorization request."""
    browser = server.browser()
    ticket = hidden_fields(asked(browser))["ticket"]

    is_page(browser.get(f"/authorize?transaction={ticket}"), 400)
    is_page(browser.get(f"/consent?transaction={ticket}"), 400)
    assert b'name="transaction"' not in browser.get(f"/signin?transaction={ticket}").body


def test_what_waits_is_not_lost_when_the_step_is_over(server):
    """The sign-in form comes back with the authorization request, and the person gets there in the end."""
    browser, party = server.browser(), RelyingParty(server)
    page = asked(browser, browser.follow(browser.get(party.url())))
    server.clock.wind(minutes=10)
    again = browser.choose(page, NEW)
    is_over(again)
    assert b"The web" in again.body

    consent = browser.follow(browser.choose(asked(browser, again), NEW))
    assert "code" in answer_of(browser.approve(consent))


@pytest.mark.parametrize("how", ["inactive", "locked", "gone", "another password", "no password", "changed elsewhere"])
def test_what_happened_meanwhile_counts(server, how):
    """Deactivated, locked, deleted, a password set by somebody else: the page is over, and nothing is set."""
    from authority_core.kernel.changes import Remove
    from authority_core.kernel.values import Secret

    browser = server.browser()
    page = asked(browser)
    match how:
        case "inactive":
            server.change_user("u1", active=False)
        case "locked":
            server.change_user("u1", locked_at=server.clock.now)
        case "gone":
            server.write(Remove(server.storage.user("u1")))
        case "another password":
            run(server.authority.users.set_password("u1", Secret("Third-Horse-333"), must_change=True))
        case "no password":
            server.change_user("u1", password_hash=None)
        case _:
            other = server.browser()
            assert other.choose(asked(other), "Third-Horse-333").status == 303

    with Unchanged(server):
        is_over(browser.choose(page, NEW))
    assert "session_id" not in browser.cookies
    assert server.told("password.changed")[1:] == []


def test_what_changed_about_the_person_otherwise_does_not_matter(server):
    """The control: a new name while the page is open, and the password is set on the record as it is now."""
    browser = server.browser()
    page = asked(browser)
    server.change_user("u1", claims={"name": "Alicia"})

    assert browser.choose(page, NEW).status == 303
    assert server.storage.user("u1").claims == {"name": "Alicia"}


def test_a_change_at_the_very_commit_is_seen(server):
    """Deactivated between the decision and the commit: the version differs, it is looked at again and refused."""
    browser = server.browser()
    page = asked(browser)
    shell = server.authority.shell
    real = shell.storage.commit
    waiting = [lambda: server.change_user("u1", active=False)]

    async def commit(changes):
        if any(isinstance(change, CutOff) for change in changes) and waiting:
            waiting.pop()()
        await real(changes)

    shell.storage.commit = commit  # type: ignore[method-assign]  # the race

    is_over(browser.choose(page, NEW))
    assert waiting == []
    assert knows(server, PASSWORD)
    assert server.storage.sessions("u1") == []


def test_the_form_is_ours(server):
    """Without its token, from another site, or with the token of the sign-in form: 403, nothing is set."""
    browser = server.browser()
    sign_in = browser.get("/signin")
    page = asked(browser, sign_in)
    form = {**hidden_fields(page), "new_password": NEW, "confirm_new_password": NEW}

    is_page(browser.post("/password/change", {**form, "csrf_token": ""}), 403)
    is_page(browser.post("/password/change", {**form, "csrf_token": hidden_fields(sign_in)["csrf_token"]}), 403)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        is_page(browser.post("/password/change", form, headers), 403)
    is_page(browser.post("/password/change", [*form.items(), ("new_password", "Third-Horse-333")]), 400)
    assert knows(server, PASSWORD)
    assert browser.post("/password/change", form, {"origin": "http://localhost:4000"}).status == 303


def test_two_tickets_of_one_browser_do_not_mix(server):
    """Two tabs, two people: each form sets the password of the person it was shown for."""
    server.change_user("u2", password_must_change=True)
    browser = server.browser()
    alices = asked(browser)
    bobs = browser.follow(browser.sign_in("bob"))
    mixed = {**hidden_fields(alices), "ticket": hidden_fields(bobs)["ticket"]}
    is_page(browser.post("/password/change", {**mixed, "new_password": NEW, "confirm_new_password": NEW}), 403)

    assert browser.choose(alices, NEW).status == 303
    assert b"Alice" in browser.get("/profile").body
    assert browser.choose(bobs, "Third-Horse-333").status == 303
    assert b"Bob" in browser.get("/profile").body
    assert knows(server, NEW)


def test_storage_knows_neither_ticket_nor_password(server):
    """The digest of the ticket, the browser and the person, for an hour after its end."""
    browser = server.browser()
    page = asked(browser)
    (record,) = server.storage._records[Interaction.__name__].values()

    assert hidden_fields(page)["ticket"] not in repr(server.storage._records)
    assert PASSWORD not in repr(record.parameters)
    assert server.storage.user("u1").password_hash not in repr(record.parameters)
    assert record.expires_at == server.clock.now + timedelta(minutes=10)
    assert record.keep_until == record.expires_at + timedelta(hours=1)


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


def test_an_old_hash_is_not_renewed_for_nothing(server, monkeypatch):
    """One password is verified and none is hashed before the page; one of each after it."""
    passwords = type(server.authority.passwords)
    done: list[str] = []
    for name in ("hash", "verify"):
        real = getattr(passwords, name)

        async def counted(self, *arguments, name=name, real=real):
            done.append(name)
            return await real(self, *arguments)

        monkeypatch.setattr(passwords, name, counted)
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    server.change_user("u1", password_hash=old)
    browser = server.browser()
    page = asked(browser)

    assert done == ["verify"]
    browser.choose(page, "short")
    assert done == ["verify"]
    assert browser.choose(page, NEW).status == 303
    assert done == ["verify", "verify", "hash"]
    assert "t=1" in server.storage.user("u1").password_hash


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
