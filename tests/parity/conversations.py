"""What is said to every server: all endpoints, each with its successes and its refusals.

A conversation takes a `Talk` and expects a status of every answer, so that a server which refuses everything (or
nothing) fails before its bytes are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from interop.house import API, CALLBACK, PASSWORD, SECRET
from parity.talk import FORM, Talk, as_basic, bearer
from parity.visits import CROSS, authorization_requests, consent, freshness, new_password, signing_in, signing_out

Conversation = Callable[[Talk], None]
DOCUMENTS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json")


def documents(talk: Talk) -> None:
    """Metadata and keys, cached and not, from scripts and not; health."""
    for path in DOCUMENTS:
        tag = talk.get(path).header("etag")
        talk.get(path, 304, headers=[("if-none-match", tag)])
        talk.get(path, 200, headers=[("if-none-match", '"another"')])
        talk.get(path + "?a=b&a=c", headers=CROSS)
        talk.send("HEAD", path, 200)
        talk.send("HEAD", path, 304, headers=[("if-none-match", tag)])
        talk.send("OPTIONS", path, 204, headers=[*CROSS, ("access-control-request-method", "GET")])
        talk.post(path, {}, 405)
    for path in ("/health", "/health_check", "/health/ready"):
        talk.get(path)
        talk.send("HEAD", path, 200)
        talk.send("OPTIONS", path, 405)


def client_credentials(talk: Talk) -> None:
    """A client for itself, in every format and by every method."""
    form = {"grant_type": "client_credentials"}
    talk.token(form, 200, "service")
    talk.token({**form, "scope": "read"}, 200, "service")
    talk.token({**form, "scope": "read write"}, 200, "web")
    talk.token({**form, "resource": API}, 200, "opaque")
    talk.post("/token", {**form, "client_id": "post", "client_secret": SECRET}, 200)
    talk.post("/token", {**form, "client_id": "web"}, 200, basic="web")
    talk.post("/token", [*form.items(), ("resource", API), ("resource", talk.issuer)], 200, basic="web")
    talk.post("/token", form, 200, basic="service", headers=CROSS)
    talk.post("/token", form, 200, basic="service", kind="application/x-www-form-urlencoded; charset=UTF-8")
    talk.token({**form, "scope": "admin"}, 400, "service")
    talk.token({**form, "scope": 'a"b'}, 400, "service")
    talk.token({**form, "resource": "https://elsewhere.example"}, 400, "service")
    talk.token({**form, "resource": "not-absolute"}, 400, "web")


def client_authentication(talk: Talk) -> None:
    """Every way to fail to be a client, each answered alike."""
    form = {"grant_type": "client_credentials"}
    good = as_basic("web", SECRET)
    talk.post("/token", form, 200, headers=[("authorization", good)])
    talk.post("/token", form, 200, headers=[("authorization", good.replace("Basic", "bAsIc"))])
    for basic in (("web", "wrong"), ("nobody", SECRET), ("gone", SECRET), ("post", SECRET), ("spa", SECRET), ("", "")):
        talk.post("/token", form, 401, basic=basic)
    for header in (
        "Basic",
        "Basic !",
        "Basic d2Vi",
        "Bearer x",
        "Digest x",
        "Basic  " + good[6:],
        "Basic w7w6w7w=",
        "Basic /zp4",
    ):
        talk.post("/token", form, 401, headers=[("authorization", header)])
    talk.post("/token", form, 401, headers=[("authorization", good), ("authorization", good)])
    talk.post("/token", form, 401)
    talk.post("/token", {**form, "client_id": "web"}, 401)
    talk.post("/token", {**form, "client_id": "web", "client_secret": SECRET}, 401)
    talk.post("/token", {**form, "client_id": "post", "client_secret": "wrong"}, 401)
    talk.post("/token", {**form, "client_id": "post", "client_secret": ""}, 401)
    talk.post("/token", {**form, "client_secret": SECRET}, 400, basic="web")
    talk.post("/token", {**form, "client_id": "post"}, 400, basic="web")
    talk.post("/token", {**form, "client_assertion": "x"}, 401, basic="web")
    talk.post("/token", {**form, "client_id": "ü" * 2000, "client_secret": SECRET}, 401)


def malformed_bodies(talk: Talk) -> None:
    """Forms that are none."""
    good = b"grant_type=client_credentials"
    talk.post("/token", good, 200, basic="service")
    for body in (
        b"",
        b"&",
        b"=",
        b"grant_type",
        b"grant_type=",
        good + b"&scope=%",
        good + b"&scope=%zz",
        good + b"&scope=%00",
        good + b"&scope=%ff",
        good + b"&scope=\xff",
        good + b"&" + good,
        b"grant_type=%63lient_credentials&scope=read&scope=read",
        good + b"&a=b" * 100,
        b"{}",
        good + b"&scope=\x00",
        b"\xef\xbb\xbf" + good,
    ):
        talk.post("/token", body, 400, basic="service")
    for kind in (None, "application/json", "multipart/form-data", FORM + "; charset=latin-1", "text/plain", FORM + "x"):
        talk.post("/token", good, 400, basic="service", kind=kind)
    talk.post("/token", good + b"&+%20=%C3%BC&%F0%9F%98%80=", 200, basic="service")
    talk.post("/token?grant_type=client_credentials", good, 400, basic="service")
    talk.post("/token?", good, 200, basic="service")
    limit = 65536
    talk.post("/token", good + b"&pad=" + b"x" * (limit - len(good) - 5), 200, basic="service")
    talk.post("/token", good + b"&pad=" + b"x" * (limit - len(good) - 4), 413, basic="service")
    talk.post("/token", b"x" * (4 * limit), 413, basic="service")
    talk.post("/signin", b"x" * (2 * limit), 413)
    talk.post("/authorize", b"client_id=" + b"x" * 9000, 413)


def code_flow(talk: Talk) -> None:
    """From the application over sign-in and consent to tokens, what they open, and their end."""
    page = talk.follow(talk.authorize())
    onward = talk.sign_in(page)
    answer = talk.decide(talk.follow(talk.follow(onward, 302)), "approve")

    assert answer.parameters.keys() == {"code", "state", "iss"}
    tokens = talk.redeem(answer.parameters["code"]).json
    access = tokens["access_token"]
    talk.get("/userinfo", headers=bearer(access))
    talk.get("/oauth2/userinfo", headers=[*bearer(access), *CROSS])
    talk.send("HEAD", "/userinfo", 200, headers=bearer(access))
    talk.post("/userinfo", {}, headers=bearer(access))
    talk.post("/userinfo", {"access_token": str(access)})
    for name in ("access_token", "refresh_token", "id_token"):
        talk.introspect(tokens[name])
        talk.introspect(tokens[name], "api")
        talk.introspect(tokens[name], "opaque")
    talk.post("/oauth/introspect", {"token": str(access), "token_type_hint": "nonsense"}, basic="web")
    talk.wind(seconds=3601)

    assert talk.introspect(access) == {"active": False}
    talk.get("/userinfo", 401, headers=bearer(access))


def opaque_tokens(talk: Talk) -> None:
    """The same for tokens that only storage knows."""
    tokens = talk.redeem(talk.approved(client_id="opaque", resource=API), client="opaque").json

    assert talk.introspect(tokens["access_token"], "api")["active"] is True
    assert talk.introspect(tokens["access_token"], "web") == {"active": False}
    own = talk.redeem(talk.approved(client_id="opaque"), client="opaque").json
    talk.get("/userinfo", headers=bearer(own["access_token"]))
    talk.post("/token/revoke", {"token": str(own["access_token"])}, basic="opaque")
    talk.get("/userinfo", 401, headers=bearer(own["access_token"]))
    talk.refresh(own["refresh_token"], 200, "opaque")


def wrong_codes(talk: Talk) -> None:
    """A code is refused to strangers, without proof, too late and twice; the first holder keeps what is theirs."""
    code = talk.approved()
    talk.redeem(code, 400, "own")
    talk.redeem(code, 400, code_verifier=None)
    talk.redeem(code, 400, code_verifier="w" * 43)
    talk.redeem(code, 400, code_verifier="short")
    talk.redeem(code, 400, redirect_uri=CALLBACK + "/")
    talk.redeem(code, 400, resource=API)
    talk.redeem("no-such-code", 400)
    talk.redeem("", 400)
    tokens = talk.redeem(code, redirect_uri=None).json
    talk.redeem(code, 400)
    talk.refresh(tokens["refresh_token"], 200)
    talk.redeem(code, 400, code_verifier="w" * 43)
    talk.refresh(tokens["refresh_token"], 400)
    late = talk.approved()
    talk.wind(seconds=60)
    talk.redeem(late, 400)


def public_client(talk: Talk) -> None:
    """An application without a secret names itself and proves the verifier; no other client takes its code."""
    code = talk.approved(client_id="spa")
    talk.redeem(code, 400, "web")
    talk.redeem(code, 401, "spa")
    tokens = talk.redeem(code, client=None, client_id="spa").json
    talk.refresh(tokens["refresh_token"], 401, None)
    talk.refresh(tokens["refresh_token"], 200, None, client_id="spa")
    talk.token({"grant_type": "client_credentials", "client_id": "spa"}, 400, None)
    talk.post("/token/introspect", {"token": str(tokens["access_token"]), "client_id": "spa"}, 401)
    talk.post("/token/revoke", {"token": str(tokens["refresh_token"]), "client_id": "spa"}, 200)
    talk.refresh(tokens["refresh_token"], 400, None, client_id="spa")


def refreshing(talk: Talk) -> None:
    """Rotation, an impatient repeat, narrowing, and reuse that ends everything."""
    first = talk.redeem(talk.approved(scope="openid profile offline_access read")).json
    second = talk.refresh(first["refresh_token"]).json

    assert talk.refresh(first["refresh_token"]).json["refresh_token"] == second["refresh_token"]
    talk.refresh(second["refresh_token"], 400, scope="openid write")
    talk.refresh(second["refresh_token"], 400, resource=API)
    talk.refresh(second["refresh_token"], 400, "own")
    third = talk.refresh(second["refresh_token"], scope="read").json

    assert "id_token" not in third
    talk.wind(seconds=11)
    talk.refresh(first["refresh_token"], 400)
    talk.refresh(third["refresh_token"], 400)

    assert talk.introspect(third["access_token"]) == {"active": False}
    idle = talk.redeem(talk.approved()).json
    talk.wind(days=30)
    talk.refresh(idle["refresh_token"], 400)


def grant_types(talk: Talk) -> None:
    """Grants that are unknown, not enabled or not this client's."""
    talk.token({"grant_type": "password", "username": "alice", "password": PASSWORD}, 400)
    talk.token({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, 400)
    talk.token({"grant_type": "authorization_code", "code": "x"}, 400, "service")
    talk.token({"grant_type": "refresh_token"}, 400)
    talk.token({"grant_type": "authorization_code"}, 400)
    talk.token({"grant_type": "CLIENT_CREDENTIALS"}, 400)
    talk.get("/token?grant_type=client_credentials", 405)
    talk.token({"grant_type": "client_credentials"})


def revocation_and_introspection(talk: Talk) -> None:
    """A client ends and sees its own; of everybody else's it learns nothing."""
    tokens = talk.redeem(talk.approved()).json
    access, refresh = str(tokens["access_token"]), str(tokens["refresh_token"])
    for path in ("/token/revoke", "/token/introspect"):
        talk.post(path, {}, 400, basic="web")
        talk.post(path, {"token": ""}, 400, basic="web")
        talk.post(path, {"token": access}, 401)
        talk.post(path, {"token": access}, 401, basic=("web", "wrong"))
        talk.post(path, [("token", access), ("token", access)], 400, basic="web")
        talk.get(path, 405)
        talk.send("OPTIONS", path, 204 if path.endswith("revoke") else 405, headers=CROSS)
        for unknown in ("nonsense", "a.b.c", access[:-4], access + "x", "ü", refresh[:-1]):
            talk.post(path, {"token": unknown}, basic="web")
    talk.post("/token/revoke", {"token": str(tokens["id_token"])}, 400, basic="web")
    talk.post("/token/revoke", {"token": refresh}, basic="own")
    talk.post("/token/revoke", {"token": access}, basic="web", headers=CROSS)

    assert talk.introspect(access) == {"active": False}
    assert talk.introspect(refresh)["active"] is True
    talk.post("/oauth/revoke", {"token": refresh, "token_type_hint": "access_token"}, basic="web")

    assert talk.introspect(refresh) == {"active": False}
    talk.refresh(refresh, 400)
    before = talk.redeem(talk.approved()).json["refresh_token"]
    after = talk.refresh(before).json["refresh_token"]
    talk.post("/token/revoke", {"token": str(before)}, basic="own")

    assert talk.introspect(after)["active"] is True
    talk.post("/token/revoke", {"token": str(before)}, basic="web")

    assert talk.introspect(after) == {"active": False}


def user_info(talk: Talk) -> None:
    """Only a person's access token with openid opens it, sent once and in its place."""
    tokens = talk.redeem(talk.approved(scope="openid email")).json
    access = tokens["access_token"]
    talk.get("/userinfo", headers=bearer(access))
    talk.get("/userinfo", 401)
    talk.get(f"/userinfo?access_token={access}", 401)
    talk.get(f"/userinfo?access_token={access}", 401, headers=bearer(access))
    talk.post("/userinfo", {"access_token": str(access)}, 400, headers=bearer(access))
    for header in ("Bearer", "Bearer ", "Basic x", f"Bearer {access} x", f"Bearer {tokens['id_token']}", "Bearer \xfc"):
        talk.get("/userinfo", 401, headers=[("authorization", header)])
    service = talk.token({"grant_type": "client_credentials"}, 200, "service").json
    talk.get("/userinfo", 401, headers=bearer(service["access_token"]))
    narrow = talk.redeem(talk.approved(scope="read")).json
    talk.get("/userinfo", 403, headers=bearer(narrow["access_token"]))
    talk.send("OPTIONS", "/userinfo", 204, headers=CROSS)
    talk.send("DELETE", "/userinfo", 405, headers=bearer(access))


def static_files(talk: Talk) -> None:
    """Styles and scripts by their own names and no others."""
    page = talk.get("/signin").body.decode()
    names = {part.partition('"')[0] for part in page.split("/static/")[1:]}

    assert names
    for name in sorted(names):
        talk.get("/static/" + name)
        talk.send("HEAD", "/static/" + name, 200)
        talk.post("/static/" + name, {}, 405)


def odd_paths(talk: Talk) -> None:
    """A path is matched exactly or not at all."""
    talk.get("/health")
    for path in (
        "/nope",
        "//health",
        "/health/",
        "/HEALTH",
        "/health%00",
        "/health%20",
        "/%68ealth/",
        "/health;x",
        "/./health",
        "/x/../health",
        "/%ff",
        "/%C3%BC",
        "/%2e%2e/health",
        "/token%2Fintrospect/",
        "/static/",
        "/static/none.css",
        "/static/../health",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/%00",
        "/.well-known/",
        "/health%",
        "/%E0%A4%A",
    ):
        talk.get(path, 404)
    talk.get("/%68ealth", 200)
    talk.send("HEAD", "/nope", 404)
    talk.post("/nope", {"a": "b"}, 404)
    talk.send("OPTIONS", "/nope", 404)
    talk.get("/health?%zz&\x7f&a=%00", 200)


def methods(talk: Talk) -> None:
    """Methods that an endpoint does not take."""
    paths = (
        "/token",
        "/authorize",
        "/userinfo",
        "/token/introspect",
        "/token/revoke",
        "/signin",
        "/password/change",
        "/signout",
        "/consent",
        "/authorize/decision",
        "/profile",
        "/signed-out",
        "/.well-known/jwks.json",
        "/health",
        "/health/ready",
    )
    for path in paths:
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get"):
            talk.send(method, path, 405)
        talk.send(
            "OPTIONS", path, 204 if path in ("/token", "/userinfo", "/token/revoke", "/.well-known/jwks.json") else 405
        )
    talk.send("HEAD", "/token", 405)
    talk.send("PUT", "/token", 405, body=urlencode({"grant_type": "client_credentials"}).encode(), kind=FORM)


HOSTED: tuple[Conversation, ...] = (
    documents,
    client_credentials,
    client_authentication,
    malformed_bodies,
    code_flow,
    opaque_tokens,
    wrong_codes,
    public_client,
    refreshing,
    grant_types,
    revocation_and_introspection,
    user_info,
    authorization_requests,
    signing_in,
    new_password,
    consent,
    freshness,
    static_files,
    methods,
)
"""What a server answers itself when it is a guest in a host's application."""

ALL: tuple[Conversation, ...] = (*HOSTED, signing_out, odd_paths)
