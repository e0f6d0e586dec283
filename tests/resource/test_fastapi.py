"""FastAPI: the dependency protects, and the OpenAPI document says how."""

import subprocess
import sys
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from starlette.testclient import TestClient

from authority_core import ConfigurationError
from authority_core.resource import VerifiedToken
from authority_starlette.fastapi import BearerToken

SCOPES = {"reports:read": "Read reports", "reports:write": "Change reports"}


@pytest.fixture
def app(world):
    app = FastAPI()
    bearer = BearerToken(world.verifier(), scopes=SCOPES)

    @app.get("/read")
    async def read(token: Annotated[VerifiedToken, Security(bearer, scopes=["reports:read"])]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/any")
    async def anything(token: Annotated[VerifiedToken, Depends(bearer)]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/open")
    async def unprotected() -> None: ...

    router = APIRouter(dependencies=[Security(bearer, scopes=["reports:read"])])

    @router.get("/write")
    def write(token: Annotated[VerifiedToken, Security(bearer, scopes=["reports:write"])]) -> dict[str, str]:
        return {"subject": token.subject}

    app.include_router(router)
    return app


def test_the_document_shows_the_scheme(app):
    """Tools learn the flow, its endpoints and its scopes from the OpenAPI document."""
    schemes = app.openapi()["components"]["securitySchemes"]

    assert schemes == {
        "access_token": {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": "http://localhost:4000/authorize",
                    "tokenUrl": "http://localhost:4000/token",
                    "scopes": SCOPES,
                }
            },
        }
    }


def test_the_document_shows_what_each_operation_needs(app):
    """Each operation names its own scopes; open ones name none; the token is no parameter."""
    paths = app.openapi()["paths"]

    assert paths["/read"]["get"]["security"] == [{"access_token": ["reports:read"]}]
    assert paths["/any"]["get"]["security"] == [{"access_token": []}]
    assert set(paths["/write"]["get"]["security"][0]["access_token"]) == {"reports:read", "reports:write"}
    assert "security" not in paths["/open"]["get"]
    assert not any("parameters" in one["get"] or "requestBody" in one["get"] for one in paths.values())


def test_scopes_of_routers_and_routes_add_up(world, app):
    """What a router needs and what a route needs are both needed."""
    client = TestClient(app)

    def status(path: str, scope: str) -> int:
        return client.get(path, headers={"authorization": f"Bearer {world.signed(scope=scope)}"}).status_code

    assert status("/write", "reports:write") == 403
    assert status("/write", "reports:read") == 403
    assert status("/write", "reports:read reports:write") == 200
    assert status("/any", "openid") == 200
    assert client.get("/open").status_code == 200


def test_the_body_is_as_fastapi_users_expect(app):
    """A refusal is an `HTTPException`: its body has `detail`, and handlers of the application see it."""
    answer = TestClient(app).get("/read")

    assert answer.json() == {"detail": "An access token is required."}
    assert answer.headers["cache-control"] == "no-store"


def test_one_of_several_scopes(world):
    """`any_of` asks for one of several, besides what the routes name."""
    app, bearer = FastAPI(), BearerToken(world.verifier(), any_of=("reports:read", "reports:write"))

    @app.get("/")
    async def view(token: Annotated[VerifiedToken, Security(bearer)]) -> None: ...

    client = TestClient(app)

    def status(scope: str) -> int:
        return client.get("/", headers={"authorization": f"Bearer {world.signed(scope=scope)}"}).status_code

    assert (status("reports:write"), status("openid")) == (200, 403)


def test_names_are_looked_at_when_it_starts(world):
    """A scope that is none is refused before the first request."""
    with pytest.raises(ConfigurationError):
        BearerToken(world.verifier(), scopes={"two words": "?"})


def test_without_fastapi_one_sentence_says_what_to_install():
    """The helpers for Starlette need no FastAPI; the module for FastAPI names the extra."""
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "import authority_starlette.resource\n"
        "try:\n import authority_starlette.fastapi\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "authority_starlette.fastapi needs FastAPI: pip install 'authority-idp[fastapi]'\n"
