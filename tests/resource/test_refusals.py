"""Refusals: exact challenges, and where the token is looked for."""

from __future__ import annotations

import json

import pytest

from authority_core import ConfigurationError
from authority_core.kernel.sync import run
from authority_core.resource import (
    CannotVerify,
    Challenge,
    Needs,
    Refused,
    ScopeMissing,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    admit,
    bearer_token,
    metadata_path,
    metadata_url,
    protected_resource_metadata,
)
from authority_core.resource import refusals as module

CHALLENGE = Challenge("reports")
INVALID = 'Bearer realm="reports", error="invalid_token", error_description="The access token is not valid."'
EXPIRED = 'Bearer realm="reports", error="invalid_token", error_description="The access token has expired."'
SCOPE = (
    'Bearer realm="reports", error="insufficient_scope", '
    'error_description="The access token lacks a scope that is needed here.", scope="a b"'
)


@pytest.mark.parametrize(
    ("refused", "status", "header"),
    [
        (TokenMissing(CHALLENGE), 401, 'Bearer realm="reports"'),
        (TokenInvalid(CHALLENGE), 401, INVALID),
        (TokenExpired(CHALLENGE), 401, EXPIRED),
        (ScopeMissing(CHALLENGE, "a b"), 403, SCOPE),
        (CannotVerify(CHALLENGE), 503, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Refused) else "",
)
def test_challenges(refused, status, header):
    """Each refusal has the status and challenge of RFC 6750 §3, to the byte."""
    answer = refused.response()

    assert (refused.status, refused.www_authenticate) == (status, header)
    assert (answer.status, answer.header("www-authenticate")) == (status, header)
    assert answer.header("cache-control") == "no-store"
    assert json.loads(answer.body)["error_description"] == refused.description


def test_no_error_code_without_a_token():
    """A request without a token is told that one is needed, and no more (RFC 6750 §3.1)."""
    assert "error" not in json.loads(TokenMissing(CHALLENGE).response().body)


def test_when_to_come_back():
    """A refusal that is nobody's fault says when to try again."""
    assert CannotVerify(CHALLENGE).response().header("retry-after") == "5"


def test_the_tree_is_closed():
    """There are five refusals; whoever matches on them has seen all."""
    found = {one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Refused)}

    assert found - {Refused} == {TokenMissing, TokenInvalid, TokenExpired, ScopeMissing, CannotVerify}


def test_resource_metadata_is_named():
    """With RFC 9728 metadata, every challenge says where it is."""
    challenge = Challenge("api", "https://api.example.com/.well-known/oauth-protected-resource")

    assert TokenMissing(challenge).www_authenticate == (
        'Bearer realm="api", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"'
    )


def test_quoting():
    """Quotes and backslashes in a realm end no string."""
    assert TokenMissing(Challenge('a"b\\c')).www_authenticate == 'Bearer realm="a\\"b\\\\c"'


def test_reasons_stay_inside():
    """Why a token is refused is for the log: no part of the answer holds it."""
    answer = TokenInvalid(CHALLENGE, reason="the signature is wrong").response()

    assert "signature" not in repr(answer.headers) + answer.body.decode()


# --- where the token is looked for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER  abc", "abc"), ("Bearer a-._~+/b==", "a-._~+/b==")],
)
def test_tokens_that_are_found(header, token):
    """The scheme is not case-sensitive (RFC 9110 §11.1); the token is what follows."""
    assert bearer_token(header, b"", CHALLENGE) == token


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic YTpi", "DPoP abc", "Bearerabc", "abc", "token Bearer abc", "Bear er"],
)
def test_no_token(header):
    """No header, or another scheme: a token is missing."""
    with pytest.raises(TokenMissing):
        bearer_token(header, b"", CHALLENGE)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "Bearer a,Bearer b", "Bearer %", "Bearer a\x00",
        "Bearer a\n", "Bearer é", 'Bearer "a"', "Bearer =", "Bearer " + "a" * 16_385,
    ],
)  # fmt: skip
def test_malformed_tokens(header):
    """What follows the scheme must be one token."""
    with pytest.raises(TokenInvalid):
        bearer_token(header, b"", CHALLENGE)


@pytest.mark.parametrize(
    "query",
    [b"access_token=abc", b"a=1&access_token=abc", b"access_token", b"access%5Ftoken=abc", b"access_token=%&x=%zz"],
)
@pytest.mark.parametrize("header", [None, "Bearer abc"])
def test_tokens_in_the_query(query, header):
    """A token in the query is refused, alone or beside the header."""
    with pytest.raises(TokenInvalid):
        bearer_token(header, query, CHALLENGE)


@pytest.mark.parametrize("query", [b"", b"a=1", b"q=access_token", b"q=100%", b"my_access_token=1", b"%ff=1"])
def test_queries_that_are_fine(query):
    """Whatever else an API has in its query is its own business."""
    assert bearer_token("Bearer abc", query, CHALLENGE) == "abc"


# --- scopes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "enough"),
    [
        (Needs(), True),
        (Needs(("reports:read",)), True),
        (Needs(("reports:read", "reports:write")), False),
        (Needs((), ("reports:write", "reports:read")), True),
        (Needs((), ("reports:write",)), False),
        (Needs(("reports:read",), ("reports:write", "reports:read")), True),
        (Needs(("reports:write",), ("reports:read",)), False),
        (Needs(("reports",)), False),
        (Needs(("REPORTS:READ",)), False),
    ],
)
def test_scopes(world, needs, enough):
    """All of these, one of those; names are compared exactly, and what is needed is listed."""
    header = f"Bearer {world.token('reports:read')}"
    if enough:
        assert run(admit(world.verifier(), header, b"", needs)).subject == "worker"
    else:
        with pytest.raises(ScopeMissing) as caught:
            run(admit(world.verifier(), header, b"", needs))
        assert caught.value.needed == " ".join(dict.fromkeys(needs.all_of + needs.any_of))


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\\b", "é", "a\n", 7])
def test_scope_names(name):
    """What cannot be a scope is refused where it is written, not met by nobody at run time."""
    with pytest.raises(ConfigurationError):
        Needs((name,))


# --- protected resource metadata -------------------------------------------------------------------------------------


def test_protected_resource_metadata():
    """An API says whose tokens it takes, and that it takes them in the header alone (RFC 9728 §2)."""
    document = protected_resource_metadata(
        "https://api.example.com/v1",
        authorization_servers=["https://id.example.com"],
        scopes=["reports:read"],
        name="Reports",
    )

    assert document == {
        "resource": "https://api.example.com/v1",
        "authorization_servers": ["https://id.example.com"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["reports:read"],
        "resource_name": "Reports",
    }


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://api.example.com", "https://api.example.com/.well-known/oauth-protected-resource"),
        ("https://api.example.com/", "https://api.example.com/.well-known/oauth-protected-resource"),
        ("https://api.example.com/v1", "https://api.example.com/.well-known/oauth-protected-resource/v1"),
        ("https://api.example.com/v1?t=1", "https://api.example.com/.well-known/oauth-protected-resource/v1?t=1"),
        ("http://localhost:8000/v1", "http://localhost:8000/.well-known/oauth-protected-resource/v1"),
    ],
)
def test_where_metadata_belongs(resource, url):
    """The well-known part goes between host and path (RFC 9728 §3.1)."""
    assert metadata_url(resource) == url
    assert url.startswith(resource.split("/v1")[0].rstrip("/") + metadata_path(resource))


@pytest.mark.parametrize("resource", ["http://api.example.com", "api", "https://api.example.com#x", ""])
def test_resources_that_are_none(resource):
    """A resource is an https URL without a fragment (RFC 9728 §1.2)."""
    with pytest.raises(ConfigurationError):
        protected_resource_metadata(resource, authorization_servers=[])
