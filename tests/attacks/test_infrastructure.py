"""Attacks on addresses, paths, hosts, sizes, methods, headers and shared state, each with its positive control."""

from __future__ import annotations

import ast
import copy
import logging
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

import authority_core
import authority_flask
import authority_pages
import authority_starlette
from authority_core.kernel.records import Interaction
from authority_core.kernel.redirect_uri import fault
from authority_core.oauth.checks.scope import parse_scope
from authority_core.oauth.context import by_claims
from support.browser import FORM
from support.checks import Unchanged, is_page, is_refusal
from support.relying_party import RelyingParty, basic, json_of
from support.server import SECRET_KEY, make_server, make_settings
from support.transports import ADAPTERS, PEER, AsgiTransport, CoreTransport, WsgiTransport, name_of

BODY = urlencode({"grant_type": "client_credentials", "scope": "read"}).encode()
PACKAGES = [
    Path(str(one.__file__)).parent for one in (authority_core, authority_pages, authority_starlette, authority_flask)
]
SOURCES = [path for package in PACKAGES for path in package.rglob("*.py")]


def audited_address(world) -> str | None:
    world.server.events.clear()
    return world.server.audited()[0].ip_address


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "client-ip", "x-client-ip"]
)
def test_a275_spoofed_address(door, header):
    """The socket's address counts; forwarded ones only from trusted proxies, from the right, as far as trusted."""
    spoofed = {"forwarded": "for=6.6.6.6"}.get(header, "6.6.6.6")
    world = door()
    world.post("/token", BODY, (*basic("web").items(), (header, spoofed)))
    assert audited_address(world) == PEER

    trusting = door(trusted_proxies=(PEER, "10.0.0.0/8"))
    trusting.post("/token", BODY, (*basic("web").items(), (header, f"{spoofed}, 1.2.3.4, 10.0.0.7")))
    assert audited_address(trusting) == ("1.2.3.4" if header == "x-forwarded-for" else PEER)


@pytest.mark.parametrize(
    "value", ["a", "unknown", "_hidden", "[::1", "x" * 10_000, "", ",", "1.2.3.4.5", "1.2.3.4, x", "é", "::1%"]
)
def test_a276_unparsable_address(door, value):
    """What cannot be read is not believed: the proxy's own address stands, nothing is skipped, nothing is a 500."""
    world = door(trusted_proxies=(PEER,))
    response = world.post("/token", BODY, (*basic("web").items(), ("x-forwarded-for", value)))

    assert response.status == 200
    assert audited_address(world) in (PEER, "::1")
    for _ in range(6):
        last = world.browser().sign_in("alice", "wrong")
    assert last.status == 423


@pytest.mark.parametrize(
    "header",
    ["x-original-uri", "x-rewrite-url", "x-original-url", "x-forwarded-host", "x-forwarded-proto", "forwarded"],
)
def test_a277_alias_headers(door, header):
    """Neither paths nor hosts come from headers."""
    world = door(trusted_proxies=(PEER,))
    plain = world.send("GET", "/.well-known/openid-configuration")

    odd = world.send("GET", "/.well-known/openid-configuration", ((header, "https://evil.example/nope"),))
    assert (odd.status, odd.body) == (plain.status, plain.body)


@pytest.mark.parametrize(
    "path",
    [
        "//signin",
        "/signin/",
        "/./signin",
        "/signin;x",
        "/SIGNIN",
        "/x/../signin",
        "/signin%00",
        "/signin%20",
        "/%2fsignin",
        "signin",
        "/signin/..",
        "/token/",
        "//token",
        "/token/introspect/",
        "/.well-known/jwks.json/",
        "/\\signin",
    ],
)
def test_a281_path_tricks(world, path):
    """A path is matched exactly or not at all; protection hangs on the handler."""
    for method in ("GET", "POST"):
        response = world.send(method, path, (("content-type", FORM),), BODY)
        assert response.status == 404
    assert world.send("GET", "/signin").status == 200


@pytest.mark.parametrize("adapter", ADAPTERS, ids=name_of)
def test_a281_under_a_mount(adapter):
    """The prefix is taken off once, at a boundary."""
    server = make_server(issuer="http://localhost:4000/auth")
    if adapter is AsgiTransport:
        inside = AsgiTransport(server.authority, root_path="/auth")
    else:
        inside = WsgiTransport(server.authority, script_name="/auth")

    assert inside.send("GET", "/signin").status == 200
    assert inside.send("GET", "/auth/signin").status == 404
    assert server.browser(inside).go_through(RelyingParty(server).url()).status == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "a/b?c#", "evil@good", "localhost:x", "", "localhost, evil.example", "[::1"]
)
def test_a282_host_header(world, host):
    """No address we give depends on it."""
    headers = (("host", host),)
    for path in ("/.well-known/openid-configuration", "/signin", "/", "/profile"):
        with_host, without = world.send("GET", path, headers), world.send("GET", path)
        assert with_host.status == without.status
        assert with_host.header("location") == without.header("location")
        if host:
            assert b"evil" not in with_host.body
    browser = world.browser()
    assert (browser.get(world.party().url(), {"host": host}).header("location") or "").startswith(
        "http://localhost:4000/"
    )


def test_a283_poisoned_metadata(world):
    """The same bytes whatever the headers; cacheable for an hour at most; no cookie."""
    for path in (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
    ):
        answers = [
            world.send("GET", path + query, headers)
            for query in ("", "?x=1", "?issuer=https://evil.example")
            for headers in (
                (),
                (("host", "evil"),),
                (("accept", "text/html"),),
                (("x-forwarded-host", "evil"),),
                (("origin", "https://e"),),
                (("cookie", "session_id=x"),),
                (("accept-language", "de"),),
            )
        ]
        assert len({(answer.status, answer.body) for answer in answers}) == 1
        assert answers[0].status == 200
        for answer in answers:
            assert answer.header("set-cookie") is None
            assert int((answer.header("cache-control") or "").rpartition("=")[2]) <= 3600


def test_a284_sizes(world):
    """Large bodies are 413, many fields 400, quickly; semicolons separate nothing."""
    auth = tuple(basic("web").items())
    started = time.perf_counter()

    is_refusal(world.post("/token", b"a=" + b"x" * 65_535, auth), 413, "request_too_large")
    is_refusal(world.post("/token", b"x" * 10_000_000, auth), 413, "request_too_large")
    is_page(world.post("/signin", b"x" * 70_000), 413)
    is_refusal(world.post("/token", b"&".join([b"a=1"] * 101), auth), 400, "invalid_request")
    is_refusal(world.post("/token", b"&" * 60_000, auth), 400, "invalid_request")
    is_refusal(world.post("/token", BODY.replace(b"&", b";"), auth), 400, "unsupported_grant_type")
    many = tuple((f"x-{number}", "v") for number in range(500))
    assert world.post("/token", BODY, (*auth, *many)).status == 200
    assert time.perf_counter() - started < 2
    assert world.post("/token", BODY + b"&pad=" + b"x" * (65_000 - len(BODY)), auth).status == 200


@pytest.mark.parametrize("length", ["-1", "abc", "", "10", "999999999", "²", "0x10", "1e3"])
def test_a284_lying_content_length(length):
    """No more is read than there is, half a request is none, and nothing breaks."""
    transport = WsgiTransport(make_server().authority)
    headers = (("content-type", FORM), *basic("web").items())

    assert transport.send("POST", "/token", (*headers, ("content-length", length)), BODY).status == 400
    assert transport.send("POST", "/token", (*headers, ("content-length", str(len(BODY)))), BODY).status == 200


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a." * 50_000,
        "http://127.0.0.1:" + "1" * 100_000,
        "https://" + "a" * 100_000,
        "%2e" * 30_000,
        "((" * 50_000,
        "a@" * 50_000,
        "/../" * 25_000,
        "[" * 100_000,
        " " * 100_000,
        "\\" * 100_000,
    ],
)
def test_a286_slow_expressions(text):
    """Every validator is done with 100 kB in no time."""
    from authority_core.kernel.addresses import client_address, networks
    from authority_core.kernel.identity import canonical, email_fault, username_fault
    from authority_core.kernel.redirect_uri import matches

    for check in (
        lambda: fault(text, application_type="native", confidential=False, production=True),
        lambda: email_fault(text),
        lambda: username_fault(text),
        lambda: canonical(text),
        lambda: matches(text, ("http://127.0.0.1/cb",), "native"),
        lambda: client_address("10.0.0.1", text, networks(["10.0.0.0/8"])),
        lambda: _quiet(lambda: parse_scope(text)),
    ):
        started = time.perf_counter()
        check()
        assert time.perf_counter() - started < 0.25


def _quiet(work) -> None:
    from contextlib import suppress

    with suppress(authority_core.Problem):
        work()


def test_a287_unbounded_state(world):
    """Anonymous hits leave nothing in memory and only what expires in storage."""
    import gc

    for _ in range(20):
        world.browser().get(world.party().url())
    world.server.clock.wind(days=400)
    world.server.storage.cleanup(world.server.clock.now)
    assert Interaction not in {kind for kind, table in world.server.storage._records.items() if table}
    world.server.events.clear()
    paths = ("/signin", "/nope", "/token", "/static/x", "/.well-known/jwks.json", "/userinfo")
    for path in paths:
        world.send("GET", path)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(30):
        for path in paths:
            world.send("GET", path)
    gc.collect()
    assert len(gc.get_objects()) - before < 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "X-EVIL"])
def test_a288_unexpected_methods(world, method):
    """405 with `Allow` everywhere; nothing changes; no header overrides the method."""
    with Unchanged(world.server):
        for route in world.server.authority.routes:
            response = world.send(
                method, route.path, (("content-type", FORM), ("x-http-method-override", "POST")), BODY
            )
            assert response.status == 405
            assert set((response.header("allow") or "").split(", ")) == set(route.methods) | (
                {"HEAD"} if "GET" in route.methods else set()
            )
    assert world.post("/token", BODY, tuple(basic("web").items())).status == 200


@pytest.mark.parametrize("adapter", ADAPTERS, ids=name_of)
def test_a288_head(adapter):
    """HEAD is GET without a body, and nothing at all where there is only POST."""
    server = make_server()
    transport = adapter(server.authority)
    with Unchanged(server):
        for path in ("/signin", "/.well-known/jwks.json", "/health", "/"):
            head, get = transport.send("HEAD", path), transport.send("GET", path)
            assert head.status == get.status == 200
            assert head.body == b""
            assert int(head.header("content-length") or 0) > 0
        assert transport.send("HEAD", "/token").status == 405
        assert transport.send("HEAD", "/authorize/decision").status == 405


@pytest.mark.parametrize("where", ["signer", "claims", "storage", "pages", "listener"])
def test_a289_tracebacks(door, where, caplog):
    """A failing part is a constant answer; what happened is in the log, secrets are not."""

    class Failing:
        def __getattr__(self, name):
            raise RuntimeError("canary in an exception")

    world = door()
    authority = world.server.authority
    if where == "storage":
        authority.shell.storage.client = Failing().__getattr__
    elif where == "pages":
        object.__setattr__(authority.screen, "_pages", lambda: Failing())
    elif where == "signer":
        authority.oauth = None
        world = world.__class__(world.door, make_server(parts={"signer": Failing()}))
    elif where == "claims":
        object.__setattr__(authority.oauth, "claims", Failing())
    else:
        world = world.__class__(world.door, make_server(parts={"listeners": (_fails,)}))

    answers = [world.post("/token", BODY, tuple(basic("web").items()))]
    answers.append(world.send("GET", "/signin"))
    for answer in answers:
        assert b"canary" not in answer.body
        assert b"Traceback" not in answer.body
        assert b'File "' not in answer.body
        assert answer.status in (200, 500, 503)


async def _fails(event, origin):
    raise RuntimeError("canary in a listener")


def test_a290_secrets_shown(caplog):
    """In no representation of settings or server, in no log at the lowest level."""
    caplog.set_level(logging.DEBUG)
    server = make_server(secret_key_previous=("an earlier master secret, 32+ bytes",))
    RelyingParty(server).tokens()
    authority = server.authority
    shown = " ".join(
        f"{one!r} {one} {one!s:>10} {[one]}"
        for one in (
            server.settings,
            authority.shell,
            authority.keys,
            authority.browsers,
            authority.passwords,
            authority.accounts,
            authority.oauth,
            server.settings.secret_key,
            *server.settings.secret_key_previous,
            server.storage.client("web"),
            server.storage.user("u1"),
            *server.storage.signing_keys(),
        )
    )

    for secret in (SECRET_KEY, "an earlier master", "argon2id$", "private_jwk=b"):
        assert secret not in shown + caplog.text
    assert server.settings.secret_key.reveal() == SECRET_KEY


def test_a291_no_assert_guards():
    """The library asserts nothing: checks stay under `python -O`."""
    found = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        if "testing" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]

    assert found == []


@pytest.mark.parametrize("answer", [None, 1, "yes", True, [], RuntimeError("away")])
def test_a291_hooks_that_answer_nonsense(door, answer):
    """A claims source must answer with claims; anything else, or an exception, denies and issues nothing."""
    world = door()
    party = world.party()
    tokens = party.tokens()
    oauth = world.server.authority.oauth
    ours = {"claims": oauth.claims, "may_act": oauth.may_act}

    class Nonsense:
        async def claims(self, subject, wanted):
            if isinstance(answer, Exception):
                raise answer
            return answer

    code = party.code(who="bob")
    for name, part in {"claims": Nonsense(), "may_act": by_claims(Nonsense())}.items():
        object.__setattr__(oauth, name, part)
    with Unchanged(world.server):
        assert party.userinfo(tokens["access_token"]).status in (401, 500)
        assert party.refresh(tokens["refresh_token"]).status in (400, 500)
        assert party.redeem(code).status in (400, 500)
        response = party.post("/token/introspect", {"token": tokens["access_token"]})
        assert response.status == 500 or json_of(response) == {"active": False}
    for name, part in ours.items():
        object.__setattr__(oauth, name, part)
    assert party.redeem(code).status == 200


NO_JWS = [None, 1, b"x.y.z", [], "", "nonsense", 'a.","scope":"admin.c', "a.b\\.c", "a.b.c\n", "a.b.ç"]


@pytest.mark.parametrize("answer", [*NO_JWS, RuntimeError("away")])
def test_a291_signers_that_answer_nonsense(door, answer):
    """A signer must answer with a compact JWS; anything else, or an exception, issues nothing and spends no code."""

    class Nonsense:
        good = False

        async def sign(self, algorithm, typ, claims):
            if self.good:
                return "header.claims.signature"
            if isinstance(answer, Exception):
                raise answer
            return answer

    signer, world = Nonsense(), door()
    world = world.__class__(world.door, make_server(parts={"signer": signer}))
    party = world.party()
    code = party.code()
    with Unchanged(world.server):
        assert party.redeem(code).status == 500
    signer.good = True
    assert party.redeem(code).status == 200


def test_a292_unsafe_deserialisation():
    """No pickle, marshal, shelve, yaml, eval or exec anywhere."""
    names = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle"}
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found += [f"{path}: {one.name}" for one in node.names if one.name.split(".")[0] in names]
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in names:
                found.append(f"{path}: {node.module}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("eval", "exec", "__import__")
            ):
                found.append(f"{path}:{node.lineno}")

    assert found == []


@pytest.mark.parametrize(
    "text", ["{{7*7}}", "{0.__class__}", "%(secret)s", "${7*7}", "{% raw %}", "<%= 7*7 %>", "{settings}"]
)
def test_a293_templates(door, text):
    """What people and clients are called is shown as it is written."""
    world = door(app_name=text)
    world.server.change_client("web", name=text)
    world.server.change_user("u1", claims={"name": text})
    browser = world.browser()
    page = browser.follow(
        browser.sign_in("alice", page=browser.follow(browser.get(world.party().url(login_hint=text))))
    )

    assert page.status == 200
    assert b"49" not in re.sub(rb"[A-Za-z0-9_-]{20,}", b"", page.body.split(b"<main")[-1])
    assert text.replace("<", "&lt;").replace(">", "&gt;").encode() in page.body


def test_a294_security_headers(door):
    """HSTS follows the issuer's scheme, on pages, JSON, redirects, errors and static files alike."""
    secure, plain = door(issuer="https://id.example.com"), door()
    for world, expected in ((secure, "max-age=63072000; includeSubDomains"), (plain, None)):
        browser = world.browser()
        css = next(part for part in browser.get("/signin").body.decode().split('"') if part.startswith("/static/"))
        for response in (
            browser.get("/signin"),
            browser.get("/nope"),
            browser.get(css),
            browser.get(world.party().url()),
            browser.sign_in("alice"),
            world.post("/token", BODY),
            world.send("GET", "/.well-known/openid-configuration"),
            world.send("GET", "/token"),
            world.send("OPTIONS", "/token"),
            browser.get("/static/nope"),
            world.party().userinfo("x"),
            world.party().revoke("x"),
        ):
            assert [value for name, value in response.headers if name == "strict-transport-security"] == (
                [expected] if expected else []
            )
            if response.body:
                assert response.header("x-content-type-options") == "nosniff"


def test_a296_shared_state():
    """Two servers in one process share nothing; what callers hand over is not changed."""
    one, two = (
        make_server(),
        make_server(issuer="http://localhost:4001", secret_key="the other master secret, 32 bytes"),
    )
    tokens = RelyingParty(one).tokens()
    browser, stranger = one.browser(), two.browser()
    browser.sign_in("alice")
    stranger.cookies = dict(browser.cookies)

    assert stranger.get("/profile").status == 302
    assert RelyingParty(two).introspect(tokens["access_token"]) == {"active": False}
    is_refusal(RelyingParty(two).refresh(tokens["refresh_token"]), 400, "invalid_grant")
    for _ in range(6):
        one.browser().sign_in("bob", "wrong")
    assert one.browser().sign_in("bob").status == 423
    assert two.browser().sign_in("bob").status == 303
    assert RelyingParty(one).alive(tokens["access_token"])
    claims = {"name": "Alice", "address": {"country": "x"}}
    kept = copy.deepcopy(claims)
    one.change_user("u1", claims=claims)
    RelyingParty(one).userinfo(tokens["access_token"])
    assert claims == kept
    headers = {"x-a": "b"}
    one.authority.receive("GET", "/", b"", headers, b"", None)
    assert headers == {"x-a": "b"}
    assert make_settings() == make_settings()


RAW = [
    ("GET", "/authorize?client_id=web&client_id=web", (), b""),
    ("GET", "/authorize?a=%zz", (), b""),
    ("GET", "/%2e%2e/token", (), b""),
    ("GET", "/signin?transaction=%00", (), b""),
    ("GET", "/t%6fken", (), b""),
    ("GET", "/é", (), b""),
    ("GET", "/%ff", (), b""),
    ("POST", "/token", (("content-type", FORM),), b"grant_type=x;a=b"),
    ("POST", "/token", (("content-type", FORM), ("content-type", FORM)), b"grant_type=x"),
    (
        "POST",
        "/token",
        (("content-type", FORM), ("authorization", "Basic x"), ("authorization", "Basic y")),
        b"grant_type=x",
    ),
    ("POST", "/token", (("Content-Type", FORM), ("AUTHORIZATION", "basic d2ViOng=")), b"grant_type=client_credentials"),
    ("POST", "/token", (("content-type", "text/plain"),), b"grant_type=x"),
    ("POST", "/token", (("content-type", FORM),), b"\xff=\xff"),
    ("POST", "/token?x", (("content-type", FORM),), b"grant_type=x"),
    ("POST", "/signin", (("content-type", FORM), ("cookie", "a=b"), ("cookie", "authority_browser=x")), b"username=a"),
    ("DELETE", "/token", (), b""),
    ("HEAD", "/health", (), b""),
    ("OPTIONS", "/token", (("origin", "null"),), b""),
    ("GET", "/userinfo", (("authorization", "Bearer x"), ("authorization", "Bearer y")), b""),
    ("GET", "/profile", (("cookie", "session_id=x; session_id=y"),), b""),
]


@pytest.mark.parametrize("number", range(len(RAW)))
def test_a297_adapters_alike(number):
    """The same raw request has the same answer under both adapters, ids and masks aside."""

    def asked(kind) -> tuple[object, ...]:
        response = kind(make_server().authority).send(*RAW[number])
        own = {"x-request-id"} if kind is not CoreTransport else set()
        headers = {name: value for name, value in response.headers if name not in own}
        body = re.sub(rb"[0-9a-f]{16}|[A-Za-z0-9_-]{40,}", b"~", response.body)
        headers.pop("content-length", None)
        return response.status, headers, body

    assert asked(AsgiTransport) == asked(WsgiTransport)
