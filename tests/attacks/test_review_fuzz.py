"""Hostile input at every endpoint: whatever comes, no answer is a failure of ours, and no header is broken by it."""

from __future__ import annotations

import os
from functools import cache
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority_core import HttpResponse
from support.browser import FORM, Browser, hidden_fields
from support.relying_party import VERIFIER, RelyingParty, basic, challenge_of
from support.server import CALLBACK, Server, make_server, secret_of
from support.transports import TRANSPORTS, Transport

EXAMPLES = int(os.environ.get("AUTHORITY_FUZZ", "60"))
PATHS = (
    "/", "/token", "/authorize", "/consent", "/authorize/decision", "/userinfo", "/oauth2/userinfo",
    "/token/introspect", "/oauth/introspect", "/token/revoke", "/oauth/revoke", "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server", "/health", "/health/ready", "/signin", "/signout", "/signed-out",
    "/password/change", "/profile", "/static/app.js", "/static/../x", "/nothing",
)  # fmt: skip
NAMES = (
    "grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "refresh_token", "scope",
    "resource", "token", "token_type_hint", "access_token", "response_type", "response_mode", "state", "nonce",
    "prompt",
    "max_age", "id_token_hint", "login_hint", "request", "request_uri", "code_challenge", "code_challenge_method",
    "transaction", "csrf_token", "consent_action", "username", "email", "password", "remember", "audience",
    "ticket", "new_password", "confirm_new_password",
    "client_assertion", "client_assertion_type", "display", "ui_locales", "acr_values", "claims",
)  # fmt: skip


@cache
def _world() -> tuple[Server, dict[str, str], Browser]:
    server = make_server()
    browser = server.browser()
    tokens = RelyingParty(server).tokens(browser=browser, scope="openid profile email offline_access")
    return server, tokens, browser


def _known() -> list[str]:
    _, tokens, _ = _world()
    id_token = tokens["id_token"]
    return [
        tokens["access_token"], tokens["refresh_token"], id_token, id_token[:-3], id_token.replace(".", "..", 1),
        "web", "spa", "native", "service", "other", "api", "poster", secret_of("web"), CALLBACK, "authorization_code",
        "refresh_token", "client_credentials", "password", "openid", "openid profile", "read write", "code", "none",
        "login", "consent", "select_account", "none login", "0", "9999999999", "-1", "1e3", "S256", "plain",
        challenge_of(VERIFIER), VERIFIER, "approve", "deny", "alice", "alice@example.com", "Correct-Horse-1", "query",
        "fragment", "https://api.example", "http://[::1", "https://api.example#x", "a.b.c", "..",
        "eyJhbGciOiJub25lIn0..",
        "x" * 5000, "%00", "\r\nSet-Cookie: a=b", "\u202e", "ﬀ", "\U0001f600", "</script>", "{{7*7}}", "' OR 1=1--",
    ]  # fmt: skip


@cache
def _values() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(_known()), st.text(max_size=40))


def _escaped(text: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass")).encode()


def _form() -> st.SearchStrategy[bytes]:
    pair = st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), st.deferred(lambda: _values()))
    pairs = st.lists(pair, max_size=9).map(
        lambda found: b"&".join(_escaped(name) + b"=" + _escaped(value) for name, value in found)
    )
    return st.one_of(pairs, pairs, st.binary(max_size=60))


def _header_text() -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)


def _headers() -> st.SearchStrategy[list[tuple[str, str]]]:
    bearer = st.deferred(lambda: _values()).map(lambda text: "Bearer " + text.encode("ascii", "ignore").decode())
    right = st.sampled_from([basic(name)["authorization"] for name in ("web", "other", "service", "api", "nobody")])
    authorization = st.tuples(st.just("authorization"), st.one_of(right, right, bearer, _header_text()))
    name = st.sampled_from(
        ("cookie", "origin", "referer", "sec-fetch-site", "content-type", "user-agent", "x-forwarded-for",
         "x-request-id",
         "if-none-match", "host", "accept", "content-length-x")
    )  # fmt: skip
    known = st.sampled_from(("http://localhost:4000", "null", FORM, FORM + "; charset=utf-8", "same-origin", "*", "1"))
    return st.lists(st.one_of(authorization, st.tuples(name, st.one_of(known, _header_text()))), max_size=5)


def _sound(answer: HttpResponse, ours: Transport) -> None:
    assert answer.status < 500, (ours.name, answer.status, answer.body[:300])
    names = [name for name, _ in answer.headers]
    for once in ("location", "content-type", "cache-control", "www-authenticate"):
        assert names.count(once) <= 1
    for name, value in answer.headers:
        assert "\r" not in value
        assert "\n" not in value
        value.encode("ascii" if name == "location" else "latin-1")
    if answer.status == 200 and b"csrf_token" in answer.body:
        assert answer.header("cache-control") == "no-store"


@pytest.mark.parametrize("kind", TRANSPORTS, ids=lambda one: one.name)
def test_no_input_makes_the_server_fail(kind: type) -> None:
    """Any path, query, headers and body in any mixture: below 500, each header once and in one line."""
    server, _, browser = _world()
    transport = kind(server.authority)
    signed_in = ("cookie", "; ".join(f"{name}={value}" for name, value in browser.cookies.items()))

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(
        method=st.sampled_from(("GET", "POST", "GET", "POST", "HEAD", "OPTIONS", "PUT", "get")),
        path=st.one_of(*4 * [st.sampled_from(PATHS)], st.text(max_size=12).map(_path)),
        query=_form(), body=_form(), headers=_headers(), typed=st.booleans(), known=st.booleans(),
    )  # fmt: skip
    def attack(method, path, query, body, headers, typed, known):  # type: ignore[no-untyped-def]  # Hypothesis calls it
        target = path + ("?" + query.decode("latin-1") if query and method != "POST" else "")
        extra = ([("content-type", FORM)] if typed else []) + ([signed_in] if known else [])
        _sound(transport.send(method, target, (*headers, *extra), body), transport)

    attack()


# --- requests that are right but for a few things --------------------------------------------------------------------


def _right() -> dict[str, tuple[str, str, dict[str, str], tuple[tuple[str, str], ...]]]:
    """Return requests that succeed, or nearly: method, path, parameters, headers."""
    server, tokens, browser = _world()
    party = RelyingParty(server)
    as_client = tuple(basic("web").items())
    jar = (("cookie", "; ".join(f"{name}={value}" for name, value in browser.cookies.items())),)
    asked = dict(parse_qsl(urlsplit(party.url(scope="openid email write")).query))
    waiting = browser.get("/authorize?" + urlencode({**asked, "prompt": "login"}))
    transaction = dict(parse_qsl(urlsplit(waiting.header("location") or "").query))
    consent = hidden_fields(browser.follow(browser.get("/authorize?" + urlencode({**asked, "prompt": "consent"}))))
    stranger = server.browser()
    sign_in = hidden_fields(stranger.get("/signin"))
    strangers = (("cookie", "; ".join(f"{name}={value}" for name, value in stranger.cookies.items())),)
    code = {"grant_type": "authorization_code", "code": party.code(browser), "code_verifier": VERIFIER}
    bearer = (("authorization", "Bearer " + tokens["access_token"]),)
    return {
        "code": ("POST", "/token", {**code, "redirect_uri": CALLBACK}, as_client),
        "refresh": (
            "POST", "/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}, as_client
        ),
        "client": ("POST", "/token", {"grant_type": "client_credentials", "scope": "read"}, as_client),
        "introspect": ("POST", "/token/introspect", {"token": tokens["access_token"]}, as_client),
        "revoke": ("POST", "/token/revoke", {"token": "x", "token_type_hint": "access_token"}, as_client),
        "userinfo": ("GET", "/userinfo", {}, bearer),
        "userinfo by form": ("POST", "/userinfo", {"access_token": tokens["access_token"]}, ()),
        "authorize": ("GET", "/authorize", asked, jar),
        "authorize silently": ("GET", "/authorize", {**asked, "prompt": "none", "scope": "openid"}, jar),
        "authorize a stranger": ("GET", "/authorize", asked, ()),
        "authorize by form": ("POST", "/authorize", asked, jar),
        "resume": ("GET", "/authorize", transaction, jar),
        "sign in page": ("GET", "/signin", transaction, jar),
        "sign in": ("POST", "/signin", {**sign_in, "username": "bob", "password": "x", "remember": "on"}, strangers),
        "consent page": ("GET", "/consent", {"transaction": consent["transaction"]}, jar),
        "decide": ("POST", "/authorize/decision", {**consent, "consent_action": "perhaps"}, jar),
        "sign out": ("POST", "/signout", {"csrf_token": "x"}, jar),
    }  # fmt: skip


@pytest.mark.parametrize("kind", TRANSPORTS, ids=lambda one: one.name)
def test_no_change_to_a_right_request_makes_the_server_fail(kind: type) -> None:
    """Requests that are right but for some parameters, left out, doubled or made hostile: still below 500."""
    server, _, _ = _world()
    transport = kind(server.authority)
    right = _right()
    reached: set[tuple[str, int]] = set()

    @settings(max_examples=5 * EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        which=st.sampled_from(sorted(right)),
        changed=st.dictionaries(st.sampled_from(NAMES), st.deferred(lambda: _values()), max_size=2),
        dropped=st.sets(st.sampled_from(NAMES), max_size=1),
        doubled=st.booleans(),
        headers=st.one_of(st.just([]), _headers()),
    )
    def attack(which, changed, dropped, doubled, headers):  # type: ignore[no-untyped-def]  # Hypothesis calls it
        method, path, form, known = right[which]
        pairs = [(name, value) for name, value in {**form, **changed}.items() if name not in dropped]
        pairs += pairs[:1] if doubled and len(changed) > 1 else []
        encoded = b"&".join(_escaped(name) + b"=" + _escaped(value) for name, value in pairs)
        target = path + ("?" + encoded.decode() if method == "GET" and encoded else "")
        posted = (("content-type", FORM),) if method == "POST" else ()
        names = {name for name, _ in headers}
        kept = tuple(pair for pair in (*known, *posted) if pair[0] not in names)
        answer = transport.send(method, target, (*kept, *headers), encoded if method == "POST" else b"")
        _sound(answer, transport)
        reached.add((which, answer.status))

    attack()

    assert len(reached) > len(right)  # requests that are right, and others, were among them


def _path(text: str) -> str:
    return "/" + _escaped(text).decode()
