"""The protocol with a host application's own people: `sign_in` and `claims` brought along, no accounts of ours."""

from __future__ import annotations

import pytest

from authority_core.kernel.abilities import METHODS
from authority_core.kernel.pages import Person
from authority_core.kernel.ports import Authentication
from authority_core.kernel.requests import cookie
from authority_core.testing.memory import MemoryStorage
from support.browser import answer_of, hidden_fields
from support.checks import is_page, is_redirect_error, is_refusal
from support.relying_party import RelyingParty, claims_of, json_of
from support.server import make_server


class Host:
    """A host's people: whoever has the cookie `host=NAME` is NAME."""

    def __init__(self) -> None:
        self.people: dict[str, object] = {"carol": {"name": "Carol", "email": "carol@host.example"}}
        self.clock = None
        self.session_id: str | None = None

    async def current(self, request):
        name = cookie(request, "host")
        if name is None:
            return None
        return Authentication(
            subject=name, auth_time=self.clock.now, acr="host", amr=("kba",), person=Person(display_name=name),
            session_id=self.session_id,
        )  # fmt: skip

    def address(self, transaction: str) -> str:
        return f"https://host.example/login?next={transaction}"

    async def claims(self, subject, wanted):
        found = self.people.get(subject)
        return {k: v for k, v in found.items() if k in wanted} if isinstance(found, dict) else found


class ProtocolOnly:
    """Storage with `OAuthStorage` and nothing of accounts."""

    def __init__(self, inner: MemoryStorage) -> None:
        for name in METHODS:
            if name not in ("user", "user_by_identifier", "session", "sessions", "counter"):
                setattr(self, name, getattr(inner, name))


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def server(host):
    made = make_server(wrapped=ProtocolOnly, parts={"sign_in": host, "claims": host})
    host.clock = made.clock
    return made


def flow(server, browser) -> dict:
    party = RelyingParty(server)
    page = browser.follow(browser.get(party.url(scope="openid profile email offline_access")))
    return json_of(party.redeem(answer_of(browser.approve(page))["code"]))


def test_the_host_signs_in_and_the_protocol_does_the_rest(server, host):
    """To the host's own login page, back with the transaction, consent, tokens, claims."""
    browser, party = server.browser(), RelyingParty(server)
    away = browser.get(party.url(scope="openid profile email offline_access"))
    location = away.header("location") or ""
    assert location.startswith("https://host.example/login?next=")
    browser.cookies["host"] = "carol"
    page = browser.follow(browser.get(f"/authorize?transaction={location.partition('next=')[2]}"))

    tokens = json_of(party.redeem(answer_of(browser.approve(page))["code"]))

    claims = claims_of(tokens["id_token"])
    assert (claims["sub"], claims["acr"], claims["amr"]) == ("carol", "host", ["kba"])
    assert "sid" not in claims
    assert json_of(party.userinfo(tokens["access_token"]))["name"] == "Carol"
    assert party.introspect(tokens["access_token"])["username"] == "carol@host.example"


def test_there_are_no_accounts_of_ours(server):
    """No page of theirs exists; the landing page and the protocol do."""
    browser = server.browser()

    for path in ("/signin", "/password/change", "/signout", "/signed-out", "/profile"):
        is_page(browser.get(path), 404)
        assert not server.authority.serves(path)
    assert browser.get("/").status == 200
    assert b"/signin" not in browser.get("/").body


@pytest.mark.parametrize("answer", [None, False, 1, "yes", []])
def test_only_claims_mean_yes(server, host, answer):
    """A person the host no longer vouches for has no live token and gets no new one, whatever it answers instead."""
    browser, party = server.browser(), RelyingParty(server)
    browser.cookies["host"] = "carol"
    tokens = flow(server, browser)
    assert party.alive(tokens["access_token"])
    host.people["carol"] = answer

    assert party.introspect(tokens["access_token"]) == {"active": False}
    assert party.userinfo(tokens["access_token"]).status == 401
    is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    host.people["carol"] = {}
    assert party.refresh(tokens["refresh_token"]).status == 200


@pytest.mark.parametrize("answer", [True, "carol", {}, 7])
def test_a_hosts_sign_in_that_answers_nonsense_issues_nothing(server, host, answer):
    """No code, no session, no leak: an error of ours."""

    async def nonsense(request):
        return answer

    host.current = nonsense

    response = server.browser().get(RelyingParty(server).url())

    assert response.status == 500
    assert response.header("location") is None
    assert server.told("code.issued") == []


def test_a_consent_form_is_bound_to_the_hosts_person(server, host):
    """When the host's cookie changes hands, the old page decides nothing."""
    browser, party = server.browser(), RelyingParty(server)
    host.people["dave"] = {}
    browser.cookies["host"] = "carol"
    page = browser.follow(browser.get(party.url()))
    browser.cookies["host"] = "dave"

    is_page(browser.approve(page), 403)
    browser.cookies["host"] = "carol"
    assert "code" in answer_of(browser.approve(page))


def test_a_hosts_session_id_is_kept(server, host):
    """It names the session in tokens, and ends them when the host revokes it."""
    from authority_core.kernel.changes import Revoke

    host.session_id = "host-session"
    browser, party = server.browser(), RelyingParty(server)
    browser.cookies["host"] = "carol"
    tokens = flow(server, browser)
    assert claims_of(tokens["id_token"])["sid"] == "host-session"
    server.write(Revoke("session", "host-session", server.clock.now, server.clock.now))

    assert not party.alive(tokens["access_token"])


def test_prompt_none_asks_the_host(server):
    """Nobody there: `login_required`, never a page."""
    is_redirect_error(server.browser().get(RelyingParty(server).url(prompt="none")), "login_required")


def test_the_hosts_browser_is_bound_all_the_same(server):
    """A transaction of one browser is nothing in another, host or not."""
    browser, other, party = server.browser(), server.browser(), RelyingParty(server)
    transaction = (browser.get(party.url()).header("location") or "").partition("next=")[2]
    other.cookies["host"] = "carol"

    is_page(other.get(f"/authorize?transaction={transaction}"))
    browser.cookies["host"] = "carol"
    assert hidden_fields(browser.follow(browser.get(f"/authorize?transaction={transaction}")))
