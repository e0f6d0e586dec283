"""Token, introspection, revocation, userinfo, metadata, keys and health through `Authority.handle`."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from authority_core import Authority, ConfigurationError, Settings
from authority_core.kernel.changes import CutOff, Remove, Replace
from authority_core.kernel.jose import PublicKey, verify
from authority_core.testing.memory import MemoryStorage
from support import keys
from support.browser import FORM
from support.checks import Unchanged, is_page, is_refusal
from support.forge import forged, header_for
from support.relying_party import RelyingParty, basic, claims_of, header_of, json_of
from support.server import API, ISSUER, make_server


@pytest.fixture
def server():
    return make_server()


# --- token -----------------------------------------------------------------------------------------------------------


def test_a_jwt_access_token(server):
    """RFC 9068: its type, its claims, verifiable with the published keys."""
    tokens = RelyingParty(server).tokens()
    published = json.loads(server.browser().get("/.well-known/jwks.json").body)["keys"]

    found = verify(tokens["access_token"], map(PublicKey.from_jwk, published), typ=frozenset({"at+jwt"}))

    assert found.header["typ"] == "at+jwt"
    assert {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr", "sid"} <= set(
        found.claims
    )
    assert found.claims["iss"] == found.claims["aud"] == ISSUER
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_id_tokens_in_every_algorithm(algorithm):
    """Signed with the server's or the client's algorithm; `at_hash` follows it."""
    import base64
    import hashlib

    server = make_server(jwt_algorithm=algorithm)
    tokens = RelyingParty(server).tokens()
    hashing = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    half = hashing(tokens["access_token"].encode()).digest()

    assert header_of(tokens["id_token"])["alg"] == algorithm
    found = verify(tokens["id_token"], [PublicKey.from_jwk(keys.public_half(algorithm))], typ=frozenset({"jwt"}))
    expected = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=").decode()
    assert found.claims["at_hash"] == expected


def test_a_clients_own_algorithm(server):
    """Honoured while the server has a key for it."""
    server.change_client("web", id_token_signed_response_alg="RS256")
    assert header_of(RelyingParty(server).tokens()["id_token"])["alg"] == "RS256"
    server.change_client("web", id_token_signed_response_alg="EdDSA")
    assert header_of(RelyingParty(server).tokens()["id_token"])["alg"] == "ES256"


@pytest.mark.parametrize("scope_of", ["server", "client"])
def test_opaque_tokens(scope_of):
    """Per server or per client; they work like the others."""
    server = make_server(**({"access_token_format": "opaque"} if scope_of == "server" else {}))
    if scope_of == "client":
        server.change_client("web", access_token_format="opaque")
    party = RelyingParty(server)
    tokens = party.tokens()

    assert "." not in tokens["access_token"]
    assert party.alive(tokens["access_token"])
    assert json_of(party.userinfo(tokens["access_token"]))["sub"] == "u1"
    assert party.revoke(tokens["access_token"]).status == 200
    assert not party.alive(tokens["access_token"])
    assert party.alive(tokens["refresh_token"])
    alone = json_of(party.credentials(scope="read"))["access_token"]
    assert party.introspect(alone)["sub"] == "web"
    server.clock.wind(hours=1)
    assert not party.alive(alone)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"), ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": "x"}, 400, "unsupported_grant_type"),
        ({"grant_type": "x" * 200}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "unknown"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "scope": "é"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "admin"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "a\tb"}, 400, "invalid_scope"),
    ],
)  # fmt: skip
def test_token_refusals(server, form, status, error):
    """The specified error, nothing stored."""
    with Unchanged(server):
        is_refusal(RelyingParty(server).post("/token", form), status, error)


def test_a_grant_the_client_lacks(server):
    """`unauthorized_client`."""
    is_refusal(RelyingParty(server, "spa").credentials(), 400, "unauthorized_client")
    is_refusal(RelyingParty(server, "service").refresh("x"), 400, "unauthorized_client")


def test_the_token_endpoint_takes_posted_forms_only(server):
    """No query, no other method, no other body, no repeats."""
    send = RelyingParty(server).transport.send
    auth = tuple(basic("web").items())

    assert send("GET", "/token").status == 405
    assert send("GET", "/token").header("allow") == "POST"
    is_refusal(
        send("POST", "/token?grant_type=client_credentials", (*auth, ("content-type", FORM))), 400, "invalid_request"
    )
    body = b"grant_type=client_credentials&grant_type=client_credentials"
    is_refusal(send("POST", "/token", (*auth, ("content-type", FORM)), body), 400, "invalid_request")
    is_refusal(send("POST", "/token", (*auth, ("content-type", "application/json")), b"{}"), 400, "invalid_request")
    is_refusal(send("POST", "/token", (*auth, ("content-type", FORM)), b"a=" + b"x" * 70_000), 413, "request_too_large")


# --- introspection ---------------------------------------------------------------------------------------------------


def test_introspection_tells_the_owner(server):
    """Everything there is to know, for access and refresh tokens."""
    party = RelyingParty(server)
    tokens = party.tokens(scope="openid profile email offline_access")

    access, refresh = party.introspect(tokens["access_token"]), party.introspect(tokens["refresh_token"])

    assert access["active"]
    assert access["sub"] == refresh["sub"] == "u1"
    assert access["username"] == "alice@example.com"
    assert access["token_type"] == "Bearer"
    assert (access["token_use"], refresh["token_use"]) == ("access", "refresh")
    assert "token_type" not in refresh
    assert {"iss", "client_id", "scope", "exp", "iat", "jti", "auth_time", "acr", "sid", "amr", "aud"} <= set(access)


def test_introspection_tells_the_resource(server):
    """A client that serves the audience may ask; others and public clients may not."""
    tokens = RelyingParty(server).tokens(resource=API)

    assert RelyingParty(server, "api").introspect(tokens["access_token"])["aud"] == API
    assert RelyingParty(server, "other").introspect(tokens["access_token"]) == {"active": False}
    assert RelyingParty(server, "api").introspect(tokens["refresh_token"]) == {"active": False}
    is_refusal(RelyingParty(server, "spa").post("/token/introspect", {"token": "x"}), 401, "invalid_client")
    is_refusal(RelyingParty(server).post("/token/introspect", {}), 400, "invalid_request")
    assert RelyingParty(server).post("/oauth/introspect", {"token": "x"}).status == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "x" * 20_000, "é", "a.b.c.d.e"])
def test_nonsense_is_inactive(server, token):
    """And nothing else is said."""
    assert RelyingParty(server).introspect(token) == {"active": False}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"exp": 0},
        {"jti": None},
        {"jti": 7},
        {"gid": "unknown"},
        {"gid": 7},
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": 7},
        {"aud": 7},
        {"iat": 4102444800},
        {"exp": None},
    ],
)
def test_a_jwt_of_ours_with_other_claims(server, claims):
    """Signed with our key but not as we sign: inactive."""
    party = RelyingParty(server)
    good = claims_of(json_of(party.credentials(scope="read"))["access_token"])
    header = header_for("at+jwt")

    assert party.alive(forged(header, good))
    changed = {name: value for name, value in {**good, **claims}.items() if value is not None}
    assert not party.alive(forged(header, changed))
    assert not party.alive(forged(header_for("JWT"), good))


@pytest.mark.parametrize(
    "how", ["expired", "user inactive", "user gone", "client inactive", "client cut off", "cut off", "grant over"]
)
@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_what_ends_a_token(how, form):
    """At once, for introspection and userinfo, access and refresh tokens alike; and refreshing is refused."""
    server = make_server(access_token_format=form, refresh_token_ttl=3600, refresh_token_absolute_ttl=3600)
    party, api = RelyingParty(server), RelyingParty(server, "other")
    tokens = party.tokens()
    assert party.alive(tokens["access_token"])
    now = server.clock.now
    match how:
        case "expired":
            server.clock.wind(hours=1)
        case "user inactive":
            server.change_user("u1", active=False)
        case "user gone":
            server.write(Remove(server.storage.user("u1")))
        case "client inactive":
            server.change_client("web", active=False)
        case "client cut off":
            server.change_client("web", tokens_valid_after=now)
        case "cut off":
            server.write(CutOff("u1", "web", now, now))
        case _:
            party.revoke(tokens["refresh_token"])

    if how != "client inactive":
        assert not party.alive(tokens["access_token"])
        assert not party.alive(tokens["refresh_token"])
        is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert party.userinfo(tokens["access_token"]).status == 401
    assert not api.alive(tokens["access_token"])


# --- revocation ------------------------------------------------------------------------------------------------------


def test_an_access_token_is_revoked_alone(server):
    """The refresh token goes on; a second time is no error."""
    party = RelyingParty(server)
    tokens = party.tokens()

    for _ in range(2):
        response = party.revoke(tokens["access_token"], token_type_hint="refresh_token")
        assert (response.status, response.body) == (200, b"")
    assert not party.alive(tokens["access_token"])
    assert party.alive(json_of(party.refresh(tokens["refresh_token"]))["access_token"])
    assert len(server.told("token.revoked")) == 1


@pytest.mark.parametrize("client_id", ["web", "spa"])
def test_a_refresh_token_takes_everything_along(server, client_id):
    """RFC 7009 §2.1, for public clients too; consent stays."""
    party = RelyingParty(server, client_id)
    tokens = party.tokens()

    assert party.revoke(tokens["refresh_token"]).status == 200
    assert party.userinfo(tokens["access_token"]).status == 401
    assert party.refresh(tokens["refresh_token"]).status == 400
    assert server.storage.consent("u1", client_id) is not None


def test_a_used_refresh_token_revokes_too(server):
    """A client whose refresh crossed its sign-out holds the one before."""
    party = RelyingParty(server)
    tokens = party.tokens()
    newer = json_of(party.refresh(tokens["refresh_token"]))
    party.revoke(tokens["refresh_token"])

    assert not party.alive(newer["access_token"])


def test_strangers_revoke_nothing(server):
    """200 for what is unknown or another's; ID tokens cannot be revoked; a token is required."""
    party, stranger = RelyingParty(server), RelyingParty(server, "other")
    tokens = party.tokens()

    for name in ("access_token", "refresh_token"):
        with Unchanged(server):
            assert stranger.revoke(tokens[name]).status == 200
    assert stranger.revoke("unknown").status == 200
    assert stranger.revoke("a.b.c").status == 200
    assert party.alive(tokens["access_token"])
    assert party.alive(tokens["refresh_token"])
    is_refusal(party.revoke(tokens["id_token"]), 400, "unsupported_token_type")
    is_refusal(party.post("/oauth/revoke", {}), 400, "invalid_request")


# --- userinfo --------------------------------------------------------------------------------------------------------


def test_userinfo_by_every_transport(server):
    """Header, POST with header, POST body; the claims that the scope releases."""
    party = RelyingParty(server)
    token = party.tokens(scope="openid profile email")["access_token"]
    send = party.transport.send
    bearer = ("authorization", f"Bearer {token}")

    for response in (
        send("GET", "/userinfo", (bearer,)),
        send("POST", "/userinfo", (bearer,)),
        send("GET", "/oauth2/userinfo", (bearer,)),
        send("POST", "/userinfo", (("content-type", FORM),), f"access_token={token}".encode()),
        send("GET", "/userinfo", (("authorization", f"bearer  {token}"),)),
    ):
        claims = json_of(response)
        assert claims["sub"] == "u1"
        assert (claims["name"], claims["preferred_username"]) == ("Alice", "alice")
        assert (claims["email"], claims["email_verified"]) == ("alice@example.com", True)
        assert response.header("cache-control") == "no-store"
    assert set(json_of(party.userinfo(party.tokens(scope="openid")["access_token"]))) == {"sub"}


def test_userinfo_leaves_out_what_is_empty(server):
    """Claims are as they are now; empty ones are not sent; nobody's claims replace `sub`."""
    server.change_user(
        "u1", email=None, claims={"name": "", "nickname": None, "address": {}, "sub": "u2", "locale": "en"}
    )
    token = RelyingParty(server).tokens(scope="openid profile email")["access_token"]

    claims = json_of(RelyingParty(server).userinfo(token))

    assert set(claims) == {"sub", "preferred_username", "updated_at", "locale"}
    assert claims["sub"] == "u1"


def test_userinfo_refuses(server):
    """Each with the challenge of RFC 6750."""
    party = RelyingParty(server)
    tokens = party.tokens()
    token = tokens["access_token"]
    send = party.transport.send
    bearer = ("authorization", f"Bearer {token}")
    bare = send("GET", "/userinfo")

    assert (bare.status, bare.header("www-authenticate")) == (401, 'Bearer realm="authority"')
    for wrong in (
        "Bearer", "Bearer ", "Bearer  ", "Bearer %", "Bearer x y", "Basic x", "", "Bearer " + "x" * 10**6, "Bearer é",
        f"Bearer {tokens['id_token']}", f"Bearer {tokens['refresh_token']}", f"Bearer {token}x", f"Bearer {token[:-1]}",
        f"Bearer {json_of(party.credentials(scope='read'))['access_token']}",
    ):  # fmt: skip
        response = send("GET", "/userinfo", (("authorization", wrong),))
        assert response.status == 401
        assert 'error="invalid_token"' in (response.header("www-authenticate") or "")
    assert send("GET", f"/userinfo?access_token={token}").status == 401
    assert send("GET", f"/userinfo?access_token={token}", (bearer,)).status == 401
    both = send("POST", "/userinfo", (bearer, ("content-type", FORM)), f"access_token={token}".encode())
    assert both.status == 400
    narrow = party.tokens(scope="read")["access_token"]
    response = party.userinfo(narrow)
    assert response.status == 403
    assert 'scope="openid"' in (response.header("www-authenticate") or "")


# --- metadata, keys, health ------------------------------------------------------------------------------------------


def test_metadata_says_what_is(server):
    """Every endpoint it names answers; every value it names works; both addresses say the same."""
    browser = server.browser()
    first = browser.get("/.well-known/openid-configuration")
    document = json.loads(first.body)

    assert browser.get("/.well-known/oauth-authorization-server").body == first.body
    assert document["issuer"] == ISSUER
    for name in ("authorization", "token", "userinfo", "introspection", "revocation"):
        address = document[f"{name}_endpoint"]
        assert address.startswith(ISSUER + "/")
        assert browser.get(address).status in (200, 400, 401, 405)
    assert browser.get(document["jwks_uri"]).status == 200
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert {"service_documentation", "op_policy_uri", "op_tos_uri", "registration_endpoint"}.isdisjoint(document)
    assert first.header("cache-control") == "public, max-age=3600"


def test_metadata_names_the_operators_pages():
    """When there are any."""
    server = make_server(docs_url="https://d.example", privacy_url="https://p.example", terms_url="https://t.example")

    document = json.loads(server.browser().get("/.well-known/openid-configuration").body)

    assert [document[name] for name in ("service_documentation", "op_policy_uri", "op_tos_uri")] == [
        "https://d.example", "https://p.example", "https://t.example",
    ]  # fmt: skip


def test_documents_are_cached_by_tag(server):
    """The same tag is 304 without a body."""
    for path in ("/.well-known/openid-configuration", "/.well-known/jwks.json"):
        first = server.browser().get(path)
        again = server.browser().get(path, {"if-none-match": first.header("etag") or ""})

        assert (again.status, again.body) == (304, b"")
        assert server.browser().get(path, {"if-none-match": '"other"'}).status == 200


def test_published_keys_are_public(server):
    """No private member in any of them."""
    for key in json.loads(server.browser().get("/.well-known/jwks.json").body)["keys"]:
        assert {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}.isdisjoint(key)
        assert {"kid", "alg", "use", "kty"} <= set(key)


def test_health():
    """Liveness touches nothing; readiness asks storage and keys."""
    server = make_server()
    for path in ("/health", "/health_check", "/health/ready"):
        assert json_of(server.browser().get(path))["status"] == "ok"

    class Broken:
        def __init__(self, inner):
            self.inner, self.broken = inner, True

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def signing_keys(self):
            raise OSError("the disk is away")

    broken = make_server(wrapped=Broken)
    response = broken.browser().get("/health/ready")
    assert response.status == 503
    assert json.loads(response.body)["checks"]["storage"] == "unavailable"
    assert broken.browser().get("/health").status == 200
    other = make_server(storage=server.storage, secret_key="another master secret, 32+ bytes")
    other.authority.keys._imported.clear()
    response = other.browser().get("/health/ready")
    assert response.status == 503
    assert "another secret key" in json.loads(response.body)["checks"]["signing_keys"]
    server.storage.commit([Replace(evolve(key, private_jwk=b"")) for key in server.storage.signing_keys()])
    damaged = make_server(storage=server.storage)
    damaged.authority.keys._imported.clear()
    response = damaged.browser().get("/health/ready")
    assert response.status == 503
    assert json.loads(response.body)["checks"] == {"storage": "ok", "signing_keys": "damaged"}


# --- dispatch --------------------------------------------------------------------------------------------------------


def test_what_is_not_there(server):
    """A page; static files by their exact name only."""
    browser = server.browser()

    is_page(browser.get("/nope"), 404)
    is_page(browser.get("/static/nope.css"), 404)
    is_page(browser.get("/static/../templates/base.html"), 404)
    assert browser.get("/nope").header("location") is None
    css = [line for line in browser.get("/signin").body.decode().split('"') if line.startswith("/static/")]
    assert css
    asset = browser.get(css[0])
    assert asset.status == 200
    assert "immutable" in (asset.header("cache-control") or "")
    assert browser.send("POST", css[0]).status == 405
    plain = browser.get("/static/favicon.svg")
    if plain.status == 200:
        assert plain.header("cache-control") in ("public, max-age=3600", "public, max-age=31536000, immutable")


def test_methods_and_preflight(server):
    """405 with `Allow`; scripts of other origins may call what is meant for them, without credentials."""
    browser = server.browser()

    assert browser.send("DELETE", "/authorize").header("allow") == "GET, POST, HEAD"
    is_page(browser.send("DELETE", "/signin"), 405)
    assert browser.send("OPTIONS", "/authorize").status == 405
    preflight = browser.send("OPTIONS", "/token", (("origin", "https://spa.example"),))
    assert preflight.status == 204
    assert preflight.header("access-control-allow-origin") == "*"
    assert preflight.header("access-control-allow-credentials") is None
    with_origin = browser.send("POST", "/token", (("origin", "https://spa.example"), ("content-type", FORM)))
    assert with_origin.header("access-control-allow-origin") == "*"
    assert browser.send("POST", "/token", (("content-type", FORM),)).header("access-control-allow-origin") is None
    assert browser.get("/signin", {"origin": "https://spa.example"}).header("access-control-allow-origin") is None


@pytest.mark.parametrize(("path", "page"), [("/token", False), ("/signin", True)])
def test_failures_say_nothing(path, page, caplog):
    """A failing storage is 503 with `Retry-After`, a bug of ours 500; the reason is in the log, not in the answer."""
    server = make_server()
    form = (("content-type", FORM),)

    async def fails(*arguments):
        raise ZeroDivisionError("the canary")

    async def unavailable(*arguments):
        from authority_core.kernel.changes import StorageUnavailable

        raise StorageUnavailable("gone")

    body = b"grant_type=x&client_id=web"
    for broken, status in ((fails, 500), (unavailable, 503)):
        server.authority.shell.storage.client = broken
        server.authority.shell.storage.session = broken
        browser = server.browser()
        browser.cookies["session_id"] = "s" * 43
        response = browser.get(path) if page else browser.send("POST", path, form, body)
        assert response.status == status
        assert b"canary" not in response.body
        assert response.header("retry-after") == ("5" if status == 503 else None)
        assert (response.header("content-type") or "").startswith("text/html" if page else "application/json")
    assert "the canary" in caplog.text


# --- composition -----------------------------------------------------------------------------------------------------


def test_parts_must_fit():
    """Every fault at once, at construction."""
    settings = Settings(issuer=ISSUER, secret_key="k" * 32)

    class Host:
        async def current(self, request):
            return None

        def address(self, transaction):
            return ""

    with pytest.raises(ConfigurationError, match=r"object lacks .*commit"):
        Authority(settings, object())
    with pytest.raises(ConfigurationError, match="sign_in and claims together"):
        Authority(settings, MemoryStorage(), sign_in=Host())
    from authority_core import built_in_grants

    with pytest.raises(ConfigurationError, match="Two grants have the name"):
        Authority(settings, MemoryStorage(), grants=(*built_in_grants(), *built_in_grants()))


def test_what_we_serve(server):
    """Exact paths and existing assets."""
    assert server.authority.serves("/token")
    assert not server.authority.serves("/token/")
    assert not server.authority.serves("/static/nope")
    assert not server.authority.asynchronous


def test_a_request_id_is_taken_from_proxies_only():
    """Others get one of ours."""
    server = make_server(trusted_proxies=("10.0.0.0/8",))
    receive = server.authority.receive
    headers = {"x-request-id": "abc", "x-forwarded-for": "1.2.3.4"}

    trusted = receive("GET", "/", b"", headers, b"", "10.0.0.1")
    assert (trusted.request_id, trusted.client_address) == ("abc", "1.2.3.4")
    for other in (
        receive("GET", "/", b"", headers, b"", "11.0.0.1"),
        receive("GET", "/", b"", {**headers, "x-request-id": "a b\n"}, b"", "10.0.0.1"),
    ):
        assert other.request_id not in ("abc", "a b\n")
    assert receive("GET", "/", b"", headers, b"", "11.0.0.1").client_address == "11.0.0.1"
    assert make_server().authority.receive("GET", "/", b"", headers, b"", "10.0.0.1").client_address == "10.0.0.1"


def test_pages_need_their_package(monkeypatch):
    """The installed renderer is found; without one, or when it cannot be loaded, one sentence says what to do."""
    from importlib import metadata

    assert make_server(parts={"pages": None}).browser().get("/signin").status == 200

    class Broken:
        def load(self):
            raise ImportError("jinja2")

    for found in ((), (Broken(),)):
        monkeypatch.setattr(metadata, "entry_points", lambda found=found, **_: found)
        with pytest.raises(ConfigurationError, match=r"pip install 'authority-idp\[pages\]'"):
            make_server(parts={"pages": None}).authority._renderer()
