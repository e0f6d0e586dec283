"""The signed-in person's own page, and the landing page."""

from __future__ import annotations

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


def test_the_landing_page_knows_who_looks():
    """Nobody is offered to sign in, somebody is named."""
    server = make_server()
    browser = server.browser()

    assert b"Alice" not in browser.get("/").body
    browser.sign_in("alice")
    assert b"Alice" in browser.get("/").body
