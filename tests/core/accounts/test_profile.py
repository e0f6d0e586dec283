"""The signed-in person's own page, and the landing page."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from authority_core.kernel.changes import Replace
from support.relying_party import RelyingParty
from support.server import make_server


def test_the_profile_names_person_and_applications():
    """What was allowed is listed; what was withdrawn, or belongs to a client that is gone, is not."""
    from authority_core.kernel.changes import Remove

    server = make_server()
    browser = server.browser()
    server.change_client("web", client_uri="https://app.example/home")
    RelyingParty(server).code(browser)
    RelyingParty(server, "other").code(browser)
    page = browser.get("/profile").body

    assert b"The web" in page
    assert b"The other" in page
    assert b"app.example" in page
    consent = server.storage.consent("u1", "web")
    server.write(Replace(evolve(consent, revoked_at=server.clock.now)), Remove(server.storage.client("other")))
    page = browser.get("/profile").body
    assert b"The web" not in page
    assert b"The other" not in page


def test_what_has_ended_is_not_on_the_profile():
    """Consent that is over, or was given to an earlier client of the id, looks as if it had never been given."""
    server = make_server(consent_ttl_days=10)
    browser = server.browser()
    RelyingParty(server).code(browser)
    RelyingParty(server, "other").code(browser)
    web, other = (server.storage.consent("u1", client_id) for client_id in ("web", "other"))
    server.change_client("other", created_at=server.clock.now + timedelta(microseconds=1))

    assert b"The web" in browser.get("/profile").body
    assert b"The other" not in browser.get("/profile").body
    server.write(Replace(evolve(web, expires_at=server.clock.now)))
    assert b"The web" not in browser.get("/profile").body
    assert other.expires_at is not None


def test_the_landing_page_knows_who_looks():
    """Nobody is offered to sign in, somebody is named."""
    server = make_server()
    browser = server.browser()

    assert b"Alice" not in browser.get("/").body
    browser.sign_in("alice")
    assert b"Alice" in browser.get("/").body
