"""Asking the issuer about each token: what passes, what is remembered, and what a bad answer means."""

from __future__ import annotations

import base64

import pytest

from authority_core import ConfigurationError
from authority_core.resource import CannotVerify, Introspector, TokenInvalid

ISSUER = "http://localhost:4000"
AUDIENCE = "https://api.example.com"
METADATA = "/.well-known/openid-configuration"
ASK = "/token/introspect"


def test_opaque_tokens_pass(world):
    """An opaque token that is alive is accepted, and says what a JWT would."""
    found = world.introspector().verify_sync(world.token("reports:read", client_id="opaque"))

    assert (found.subject, found.client_id, found.scope) == ("opaque", "opaque", {"reports:read"})
    assert found.audience == (AUDIENCE,)
    assert (found.expires_at - world.clock.now).total_seconds() == 3600


def test_signed_tokens_pass_too(world):
    """The issuer says the same about a JWT as the JWT does."""
    token = world.token()
    said, read = world.introspector().verify_sync(token), world.verifier().verify_sync(token)

    assert (said.subject, said.scope, said.audience, said.expires_at) == (
        read.subject, read.scope, read.audience, read.expires_at
    )  # fmt: skip


def test_revocation_acts_at_once(world):
    """A revoked token is refused by the next question, while local verification does not know yet."""
    introspector, verifier, token = world.introspector(), world.verifier(), world.token()
    assert introspector.verify_sync(token)
    world.revoke(token)

    with pytest.raises(TokenInvalid):
        introspector.verify_sync(token)
    assert verifier.verify_sync(token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 43, "é", "&token=other"])
def test_what_is_no_token(world, token):
    """Rubbish is refused, not an error of the server."""
    with pytest.raises((TokenInvalid, CannotVerify)):
        world.introspector().verify_sync(token)


def test_a_token_for_another_api(world):
    """What is meant for another API is refused, although the issuer would vouch for it."""
    introspector = world.introspector(client_id="worker")

    assert introspector.verify_sync(world.token(resource=AUDIENCE))
    with pytest.raises(TokenInvalid):
        introspector.verify_sync(world.token(resource="https://other.example.com"))


def test_expired_tokens(world):
    """An expired token is refused."""
    introspector, token = world.introspector(), world.token(client_id="opaque")
    world.clock.wind(seconds=3600)

    with pytest.raises(TokenInvalid):
        introspector.verify_sync(token)


def test_the_issuer_is_asked_each_time_by_default(world):
    """Nothing is remembered unless asked for; the endpoint is discovered once."""
    introspector, token = world.introspector(), world.token()
    for _ in range(3):
        introspector.verify_sync(token)

    assert dict(world.wire.asked) == {METADATA: 1, ASK: 3}


def test_answers_are_remembered_when_asked_for(world):
    """Within the cache's seconds the issuer is not asked again, whatever happens to the token."""
    introspector, token = world.introspector(cache=60), world.token()
    introspector.verify_sync(token)
    world.revoke(token)
    world.clock.wind(seconds=59)
    assert introspector.verify_sync(token)
    world.clock.wind(seconds=1)

    with pytest.raises(TokenInvalid):
        introspector.verify_sync(token)
    assert world.wire.asked[ASK] == 2


def test_memory_ends_with_the_token(world):
    """A remembered answer never outlives its token."""
    introspector, token = world.introspector(cache=300, leeway=0), world.token()
    world.clock.wind(seconds=3590)
    assert introspector.verify_sync(token)
    world.clock.wind(seconds=10)

    with pytest.raises(TokenInvalid):
        introspector.verify_sync(token)


def test_refusals_are_not_remembered(world):
    """A token that is refused is asked about again."""
    introspector = world.introspector(cache=60)
    for _ in range(2):
        with pytest.raises(TokenInvalid):
            introspector.verify_sync("unknown")

    assert world.wire.asked[ASK] == 2


def test_memory_is_bounded(world):
    """However many tokens come, what is remembered stays small."""
    introspector = world.introspector(cache=300)
    world.wire.replace(ASK, {"active": True, **world.claims()})
    for number in range(2000):
        introspector.verify_sync(f"token-{number}")

    assert len(introspector._answers) <= 1024


@pytest.mark.parametrize(
    "changed",
    [
        {"active": "true"},
        {"active": 1},
        {"active": None},
        {"iss": "https://other.example.com"},
        {"aud": None},
        {"aud": "https://other.example.com"},
        {"exp": None},
        {"exp": "9999999999"},
        {"nbf": 9_999_999_999},
        {"token_use": "refresh"},
        {"token_type": "DPoP"},
        {"cnf": {"jkt": "x"}},
        {"sub": None},
        {"scope": ["reports:read"]},
    ],
    ids=str,
)
def test_answers_that_are_not_a_yes(world, changed):
    """Only `true` is true; the rest of the answer is held to the same rules as a JWT."""
    good = {"active": True, "token_type": "Bearer", "token_use": "access", **world.claims()}
    world.wire.replace(ASK, good)
    assert world.introspector().verify_sync("any")
    world.wire.replace(ASK, {name: value for name, value in (good | changed).items() if value is not None})

    with pytest.raises(TokenInvalid):
        world.introspector().verify_sync("any")


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 500])
def test_answers_that_are_none(world, status):
    """An error of the issuer, our credentials refused among them, says nothing about the token."""
    world.wire.replace(ASK, {"active": True, **world.claims()}, status)

    with pytest.raises(CannotVerify):
        world.introspector().verify_sync("any")


def test_wrong_credentials(world):
    """An API whose secret is wrong is told that it cannot verify; no token is blamed."""
    with pytest.raises(CannotVerify) as caught:
        world.introspector(client_secret="wrong").verify_sync(world.token())

    assert caught.value.reason == "the issuer answered 401"


def test_credentials_are_encoded(world):
    """Client id and secret are form-encoded before they are joined (RFC 6749 §2.3.1)."""
    world.wire.replace(ASK, {"active": True, **world.claims()})
    world.introspector(client_id="the:api", client_secret="s e+c%").verify_sync("any")
    sent = dict(world.wire.last.headers)["authorization"].removeprefix("Basic ")

    assert base64.b64decode(sent) == b"the%3Aapi:s+e%2Bc%25"


def test_a_given_endpoint_needs_no_discovery(world):
    """With `endpoint` nothing else is asked."""
    assert world.introspector(endpoint=ISSUER + ASK).verify_sync(world.token())
    assert dict(world.wire.asked) == {ASK: 1}


def test_the_secret_does_not_show(world):
    """Neither the object nor what it sends prints the secret."""
    introspector = world.introspector()
    introspector.verify_sync(world.token())

    assert "ssss" not in repr(vars(introspector))
    assert "Basic" not in repr(world.wire.last)


@pytest.mark.parametrize(
    "options",
    [
        {"client_id": "", "client_secret": "x"},
        {"client_id": "x", "client_secret": ""},
        {"client_id": "x", "client_secret": "x", "cache": 301},
        {"client_id": "x", "client_secret": "x", "cache": -1},
        {"client_id": "x", "client_secret": "x", "endpoint": "http://id.example.com/introspect"},
        {"client_id": "x", "client_secret": "x", "leeway": 61},
    ],
)
def test_configurations_that_are_refused(options):
    """No anonymous questions, no long memory, no plain http."""
    assert Introspector("https://id.example.com", AUDIENCE, client_id="x", client_secret="x")
    with pytest.raises(ConfigurationError):
        Introspector("https://id.example.com", AUDIENCE, **options)
