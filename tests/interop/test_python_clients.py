"""Authlib, requests-oauthlib and PyJWT log in, refresh, look at tokens and give them back, unchanged."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from anyio import to_thread
from authlib.integrations.flask_client import OAuth
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from flask import Flask, redirect, session
from requests_oauthlib import OAuth2Session as OauthlibSession

from interop.house import API, CALLBACK, SECRET
from interop.walk import Person

SCOPE = "openid profile email offline_access"
ALGORITHMS = ["RS256", "ES256", "EdDSA"]


def discovered(issuer: str) -> dict[str, str]:
    document = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()

    assert document["issuer"] == issuer
    return document


def query(address: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib_from_discovery_to_revocation(issuer: str, method: str) -> None:
    """Authlib's session, by every method of client authentication."""
    metadata = discovered(issuer)
    client_id = {"client_secret_basic": "web", "client_secret_post": "post", "none": "spa"}[method]
    session = AuthlibSession(
        client_id,
        None if method == "none" else SECRET,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope=SCOPE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    verifier = secrets.token_urlsafe(48)
    address, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    back = Person().authorize(address)

    assert query(back)["state"] == state
    assert query(back)["iss"] == issuer
    endpoint = metadata["token_endpoint"]
    token = session.fetch_token(endpoint, authorization_response=back, code_verifier=verifier)
    assert session.get(metadata["userinfo_endpoint"]).json()["email"] == "alice@example.com"
    fresh = session.refresh_token(endpoint, refresh_token=token["refresh_token"])
    assert fresh["refresh_token"] != token["refresh_token"]
    if method != "none":
        seen = session.introspect_token(metadata["introspection_endpoint"], token=fresh["access_token"]).json()
        assert (seen["active"], seen["sub"], seen["client_id"]) == (True, "u-alice", client_id)
    gone = session.revoke_token(
        metadata["revocation_endpoint"], token=fresh["refresh_token"], token_type_hint="refresh_token"
    )
    assert gone.status_code == 200
    assert session.get(metadata["userinfo_endpoint"]).status_code == 401


@pytest.mark.anyio
async def test_authlib_without_blocking(issuer: str) -> None:
    """Authlib's asynchronous client: code with PKCE, refresh, and a person's claims."""
    verifier = secrets.token_urlsafe(48)
    options = {"scope": SCOPE, "redirect_uri": CALLBACK, "code_challenge_method": "S256"}
    async with AsyncOAuth2Client("web", SECRET, **options) as client:
        address, _ = client.create_authorization_url(f"{issuer}/authorize", code_verifier=verifier)
        back = await to_thread.run_sync(Person().authorize, address)
        token = await client.fetch_token(f"{issuer}/token", authorization_response=back, code_verifier=verifier)
        fresh = await client.refresh_token(f"{issuer}/token", refresh_token=token["refresh_token"])

        assert fresh["refresh_token"] != token["refresh_token"]
        assert (await client.get(f"{issuer}/userinfo")).json()["sub"] == "u-alice"


def test_authlib_for_itself(issuer: str) -> None:
    """Client credentials, and a scope that is refused."""
    session = AuthlibSession("service", SECRET, scope="read")
    token = session.fetch_token(f"{issuer}/token", grant_type="client_credentials")

    assert token["token_type"] == "Bearer"
    assert "refresh_token" not in token
    with pytest.raises(Exception, match="invalid_scope"):
        AuthlibSession("service", SECRET, scope="admin").fetch_token(f"{issuer}/token", grant_type="client_credentials")


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc prefers the curve's name of RFC 9864
def test_authlib_signs_a_person_into_a_flask_application(issuer: str) -> None:
    """Authlib's Flask client: discovery, PKCE, nonce, and the ID token checked against the published keys."""
    app = Flask("client")
    app.secret_key = "a client's own"
    oauth = OAuth(app)
    oauth.register(
        "authority",
        client_id="web",
        client_secret=SECRET,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
    )

    @app.get("/login")
    def login():
        return oauth.authority.authorize_redirect(CALLBACK)

    @app.get("/callback")
    def callback():
        session["who"] = oauth.authority.authorize_access_token()["userinfo"]
        return redirect("/")

    browser = app.test_client()
    back = Person().authorize(browser.get("/login").headers["location"])

    assert browser.get("/callback?" + urlsplit(back).query).status_code == 302
    with browser.session_transaction() as kept:
        assert (kept["who"]["sub"], kept["who"]["iss"], kept["who"]["aud"]) == ("u-alice", issuer, "web")


def test_requests_oauthlib_from_login_to_refresh(issuer: str) -> None:
    """requests-oauthlib: code with PKCE, a protected resource, refresh."""
    session = OauthlibSession("web", redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256")
    address, _ = session.authorization_url(f"{issuer}/authorize")
    back = Person("bob").authorize(address)
    token = session.fetch_token(f"{issuer}/token", authorization_response=back, client_secret=SECRET)

    assert session.get(f"{issuer}/userinfo").json()["name"] == "Bob"
    fresh = session.refresh_token(f"{issuer}/token", auth=("web", SECRET))
    assert fresh["refresh_token"] != token["refresh_token"]
    assert session.get(f"{issuer}/userinfo").json()["sub"] == "u-bob"


def test_requests_oauthlib_hears_a_denial(issuer: str) -> None:
    """A person who says no is reported as such."""
    session = OauthlibSession("web", redirect_uri=CALLBACK, scope=["openid", "write"], pkce="S256")
    address, _ = session.authorization_url(f"{issuer}/authorize", prompt="consent")
    back = Person(decision="deny").authorize(address)

    with pytest.raises(Exception, match="access_denied"):
        session.fetch_token(f"{issuer}/token", authorization_response=back, client_secret=SECRET)


def test_pyjwt_verifies_both_tokens(issuer: str) -> None:
    """PyJWT finds the key in the published set and accepts signature, issuer, audience and times."""
    metadata = discovered(issuer)
    session = AuthlibSession("web", SECRET, scope=SCOPE, redirect_uri=CALLBACK, code_challenge_method="S256")
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    address, _ = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, resource=API
    )
    back = Person().authorize(address)
    token = session.fetch_token(metadata["token_endpoint"], authorization_response=back, code_verifier=verifier)
    keys = jwt.PyJWKClient(metadata["jwks_uri"])
    access = verified(keys, token["access_token"], API, issuer)
    identity = verified(keys, token["id_token"], "web", issuer)

    assert (access["sub"], access["client_id"]) == ("u-alice", "web")
    assert (identity["sub"], identity["nonce"]) == ("u-alice", nonce)
    assert jwt.get_unverified_header(token["access_token"])["typ"] == "at+jwt"
    for wrong in ({"audience": "another"}, {"issuer": issuer + "/"}):
        with pytest.raises(jwt.InvalidTokenError):
            verified(keys, token["id_token"], **({"audience": "web", "issuer": issuer} | wrong))


def verified(keys: jwt.PyJWKClient, token: str, audience: str, issuer: str) -> dict[str, object]:
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key,
        algorithms=ALGORITHMS,
        audience=audience,
        issuer=issuer,
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )
