"""Compact JWS, one algorithm per key, and claims that mean what they say."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from authority_core.kernel.encoding import base64url, base64url_decode
from authority_core.kernel.jose import (
    MAX_TOKEN,
    InvalidToken,
    PublicKey,
    audiences,
    check_claims,
    unverified_kid,
    verify,
)
from authority_core.testing.moments import START
from support import keys
from support.forge import forged, header_for

NOW = int(START.timestamp())
TYPES = frozenset({"jwt"})
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")


def public(algorithm: str, name: str = "first") -> PublicKey:
    return PublicKey.from_jwk(keys.public_half(algorithm, name))


def header(**changes: object) -> dict[str, object]:
    return header_for(**changes)  # type: ignore[arg-type]  # as tests like


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_verifies(algorithm):
    """Each algorithm round-trips, with its kid and type in the header."""
    token = keys.signer(algorithm).sign("JWT", {"sub": "é", "n": 1})

    found = verify(token, [public(algorithm)], typ=TYPES)

    assert found.claims == {"sub": "é", "n": 1}
    assert found.header == {"alg": algorithm, "typ": "JWT", "kid": keys.signer(algorithm).kid}
    assert keys.signer(algorithm).sign("JWT", {"n": 1}).split(".")[0] == token.split(".")[0]


def test_another_key_does_not_verify():
    """The same kid on another key is no help."""
    token = keys.signer("ES256").sign("JWT", {})
    other = PublicKey.from_jwk({**keys.public_half("ES256", "second"), "kid": keys.signer("ES256").kid})

    with pytest.raises(InvalidToken):
        verify(token, [other], typ=TYPES)


def test_the_newer_name_of_eddsa_is_understood():
    """RFC 9864 calls it Ed25519; a key under either name verifies a token under either."""
    jwk = {**keys.public_half("EdDSA"), "alg": "Ed25519"}
    token = forged({"alg": "Ed25519", "typ": "JWT", "kid": keys.signer("EdDSA").kid}, {"a": 1}, "EdDSA")

    assert PublicKey.from_jwk(jwk).algorithm == "EdDSA"
    assert verify(token, [PublicKey.from_jwk(jwk)], typ=TYPES).claims == {"a": 1}


def test_one_fitting_key_is_enough_without_a_kid():
    """A missing kid is good with one fitting key only."""
    token = forged(header(kid=None))

    assert verify(token, [public("ES256"), public("RS256")], typ=TYPES).claims == {}
    with pytest.raises(InvalidToken):
        verify(token, [public("ES256"), public("ES256", "second")], typ=TYPES)


@pytest.mark.parametrize("typ", [None, "", "at+jwt", 1, "application/at+jwt", ["JWT"]])
def test_the_type_must_be_right(typ):
    """A token of another kind is refused (RFC 8725 §3.11)."""
    with pytest.raises(InvalidToken):
        verify(forged(header(typ=typ)), [public("ES256")], typ=TYPES)
    assert verify(forged(header(typ="application/JWT")), [public("ES256")], typ=TYPES)
    assert verify(forged(header(typ=None)), [public("ES256")], typ=frozenset({""}))


@pytest.mark.parametrize("claims", ["[]", "1", "", '{"a":1,"a":2}', '{"a":NaN}'])
def test_claims_are_one_sound_object(claims):
    """A signature over nonsense proves nonsense."""
    with pytest.raises(InvalidToken):
        verify(forged(header(), claims), [public("ES256")], typ=TYPES)


@pytest.mark.parametrize("kid", [1, "", "x" * 257, [], {}])
def test_a_kid_is_a_short_text(kid):
    """Anything else is refused before a key is looked for."""
    with pytest.raises(InvalidToken):
        unverified_kid(forged(header(kid=kid)))
    assert unverified_kid(forged(header(kid="../../dev/null"))) == "../../dev/null"


def test_claims_of_every_jwt():
    """Issuer, audience and times are checked exactly, on both edges."""
    claims = {"iss": "https://i", "aud": "a", "exp": NOW + 10, "nbf": NOW, "iat": NOW}

    check_claims(claims, issuer="https://i", audience="a", now=START)
    check_claims({**claims, "aud": ["b", "a"]}, issuer="https://i", audience="a", now=START)
    check_claims({**claims, "exp": NOW - 29}, issuer="https://i", audience=None, now=START, skew=30)
    check_claims(claims, issuer="https://i", audience="a", now=START + timedelta(seconds=9.9))
    for wrong in (
        {"iss": "https://i/"}, {"iss": "https://I"}, {"iss": None}, {"iss": ["https://i"]}, {"aud": "b"}, {"aud": []},
        {"aud": [1]}, {"aud": {}}, {"aud": None}, {"exp": None}, {"exp": NOW}, {"exp": str(NOW + 10)}, {"exp": True},
        {"exp": -1}, {"exp": 0}, {"nbf": NOW + 1}, {"iat": NOW + 1}, {"nbf": "1"}, {"iat": False},
    ):  # fmt: skip
        with pytest.raises(InvalidToken):
            check_claims({**claims, **wrong}, issuer="https://i", audience="a", now=START)


def test_audiences_are_texts():
    """One or several."""
    assert audiences({"aud": "a"}) == ("a",)
    assert audiences({"aud": ["a", "b"]}) == ("a", "b")


@pytest.mark.parametrize(
    "change",
    [
        {"d": "AA"}, {"k": "AA"}, {"kty": "oct"}, {"alg": "HS256"}, {"alg": "none"}, {"alg": "RS256"}, {"crv": "P-384"},
        {"crv": "secp256k1"}, {"y": "AA"}, {"y": None}, {"x": "!"}, {"kty": None, "alg": None}, {"alg": "ES384"},
    ],
)  # fmt: skip
def test_only_sound_public_keys_are_imported(change):
    """Private, symmetric, mismatched, off-curve and malformed keys are a `ValueError`."""
    jwk = {name: value for name, value in {**keys.public_half("ES256"), **change}.items() if value is not None}

    with pytest.raises(ValueError):
        PublicKey.from_jwk(jwk)


def test_a_key_that_names_no_algorithm_gets_the_usual_one():
    """By type and curve; RSA means RS256."""
    for algorithm, guessed in (("RS256", "RS256"), ("ES256", "ES256"), ("ES384", "ES384"), ("EdDSA", "EdDSA")):
        jwk = {name: value for name, value in keys.public_half(algorithm).items() if name not in ("alg", "kid")}
        key = PublicKey.from_jwk(jwk)

        assert (key.algorithm, key.kid) == (guessed, None)


@pytest.mark.filterwarnings("ignore:.*key size:UserWarning", "ignore::joserfc.errors.SecurityWarning")
def test_small_rsa_keys_are_refused():
    """2048 bits or nothing (RFC 7518 §3.3)."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    modulus = base64url(numbers.n.to_bytes(128, "big"))

    with pytest.raises(ValueError):
        PublicKey.from_jwk({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256"})
    assert PublicKey.from_jwk(keys.public_half("RS256"))


def test_long_tokens_are_not_looked_at():
    """The limit comes before any decoding."""
    for token in ("a" * (MAX_TOKEN + 1), "." * MAX_TOKEN, "a.b", "a.b.c.d", "a.b.c.d.e", "", ".."):
        with pytest.raises(InvalidToken):
            verify(token, [public("ES256")], typ=TYPES)


def test_nothing_secret_shows():
    """Neither keys nor claims appear in a representation."""
    jwk = keys.private_jwk("ES256")
    token = keys.signer("ES256").sign("JWT", {"canary": "canary"})

    assert str(jwk["d"]) not in repr(keys.signer("ES256"))
    assert "canary" not in repr(verify(token, [public("ES256")], typ=TYPES))
    assert json.loads(base64url_decode(token.split(".")[1])) == {"canary": "canary"}
