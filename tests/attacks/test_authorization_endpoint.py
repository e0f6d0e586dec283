"""Attacks on the authorization endpoint, each with the request that must go through."""

from __future__ import annotations

import itertools
import json
from urllib.parse import quote, urlencode

import pytest
from attrs import evolve

from authority_core.kernel.changes import Replace
from authority_core.kernel.redirect_uri import fault
from support.browser import FORM, answer_of, hidden_fields
from support.checks import Unchanged, is_page, is_redirect_error, is_refusal
from support.forge import forged, header_for, signing_input
from support.relying_party import VERIFIER, challenge_of, claims_of, json_of
from support.server import API, CALLBACK, ISSUER, NATIVE_CALLBACK


def refused_uri(world, uri: str, client_id: str = "web") -> None:
    with Unchanged(world.server):
        is_page(world.browser().get(world.party(client_id).url(redirect_uri=uri)))


def accepted_uri(world, uri: str, client_id: str = "web") -> None:
    party = world.party(client_id)
    party.redirect_uri = uri
    answer = world.browser().go_through(party.url())
    assert (answer.header("location") or "").startswith(uri)
    assert party.redeem(answer_of(answer)["code"]).status == 200


def consent_page(world, browser=None, **changes):
    browser = browser or world.browser()
    return browser, browser.follow(
        browser.sign_in("alice", page=browser.follow(browser.get(world.party().url(**changes))))
    )


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.evil.tld/cb",
        "https://app.example/cb2",
        "https://app.example/cb/",
        "https://app.example:443/cb",
    ],
)
def test_a001_redirect_by_prefix(world, uri):
    """A longer, shorter or otherwise spelled address is not the registered one."""
    refused_uri(world, uri)
    accepted_uri(world, CALLBACK)


def test_a002_redirect_by_pattern(world):
    """A dot is a dot; a star in storage matches nothing, itself included."""
    world.server.change_client(
        "web", redirect_uris=("https://foo.example.com/cb", "https://*.x.tld/cb", "https://a.tld/.*")
    )

    for uri in (
        "https://fooaexample.com/cb",
        "https://fooXexample.com/cb",
        "https://a.x.tld/cb",
        "https://*.x.tld/cb",
        "https://a.tld/b",
    ):
        refused_uri(world, uri)
    accepted_uri(world, "https://foo.example.com/cb")


def test_a003_first_uri_becomes_registered(world):
    """A client without redirect URIs cannot use the endpoint, and its list stays empty."""
    world.server.change_client("web", redirect_uris=())

    refused_uri(world, CALLBACK)
    assert world.server.storage.client("web").redirect_uris == ()


@pytest.mark.parametrize(
    "tail",
    ["/cb/../x", "/cb/..;/x", "/cb%2f..%2fx", "/cb%252f..", "/./cb", "//cb", "/cb%00", "/cb;x=1", "/x/../cb", "/%63b"],
)
def test_a004_path_tricks(world, tail):
    """Nothing is normalised on either side of the comparison."""
    refused_uri(world, "https://app.example" + tail)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example@evil.tld/cb", "http://localhost:80@evil.tld", "https://evil.tld\\@app.example", "http://[not-an-ip]/",
        "https://app.example%40evil.tld", "https://äpp.example/cb", "https://app.example /cb", "https://app.example\t/cb",
    ],
)  # fmt: skip
def test_a005_hosts_that_parsers_read_differently(world, uri):
    """Refused at the endpoint, even when storage holds them; and at registration."""
    refused_uri(world, uri)
    world.server.change_client("web", redirect_uris=(uri, CALLBACK))
    refused_uri(world, uri)
    assert fault(uri, application_type="web", confidential=True, production=False)
    accepted_uri(world, CALLBACK)


@pytest.mark.parametrize(
    "uri", ["HTTPS://app.example/a%2Fb?c=d", "https://APP.example/a%2Fb?c=d", "https://app.example/A%2Fb?c=d",
            "https://app.example/a%2fb?c=d", "https://app.example/a%2Fb?C=d", "https://app.example/a%2Fb?c=D"]
)  # fmt: skip
def test_a006_case_folding(world, uri):
    """Upper and lower case differ everywhere."""
    world.server.change_client("web", redirect_uris=("https://app.example/a%2Fb?c=d",))

    refused_uri(world, uri)
    accepted_uri(world, "https://app.example/a%2Fb?c=d")


@pytest.mark.parametrize("query", ["", "?", "?a=1&b=2&c=3", "?b=2&a=1", "?a=1", "?a=1&b=2&", "?a=1&b=3"])
def test_a007_query_ignored(world, query):
    """The query is part of the text."""
    world.server.change_client("web", redirect_uris=(CALLBACK + "?a=1&b=2",))

    refused_uri(world, CALLBACK + query)
    accepted_uri(world, CALLBACK + "?a=1&b=2")


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.2:1/cb", "http://127.1:1/cb", "http://0x7f000001:1/cb", "http://2130706433:1/cb", "http://[::ffff:127.0.0.1]:1/cb",
     "http://localhost.:1/cb", "http://127.0.0.1.evil.tld:1/cb", "http://127.0.0.1:1/other", "https://127.0.0.1:1/cb",
     "http://127.0.0.1:1/cb?x", "http://localhost:1/cb", "http://127.0.0.1:1@evil.tld/cb", "http://127.0.0.1:99999/cb"],
)  # fmt: skip
def test_a008_loopback_exception(world, uri):
    """Only the port is free, only for native clients, only on the literal addresses."""
    refused_uri(world, uri, "native")
    accepted_uri(world, "http://127.0.0.1:51004/cb", "native")
    world.server.change_client("web", redirect_uris=(NATIVE_CALLBACK,))
    refused_uri(world, "http://127.0.0.1:51004/cb")


@pytest.mark.parametrize(
    "uri",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "\tjavascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
     "blob:https://app.example/x", "about:blank"],
)  # fmt: skip
def test_a009_schemes_that_run(world, uri):
    """Refused at registration, and again at use when a row came into storage by another way."""
    for kind, confidential in itertools.product(("web", "native"), (True, False)):
        assert fault(uri, application_type=kind, confidential=confidential, production=False)
    for client_id in ("web", "native"):
        world.server.change_client(client_id, redirect_uris=(uri,))
        refused_uri(world, uri, client_id)


@pytest.mark.parametrize("tail", ["#", "#code=x", "%23x"])
def test_a010_fragments(world, tail):
    """No fragment, not even an empty one; an escaped one is another path."""
    refused_uri(world, CALLBACK + tail)
    if tail[0] == "#":
        world.server.change_client("web", redirect_uris=(CALLBACK + tail,))
        refused_uri(world, CALLBACK + tail)


@pytest.mark.parametrize("query", ["?state=x", "?iss=", "?code=", "?response=x", "?error=x", "?a=1&%73tate=x"])
def test_a011_response_names_in_the_uri(world, query):
    """Such a URI cannot be registered, and does not work when storage holds it; answers have each name once."""
    assert fault(CALLBACK + query, application_type="web", confidential=True, production=True)
    world.server.change_client("web", redirect_uris=(CALLBACK + query, CALLBACK + "?x=1"))
    refused_uri(world, CALLBACK + query)
    answer = world.browser().go_through(world.party().url(redirect_uri=CALLBACK + "?x=1"))
    assert set(answer_of(answer)) == {"x", "code", "state", "iss"}  # `answer_of` refuses doubles


@pytest.mark.parametrize("bad", [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example"}])
@pytest.mark.parametrize(
    "more",
    [
        {"response_type": "x"},
        {"scope": "admin"},
        {"prompt": "none"},
        {"code_challenge": None},
        {"response_mode": "x"},
        {"request": "x"},
        {"request_uri": "https://x"},
        {"claims": "{"},
        {"max_age": "x"},
        {"id_token_hint": "x"},
        {"resource": "x"},
    ],
)
def test_a012_open_redirect_on_errors(world, bad, more):
    """Client and redirect URI come first; when either is bad nothing leads anywhere."""
    with Unchanged(world.server):
        is_page(world.browser().get(world.party().url(**bad, **more)))


@pytest.mark.parametrize("uris", [(CALLBACK,), (CALLBACK, "https://app.example/two")])
@pytest.mark.parametrize("scope", ["openid", "read"])
def test_a013_redirect_uri_left_out(world, uris, scope):
    """It is always required."""
    world.server.change_client("web", redirect_uris=uris)

    is_page(world.browser().get(world.party().url(redirect_uri=None, scope=scope)))


@pytest.mark.parametrize(
    "name",
    [
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "unknown",
    ],
)
@pytest.mark.parametrize("second", ["same", "another"])
def test_a014_parameters_sent_twice(world, name, second):
    """The same by every door: a page for client and redirect URI, otherwise back to the client."""
    values = {"prompt": "login", "max_age": "1", "unknown": "u"}
    url = world.party().url(**{name: values[name]} if name in values else {})
    value = "x" if second == "another" else values.get(name, "the state")
    response = world.browser().get(f"{url}&{name}={quote(value)}")

    if name in ("client_id", "redirect_uri"):
        is_page(response)
    else:
        is_redirect_error(response, "invalid_request", state=None if name == "state" else "the state")


def test_a014_semicolons_separate_nothing(world):
    """`state=1;client_id=x` is one value."""
    answer = world.browser().go_through(world.party().url(state=None) + "&state=1;client_id=other")

    assert answer_of(answer)["state"] == "1;client_id=other"


@pytest.mark.parametrize("suffix", ["[]", "[0]", "[$ne]", ".x"])
def test_a015_array_parameters(world, suffix):
    """Unknown names, ignored; never a 500."""
    url = world.party().url()

    refused = world.browser().get(url.replace("redirect_uri=", quote("redirect_uri" + suffix) + "="))
    is_page(refused)
    assert "code" in answer_of(world.browser().go_through(url + f"&{quote('scope' + suffix)}=admin"))
    for kind, body in (("application/json", b'{"grant_type":["x"]}'), ("application/json", b"[1,null,true]")):
        response = world.send("POST", "/token", (("content-type", kind),), body)
        is_refusal(response, 400, "invalid_request")


@pytest.mark.parametrize("client_id", ["web", "spa", "native"])
def test_a016_no_pkce(world, client_id):
    """Required for every client."""
    party = world.party(client_id)

    with Unchanged(world.server):
        response = world.browser().get(party.url(code_challenge=None, code_challenge_method=None))
        is_redirect_error(response, "invalid_request", to=party.redirect_uri)
    assert party.code()


def test_a017_pkce_downgrade(door):
    """A verifier for a code without a challenge is refused, and the code is not burned."""
    world = door(allow_public_pkce_only=True)
    party = world.party()
    code = party.code(code_challenge=None, code_challenge_method=None)

    with Unchanged(world.server):
        is_refusal(party.redeem(code), 400, "invalid_grant")
    assert party.redeem(code, code_verifier=None).status == 200


def test_a018_wrong_verifier(world):
    """Missing, empty, wrong, truncated, padded: nothing issued, nothing written; the right one works, once."""
    party = world.party("spa")
    code = party.code()

    for verifier in (None, "", "w" * 43, VERIFIER[:-1], VERIFIER + "=", VERIFIER + "v", challenge_of(VERIFIER)):
        with Unchanged(world.server):
            is_refusal(party.redeem(code, code_verifier=verifier), 400, "invalid_grant")
    assert party.redeem(code).status == 200
    is_refusal(party.redeem(code), 400, "invalid_grant")


@pytest.mark.parametrize("method", [None, "plain", "S512", "s256", ""])
def test_a019_plain_method(world, method):
    """Only S256, and metadata says so."""
    is_redirect_error(world.browser().get(world.party().url(code_challenge_method=method)), "invalid_request")
    document = json.loads(world.send("GET", "/.well-known/openid-configuration").body)
    assert document["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    "text",
    ["x", "c" * 42, "c" * 44, "c" * 128, "c" * 129, "c" * 42 + "=", "c" * 42 + "+", "c" * 42 + " ", "c" * 42 + "é"],
)
def test_a020_malformed_challenge_or_verifier(world, text):
    """Neither is taken; a NUL is no request at all."""
    is_redirect_error(world.browser().get(world.party().url(code_challenge=text)), "invalid_request")
    code = world.party().code()
    is_refusal(world.party().redeem(code, code_verifier=text), 400, "invalid_grant")
    is_page(world.browser().get(world.party().url(code_challenge="c" * 42 + "\x00")))
    is_refusal(world.party().redeem(code, code_verifier="v" * 43 + "\x00"), 400, "invalid_request")
    is_refusal(world.party().redeem(code, code_verifier="v" * 50_000), 400, "invalid_grant")


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "none", "code code", "CODE"])
def test_a021_disabled_response_types(world, kind):
    """Only `code`; resuming reads nothing but the transaction."""
    is_redirect_error(world.browser().get(world.party().url(response_type=kind)), "unsupported_response_type")
    browser = world.browser()
    page = browser.follow(browser.get(world.party().url()))
    done = browser.sign_in("alice", page=page)
    more = urlencode(
        {"response_type": kind, "client_id": "other", "redirect_uri": "https://evil.example", "scope": "openid write"}
    )
    consent = browser.follow(browser.get(f"{done.header('location')}&{more}"))
    tokens = json_of(world.party().redeem(answer_of(browser.approve(consent))["code"]))
    assert "write" not in tokens["scope"]


def test_a022_request_changed_before_consent(world):
    """The form's extra fields count for nothing; what is granted is what was shown."""
    browser, page = consent_page(world, scope="openid read")

    answer = browser.approve(
        page,
        scope="openid read write admin",
        client_id="other",
        redirect_uri="https://evil.example",
        nonce="evil",
        code_challenge="x",
    )

    assert (answer.header("location") or "").startswith(CALLBACK + "?")
    tokens = json_of(world.party().redeem(answer_of(answer)["code"]))
    assert tokens["scope"] == "openid read"
    assert claims_of(tokens["id_token"])["nonce"] == "the nonce"


def test_a023_forged_consent(world):
    """Without our own token, from elsewhere, or by GET: 403 or nothing, and the transaction is still pending."""
    browser, page = consent_page(world)
    hidden = hidden_fields(page)
    _, other = consent_page(world)
    yes = {"consent_action": "approve"}

    with Unchanged(world.server):
        is_page(browser.post("/authorize/decision", {"transaction": hidden["transaction"], **yes}), 403)
        is_page(browser.submit(page, csrf_token="x", **yes), 403)
        is_page(browser.submit(page, csrf_token=hidden_fields(other)["csrf_token"], **yes), 403)
        for headers in (
            {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"}, {"origin": "https://evil.example"},
            {"referer": "https://evil.example/"},
        ):  # fmt: skip
            is_page(browser.submit(page, headers, **yes), 403)
        assert browser.get("/authorize/decision?" + urlencode({**hidden, **yes})).status == 405
        assert browser.get(f"/consent?transaction={hidden['transaction']}&consent_action=approve").status == 200
    assert "code" in answer_of(browser.approve(page))
    is_page(browser.approve(page))  # and not twice


def test_a024_confused_deputy(world):
    """A transaction opened with another browser's cookies never yields a code, before or after consent."""
    attacker, page = consent_page(world)
    victim = world.browser()
    victim.sign_in("bob")
    transaction = hidden_fields(page)["transaction"]

    for path in ("authorize", "consent"):
        is_page(victim.get(f"/{path}?transaction={transaction}"))
    is_page(victim.submit(page, consent_action="approve"), 403)
    assert "code" in answer_of(attacker.approve(page))
    is_page(victim.get(f"/authorize?transaction={transaction}"))
    assert {event.subject for event in world.server.told("code.issued")} == {"u1"}


def test_a025_remembered_consent(world):
    """Loopback and private-scheme clients are always asked, `prompt=consent` always asks, a new scope asks again."""
    browser = world.browser()
    world.party("native").code(browser)
    assert b"consent_action" in browser.follow(browser.get(world.party("native").url())).body
    world.server.change_client("native", redirect_uris=("com.example.app:/cb",))
    for _ in range(2):
        page = browser.follow(browser.get(world.party("native").url(redirect_uri="com.example.app:/cb")))
        assert b"consent_action" in page.body
        assert (browser.approve(page).header("location") or "").startswith("com.example.app:/cb?code=")
    world.party().code(browser)
    assert "code" in answer_of(browser.get(world.party().url()))
    assert b"consent_action" in browser.follow(browser.get(world.party().url(prompt="consent"))).body
    assert b"consent_action" in browser.follow(browser.get(world.party().url(scope="openid write"))).body


def test_a026_prompt_none(world):
    """No session, no consent, an ended session: back to the client, never a page; alone or not at all."""
    browser = world.browser()
    is_redirect_error(browser.get(world.party().url(prompt="none")), "login_required")
    browser.sign_in("alice")
    is_redirect_error(browser.get(world.party().url(prompt="none")), "consent_required")
    is_redirect_error(browser.get(world.party().url(prompt="none login")), "invalid_request")
    world.party().code(browser)
    assert "code" in answer_of(browser.get(world.party().url(prompt="none")))
    world.server.clock.wind(minutes=30)
    is_redirect_error(browser.get(world.party().url(prompt="none")), "login_required")


def test_a027_id_token_hint(world):
    """Ours, for this client, of the right person, really signed."""
    browser = world.browser()
    hint = world.party().tokens(browser=browser)["id_token"]
    bobs = world.party().tokens("bob")["id_token"]
    claims = claims_of(hint)

    assert "code" in answer_of(browser.get(world.party().url(id_token_hint=hint, prompt="none")))
    is_redirect_error(browser.get(world.party().url(id_token_hint=bobs, prompt="none")), "login_required")
    for wrong in (
        world.party("other").tokens()["id_token"],
        signing_input({"alg": "none", "typ": "JWT"}, claims) + ".",
        "garbage",
        hint[:-1],
        forged(header_for(), claims, name="second"),
        forged(header_for(), {**claims, "iss": "https://evil.example"}),
        forged(header_for(), {**claims, "sub": 7}),
        world.party().tokens()["access_token"],
    ):
        for prompt in (None, "none"):
            is_redirect_error(browser.get(world.party().url(id_token_hint=wrong, prompt=prompt)), "invalid_request")


@pytest.mark.parametrize("ask", [{"prompt": "login"}, {"max_age": "0"}])
def test_a028_freshness(world, ask):
    """The password inside this transaction: no reload, dropped parameter, second tab or remember-me satisfies it."""
    browser = world.browser()
    browser.sign_in("alice", remember="on")
    world.party().code(browser)
    world.server.clock.wind(minutes=1)
    asked_at = int(world.server.clock.now.timestamp())
    first = browser.get(world.party().url(**ask))
    page = browser.follow(first)
    transaction = hidden_fields(page)["transaction"]
    assert b'name="password"' in page.body
    for attempt in (
        f"/authorize?transaction={transaction}",
        f"/authorize?transaction={transaction}&prompt=none&max_age=9999",
        f"/consent?transaction={transaction}",
    ):
        assert b'name="password"' in browser.follow(browser.get(attempt)).body
    assert "code" in answer_of(browser.get(world.party().url()))  # another tab may go on without it
    assert b'name="password"' in browser.follow(browser.get(f"/authorize?transaction={transaction}")).body
    assert browser.sign_in("alice", "wrong", page=page).status == 401
    assert b'name="password"' in browser.follow(browser.get(f"/authorize?transaction={transaction}")).body
    world.server.clock.wind(seconds=5)
    answer = browser.follow(browser.sign_in("alice", page=page))
    tokens = json_of(world.party().redeem(answer_of(answer)["code"]))
    assert claims_of(tokens["id_token"])["auth_time"] >= asked_at


def test_a029_acr_is_what_was_done(world):
    """A password is a password, whatever is asked for."""
    claims = claims_of(world.party().tokens(acr_values="urn:authority:acr:mfa")["id_token"])

    assert (claims["acr"], claims["amr"]) == ("urn:authority:acr:password", ["pwd"])


def test_a030_mix_up(world):
    """Every answer names the issuer, as the metadata does."""
    document = json.loads(world.send("GET", "/.well-known/openid-configuration").body)
    browser, page = consent_page(world)
    answers = [
        browser.deny(page),
        browser.get(world.party().url(prompt="none")),
        browser.get(world.party().url(scope="admin")),
        world.browser().go_through(world.party().url()),
    ]

    assert document["authorization_response_iss_parameter_supported"] is True
    assert {answer_of(answer)["iss"] for answer in answers} == {document["issuer"]}


def test_a031_no_reposting_redirect(world):
    """303 after every POST; a trailing slash is another path."""
    browser = world.browser()
    page = browser.follow(browser.get(world.party().url()))
    posted = [browser.sign_in("alice", page=page)]
    posted.append(browser.approve(browser.follow(posted[0])))
    posted.append(browser.sign_out())
    posted.append(browser.post("/authorize", {"client_id": "web"}))
    world.server.change_user("u1", password_must_change=True)
    posted.append(browser.sign_in("alice"))
    posted.append(browser.choose(browser.follow(posted[-1]), "Another-Horse-22"))

    assert [response.status for response in posted] == [303] * 6
    for path in ("/signin/", "/password/change/", "/token/", "/authorize/", "/authorize/decision/"):
        assert browser.post(path, {"username": "alice", "password": "x"}).status == 404


def test_a032_leaks_by_referer(world):
    """Pages keep their address to themselves and load nothing from elsewhere; tokens are never read from a query."""
    browser, page = consent_page(world)

    for html in (page, browser.get("/"), browser.get("/signout"), browser.get("/nope"), browser.get("/profile")):
        assert html.header("referrer-policy") in ("same-origin", "no-referrer")
        assert html.header("cache-control") == "no-store"
        assert b'src="http' not in html.body
        assert b'rel="stylesheet" href="http' not in html.body
    answer = browser.approve(page)
    assert answer.header("referrer-policy") == "no-referrer"
    token = json_of(world.party().redeem(answer_of(answer)["code"]))["access_token"]
    assert world.send("GET", f"/userinfo?access_token={token}").status == 401
    assert world.party().userinfo(token).status == 200


@pytest.mark.parametrize("evil", ["\r\nSet-Cookie: x=1", "嘊嘍x", "\x7f", '"', "\\", "é\u2028", "%0d%0a"])
def test_a033_header_injection(world, evil):
    """Everything from the request is percent-encoded; texts are fixed; every header is there once."""
    for response in (
        world.browser().get(world.party().url(state=evil, scope="admin")),
        world.browser().get(world.party().url(state=evil, scope=evil)),
        world.browser().get(world.party().url(state=evil, prompt="none")),
    ):
        location = response.header("location") or ""
        assert location.isascii()
        assert location.isprintable()
        assert answer_of(response)["state"] == evil
        assert evil not in answer_of(response)["error_description"]
        names = [name for name, _ in response.headers]
        assert len(set(names)) == len(names)
        assert "set-cookie" not in names
    refused = world.browser().get(world.party().url(client_id=evil))
    is_page(refused)
    with_basic = world.post("/token", urlencode({"grant_type": evil, "client_id": evil}).encode())
    assert evil not in str(with_basic.headers)


def test_a035_error_pages_reflect_nothing(world):
    """No parameter, path or header of the request appears, escaped or not."""
    marker = "canary7x7"
    browser = world.browser()
    names = (
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "prompt",
        "error",
        "error_description",
        "transaction",
        "login_hint",
    )

    for url in (
        "/authorize?" + urlencode({name: marker for name in names if name != "transaction"}),
        f"/authorize?transaction={marker}", f"/consent?transaction={marker}", f"/{marker}", f"/static/{marker}",
        world.party().url(redirect_uri=f"https://{marker}.example"), f"/authorize?{marker}=%zz",
    ):  # fmt: skip
        page = browser.get(url, {"referer": f"{ISSUER}/{marker}", "user-agent": marker, "host": marker})
        assert page.status in (400, 404)
        assert marker.encode() not in page.body
    posted = browser.post("/authorize/decision", {"transaction": marker, "consent_action": marker})
    assert marker.encode() not in posted.body


def test_a036_request_objects(world):
    """Unsupported, and said so; the outer parameters do not go on alone."""
    is_redirect_error(world.browser().get(world.party().url(request="e30.e30.")), "request_not_supported")


@pytest.mark.parametrize("client_id", ["web", "nobody"])
def test_a037_request_uri_is_not_fetched(world, client_id, monkeypatch):
    """No connection is made for it, whoever asks."""
    import socket

    def connected(*arguments: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", connected)
    response = world.browser().get(world.party(client_id).url(request_uri="http://127.0.0.1:9/x", client_id=client_id))

    if client_id == "web":
        is_redirect_error(response, "request_uri_not_supported")
    else:
        is_page(response)


@pytest.mark.parametrize("mode", ["fragment", "form_post", "form_post.jwt", "web_message", "QUERY"])
def test_a040_response_modes(world, mode):
    """Only `query`."""
    is_redirect_error(world.browser().get(world.party().url(response_mode=mode)), "invalid_request")
    assert "code" in answer_of(world.browser().go_through(world.party().url(response_mode="query")))


def test_a041_framing(world):
    """No page of ours can be framed, errors included."""
    browser, page = consent_page(world)

    for html in (
        page,
        world.browser().get("/signin"),
        browser.get("/signout"),
        browser.get("/profile"),
        browser.get("/"),
        browser.get("/nope"),
        browser.post("/signin", {}),
        browser.send("DELETE", "/signin"),
        browser.get("/authorize"),
        browser.get("/signed-out"),
    ):
        assert html.header("x-frame-options") == "DENY"
        assert "frame-ancestors 'none'" in (html.header("content-security-policy") or "")
        assert "default-src 'none'" in (html.header("content-security-policy") or "")


@pytest.mark.parametrize("scope", ["admin", "openid\tread", "*", "openid read ADMIN", "a" * 5000, '"', "é"])
def test_a042_scope_beyond_the_allowance(world, scope):
    """Refused; doubled blanks and words are harmless; hundreds of thousands of characters cost nothing."""
    import time

    is_redirect_error(world.browser().get(world.party().url(scope=scope)), "invalid_scope")
    tokens = world.party().tokens(scope="openid  openid read")
    assert tokens["scope"] == "openid read"
    started = time.perf_counter()
    is_refusal(world.party("service").credentials(scope="a " * 30_000), 400, "invalid_scope")
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "resource", ["https://unknown.example", "/relative", API + "#", API + "#x", "api", "https://[", ""]
)
def test_a043_resources(world, resource):
    """Unknown, relative or with a fragment: `invalid_target`; the token is for what was granted, narrowed at most."""
    party = world.party()
    if resource:
        is_redirect_error(world.browser().get(party.url(resource=resource)), "invalid_target")
    browser = world.browser()
    code = party.code(browser, resource=API)
    is_refusal(party.redeem(code, resource=ISSUER), 400, "invalid_target")
    tokens = json_of(party.redeem(code))
    assert claims_of(tokens["access_token"])["aud"] == API
    assert claims_of(tokens["id_token"])["aud"] == "web"
    is_refusal(party.refresh(tokens["refresh_token"], resource="https://unknown.example"), 400, "invalid_target")
    both = (
        party.code(browser, resource=API)
        and answer_of(browser.get(party.url(resource=API) + "&resource=" + quote(ISSUER)))["code"]
    )
    tokens = json_of(party.redeem(both, resource=API))
    assert claims_of(tokens["access_token"])["aud"] == API
    assert set(claims_of(json_of(party.refresh(tokens["refresh_token"]))["access_token"])["aud"]) == {API, ISSUER}


def test_a044_counterfeit_resource_server(world):
    """A token meant for an API is none for userinfo; every token has an audience of its own."""
    party = world.party()
    api, own = party.tokens(resource=API)["access_token"], party.tokens()["access_token"]

    assert claims_of(api)["aud"] == API
    assert party.userinfo(api).status == 401
    assert claims_of(own)["aud"] == ISSUER
    assert party.userinfo(own).status == 200
    assert (
        claims_of(json_of(world.party("service").credentials(scope="read", resource=API))["access_token"])["aud"] == API
    )


@pytest.mark.parametrize("target", ["//e", "/\\e", "https://evil.example", "javascript:alert(1)", "/%09/e", "/profile"])
def test_a045_open_redirect_after_sign_in(world, target):
    """Only transactions lead on; no parameter, field or header names a place to go."""
    browser = world.browser()
    names = ("next", "return_to", "forward_url", "redirect", "url", "transaction")
    page = browser.get(
        "/signin?" + urlencode(dict.fromkeys(names[:5], target)), {"referer": f"https://evil.example/{target}"}
    )
    done = browser.sign_in("alice", page=page, **dict.fromkeys(names, target))

    assert done.header("location") == f"{ISSUER}/profile"
    assert world.browser().post("/signout", {"next": target}).header("location") == f"{ISSUER}/signed-out"


def test_a047_code_injection(world):
    """A code is good for the verifier of its own request; the ID token carries that request's nonce, or none."""
    party, browser = world.party(), world.browser()
    one = party.code(browser, code_challenge=challenge_of("1" * 43), nonce="one")
    two = party.code(browser, code_challenge=challenge_of("2" * 43), nonce=None)

    is_refusal(party.redeem(one, code_verifier="2" * 43), 400, "invalid_grant")
    is_refusal(party.redeem(two, code_verifier="1" * 43), 400, "invalid_grant")
    assert claims_of(json_of(party.redeem(one, code_verifier="1" * 43))["id_token"])["nonce"] == "one"
    assert "nonce" not in claims_of(json_of(party.redeem(two, code_verifier="2" * 43))["id_token"])


def test_a048_forged_client_name(world):
    """The page escapes the name and shows where the answer goes."""
    known = world.server.storage.client("web")
    world.server.write(Replace(evolve(known, name="<script>x</script>Google")))
    _, page = consent_page(world)

    assert b"<script>x" not in page.body
    assert b"&lt;script&gt;x" in page.body
    assert b"app.example" in page.body


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:4000.evil.example", "http://localhost:4000"]
)
def test_a049_cors(world, origin):
    """Nothing for interactive paths; a star without credentials for the others; never the origin itself."""
    for path in (
        "/authorize",
        "/signin",
        "/signout",
        "/consent",
        "/authorize/decision",
        "/profile",
        "/token/introspect",
        "/health",
    ):
        for method in ("GET", "POST", "OPTIONS"):
            headers = (("origin", origin), ("access-control-request-method", "POST"), ("content-type", FORM))
            response = world.send(method, path, headers)
            assert not any(name.startswith("access-control") for name, _ in response.headers)
    for method, path in (
        ("POST", "/token"),
        ("GET", "/userinfo"),
        ("GET", "/.well-known/jwks.json"),
        ("OPTIONS", "/token"),
        ("POST", "/token/revoke"),
    ):
        response = world.send(method, path, (("origin", origin),))
        assert [value for name, value in response.headers if name == "access-control-allow-origin"] == ["*"]
        assert response.header("access-control-allow-credentials") is None
