"""The authorization endpoint through `Authority.handle`: errors, sign-in, consent, freshness, codes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from authority_core.kernel.changes import Replace
from support.browser import answer_of, hidden_fields
from support.checks import Unchanged, is_page, is_redirect_error, is_refusal
from support.relying_party import RelyingParty, claims_of, json_of
from support.server import CALLBACK, ISSUER, NATIVE_CALLBACK, make_server


@pytest.fixture
def server():
    return make_server()


def is_sign_in(response) -> bool:
    return response.status == 200 and b'name="password"' in response.body


def is_consent(response) -> bool:
    return response.status == 200 and b'name="consent_action"' in response.body


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None}, {"client_id": ""}, {"client_id": "nobody"}, {"redirect_uri": None}, {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example/cb"}, {"redirect_uri": CALLBACK + "?x"}, {"client_id": "service"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"prompt": "none"},
        {"response_type": "token"},
        {"scope": "nothing"},
        {"request_uri": "https://x"},
        {"max_age": "x"},
    ],
)
def test_an_unproved_address_is_never_used(server, changes, more):
    """Whatever else is wrong: a page, no redirect, nothing stored."""
    with Unchanged(server):
        is_page(server.browser().get(RelyingParty(server).url(**changes, **more)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "urn:x"}, "request_uri_not_supported"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "x"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": "a\tb"}, "invalid_scope"),
        ({"resource": "https://x"}, "invalid_target"),
        ({"resource": "/x"}, "invalid_target"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"prompt": "fast"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"id_token_hint": "garbage"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_other_errors_go_back(server, changes, error):
    """By redirect, with the state as it came and the issuer; nothing is stored."""
    with Unchanged(server):
        is_redirect_error(server.browser().get(RelyingParty(server).url(**changes)), error)
    assert [event.error for event in server.told("authorization.refused")] == [error]


def test_a_client_without_the_grant(server):
    """`unauthorized_client`."""
    server.change_client("web", grant_types=frozenset({"client_credentials"}))

    is_redirect_error(server.browser().get(RelyingParty(server).url()), "unauthorized_client")


def test_an_inactive_client_is_unknown(server):
    """On a page."""
    server.change_client("web", active=False)

    is_page(server.browser().get(RelyingParty(server).url()))


def test_state_may_be_demanded_and_is_bounded(server):
    """Absent where required, or beyond 4096 characters: refused; otherwise it comes back byte for byte."""
    strict = make_server(require_state=True)
    is_redirect_error(strict.browser().get(RelyingParty(strict).url(state=None)), "invalid_request", state=None)
    is_redirect_error(server.browser().get(RelyingParty(server).url(state="s" * 4097)), "invalid_request", state=None)
    for state in ("x", "é ü&=#?%00", "\r\nSet-Cookie: a=b", '"><svg onload=x>', "s" * 4096):
        answer = answer_of(server.browser().go_through(RelyingParty(server).url(state=state)))
        assert answer["state"] == state
    assert "state" not in answer_of(server.browser().go_through(RelyingParty(server).url(state=None)))


def test_scope_has_defaults_and_may_be_empty_handed(server):
    """Without a scope the client's defaults, else the server's; nothing left is `invalid_scope`."""
    party = RelyingParty(server)
    assert party.tokens(scope=None)["scope"] == "openid"
    server.change_client("web", default_scopes=frozenset({"read"}))
    assert party.tokens(scope=None)["scope"] == "read"
    server.change_client("web", scopes=frozenset({"write"}))
    is_redirect_error(server.browser().get(party.url(scope=None)), "invalid_scope")


def test_offline_access_is_for_those_who_can_refresh(server):
    """It is ignored for a client without the grant (OpenID Connect Core §11)."""
    server.change_client("web", grant_types=frozenset({"authorization_code"}))

    tokens = RelyingParty(server).tokens()

    assert "refresh_token" not in tokens
    assert "offline_access" not in tokens["scope"]
    assert claims_of(tokens["access_token"])["exp"] > 0


def test_confidential_clients_may_be_let_off_pkce():
    """With `allow_public_pkce_only`, and only them."""
    server = make_server(allow_public_pkce_only=True)
    without = {"code_challenge": None, "code_challenge_method": None}
    party = RelyingParty(server)
    code = party.code(**without)

    is_refusal(party.redeem(code), 400, "invalid_grant")  # a verifier out of nowhere
    assert party.redeem(code, code_verifier=None).status == 200
    is_redirect_error(server.browser().get(RelyingParty(server, "spa").url(**without)), "invalid_request")


def test_plain_pkce_where_it_is_allowed():
    """Advertised then, and working."""
    server = make_server(allow_plain_pkce=True)
    party = RelyingParty(server)
    code = party.code(code_challenge="v" * 43, code_challenge_method="plain")

    assert party.redeem(code).status == 200
    assert b'"plain"' in server.browser().get("/.well-known/openid-configuration").body


# --- the flow --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["web", "spa", "native", "poster"])
def test_the_whole_flow(server, client_id):
    """Sign-in, consent, code, tokens; every answer carries the issuer, nothing is cached."""
    party, browser = RelyingParty(server, client_id), server.browser()
    first = browser.get(party.url(login_hint="alice"))
    page = browser.follow(first)
    assert first.status == 302
    assert is_sign_in(page)
    assert b'value="alice"' in page.body
    done = browser.sign_in("alice", page=page)
    assert done.status == 303
    consent = browser.follow(done)
    assert is_consent(consent)
    answer = browser.approve(consent)
    assert answer.status == 303
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"
    found = answer_of(answer)
    assert set(found) == {"code", "state", "iss"}
    assert found["iss"] == ISSUER

    tokens = json_of(party.redeem(found["code"]))

    claims = claims_of(tokens["id_token"])
    assert (claims["sub"], claims["aud"], claims["nonce"], claims["amr"]) == ("u1", client_id, "the nonce", ["pwd"])
    assert [event.name for event in server.events][-4:] == [
        "session.created", "authorization.granted", "code.issued", "token.issued",
    ]  # fmt: skip


def test_single_sign_on(server):
    """The second client needs consent only, the second time nothing at all."""
    browser = server.browser()
    RelyingParty(server).code(browser)

    assert is_consent(browser.follow(browser.get(RelyingParty(server, "other").url())))
    direct = browser.get(RelyingParty(server).url())
    assert direct.status == 302
    assert "code" in answer_of(direct)


def test_post_is_get(server):
    """303 to the same request by GET, because Lax cookies do not come with a cross-site POST."""
    browser, party = server.browser(), RelyingParty(server)
    body = party.url().partition("?")[2]
    form = (("content-type", "application/x-www-form-urlencoded"),)

    response = browser.send("POST", "/authorize", form, body.encode())

    assert response.status == 303
    assert "code" in answer_of(browser.go_through((response.header("location") or "").removeprefix(ISSUER)))
    is_page(browser.send("POST", "/authorize?a=1", form, body.encode()))
    is_page(browser.send("POST", "/authorize", form, b"a=" + b"x" * 8192), 413)
    is_page(browser.send("POST", "/authorize", (("content-type", "text/plain"),), body.encode()))
    is_page(browser.get("/authorize?a=" + "x" * 8192), 413)
    odd = browser.send("POST", "/authorize", form, b"state=\r\nX-Evil: 1\xff<>")
    assert odd.status in (303, 400)
    assert "\r" not in (odd.header("location") or "")


def test_denying(server):
    """`access_denied`, the transaction is over, nothing is remembered."""
    browser, party = server.browser(), RelyingParty(server)
    consent = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url()))))

    is_redirect_error(browser.deny(consent), "access_denied")
    is_page(browser.approve(consent))
    assert server.storage.consent("u1", "web") is None
    assert [event.name for event in server.events[-2:]] == ["authorization.refused", "authorization.denied"]


def test_consent_is_remembered_and_merged(server):
    """What was allowed is not asked again; more is asked, marked as new, and added."""
    browser, party = server.browser(), RelyingParty(server)
    party.code(browser, scope="openid read")
    assert "code" in answer_of(browser.get(party.url(scope="read")))
    page = browser.follow(browser.get(party.url(scope="openid write")))
    assert is_consent(page)
    browser.approve(page)

    assert server.storage.consent("u1", "web").scope == {"openid", "read", "write"}
    assert "code" in answer_of(browser.get(party.url(scope="read write")))


def test_withdrawn_and_ended_consent_is_asked_again():
    """And what was withdrawn does not come back with the next yes."""
    server = make_server(consent_ttl_days=10)
    browser, party = server.browser(), RelyingParty(server)
    party.code(browser, scope="openid read")
    consent = server.storage.consent("u1", "web")
    assert consent.keep_until == server.clock.now + timedelta(days=40)
    server.write(Replace(evolve(consent, revoked_at=server.clock.now)))
    page = browser.follow(browser.get(party.url(scope="openid")))
    assert is_consent(page)
    browser.approve(page)
    again = server.storage.consent("u1", "web")
    assert (again.scope, again.keep_until) == ({"openid"}, server.clock.now + timedelta(days=40))
    server.clock.wind(days=10)
    assert is_consent(
        browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url(scope="openid")))))
    )


@pytest.mark.parametrize("first_party", [False, True])
def test_a_native_client_is_always_asked(server, first_party):
    """Any program can listen on a loopback port (RFC 8252 §8.6): no consent is remembered or implied."""
    server.change_client("native", first_party=first_party)
    browser, party = server.browser(), RelyingParty(server, "native")
    party.code(browser)

    assert is_consent(browser.follow(browser.get(party.url())))
    assert server.storage.consent("u1", "native") is None
    is_redirect_error(browser.get(party.url(prompt="none")), "consent_required", to=NATIVE_CALLBACK)


def test_first_party_is_not_asked(server):
    """The operator's own application; unless it wants the person to see it."""
    server.change_client("web", first_party=True)
    browser, party = server.browser(), RelyingParty(server)
    browser.sign_in("alice")

    assert "code" in answer_of(browser.get(party.url()))
    assert is_consent(browser.follow(browser.get(party.url(prompt="consent"))))


# --- prompt, max_age, id_token_hint ----------------------------------------------------------------------------------


def test_prompt_none(server):
    """Never a page: a code, or the reason why not."""
    browser, party = server.browser(), RelyingParty(server)
    is_redirect_error(browser.get(party.url(prompt="none")), "login_required")
    browser.sign_in("alice")
    is_redirect_error(browser.get(party.url(prompt="none")), "consent_required")
    party.code(browser)
    assert "code" in answer_of(browser.get(party.url(prompt="none")))
    server.clock.wind(minutes=31)
    is_redirect_error(browser.get(party.url(prompt="none")), "login_required")


def test_prompt_consent_asks_again(server):
    """Even for what was allowed before."""
    browser, party = server.browser(), RelyingParty(server)
    party.code(browser)

    page = browser.follow(browser.get(party.url(prompt="consent")))

    assert is_consent(page)
    assert "code" in answer_of(browser.approve(page))


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_prompt_login_wants_the_password(server, prompt):
    """Inside this transaction; reloading, a second tab or an old session do not do."""
    browser, party = server.browser(), RelyingParty(server)
    party.code(browser)
    server.clock.wind(seconds=60)
    first = browser.get(party.url(prompt=prompt))
    page = browser.follow(first)
    assert is_sign_in(page)
    transaction = hidden_fields(page)["transaction"]
    for _ in range(2):
        assert is_sign_in(browser.follow(browser.get(f"/authorize?transaction={transaction}")))
        assert is_sign_in(browser.follow(browser.get(f"/consent?transaction={transaction}")))
    server.clock.wind(seconds=10)
    answer = browser.follow(browser.sign_in("alice", page=page))
    if prompt == "login consent":
        assert is_consent(answer)
        answer = browser.approve(answer)
    tokens = json_of(party.redeem(answer_of(answer)["code"]))
    assert claims_of(tokens["id_token"])["auth_time"] == int(server.clock.now.timestamp())


@pytest.mark.parametrize(
    ("max_age", "passed", "asked"), [("60", 59, False), ("60", 60, True), ("0", 0, True), ("9999999999", 60, False)]
)
def test_max_age(server, max_age, passed, asked):
    """An older sign-in is not enough; `auth_time` tells."""
    browser, party = server.browser(), RelyingParty(server)
    party.code(browser)
    server.clock.wind(seconds=passed)

    response = browser.get(party.url(max_age=max_age))

    if asked:
        page = browser.follow(response)
        assert is_sign_in(page)
        response = browser.follow(browser.sign_in("alice", page=page))
    assert "auth_time" in claims_of(json_of(party.redeem(answer_of(response)["code"]))["id_token"])


def test_consent_given_too_late_for_the_sign_in_is_asked_again(server):
    """A decision is taken on the same facts as the page: when the sign-in is stale by then, back to the start."""
    browser, party = server.browser(), RelyingParty(server)
    browser.sign_in("alice")
    server.clock.wind(seconds=1)
    page = browser.follow(browser.get(party.url(max_age="300")))
    assert is_consent(page)
    server.clock.wind(seconds=300)

    response = browser.approve(page)

    assert response.status == 303
    assert is_sign_in(browser.follow(response))


def test_id_token_hint(server):
    """Ours, for this client, of the one who is signed in, expired or not; anything else is refused or asks again."""
    browser, party = server.browser(), RelyingParty(server)
    hint = party.tokens(browser=browser)["id_token"]
    bobs = party.tokens("bob")["id_token"]
    others = RelyingParty(server, "other").tokens()["id_token"]
    server.clock.wind(minutes=1)

    assert "code" in answer_of(browser.get(party.url(id_token_hint=hint, prompt="none")))
    is_redirect_error(browser.get(party.url(id_token_hint=bobs, prompt="none")), "login_required")
    is_redirect_error(browser.get(party.url(id_token_hint=others)), "invalid_request")
    assert is_sign_in(browser.follow(browser.get(party.url(id_token_hint=bobs))))
    fresh = server.browser()
    server.clock.wind(hours=2)
    assert is_sign_in(fresh.follow(fresh.get(party.url(id_token_hint=hint))))
    fresh.sign_in("alice")
    assert "code" in answer_of(fresh.get(party.url(id_token_hint=hint, prompt="none")))


# --- transactions ----------------------------------------------------------------------------------------------------


def test_a_transaction_belongs_to_its_browser(server):
    """Another browser gets a page, whoever is signed in there; the rightful one goes on undisturbed."""
    mine, stranger, party = server.browser(), server.browser(), RelyingParty(server)
    page = mine.follow(mine.get(party.url()))
    transaction = hidden_fields(page)["transaction"]
    stranger.sign_in("bob")

    for path in ("authorize", "consent"):
        is_page(stranger.get(f"/{path}?transaction={transaction}"))
        is_page(server.browser().get(f"/{path}?transaction={transaction}"))
        is_page(mine.get(f"/{path}?transaction=unknown"))
        is_page(mine.get(f"/{path}?transaction={transaction}&transaction={transaction}"))
    is_page(mine.get("/consent"))
    assert "code" in answer_of(mine.approve(mine.follow(mine.sign_in("alice", page=page))))


def test_a_transaction_ends(server):
    """After use, and after half an hour."""
    browser, party = server.browser(), RelyingParty(server)
    page = browser.follow(browser.get(party.url()))
    transaction = hidden_fields(page)["transaction"]
    browser.approve(browser.follow(browser.sign_in("alice", page=page)))
    is_page(browser.get(f"/authorize?transaction={transaction}"))

    second = browser.follow(browser.get(party.url(prompt="login")))
    server.clock.wind(minutes=30)
    is_page(browser.get(f"/authorize?transaction={hidden_fields(second)['transaction']}"))
    done = browser.sign_in("alice", page=second)
    assert done.header("location") == f"{ISSUER}/profile"


def test_consent_leads_back_when_there_is_nothing_to_decide(server):
    """Nobody signed in: to the start, which leads to sign-in."""
    browser, party = server.browser(), RelyingParty(server)
    page = browser.follow(browser.get(party.url()))

    response = browser.get(f"/consent?transaction={hidden_fields(page)['transaction']}")

    assert (response.header("location") or "").startswith(f"{ISSUER}/authorize?transaction=")


def test_the_decision_needs_a_genuine_form(server):
    """No token, another session's, nobody signed in, no decision, a repeated field: nothing happens."""
    browser, party = server.browser(), RelyingParty(server)
    consent = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url()))))
    hidden = hidden_fields(consent)
    yes = {"consent_action": "approve"}
    sign_in_token = hidden_fields(_signed_out(browser).get("/signin"))["csrf_token"]

    with Unchanged(server):
        is_page(browser.post("/authorize/decision", {"transaction": hidden["transaction"], **yes}), 403)
        is_page(browser.post("/authorize/decision", {**hidden, **yes, "csrf_token": sign_in_token}), 403)
        is_page(browser.submit(consent, {"origin": "https://evil.example"}, **yes), 403)
        is_page(_signed_out(browser).submit(consent, **yes), 403)
        is_page(browser.submit(consent), 400)
        is_page(browser.submit(consent, consent_action="maybe"), 400)
        is_page(browser.submit(consent, transaction="unknown", **yes), 400)
        is_page(browser.post("/authorize/decision", [*hidden.items(), ("consent_action", "deny"), *yes.items()]), 400)
        assert browser.get("/authorize/decision").status == 405
    assert "code" in answer_of(browser.approve(consent))


def _signed_out(browser):
    from support.browser import Browser

    other = Browser(browser.transport, browser.issuer)
    other.cookies = {name: value for name, value in browser.cookies.items() if name != "session_id"}
    return other


def test_what_is_granted_is_what_was_shown(server):
    """Extra fields of the consent form change nothing."""
    browser, party = server.browser(), RelyingParty(server)
    consent = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url(scope="openid read")))))

    answer = browser.approve(
        consent, scope="openid read write", client_id="other", redirect_uri="https://evil.example", nonce="x", state="x"
    )

    assert (answer.header("location") or "").startswith(CALLBACK)
    assert answer_of(answer)["state"] == "the state"
    assert json_of(party.redeem(answer_of(answer)["code"]))["scope"] == "openid read"


def test_a_client_changed_under_way_is_judged_afresh(server):
    """Whatever it lost between page and decision is not granted."""
    browser, party = server.browser(), RelyingParty(server)
    consent = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url()))))
    server.change_client("web", redirect_uris=("https://app.example/new",))

    with Unchanged(server):
        is_page(browser.approve(consent))


def test_a_consent_page_of_another_person_is_void(server):
    """When somebody else signs in meanwhile, the old page decides nothing."""
    browser, party = server.browser(), RelyingParty(server)
    consent = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url()))))
    browser.sign_in("bob", page=_signed_out(browser).get("/signin"))

    with Unchanged(server):
        is_page(browser.approve(consent), 403)
