"""Attacks on token, introspection, revocation and userinfo, each with the request that must go through."""

from __future__ import annotations

import itertools
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from attrs import evolve

from authority_core.kernel.changes import CutOff, Remove, Revoke
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import AuthorizationCode
from authority_core.kernel.values import Secret
from authority_core.testing.moments import START
from support.browser import FORM
from support.checks import Unchanged, is_page, is_refusal
from support.relying_party import RelyingParty, basic, claims_of, json_of
from support.server import API, CALLBACK, NATIVE_CALLBACK, make_server, secret_of
from support.transports import in_loop


def dead(party, tokens) -> None:
    """Nothing of *tokens* is alive."""
    assert not party.alive(tokens["access_token"])
    assert party.userinfo(tokens["access_token"]).status == 401
    if "refresh_token" in tokens:
        assert not party.alive(tokens["refresh_token"])
        is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")


def test_a050_code_used_twice(world):
    """Refused; after the interval for impatient clients everything that came of it is revoked, and it is noted."""
    party = world.party()
    code = party.code()
    tokens = json_of(party.redeem(code))
    is_refusal(party.redeem(code), 400, "invalid_grant")
    assert party.alive(tokens["access_token"])  # a retried request is no theft
    world.server.clock.wind(seconds=10)

    is_refusal(party.redeem(code), 400, "invalid_grant")

    dead(party, tokens)
    assert [event.revoked for event in world.server.told("code.reuse_detected")] == [False, True]
    fresh = party.code()
    tokens = json_of(party.redeem(fresh))
    is_refusal(party.redeem(fresh, code_verifier="w" * 43), 400, "invalid_grant")
    dead(party, tokens)  # at once for who cannot prove the verifier


def test_a051_code_in_parallel():
    """Of many attempts that all looked before one wrote, exactly one wins; none is a 5xx."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    many = 20

    class Together:
        """Everybody has read the code before anybody goes on."""

        def __init__(self, inner):
            self.inner, self.barrier = inner, Barrier(many)

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def code(self, key):
            found = self.inner.code(key)
            if found is not None and found.spent is None and self.barrier is not None:
                barrier = self.barrier
                barrier.wait(10)
                self.barrier = None
            return found

    server = make_server(wrapped=Together)
    party = RelyingParty(server)
    code = party.code()
    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(lambda _: party.redeem(code).status, range(many)))

    assert sorted(answers) == [200] + [400] * (many - 1)


def test_a052_code_of_another_client(world):
    """Right client and right time, or nothing; a stranger does not burn it."""
    for own, stranger in itertools.permutations(("web", "spa", "other"), 2):
        party = world.party(own)
        code = party.code()
        with Unchanged(world.server):
            is_refusal(world.party(stranger).redeem(code), 400, "invalid_grant")
        assert party.redeem(code).status == 200
    code = world.party().code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 43}
    with Unchanged(world.server):
        is_refusal(world.post("/token", urlencode(form).encode()), 401, "invalid_client")
        with_other_secret = tuple(basic("web", secret_of("other")).items())
        is_refusal(world.post("/token", urlencode(form).encode(), with_other_secret), 401, "invalid_client")
        with_own = urlencode({**form, "client_id": "web"}).encode()
        is_refusal(world.post("/token", with_own, tuple(basic("other").items())), 400, "invalid_request")
    world.server.clock.wind(seconds=60)
    is_refusal(world.party().redeem(code), 400, "invalid_grant")
    is_refusal(world.party("other").redeem(code), 400, "invalid_grant")


@pytest.mark.parametrize(
    "uri", ["https://evil.example", CALLBACK + "/", "https://app.example/two", "HTTPS://app.example/cb"]
)
def test_a053_redirect_uri_differs(world, uri):
    """Another one, registered or not, is refused; with PKCE it may be left out."""
    world.server.change_client("web", redirect_uris=(CALLBACK, "https://app.example/two"))
    party = world.party()
    code = party.code()

    with Unchanged(world.server):
        is_refusal(party.redeem(code, redirect_uri=uri), 400, "invalid_grant")
    assert party.redeem(code, redirect_uri=None).status == 200
    native = world.party("native")
    native.redirect_uri = "http://127.0.0.1:5001/cb"
    code = native.code()
    is_refusal(native.redeem(code, redirect_uri="http://127.0.0.1:5002/cb"), 400, "invalid_grant")
    is_refusal(native.redeem(code, redirect_uri=NATIVE_CALLBACK), 400, "invalid_grant")
    assert native.redeem(code).status == 200


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (59, True), (60, False), (61, False), (10**6, False)])
def test_a054_long_lived_code(world, seconds, good):
    """A minute at most; an end before its beginning is an end."""
    party = world.party()
    code = party.code()
    world.server.clock.wind(seconds=seconds)

    assert (party.redeem(code).status == 200) is good
    code = party.code(world.browser())
    table = world.server.storage._table(AuthorizationCode)
    key = digest("authorization_code", code)
    table[key] = evolve(table[key], expires_at=START - timedelta(days=20_000))
    is_refusal(party.redeem(code), 400, "invalid_grant")


@pytest.mark.parametrize("how", ["disabled", "locked", "deleted", "password must change"])
@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a055_person_disabled(door, how, form):
    """By every grant, at introspection and userinfo: no token for who may not sign in. Others go on."""
    world = door(access_token_format=form)
    party, browser = world.party(), world.browser()
    tokens, bobs = party.tokens(browser=browser), party.tokens("bob")
    code = party.code(browser)
    if how == "deleted":
        world.server.write(Remove(world.server.storage.user("u1")))
    else:
        changes = {
            "disabled": {"active": False},
            "locked": {"locked_at": world.server.clock.now},
            "password must change": {"password_must_change": True},
        }
        world.server.change_user("u1", **changes[how])

    with Unchanged(world.server):
        is_refusal(party.redeem(code), 400, "invalid_grant")
        dead(party, {"access_token": tokens["access_token"]})
        is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")
        assert not party.alive(tokens["refresh_token"])
    assert b'name="password"' in browser.follow(browser.get(party.url())).body
    assert party.alive(bobs["access_token"])
    assert party.refresh(bobs["refresh_token"]).status == 200


def test_a056_client_disabled(world):
    """Everywhere at once, and its tokens are dead."""
    party = world.party()
    tokens = party.tokens(resource=API)
    assert world.party("api").alive(tokens["access_token"])
    world.server.change_client("web", active=False)

    for path in ("/token", "/token/introspect", "/token/revoke"):
        is_refusal(party.post(path, {"grant_type": "client_credentials", "token": "x"}), 401, "invalid_client")
    is_page(world.browser().get(party.url()))
    assert not world.party("api").alive(tokens["access_token"])
    world.server.write(Remove(world.server.storage.client("web")))
    is_refusal(party.credentials(), 401, "invalid_client")


def test_a057_refresh_without_authentication(world):
    """A confidential client's token needs the client; the token stays good for it."""
    party = world.party()
    token = party.tokens()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}

    with Unchanged(world.server):
        is_refusal(world.post("/token", urlencode(form).encode()), 401, "invalid_client")
        is_refusal(world.post("/token", urlencode({**form, "client_id": "web"}).encode()), 401, "invalid_client")
        is_refusal(world.post("/token", urlencode({**form, "client_id": "spa"}).encode()), 400, "invalid_grant")
        wrong = tuple(basic("web", "wrong").items())
        is_refusal(world.post("/token", urlencode(form).encode(), wrong), 401, "invalid_client")
    assert party.refresh(token).status == 200


def test_a058_refresh_of_another_client(world):
    """Refused, and the family lives: also for a token that was used already."""
    party = world.party()
    token = party.tokens()["refresh_token"]

    with Unchanged(world.server):
        is_refusal(world.party("other").refresh(token), 400, "invalid_grant")
    newer = json_of(party.refresh(token))["refresh_token"]
    world.server.clock.wind(minutes=1)
    with Unchanged(world.server):
        is_refusal(world.party("other").refresh(token), 400, "invalid_grant")
    assert party.refresh(newer).status == 200


def test_a059_old_refresh_token(world):
    """The whole family ends, its newest member and access tokens with it, and it is noted."""
    party = world.party()
    chain = [party.tokens()]
    for _ in range(3):
        world.server.clock.wind(seconds=20)
        chain.append(json_of(party.refresh(chain[-1]["refresh_token"])))
    assert party.alive(chain[-1]["access_token"])

    is_refusal(party.refresh(chain[0]["refresh_token"]), 400, "invalid_grant")

    for tokens in chain:
        dead(party, tokens)
    assert len(world.server.told("token.reuse_detected")) == 1


@pytest.mark.parametrize("interval", [10, 0])
def test_a060_parallel_refresh(interval):
    """Twenty at once: one successor within the interval, one winner without it, never two live ones."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from authority_core.kernel.records import RefreshToken

    many = 20

    class Together:
        def __init__(self, inner):
            self.inner, self.barrier = inner, Barrier(many)

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def refresh_token(self, key):
            found = self.inner.refresh_token(key)
            if found is not None and found.record.generation == 0 and found.spent is None and self.barrier is not None:
                barrier = self.barrier
                barrier.wait(10)
                self.barrier = None
            return found

    server = make_server(wrapped=Together, refresh_token_reuse_interval=interval)
    party = RelyingParty(server)
    token = party.tokens()["refresh_token"]
    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(lambda _: party.refresh(token), range(many)))

    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 400}
    successors = {json_of(answer)["refresh_token"] for answer in answers if answer.status == 200}
    assert len(successors) == 1
    assert statuses.count(200) == (many if interval else 1)
    live = [record for record in server.storage._all(RefreshToken) if server.storage.spent(record.key) is None]
    assert len(live) == 1


def test_a061_reuse_after_restart(world):
    """Another process on the same storage knows what was used."""
    party = world.party()
    token = party.tokens()["refresh_token"]
    newer = json_of(party.refresh(token))["refresh_token"]
    again = make_server(storage=world.server.storage)
    again.clock.now = world.server.clock.now + timedelta(minutes=1)
    restarted = RelyingParty(again)

    is_refusal(restarted.refresh(token), 400, "invalid_grant")
    is_refusal(restarted.refresh(newer), 400, "invalid_grant")


@pytest.mark.parametrize(
    "event",
    [
        "sign-out",
        "session revoked",
        "person cut off",
        "password set",
        "password chosen",
        "consent cut off",
        "client cut off",
        "scope removed",
    ],
)
def test_a062_refresh_after_security_events(world, event):
    """Each ends the grant, except that a scope taken away is only not granted any more."""
    party, browser = world.party(), world.browser()
    tokens = party.tokens(browser=browser, scope="openid offline_access read")
    bobs = party.tokens("bob")
    now, sid = world.server.clock.now, claims_of(tokens["id_token"])["sid"]
    match event:
        case "sign-out":
            browser.sign_out()
        case "session revoked":
            world.server.write(Revoke("session", sid, now, now + timedelta(days=400)))
        case "person cut off":
            world.server.write(CutOff("u1", None, now, now + timedelta(days=400)))
        case "password set":
            in_loop(world.server.authority.users.set_password("u1", Secret("Another-Horse-22")))
        case "password chosen":
            world.server.clock.wind(seconds=1)
            world.server.change_user("u1", password_must_change=True)
            other = world.browser()
            assert other.choose(other.follow(other.sign_in("alice")), "Another-Horse-22").status == 303
        case "consent cut off":
            world.server.write(CutOff("u1", "web", now, now + timedelta(days=400)))
        case "client cut off":
            world.server.change_client("web", tokens_valid_after=now)
        case _:
            world.server.change_client("web", scopes=frozenset({"openid", "offline_access"}))
            assert "read" not in json_of(party.refresh(tokens["refresh_token"]))["scope"]
            return

    dead(party, tokens)
    if event != "client cut off":
        assert party.refresh(bobs["refresh_token"]).status == 200


def test_a063_widened_on_refresh(world):
    """More is refused, less is given, and nothing exceeds the grant or the client's present allowance."""
    party = world.party()
    token = party.tokens(scope="openid offline_access read", resource=API)["refresh_token"]

    with Unchanged(world.server):
        is_refusal(party.refresh(token, scope="openid read write"), 400, "invalid_scope")
        is_refusal(party.refresh(token, resource="https://unknown.example"), 400, "invalid_target")
    narrow = json_of(party.refresh(token, scope="read"))
    assert narrow["scope"] == "read"
    with Unchanged(world.server):
        is_refusal(party.refresh(narrow["refresh_token"], scope="write"), 400, "invalid_scope")
    whole = json_of(party.refresh(narrow["refresh_token"]))
    assert whole["scope"] == "offline_access openid read"
    assert claims_of(whole["access_token"])["aud"] == API
    world.server.change_client("web", scopes=frozenset({"openid"}))
    assert json_of(party.refresh(whole["refresh_token"]))["scope"] == "openid"


def test_a064_unasked_refresh_token(world):
    """Only with `offline_access`, and only for clients that have the grant."""
    assert "refresh_token" not in world.party().tokens(scope="openid")
    assert "refresh_token" in world.party().tokens(scope="offline_access")
    world.server.change_client("other", grant_types=frozenset({"authorization_code"}))
    assert "refresh_token" not in world.party("other").tokens()
    assert "refresh_token" not in json_of(world.party().credentials(scope="read"))


def test_a065_one_kind_as_another(world):
    """Every artefact at every input but its own."""
    party = world.party()
    tokens = party.tokens()
    artefacts = {
        "access": tokens["access_token"],
        "refresh": tokens["refresh_token"],
        "id": tokens["id_token"],
        "code": party.code(),
        "secret": secret_of("web"),
        "client": json_of(party.credentials(scope="read"))["access_token"],
    }

    for name, text in artefacts.items():
        if name != "access":
            assert party.userinfo(text).status == 401
        if name != "refresh":
            is_refusal(party.refresh(text), 400, "invalid_grant")
        if name != "code":
            is_refusal(party.redeem(text), 400, "invalid_grant")
        assert party.alive(text) is (name in ("access", "refresh", "client"))
    assert party.userinfo(artefacts["access"]).status == 200
    assert party.redeem(artefacts["code"]).status == 200
    assert party.refresh(artefacts["refresh"]).status == 200


def test_a066_client_credentials(world):
    """Not for public clients, not for a person's scopes, within the client's own; never for userinfo."""
    world.server.change_client("spa", grant_types=frozenset({"client_credentials"}))
    is_refusal(world.party("spa").credentials(scope="read"), 400, "unauthorized_client")
    for scope in ("openid", "offline_access", "read admin", "openid read"):
        is_refusal(world.party("service").credentials(scope=scope), 400, "invalid_scope")
    tokens = json_of(world.party("service").credentials())
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope"}
    assert {"openid", "offline_access"}.isdisjoint(tokens["scope"].split())
    assert world.party("service").userinfo(tokens["access_token"]).status == 401


@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token", "client_credentials"])
def test_a067_unregistered_grant(world, grant):
    """`unauthorized_client` without a look at what was sent; unknown ones and `password` are not there at all."""
    party = world.party()
    code, token = party.code(), party.tokens()["refresh_token"]
    kept = {"authorization_code", "refresh_token", "client_credentials"} - {grant}
    world.server.change_client("web", grant_types=frozenset(kept))

    with Unchanged(world.server):
        form = {"grant_type": grant, "code": code, "refresh_token": token, "code_verifier": "v" * 43}
        is_refusal(party.post("/token", form), 400, "unauthorized_client")
        for unknown in (
            "password",
            "implicit",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "AUTHORIZATION_CODE",
            "x",
        ):
            form = {"grant_type": unknown, "username": "alice", "password": "Correct-Horse-1", "subject_token": token}
            is_refusal(party.post("/token", form), 400, "unsupported_grant_type")
    assert world.server.told("user.login_failed") == []


def test_a070_get_or_query_at_the_token_endpoint(world):
    """Not allowed, and nothing is consumed."""
    party = world.party()
    code = party.code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 43}
    headers = tuple(basic("web").items())

    with Unchanged(world.server):
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            response = world.send(method, "/token?" + urlencode(form), headers)
            assert response.status == 405
            assert response.header("allow") == "POST"
        for target, body in (("/token?" + urlencode(form), b""), ("/token?x=1", urlencode(form).encode())):
            is_refusal(world.post(target, body, headers), 400, "invalid_request")
    assert party.redeem(code).status == 200


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
        FORM + "; charset=utf-16",
        FORM + ", text/plain",
    ],
)
def test_a071_content_types(world, kind):
    """Forms come as forms; the header decides, not the look of the body."""
    body = urlencode({"grant_type": "client_credentials", "scope": "read"}).encode()
    headers = [*basic("web").items()] + ([("content-type", kind)] if kind else [])

    for path in ("/token", "/token/introspect", "/token/revoke"):
        is_refusal(world.send("POST", path, headers, body + b"&token=x"), 400, "invalid_request")
    assert world.browser().send("POST", "/signin", tuple(headers), body).status == 400
    assert world.post("/token", body, tuple(basic("web").items())).status == 200


@pytest.mark.parametrize("bad", [b"%00", b"%ff", b"%zz", b"%", b"\xff", b"%ed%a0%80", b"\x00", b"%c0%80"])
def test_a072_bad_encoding(world, bad):
    """In every field of every endpoint: 400, never a 500."""
    headers = tuple(basic("web").items())
    for path, names in (
        ("/token", ("grant_type", "scope", "code", "client_id", "resource", "refresh_token", "code_verifier", "zzz")),
        ("/token/introspect", ("token", "token_type_hint")),
        ("/token/revoke", ("token",)),
        ("/authorize", ("client_id", "state")),
        ("/signin", ("username", "password", "csrf_token", "transaction")),
        ("/authorize/decision", ("transaction",)),
    ):
        for name in names:
            for body in (name.encode() + b"=" + bad, bad + name.encode() + b"=x"):
                assert world.post(path, body, headers).status == 400
    query = bad.decode("latin-1")
    for path in ("/authorize", "/consent", "/signin"):
        assert world.send("GET", f"{path}?client_id={query}").status == 400
        assert world.send("GET", f"{path}?transaction={query}").status == 400
    response = world.send("GET", f"/userinfo?x={query}", (("authorization", "Bearer x"),))
    assert response.status in (400, 401)


def test_a073_cacheable_answers(world):
    """Nothing that carries a token or a secret is kept, success and error alike."""
    party = world.party()
    tokens = party.tokens()

    for response in (
        party.redeem(party.code()),
        party.redeem("x"),
        party.refresh(tokens["refresh_token"]),
        party.credentials(scope="read"),
        world.post("/token", b""),
        party.userinfo(tokens["access_token"]),
        party.userinfo("x"),
        party.revoke(tokens["access_token"]),
        party.post("/token/introspect", {"token": "x"}),
        world.post("/token/introspect", b""),
        world.send("GET", "/token"),
        world.browser().get("/signin"),
        world.browser().get(party.url()),
        world.browser().go_through(party.url()),
    ):
        assert response.header("cache-control") == "no-store"


@pytest.mark.parametrize("client_id", ["web", "spa"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
def test_a074_revocation(world, client_id, hint):
    """Its own client may, with any hint; others change nothing and learn nothing."""
    party = world.party(client_id)
    tokens = party.tokens()
    stranger = world.party("other")

    with Unchanged(world.server):
        answers = [stranger.revoke(tokens["access_token"], token_type_hint=hint), stranger.revoke("unknown"),
                   stranger.revoke(tokens["refresh_token"])]  # fmt: skip
        assert {(answer.status, answer.body) for answer in answers} == {(200, b"")}
        assert world.post("/token/revoke", urlencode({"token": tokens["access_token"]}).encode()).status == 401
        wrong = urlencode({"token": tokens["access_token"], "client_id": "web"}).encode()
        assert world.post("/token/revoke", wrong).status == 401
    assert party.userinfo(tokens["access_token"]).status == 200
    assert party.revoke(tokens["access_token"], token_type_hint=hint).status == 200
    assert party.userinfo(tokens["access_token"]).status == 401


def test_a075_refresh_revoked_access_lives(world):
    """Revoking a refresh token ends everything of its grant, and consent stays; an access token goes alone."""
    party, browser = world.party(), world.browser()
    one, two = party.tokens(browser=browser), party.tokens(browser=browser)
    later = json_of(party.refresh(one["refresh_token"]))
    party.revoke(later["refresh_token"])

    dead(party, one)
    dead(party, later)
    assert party.alive(two["access_token"])
    party.revoke(two["access_token"])
    assert party.refresh(two["refresh_token"]).status == 200
    assert world.server.storage.consent("u1", "web").revoked_at is None


def test_a076_storage_error_as_success():
    """Revocation that could not be written says so, and the token is not claimed revoked."""

    class Full:
        broken = False

        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def commit(self, changes):
            if Full.broken:
                raise OSError("disk full")
            self.inner.commit(changes)

    server = make_server(wrapped=Full)
    party = RelyingParty(server)
    tokens = party.tokens()
    Full.broken = True
    for token in (tokens["access_token"], tokens["refresh_token"]):
        response = party.revoke(token)
        is_refusal(response, 503, "temporarily_unavailable")
        assert response.header("retry-after")
    Full.broken = False
    assert party.alive(tokens["access_token"])
    assert party.revoke(tokens["access_token"]).status == 200
    assert not party.alive(tokens["access_token"])


def test_a077_introspection_across_clients(world):
    """Neither owner nor audience: inactive and nothing else; not for the public."""
    tokens = world.party().tokens(resource=API)
    body = urlencode({"token": tokens["access_token"]}).encode()

    assert world.party("other").introspect(tokens["access_token"]) == {"active": False}
    assert world.party("api").introspect(tokens["access_token"])["active"]
    assert world.party().introspect(tokens["access_token"])["active"]
    assert world.party("api").introspect(tokens["refresh_token"]) == {"active": False}
    assert world.post("/token/introspect", body).status == 401
    assert world.post("/token/introspect", body + b"&client_id=spa").status == 401
    assert world.post("/token/introspect", body, tuple(basic("web", "x").items())).status == 401


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a078_introspection_is_not_cached(door, form):
    """Another process, which just called it active, says inactive at once."""
    world = door(access_token_format=form)
    party = world.party()
    elsewhere = RelyingParty(make_server(storage=world.server.storage, access_token_format=form))
    for end in ("revoke", "cut off", "person", "client"):
        tokens = party.tokens(browser=world.browser())
        elsewhere.server.clock.now = world.server.clock.now
        assert elsewhere.alive(tokens["access_token"])
        match end:
            case "revoke":
                party.revoke(tokens["access_token"])
            case "cut off":
                now = world.server.clock.now
                world.server.write(CutOff("u1", "web", now, now + timedelta(days=400)))
            case "person":
                world.server.change_user("u1", active=False)
            case _:
                world.server.change_client("web", tokens_valid_after=world.server.clock.now)
        assert not elsewhere.alive(tokens["access_token"])
        world.server.change_user("u1", active=True)
        world.server.clock.wind(seconds=1)


def test_a079_userinfo_transports(world):
    """One transport, never the query, the right scope; malformed headers are 401."""
    party = world.party()
    token = party.tokens()["access_token"]
    bearer = (("authorization", f"Bearer {token}"),)
    form = f"access_token={token}".encode()

    assert world.send("GET", "/userinfo", bearer).status == 200
    assert world.post("/userinfo", form).status == 200
    assert world.post("/userinfo", form, bearer).status == 400
    assert world.send("GET", f"/userinfo?access_token={token}").status == 401
    for header in (
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "bearer %",
        "Bearer " + "x" * 10**6,
        f"Bearer {token}, Bearer {token}",
        f"Bearer{token}",
        token,
        f"Basic {token}",
        "Bearer \t",
    ):
        assert world.send("GET", "/userinfo", (("authorization", header),)).status == 401
    assert world.send("GET", "/userinfo", bearer * 2).status == 401
    narrow = party.tokens(scope="read")["access_token"]
    assert party.userinfo(narrow).status == 403
