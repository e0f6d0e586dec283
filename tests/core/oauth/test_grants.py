"""The grants' decisions as tables: pure functions of request, facts, policy and moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from authority_core.kernel.changes import Put, Revoke, Spend
from authority_core.kernel.encoding import digest
from authority_core.kernel.problems import Refusal
from authority_core.kernel.records import AuthorizationCode, Grant, RefreshToken, Spent, Stored
from authority_core.oauth.grants.authorization_code import AuthorizationCodeGrant, CodeRequest
from authority_core.oauth.grants.client_credentials import ClientCredentials, ClientCredentialsRequest
from authority_core.oauth.grants.refresh_token import RefreshFacts, RefreshRequest, RefreshTokenGrant
from authority_core.oauth.mint.refresh import successor_of
from authority_core.testing.moments import START, Clock
from support.relying_party import VERIFIER, challenge_of
from support.server import API, CALLBACK, make_client, make_settings

SETTINGS = make_settings()
WEB = make_client("web")
LATER = START + timedelta(days=30)
GRANT = Grant(
    grant_id="g1", client_id="web", subject="u1", grant_type="authorization_code",
    scope=frozenset({"openid", "offline_access", "read"}), audience=(SETTINGS.issuer, API), created_at=START,
    expires_at=LATER, session_id="s1", auth_time=START, acr="acr", amr=("pwd",), keep_until=LATER,
)  # fmt: skip
CODE = AuthorizationCode(
    key=digest("authorization_code", "code"), grant=GRANT, redirect_uri=CALLBACK, nonce="n",
    code_challenge=challenge_of(VERIFIER), code_challenge_method="S256", expires_at=START + timedelta(seconds=60),
    keep_until=LATER,
)  # fmt: skip
REDEEM = CodeRequest(WEB, "code", CALLBACK, VERIFIER, ())
TOKEN = RefreshToken(
    key=digest("refresh_token", "token"),
    grant_id="g1",
    generation=0,
    expires_at=START + timedelta(days=1),
    keep_until=LATER,
)
FRESH_CODE = Stored(record=CODE, grant=GRANT)
FRESH_TOKEN = Stored(record=TOKEN, grant=GRANT)
REFRESH = RefreshRequest(WEB, "token", None, ())


def at(seconds: float):
    clock = Clock()
    clock.wind(seconds=seconds)
    return clock()


def redeem(request=REDEEM, facts=FRESH_CODE, seconds=0.0, settings=SETTINGS):
    return AuthorizationCodeGrant().decide(request, facts, settings, at(seconds))


def refresh(request=REFRESH, stored=FRESH_TOKEN, seconds=0.0, settings=SETTINGS, used=False):
    return RefreshTokenGrant().decide(request, RefreshFacts(stored, successor_used=used), settings, at(seconds))


def refused(decision) -> str | None:
    return decision.answer.error if isinstance(decision.answer, Refusal) else None


# --- authorization code ----------------------------------------------------------------------------------------------


def test_a_code_becomes_tokens():
    """Spent, its grant stored, a refresh token for `offline_access`, an ID token for `openid`."""
    decision = redeem()

    assert refused(decision) is None
    assert [type(change) for change in decision.changes] == [Spend, Put, Put]
    assert decision.changes[0].key == CODE.key
    assert decision.changes[1].record == GRANT
    assert decision.changes[2].record.key == digest("refresh_token", decision.answer.refresh_token)
    assert decision.answer.id_token.claims["nonce"] == "n"
    assert decision.answer.access.token.claims["aud"] == [SETTINGS.issuer, API]


@pytest.mark.parametrize(
    ("request_changes", "facts_changes", "seconds"),
    [
        ({}, None, 0),
        ({"client": make_client("other")}, {}, 0),
        ({"client": make_client("other")}, {"spent": Spent(at=START)}, 0),
        ({"redirect_uri": CALLBACK + "/"}, {}, 0),
        ({"redirect_uri": CALLBACK + "/"}, {"spent": Spent(at=START)}, 0),
        ({"verifier": None}, {}, 0),
        ({"verifier": "w" * 43}, {}, 0),
        ({}, {}, 60),
        ({}, {"grant": evolve(GRANT, revoked_at=START)}, 0),
        ({"client": make_client("web", tokens_valid_after=START)}, {}, 0),
    ],
)
def test_a_refused_code_changes_nothing(request_changes, facts_changes, seconds):
    """Unknown, another client's, another redirect URI, no proof, too late, dead grant: nothing is written."""
    facts = None if facts_changes is None else evolve(Stored(record=CODE, grant=GRANT), **facts_changes)

    decision = redeem(evolve(REDEEM, **request_changes), facts, seconds)

    assert refused(decision) == "invalid_grant"
    assert decision.changes == ()


@pytest.mark.parametrize(
    ("verifier", "seconds", "interval", "revoked"),
    [
        (VERIFIER, 0, 10, False), (VERIFIER, 9.9, 10, False), (VERIFIER, 10, 10, True), (VERIFIER, 0, 0, True),
        (None, 0, 10, True), ("w" * 43, 0, 10, True), (VERIFIER, 10_000, 10, True),
    ],
)  # fmt: skip
def test_a_used_code(verifier, seconds, interval, revoked):
    """Refused always; revokes unless its client, with the right verifier, was impatient."""
    settings = make_settings(code_replay_interval=interval)
    facts = Stored(record=CODE, grant=GRANT, spent=Spent(at=START))

    decision = redeem(evolve(REDEEM, verifier=verifier), facts, seconds, settings)

    assert refused(decision) == "invalid_grant"
    assert [type(change) for change in decision.changes] == [Revoke] * revoked
    assert decision.events[0].revoked is revoked


def test_the_redirect_uri_may_be_left_out_with_pkce_only():
    """OAuth 2.1 §4.1.3; without a challenge it must be there."""
    bare = evolve(CODE, code_challenge=None, code_challenge_method=None)

    assert refused(redeem(evolve(REDEEM, redirect_uri=None))) is None
    assert refused(redeem(evolve(REDEEM, verifier=None), Stored(record=bare, grant=GRANT))) is None
    assert refused(redeem(evolve(REDEEM, verifier=None, redirect_uri=None), Stored(record=bare))) == "invalid_grant"
    assert refused(redeem(REDEEM, Stored(record=bare, grant=GRANT))) == "invalid_grant"  # a verifier out of nowhere


def test_resources_may_be_narrowed_at_the_token_endpoint():
    """Never widened (RFC 8707 §2.2)."""
    assert redeem(evolve(REDEEM, resource=(API,))).answer.access.token.claims["aud"] == API
    assert refused(redeem(evolve(REDEEM, resource=("https://other.example",)))) == "invalid_target"


def test_what_the_client_lost_meanwhile_is_not_granted():
    """Scopes taken from the client between code and token disappear, and with them refresh and ID token."""
    decision = redeem(evolve(REDEEM, client=make_client("web", scopes=frozenset({"read"}))))

    assert decision.answer.access.scope == {"read"}
    assert decision.answer.refresh_token is None
    assert decision.answer.id_token is None


@pytest.mark.parametrize(
    ("client", "settings", "given"),
    [
        ({}, {}, False),
        ({"always_issue_refresh_token": True}, {}, True),
        ({}, {"issue_refresh_without_offline_access": True}, True),
        ({"always_issue_refresh_token": True, "grant_types": frozenset({"authorization_code"})}, {}, False),
    ],
)
def test_refresh_tokens_without_offline_access(client, settings, given):
    """Only where client or server say so, and the client has the grant."""
    grant = evolve(GRANT, scope=frozenset({"openid"}))
    request = evolve(REDEEM, client=make_client("web", **client))

    decision = redeem(
        request, Stored(record=evolve(CODE, grant=grant), grant=grant), settings=make_settings(**settings)
    )

    assert (decision.answer.refresh_token is not None) is given


def test_an_access_token_never_outlives_its_grant():
    """The shorter of the two lives."""
    grant = evolve(GRANT, expires_at=START + timedelta(seconds=100))

    decision = redeem(facts=Stored(record=evolve(CODE, grant=grant), grant=grant), seconds=40)

    assert decision.answer.access.expires_in == 60


# --- refresh token ---------------------------------------------------------------------------------------------------


def test_a_refresh_token_has_one_successor():
    """Spent with a salt from which the successor is derived; nothing of it is stored in the clear."""
    decision = refresh()
    spend, put = decision.changes

    assert refused(decision) is None
    assert (spend.key, put.record.generation) == (TOKEN.key, 1)
    assert decision.answer.refresh_token == successor_of("token", spend.salt)
    assert put.record.key == digest("refresh_token", decision.answer.refresh_token)
    assert "nonce" not in decision.answer.id_token.claims
    assert decision.answer.id_token.claims["auth_time"] == int(START.timestamp())


@pytest.mark.parametrize(
    ("request_changes", "stored", "seconds"),
    [
        ({}, None, 0),
        ({}, Stored(record=TOKEN), 0),
        ({"client": make_client("other")}, Stored(record=TOKEN, grant=GRANT), 0),
        ({"client": make_client("other")}, Stored(record=TOKEN, grant=GRANT, spent=Spent(at=START)), 100),
        ({}, Stored(record=TOKEN, grant=evolve(GRANT, revoked_at=START)), 0),
        ({}, Stored(record=TOKEN, grant=evolve(GRANT, expires_at=START)), 0),
        ({"client": make_client("web", tokens_valid_after=START)}, Stored(record=TOKEN, grant=GRANT), 0),
        ({}, Stored(record=TOKEN, grant=GRANT), 86400),
    ],
)
def test_a_refused_refresh_changes_nothing(request_changes, stored, seconds):
    """Unknown, orphaned, another client's, dead or too old."""
    decision = refresh(evolve(REFRESH, **request_changes), stored, seconds)

    assert refused(decision) == "invalid_grant"
    assert decision.changes == ()


@pytest.mark.parametrize(
    ("seconds", "interval", "used", "repeated"),
    [(0, 10, False, True), (9.9, 10, False, True), (10, 10, False, False), (0, 10, True, False), (0, 0, False, False),
     (-5, 0, False, False), (-5, 10, False, True)],
)  # fmt: skip
def test_a_used_refresh_token(seconds, interval, used, repeated):
    """Inside the interval, while the successor is unused: the same successor again. Otherwise the grant ends."""
    spent = Spent(at=START, salt=b"salt")

    decision = refresh(
        stored=Stored(record=TOKEN, grant=GRANT, spent=spent), seconds=seconds, used=used,
        settings=make_settings(refresh_token_reuse_interval=interval),
    )  # fmt: skip

    if repeated:
        assert decision.answer.refresh_token == successor_of("token", b"salt")
        assert decision.changes == ()
        assert decision.events[0].repeated
    else:
        assert refused(decision) == "invalid_grant"
        assert [type(change) for change in decision.changes] == [Revoke]
        assert decision.changes[0].id == "g1"


@pytest.mark.parametrize(
    ("scope", "client_scopes", "expected"),
    [
        (None, None, {"openid", "offline_access", "read"}), ({"read"}, None, {"read"}), ({"read", "write"}, None, None),
        (set(), None, None), (None, {"read", "write"}, {"read"}), ({"openid"}, {"read"}, None),
    ],
)  # fmt: skip
def test_scope_on_refresh(scope, client_scopes, expected):
    """A subset may be named; what the client lost disappears silently; more than granted is refused."""
    client = WEB if client_scopes is None else make_client("web", scopes=frozenset(client_scopes))

    decision = refresh(evolve(REFRESH, client=client, scope=None if scope is None else frozenset(scope)))

    if expected is None:
        assert refused(decision) == "invalid_scope"
        assert decision.changes == ()
    else:
        assert decision.answer.access.scope == expected
        assert (decision.answer.id_token is not None) is ("openid" in expected)


def test_resource_on_refresh():
    """Narrowed, never widened."""
    assert refresh(evolve(REFRESH, resource=(API,))).answer.access.token.claims["aud"] == API
    assert refused(refresh(evolve(REFRESH, resource=("https://x.example",)))) == "invalid_target"


def test_a_successor_never_outlives_the_grant():
    """Sliding life, absolute end."""
    grant = evolve(GRANT, expires_at=START + timedelta(hours=1))

    decision = refresh(stored=Stored(record=TOKEN, grant=grant))

    assert decision.changes[1].record.expires_at == grant.expires_at
    assert refresh().changes[1].record.expires_at == min(LATER, START + timedelta(seconds=SETTINGS.refresh_token_ttl))


# --- client credentials ----------------------------------------------------------------------------------------------

SERVICE = make_client("service", audiences=frozenset({API}))


@pytest.mark.parametrize(
    ("client", "scope", "resource", "expected"),
    [
        ({}, {"read"}, (), {"read"}),
        ({}, None, (), {"profile", "email", "read", "write"}),
        ({"default_scopes": frozenset({"read", "openid"})}, None, (), {"read"}),
        ({"scopes": frozenset()}, None, (), set()),
        ({}, {"admin"}, (), "invalid_scope"),
        ({}, {"openid"}, (), "invalid_scope"),
        ({}, {"offline_access", "read"}, (), "invalid_scope"),
        ({}, set(), (), "invalid_scope"),
        ({}, {"read"}, (API,), {"read"}),
        ({}, {"read"}, ("https://other.example",), "invalid_target"),
        ({"token_endpoint_auth_method": "none"}, {"read"}, (), "unauthorized_client"),
    ],
)
def test_client_credentials(client, scope, resource, expected):
    """For confidential clients, within their allowance, without a person's scopes, and never a refresh token."""
    request = ClientCredentialsRequest(evolve(SERVICE, **client), None if scope is None else frozenset(scope), resource)

    decision = ClientCredentials().decide(request, None, SETTINGS, at(0))

    if isinstance(expected, str):
        assert refused(decision) == expected
        assert decision.changes == ()
    else:
        assert decision.answer.access.scope == expected
        assert decision.answer.refresh_token is None
        assert decision.answer.access.token.claims["sub"] == "service"
        assert decision.answer.access.person is None


def test_an_opaque_token_is_stored_by_digest():
    """The change carries the digest and never the token."""
    decision = ClientCredentials().decide(
        ClientCredentialsRequest(evolve(SERVICE, access_token_format="opaque"), frozenset({"read"}), ()),
        None,
        SETTINGS,
        at(0),
    )
    (put,) = decision.changes

    assert put.record.key == digest("access_token", decision.answer.access.token)
    assert decision.answer.access.token not in repr(decision)
