"""The ticket of a sign-in that waits for a new password: once, for ten minutes, in its browser, from our own form."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authority_core.kernel.encoding import digest
from support.browser import answer_of, hidden_fields
from support.checks import Unchanged, is_page
from support.password_change import NEW, asked, is_over, knows, server_where_alice_must_change
from support.relying_party import RelyingParty
from support.server import PASSWORD


@pytest.fixture
def server():
    """Alice's password must be changed."""
    return server_where_alice_must_change()


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
    ticket = hidden_fields(asked(browser))["ticket"]
    record = server.storage.interaction(digest("pending_sign_in", ticket)).record

    assert ticket not in repr(server.storage._records)
    assert PASSWORD not in repr(record.parameters)
    assert server.storage.user("u1").password_hash not in repr(record.parameters)
    assert record.expires_at == server.clock.now + timedelta(minutes=10)
    assert record.keep_until == record.expires_at + timedelta(hours=1)
