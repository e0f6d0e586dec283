"""Attacks on tokens and JOSE: every forged token is tried at every place that takes a JWT of ours."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

import authority_core
from authority_core import ConfigurationError, Settings
from authority_core.kernel.encoding import base64url, base64url_decode
from authority_core.kernel.jose import InvalidToken, PublicKey, check_claims, verify
from authority_core.testing.moments import START
from support import keys
from support.checks import is_redirect_error
from support.forge import forged, header_for, raw_signature, signing_input
from support.relying_party import claims_of, header_of, json_of
from support.server import ISSUER, make_server, make_settings

ES256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Inputs:
    """The places that take a JWT: userinfo, introspection, revocation, `id_token_hint`; and the verifier itself."""

    def __init__(self, world) -> None:
        self.world, self.party, self.browser = world, world.party(), world.browser()
        tokens = self.party.tokens(browser=self.browser)
        self.access, self.id_token = tokens["access_token"], tokens["id_token"]
        self.access_claims, self.id_claims = claims_of(self.access), claims_of(self.id_token)

    def taken(self, make) -> list[str]:
        """Return where the tokens that *make* makes, of type and claims, were taken."""
        access, hint = make("at+jwt", self.access_claims), make("JWT", self.id_claims)
        return self.taken_as(access, hint)

    def taken_as(self, access: str, hint: str) -> list[str]:
        places = []
        if self.party.userinfo(access).status != 401:
            places.append("userinfo")
        if self.party.alive(access):
            places.append("introspection")
        if self.party.revoke(access).status != 200 or not self.party.alive(self.access):
            places.append("revocation")
        response = self.browser.get(self.party.url(id_token_hint=hint, prompt="none"))
        if "error=invalid_request" not in (response.header("location") or "") and response.status not in (400, 413):
            places.append("hint")
        return places


@pytest.fixture
def inputs(world):
    return Inputs(world)


def nowhere(inputs: Inputs, make) -> None:
    assert inputs.taken(make) == []
    assert inputs.party.alive(inputs.access)


def test_positive_control(inputs):
    """What is forged with our own key and our own header is taken: the harness can tell."""
    taken = inputs.taken(lambda typ, claims: forged(header_for(typ), claims))

    assert taken == ["userinfo", "introspection", "revocation", "hint"]


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, ["none"], ["ES256"], 1, {}])
def test_a098_alg_none(inputs, alg):
    """In any spelling, with a signature or without; and no client gets one."""
    nowhere(inputs, lambda typ, claims: signing_input({**header_for(typ), "alg": alg}, claims) + ".")
    nowhere(
        inputs, lambda typ, claims: signing_input({**header_for(typ), "alg": alg}, claims) + "." + base64url(b"x" * 64)
    )
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), "alg": alg}, claims))
    bare = {name: value for name, value in header_for().items() if name != "alg"}
    nowhere(inputs, lambda typ, claims: forged({**bare, "typ": typ}, claims))
    with pytest.raises(ConfigurationError):
        make_settings(jwt_algorithm="none")
    inputs.world.server.change_client("web", id_token_signed_response_alg="none")
    assert header_of(inputs.party.tokens()["id_token"])["alg"] == "ES256"


def hmac_secrets() -> dict[str, bytes]:
    jwk = keys.public_half("ES256")
    from cryptography.hazmat.primitives.asymmetric import ec

    x, y = (int.from_bytes(base64url_decode(str(jwk[name])), "big") for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, spki)
    return {
        "pem": pem,
        "pem crlf": pem.replace(b"\n", b"\r\n"),
        "pem one line": pem.replace(b"\n", b""),
        "pem bare": pem.strip(),
        "der": public.public_bytes(serialization.Encoding.DER, spki),
        "jwk": json.dumps(jwk, sort_keys=True).encode(),
        "jwk compact": json.dumps(jwk, separators=(",", ":")).encode(),
        "x": base64url_decode(str(jwk["x"])),
        "empty": b"",
        "openssh": public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
    }


@pytest.mark.parametrize("secret", hmac_secrets().values(), ids=hmac_secrets().keys())
@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_a099_public_key_as_hmac_secret(inputs, secret, alg):
    """Asymmetric only: no encoding of a public key signs anything. The empty secret of A100 is among them."""
    import hmac

    def make(typ, claims):
        signed = signing_input({**header_for(typ), "alg": alg}, claims)
        return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256' if alg == 'HS256' else 'sha512'))}"

    nowhere(inputs, make)


@pytest.mark.parametrize("key", ["", "k" * 31])
def test_a100_short_secrets(key):
    """A master secret under 32 bytes does not start; symmetric keys are no keys of ours."""
    with pytest.raises(ConfigurationError):
        Settings(issuer=ISSUER, secret_key=key)
    for jwk in ({"kty": "oct", "k": ""}, {"kty": "oct", "k": base64url(b"k" * 32), "alg": "HS256"}):
        with pytest.raises(ValueError):
            PublicKey.from_jwk(jwk)
    assert Settings(issuer=ISSUER, secret_key="k" * 32)


@pytest.mark.parametrize("member", ["jwk", "x5c", "x5t", "both"])
def test_a101_key_from_the_header(inputs, member):
    """A key that the token brings along is not looked at."""
    own = {"jwk": {"jwk": keys.public_half("ES256", "evil")}, "x5c": {"x5c": ["MIIB"]}, "x5t": {"x5t": "AAAA"}}.get(
        member, {"jwk": keys.public_half("ES256", "evil"), "x5c": ["MIIB"]}
    )
    for kid in (keys.public_half("ES256")["kid"], keys.public_half("ES256", "evil")["kid"]):
        nowhere(
            inputs, lambda typ, claims, kid=kid: forged({**header_for(typ), **own, "kid": kid}, claims, name="evil")
        )


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///etc/passwd", "data:application/json,{}"])
@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_a102_urls_in_the_header(inputs, url, member, monkeypatch):
    """Never fetched."""
    import socket

    def connected(*arguments: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", connected)
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), member: url}, claims, name="evil"))


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' or 1=1 --", "", [], {}, 1, True, "x" * 300, "x" * 15_000, "unknown"]
)
def test_a103_kid(inputs, kid):
    """A kid is a short text that names one of our keys; a key that was removed is gone."""
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), "kid": kid}, claims))


def test_a103_keys_of_another_issuer(world):
    """Two servers in one process share no keys, even under one kid."""
    inputs = Inputs(world)
    mine = PublicKey.from_jwk(keys.public_half("ES256"))
    theirs = PublicKey.from_jwk({**keys.public_half("ES256", "evil"), "kid": mine.kid})
    token = forged(header_for(), inputs.id_claims)

    assert verify(token, [mine], typ=frozenset({"jwt"}))
    with pytest.raises(InvalidToken):
        verify(token, [theirs], typ=frozenset({"jwt"}))


@pytest.mark.parametrize("crit", [["bork"], [], "b64", ["alg"], ["exp", "exp"], None, {}, ["b64"]])
def test_a104_crit(inputs, crit):
    """None is implemented, so any is refused."""
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), "crit": crit, "bork": 1, "exp": 1}, claims))


@pytest.mark.parametrize("b64", [False, True, 0])
def test_a105_detached_and_unencoded(inputs, b64):
    """Refused."""

    def unencoded(typ, claims):
        head = base64url(json.dumps({**header_for(typ), "b64": b64, "crit": ["b64"]}).encode())
        signed = f"{head}.{json.dumps(claims)}"
        return f"{signed}.{base64url(raw_signature(signed.encode()))}"

    def detached(typ, claims):
        token = forged(header_for(typ), claims)
        return ".".join([token.split(".")[0], "", token.split(".")[2]])

    nowhere(inputs, unencoded)
    nowhere(inputs, detached)
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), "b64": b64}, claims))


def test_a106_json_serialisation(inputs):
    """The compact form only."""

    def parts(typ, claims):
        head, payload, signature = forged(header_for(typ), claims).split(".")
        return {"protected": head, "payload": payload, "signature": signature}

    nowhere(inputs, lambda typ, claims: json.dumps(parts(typ, claims)))
    nowhere(inputs, lambda typ, claims: json.dumps({**parts(typ, claims), "header": {"alg": "none"}}))
    nowhere(inputs, lambda typ, claims: json.dumps({"payload": parts(typ, claims)["payload"], "signatures": []}))
    nowhere(inputs, lambda typ, claims: json.dumps({"x": forged(header_for(typ), claims)}))


def test_a107_lenient_base64(inputs):
    """One text per token: anything added, dropped or altered is another token. Opaque ones too."""
    for change in (
        lambda t: t + "=",
        lambda t: t + "A",
        lambda t: t + "\n",
        lambda t: "\x0b" + t,
        lambda t: t[:-1],
        lambda t: t[:-10],
        lambda t: t + ".",
        lambda t: t.replace(".", "=.", 1),
        lambda t: t.replace("-", "+").replace("_", "/") + "=",
        lambda t: t + "\x0b",
        lambda t: t[:-1] + ("B" if t[-1] in "AQgw" else chr(ord(t[-1]) ^ 1)),
    ):
        nowhere(inputs, lambda typ, claims, change=change: change(forged(header_for(typ), claims)))
    world = inputs.world.other(access_token_format="opaque")
    tokens = world.party().tokens()
    for name in ("access_token", "refresh_token"):
        token = tokens[name]
        for wrong in (token[:-1], token + "A", token + "=", token.upper(), token.lower(), token + " ", "\t" + token):
            if wrong != token:
                assert not world.party().alive(wrong)
        assert world.party().alive(token)


def test_a108_signature_edge_values(inputs):
    """Zero, out of range, wrong length, DER: refused."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    order, half = ES256_ORDER.to_bytes(32, "big"), (1).to_bytes(32, "big")
    signatures = [
        bytes(64),
        order + order,
        bytes(32) + half,
        half + bytes(32),
        order + half,
        half,
        b"",
        bytes(63),
        bytes(65),
        b"\xff" * 64,
    ]

    for signature in signatures:
        nowhere(inputs, lambda typ, claims, s=signature: signing_input(header_for(typ), claims) + "." + base64url(s))

    def der(typ, claims):
        signed = signing_input(header_for(typ), claims)
        raw = raw_signature(signed.encode())
        encoded = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        return f"{signed}.{base64url(encoded)}"

    nowhere(inputs, der)
    nowhere(inputs, lambda typ, claims: forged(header_for(typ), claims) + base64url(b"\x00"))


def test_a108_a_twin_signature_is_the_same_token(inputs):
    """(r, n−s) may verify, so revocation goes by `jti`: the twin of a revoked token is revoked."""
    token = inputs.access
    signed, _, tail = token.rpartition(".")
    raw = base64url_decode(tail)
    s = ES256_ORDER - int.from_bytes(raw[32:], "big")
    twin = f"{signed}.{base64url(raw[:32] + s.to_bytes(32, 'big'))}"
    inputs.party.revoke(token)

    assert not inputs.party.alive(token)
    assert not inputs.party.alive(twin)


@pytest.mark.parametrize(
    "change", [{"d": "AA"}, {"y": None}, {"x": "AAAA"}, {"x": "A" * 43, "y": "A" * 43}, {"crv": "P-521"}]
)
def test_a109_keys_that_disagree(change):
    """A private member where a public key is wanted, or a point off the curve: no key."""
    jwk = {name: value for name, value in {**keys.public_half("ES256"), **change}.items() if value is not None}

    with pytest.raises(ValueError):
        PublicKey.from_jwk(jwk)
    with pytest.raises(ValueError):
        PublicKey.from_jwk({**keys.public_half("EdDSA"), "d": "AA"})
    assert PublicKey.from_jwk(keys.public_half("ES256"))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RSA-OAEP", "enc": "A256GCM"},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "p2c": 2**31 - 1},
        {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
        {"alg": "PBES2-HS512+A256KW", "p2c": -1, "p2s": "x"},
    ],
)
def test_a110_a113_encrypted_tokens(inputs, header):
    """Five parts where three are wanted, iteration counts, compression, old padding: refused without any work."""
    started = time.perf_counter()

    nowhere(inputs, lambda typ, claims: ".".join([base64url(json.dumps(header).encode()), "AA", "AA", "AA", "AA"]))
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), **header}, claims))
    nowhere(inputs, lambda typ, claims: forged({**header_for(typ), "zip": "DEF"}, claims))
    assert time.perf_counter() - started < 1


def test_a114_oversized_tokens():
    """Refused before decoding."""
    server = make_server()
    public = [PublicKey.from_jwk(keys.public_half("ES256"))]
    tokens = [
        "." * 10**6,
        "A" * 50_000_000 + "..",
        base64url(b'{"a":' + b"[" * 5000) + "..",
        base64url(b'{"exp":' + b"9" * 9000 + b"}") + "..",
    ]

    for token in tokens:
        started = time.perf_counter()
        with pytest.raises(InvalidToken):
            verify(token, public, typ=frozenset({"jwt"}))
        assert time.perf_counter() - started < 0.1
    assert server.browser().get("/userinfo", {"authorization": "Bearer " + "." * 10**6}).status == 401


def test_a115_nothing_secret_in_exceptions_and_logs(door, caplog):
    """Canaries through every failing path, then a look at logs, answers and audit."""
    caplog.set_level(logging.DEBUG)
    world = door()
    party, browser = world.party(), world.browser()
    tokens, code = party.tokens(browser=browser), party.code(browser)
    canary = "canary-" + "7" * 40
    answers = [
        party.redeem(canary),
        party.redeem(code, code_verifier=canary),
        party.refresh(canary),
        party.revoke(canary),
        party.userinfo(canary),
        party.post("/token/introspect", {"token": canary}),
        world.browser().sign_in("alice", canary),
        world.browser().sign_in(canary, "x"),
        browser.get(party.url(id_token_hint=canary)),
        world.post("/token", f"client_id=poster&client_secret={canary}&grant_type=x".encode()),
        browser.send("GET", "/profile", (("cookie", f"session_id={canary}"),)),
        browser.post("/signin", {"csrf_token": canary}),
    ]
    kept = [
        tokens["access_token"],
        tokens["refresh_token"],
        tokens["id_token"],
        code,
        *browser.cookies.values(),
        "Correct-Horse-1",
        canary,
    ]

    said = caplog.text + repr(world.server.audited()) + repr(world.server.events)
    for secret in kept:
        assert secret not in said
    for answer in answers:
        if b'name="password"' not in answer.body:  # the form shows what the person typed as a name
            assert canary.encode() not in answer.body
    with pytest.raises(InvalidToken) as raised:
        verify(canary + ".a.b", [], typ=frozenset())
    assert canary not in repr(raised.value)


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none","alg":"ES256","typ":"JWT","kid":"%s"}',
        '{"alg":"ES256","\\u0061lg":"ES256","typ":"JWT","kid":"%s"}',
        '{"alg":"ES256","typ":"JWT","typ":"at+jwt","kid":"%s"}',
    ],
)
def test_a116_duplicate_members(inputs, header):
    """In header or claims: refused."""
    nowhere(inputs, lambda typ, claims: forged(header % keys.public_half("ES256")["kid"], claims))
    nowhere(inputs, lambda typ, claims: forged(header_for(typ), json.dumps(claims)[:-1] + ',"aud":"web"}'))
    nowhere(inputs, lambda typ, claims: forged(header_for(typ), json.dumps(claims)[:-1] + ',"\\u0061ud":"web"}'))


@pytest.mark.parametrize(
    "claims",
    [
        '"exp":"9999999999"',
        '"exp":true',
        '"exp":NaN',
        '"exp":Infinity',
        '"exp":1e400',
        '"exp":-1',
        '"exp":null',
        '"exp":[]',
        '"iat":"1"',
        '"nbf":false',
        '"aud":[1]',
        '"aud":{}',
        '"aud":null',
        '"aud":7',
        '"jti":1',
        '"iss":["http://localhost:4000"]',
        '"iss":7',
        '"exp":99999999999999999999',
    ],
)
def test_a117_claims_of_the_wrong_type(world, claims):
    """Even when signed with our own key: refused, never a 500."""
    party = world.party()
    good = claims_of(json_of(party.credentials(scope="read"))["access_token"])
    name = claims.partition(":")[0].strip('"')
    text = json.dumps({member: value for member, value in good.items() if member != name})[:-1] + f",{claims}}}"

    assert party.introspect(forged(header_for("at+jwt"), text)) == {"active": False}
    assert party.userinfo(forged(header_for("at+jwt"), text)).status == 401
    assert party.alive(forged(header_for("at+jwt"), json.dumps(good)))


@pytest.mark.parametrize("aud", [None, "", [], "other", ["other"], "we", "webb", "WEB", ["web "], {}])
def test_a118_audience(world, aud):
    """The hint's audience must hold the client; a missing, foreign or similar one is refused."""
    inputs = Inputs(world)
    claims = (
        {**inputs.id_claims, "aud": aud}
        if aud is not None
        else {k: v for k, v in inputs.id_claims.items() if k != "aud"}
    )

    response = inputs.browser.get(inputs.party.url(id_token_hint=forged(header_for(), claims), prompt="none"))
    is_redirect_error(response, "invalid_request")
    many = forged(header_for(), {**inputs.id_claims, "aud": ["x", "web"]})
    assert "code=" in (inputs.browser.get(inputs.party.url(id_token_hint=many, prompt="none")).header("location") or "")


@pytest.mark.parametrize(
    "iss", ["", "h", ISSUER + "/", ISSUER.upper(), [ISSUER], None, ISSUER + " ", "http://localhost"]
)
def test_a119_issuer(inputs, iss):
    """Exactly ours."""
    nowhere(inputs, lambda typ, claims: forged(header_for(typ), {**claims, "iss": iss}))


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
def test_a120_times(zone, monkeypatch):
    """Required, exact on both edges, the same in every time zone."""
    from datetime import timedelta

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    now = int(START.timestamp())
    good = {"iss": "i", "exp": now + 1, "iat": now, "nbf": now}
    try:
        check_claims(good, issuer="i", audience=None, now=START)
        for wrong in ({"exp": now}, {"exp": now - 1}, {"nbf": now + 1}, {"iat": now + 1}, {"exp": 0}, {"exp": -now}):
            with pytest.raises(InvalidToken):
                check_claims({**good, **wrong}, issuer="i", audience=None, now=START)
        with pytest.raises(InvalidToken):
            check_claims({"iss": "i"}, issuer="i", audience=None, now=START)
        server = make_server()
        from support.relying_party import RelyingParty

        party = RelyingParty(server)
        token = json_of(party.credentials(scope="read"))["access_token"]
        server.clock.now += timedelta(seconds=3599)
        assert party.alive(token)
        server.clock.now += timedelta(seconds=1)
        assert not party.alive(token)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a121_at_hash(algorithm):
    """By the ID token's own algorithm, computed here independently."""
    import hashlib

    from support.relying_party import RelyingParty

    server = make_server(jwt_algorithm=algorithm)
    tokens = RelyingParty(server).tokens()
    digest = {"EdDSA": hashlib.sha512}.get(algorithm, hashlib.sha256)(tokens["access_token"].encode()).digest()

    assert header_of(tokens["id_token"])["alg"] == algorithm
    assert base64url_decode(claims_of(tokens["id_token"])["at_hash"]) == digest[: len(digest) // 2]


def test_a122_custom_claims_overwrite_reserved_ones(world):
    """Whatever a user's claims are called, tokens are untouched and `sub` stays."""
    reserved = (
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "jti",
        "client_id",
        "scope",
        "nonce",
        "sid",
        "auth_time",
        "acr",
        "amr",
        "typ",
    )
    plain = world.party().tokens("bob")
    world.server.change_user("u1", claims={**dict.fromkeys(reserved, "evil"), "name": "Alice"})
    tokens = world.party().tokens()
    info = json_of(world.party().userinfo(tokens["access_token"]))

    assert info["sub"] == "u1"
    assert "evil" not in info.values()
    for name in ("access_token", "id_token"):
        assert "evil" not in map(str, claims_of(tokens[name]).values())
        assert set(claims_of(tokens[name])) == set(claims_of(plain[name]))


def test_a123_keys_leak_or_serve_twice(world):
    """Only public members are published; without a secret nothing starts; every purpose has its own key."""
    from authority_core.kernel.values import Secret
    from authority_core.kernel.vault import derive

    for key in json.loads(world.send("GET", "/.well-known/jwks.json").body)["keys"]:
        assert {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}.isdisjoint(key)
    with pytest.raises(ConfigurationError):
        Settings.from_env({"AUTHORITY_ISSUER": "https://id.example.com"})
    source = "\n".join(path.read_text() for path in Path(authority_core.__file__).parent.rglob("*.py"))
    purposes = {
        line.split('"')[-2] for line in source.splitlines() if "derive(" in line and '"' in line and "def " not in line
    }
    assert len({derive(Secret("k" * 32), purpose) for purpose in purposes}) == len(purposes) >= 4
