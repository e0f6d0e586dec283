"""Local verification: which tokens pass, and how little it asks of the issuer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from authority_core import ConfigurationError
from authority_core.kernel.encoding import base64url, encode_json
from authority_core.kernel.jose import generate_private_jwk, public_jwk
from authority_core.kernel.sync import run
from authority_core.resource import TokenExpired, TokenInvalid, TokenVerifier

ISSUER = "http://localhost:4000"
AUDIENCE = "https://api.example.com"
KEYS = "/.well-known/jwks.json"
METADATA = "/.well-known/openid-configuration"


def refused(verifier, token: str) -> str:
    """Return the private reason why *token* is refused."""
    with pytest.raises(TokenInvalid) as caught:
        verifier.verify_sync(token)
    return caught.value.reason or type(caught.value).__name__


def test_a_token_of_the_server_passes(world):
    """What the server issues is accepted, and says who, for whom, and how far."""
    found = world.verifier().verify_sync(world.token("reports:read reports:write"))

    assert found.subject == "worker"
    assert found.client_id == "worker"
    assert found.scope == {"reports:read", "reports:write"}
    assert found.audience == (AUDIENCE,)
    assert found.issuer == ISSUER
    assert (found.expires_at - world.clock.now).total_seconds() == 3600
    assert found.issued_at == world.clock.now
    assert found.claims["jti"] == found.token_id


def test_claims_are_read_only(world):
    """No reader changes what another reads, to the last level."""
    found = world.verifier().verify_sync(world.signed(act={"sub": "bob", "amr": ["pwd"]}))

    assert found.claims["act"] == {"sub": "bob", "amr": ("pwd",)}
    with pytest.raises(TypeError):
        found.claims["sub"] = "mallory"
    with pytest.raises(TypeError):
        found.claims["act"]["sub"] = "mallory"


def test_the_token_does_not_show(world):
    """Nothing that is printed contains the claims."""
    assert "alice" not in repr(world.verifier().verify_sync(world.signed(email="alice@example.com"))).replace(
        "subject='alice'", ""
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": ISSUER + "/"},
        {"iss": "HTTP://localhost:4000"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": []},
        {"aud": "https://other.example.com"},
        {"aud": AUDIENCE + "/"},
        {"aud": AUDIENCE[:-1]},
        {"aud": {AUDIENCE: 1}},
        {"aud": ISSUER},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": 10**300},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"nbf": "now"},
        {"sub": None},
        {"sub": 7},
        {"client_id": None},
        {"scope": ["reports:read"]},
        {"cnf": {"jkt": "thumbprint"}},
    ],
    ids=str,
)
def test_claims_that_are_not_right(world, changed):
    """Another issuer, another audience, a missing or malformed time, a key-bound token: all refused."""
    verifier = world.verifier()

    assert verifier.verify_sync(world.signed()).subject == "alice"
    assert refused(verifier, world.signed(**changed))


@pytest.mark.parametrize("changed", [{"aud": ["https://other.example.com", AUDIENCE]}, {"scope": None}, {"exp": 9e9}])
def test_claims_that_are_unusual_but_right(world, changed):
    """Several audiences, no scope, a fraction in a time."""
    assert world.verifier().verify_sync(world.signed(**changed)).subject == "alice"


def test_expiry_is_told_apart(world):
    """A client learns that its token has expired, after the leeway and not before."""
    verifier, token = world.verifier(leeway=30), world.signed()

    world.clock.wind(seconds=629)
    assert verifier.verify_sync(token)
    world.clock.wind(seconds=1)
    with pytest.raises(TokenExpired):
        verifier.verify_sync(token)


def test_expiry_is_told_only_of_genuine_tokens(world):
    """A forger or a stranger does not learn about expiry."""
    verifier = world.verifier()
    forged, stranger = world.foreign(kid=str(world.header()["kid"])), world.signed(aud="https://other.example.com")
    world.clock.wind(hours=1)

    assert refused(verifier, forged) == "the signature is wrong"
    assert refused(verifier, stranger) == "meant for another audience"


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "", "at+jwt2", "dpop+jwt"])
def test_other_kinds_of_token(world, typ):
    """An ID token, a logout token or a proof is no access token, though its signature is right."""
    assert refused(world.verifier(), world.signed(typ=typ)) == "not a token of this kind"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_kind_in_all_its_spellings(world, typ):
    """Media types are compared without regard to case, with or without the prefix."""
    assert world.verifier().verify_sync(world.signed(typ=typ))


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", None, ["ES256"]])
def test_no_algorithm(world, algorithm):
    """An unsigned token is refused however it says so."""
    header = world.header() | {"alg": algorithm}

    assert refused(world.verifier(), world.raw(header) + ".")


def test_hmac_with_the_public_key(world):
    """The published key never serves as a shared secret, however it is written."""
    verifier, header = world.verifier(), world.header() | {"alg": "HS256"}
    jwk = next(key for key in run(world.authority.keys.jwks())["keys"] if key["kid"] == header["kid"])
    parts = world.raw(header)
    for secret in (encode_json(jwk), json.dumps(jwk, sort_keys=True), jwk["x"], ""):
        signature = hmac.digest(secret.encode(), parts.encode(), hashlib.sha256)

        assert refused(verifier, f"{parts}.{base64url(signature)}") == "no one key fits"


def test_the_key_fixes_the_algorithm(world):
    """A header that names another algorithm than the key's finds no key."""
    token = world.token()
    header = world.raw(world.header() | {"alg": "ES384"}).partition(".")[0]

    assert refused(world.verifier(), header + token[token.index(".") :]) == "no one key fits"


def test_an_algorithm_that_is_not_accepted(world):
    """Keys for other algorithms than the accepted ones are as good as absent."""
    assert refused(world.verifier(algorithms=["RS256"]), world.token()) == "no one key fits"
    assert world.verifier(algorithms=["ES256"]).verify_sync(world.token())


def test_somebody_elses_signature(world):
    """A key that is not published signs nothing, under its own name or a borrowed one."""
    verifier = world.verifier()

    assert refused(verifier, world.foreign()) == "no one key fits"
    assert refused(verifier, world.foreign(kid=str(world.header()["kid"]))) == "the signature is wrong"


def test_keys_in_the_token_are_not_looked_at(world):
    """`jwk`, `jku` and `x5u` make nobody ask anywhere."""
    private = generate_private_jwk("ES256")
    header = world.header() | {"jwk": public_jwk(private, "ES256"), "jku": "https://evil.example.com/keys"}
    token = world.token()
    before = dict(world.wire.asked)

    assert refused(world.verifier(), world.raw(header) + token[token.rindex(".") :]) == "the signature is wrong"
    assert set(world.wire.asked) - set(before) == {KEYS, METADATA}


def test_members_that_come_twice(world):
    """A claim or header member that is there twice could be read in two ways, and is not read at all."""
    verifier, good = world.verifier(), world.token()
    twice = '{"sub":"alice","sub":"mallory"}'
    payload = good.replace(good.split(".")[1], base64url(twice.encode()))
    head = base64url(b'{"alg":"ES256","alg":"none","typ":"at+jwt"}')

    assert refused(verifier, payload)
    assert refused(verifier, head + good[good.index(".") :])


@pytest.mark.parametrize("crit", [["bork"], [], "b64", ["exp"]])
def test_extensions(world, crit):
    """A token that asks for an extension is refused: none is understood."""
    token = world.token()

    assert refused(world.verifier(), world.raw(world.header() | {"crit": crit}) + token[token.rindex(".") :])


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "...", "a.b", "a.b.c.d.e", "." * 10_000, "a" * 20_000, "é.é.é", "\ud800.a.b", "{}.{}.{}", " . . "],
)
def test_what_is_no_token_at_all(world, text):
    """Rubbish is refused without asking the issuer for anything."""
    assert refused(world.verifier(), text)
    assert sum(world.wire.asked.values()) == 0


def test_an_oversized_token(world):
    """A token of more than 16 KiB is refused before it is decoded, though its signature is right."""
    assert world.verifier().verify_sync(world.signed(pad="a" * 8_000))
    assert refused(world.verifier(), world.signed(pad="a" * 16_000)) == "not a compact JWS"


def test_a_signature_in_another_spelling(world):
    """One token has one spelling: padding and spare bits are refused."""
    verifier, token = world.verifier(), world.token()
    assert verifier.verify_sync(token)

    assert refused(verifier, token + "==")
    last = base64.urlsafe_b64encode(bytes([(base64.urlsafe_b64decode(token[-2:] + "==")[0])]))[:2].decode()
    spare = token[:-1] + chr(ord(last[1]) + 1)
    assert refused(verifier, spare)


# --- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "audience", "options"),
    [
        ("http://id.example.com", AUDIENCE, {}),
        ("https://user@id.example.com", AUDIENCE, {}),
        ("https://id.example.com?x", AUDIENCE, {}),
        ("https://id.example.com#x", AUDIENCE, {}),
        ("ftp://localhost", AUDIENCE, {}),
        ("", AUDIENCE, {}),
        ("https://id.example.com", "", {}),
        ("https://id.example.com", AUDIENCE, {"leeway": 61}),
        ("https://id.example.com", AUDIENCE, {"leeway": -1}),
        ("https://id.example.com", AUDIENCE, {"algorithms": ["HS256"]}),
        ("https://id.example.com", AUDIENCE, {"algorithms": ["none"]}),
        ("https://id.example.com", AUDIENCE, {"algorithms": []}),
        ("https://id.example.com", AUDIENCE, {"realm": "a\r\nb"}),
    ],
)
def test_configurations_that_are_refused(issuer, audience, options):
    """No verifier without an audience, over plain http, with symmetric algorithms or a wide leeway."""
    assert TokenVerifier("https://id.example.com", AUDIENCE)
    with pytest.raises(ConfigurationError):
        TokenVerifier(issuer, audience, **options)


def test_an_asynchronous_fetch_needs_a_gate():
    """Two tasks would ask at once, or block each other."""

    async def fetch(request): ...

    with pytest.raises(ConfigurationError):
        TokenVerifier("https://id.example.com", AUDIENCE, fetch=fetch)
