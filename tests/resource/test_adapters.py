"""The same API under Starlette, FastAPI and Flask: equal status and equal challenge, byte for byte."""

import warnings
from typing import Annotated

import pytest
from fastapi import FastAPI, Security
from flask import Flask
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from authority_core.resource import VerifiedToken, Verifier
from authority_flask.resource import ResourceProtector as FlaskProtector
from authority_starlette.fastapi import BearerToken
from authority_starlette.resource import ResourceProtector as StarletteProtector

# No postponed annotations here: FastAPI resolves names in the module, and `bearer` is local to a function.

Answer = tuple[int, str | None, str | None]


class Asgi:
    """Asks an ASGI application."""

    def __init__(self, app: object) -> None:
        self._client = TestClient(app)  # type: ignore[arg-type]  # any ASGI application

    def get(self, path: str, headers: list[tuple[str, str | bytes]]) -> Answer:
        answer = self._client.get(path, headers=headers)
        return answer.status_code, answer.headers.get("www-authenticate"), answer.headers.get("retry-after")


class Wsgi:
    """Asks a WSGI application."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def get(self, path: str, headers: list[tuple[str, str | bytes]]) -> Answer:
        # WSGI has headers as text, one character a byte (PEP 3333)
        texts = [(name, value.decode("latin-1") if isinstance(value, bytes) else value) for name, value in headers]
        with self._client.get(path, headers=texts) as answer:
            return answer.status_code, answer.headers.get("www-authenticate"), answer.headers.get("retry-after")


def starlette_api(verifier: Verifier) -> Asgi:
    protect = StarletteProtector(verifier)

    @protect.require_scopes("reports:read")
    async def read(request):
        return JSONResponse({"subject": request.state.token.subject})

    @protect.require_scopes("reports:read", "reports:write")
    def write(request):
        return JSONResponse({})

    return Asgi(Starlette(routes=[Route("/read", read), Route("/write", write)]))


def fastapi_api(verifier: Verifier) -> Asgi:
    app, bearer = FastAPI(), BearerToken(verifier)

    @app.get("/read")
    async def read(token: Annotated[VerifiedToken, Security(bearer, scopes=["reports:read"])]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/write")
    def write(token: Annotated[VerifiedToken, Security(bearer, scopes=["reports:read", "reports:write"])]) -> None: ...

    return Asgi(app)


def flask_api(verifier: Verifier) -> Wsgi:
    app = Flask("api")
    protect = FlaskProtector(app, verifier)

    @app.get("/read")
    @protect.require_scopes("reports:read")
    def read():
        return {"subject": protect.token.subject}

    @protect.require_scopes("reports:read", "reports:write")
    @app.get("/write")
    def write():
        return {}

    return Wsgi(app)


APIS = [starlette_api, fastapi_api, flask_api]


@pytest.fixture
def faults(world):
    """Name of each fault to path and headers of a request that has it, and its expected answer."""
    good, other = world.token("reports:read"), world.signed(aud="https://other.example.com")
    expired = world.signed(exp=int(world.clock.now.timestamp()) - 100)
    realm = 'Bearer realm="reports"'
    meta = ', resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"'
    invalid = f'{realm}, error="invalid_token", error_description="The access token is not valid."{meta}'
    gone = f'{realm}, error="invalid_token", error_description="The access token has expired."{meta}'
    scope = (
        f'{realm}, error="insufficient_scope", '
        f'error_description="The access token lacks a scope that is needed here.", '
        f'scope="reports:read reports:write"{meta}'
    )

    def bearer(token):
        return [("authorization", f"Bearer {token}")]

    return {
        "none": ("/read", [], (401, realm + meta, None)),
        "good": ("/read", bearer(good), (200, None, None)),
        "enough": ("/write", bearer(world.token("reports:read reports:write")), (200, None, None)),
        "basic": ("/read", [("authorization", "Basic YTpi")], (401, realm + meta, None)),
        "empty": ("/read", [("authorization", "Bearer ")], (401, invalid, None)),
        "rubbish": ("/read", bearer("rubbish"), (401, invalid, None)),
        "not ascii": ("/read", [("authorization", "Bearer é".encode("latin-1"))], (401, invalid, None)),
        "long": ("/read", bearer("a" * 20_000), (401, invalid, None)),
        "another api's": ("/read", bearer(other), (401, invalid, None)),
        "foreign": ("/read", bearer(world.foreign()), (401, invalid, None)),
        "id token": ("/read", bearer(world.signed(typ="JWT")), (401, invalid, None)),
        "expired": ("/read", bearer(expired), (401, gone, None)),
        "scope": ("/write", bearer(good), (403, scope, None)),
        "query": (f"/read?access_token={good}", [], (401, invalid, None)),
        "both": (f"/read?access_token={good}", bearer(good), (401, invalid, None)),
        "twice": ("/read", bearer(good) + bearer(good), (401, invalid, None)),
    }


@pytest.mark.parametrize("api", APIS)
def test_faults_are_answered_alike(world, faults, api):
    """Whatever the framework, the same fault has the same status and the same challenge."""
    client = api(
        world.verifier(
            realm="reports", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
        )
    )
    found = {
        name: client.get(path, headers)
        for name, (path, headers, _) in faults.items()
        if not (name == "twice" and isinstance(client, Wsgi))  # WSGI servers join what Werkzeug's client drops
    }

    assert found == {name: answer for name, (_, _, answer) in faults.items() if name in found}


@pytest.mark.parametrize("api", APIS)
def test_joined_headers(world, api):
    """Two tokens that a server has joined into one header are none."""
    good = world.token()

    assert api(world.verifier()).get("/read", [("authorization", f"Bearer {good}, Bearer {good}")])[0] == 401
    assert api(world.verifier()).get("/read", [("authorization", f"Bearer {good},Bearer {good}")])[0] == 401


@pytest.mark.parametrize("api", APIS)
def test_an_issuer_that_is_away(world, api):
    """When nothing can be verified, nothing passes, no token is blamed, and clients know when to come back."""
    client = api(world.verifier())
    token = world.token()
    world.wire.cut = True

    assert client.get("/read", [("authorization", f"Bearer {token}")]) == (503, None, "5")
    world.wire.cut = False
    world.clock.wind(seconds=5)
    assert client.get("/read", [("authorization", f"Bearer {token}")])[0] == 200


@pytest.mark.parametrize("api", APIS)
def test_introspection_behind_the_same_door(world, api):
    """An introspector is a verifier like any other."""
    client, token = api(world.introspector()), world.token(client_id="opaque")
    assert client.get("/read", [("authorization", f"Bearer {token}")])[0] == 200
    world.revoke(token, "opaque")

    assert client.get("/read", [("authorization", f"Bearer {token}")])[0] == 401


@pytest.mark.parametrize("api", APIS)
def test_nothing_is_warned_about(world, api):
    """Using the helpers uses nothing that a framework has deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert api(world.verifier()).get("/read", [("authorization", f"Bearer {world.token()}")])[0] == 200
