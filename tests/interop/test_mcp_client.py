"""The OAuth client of the Model Context Protocol's SDK finds this server from an API's refusal and logs in."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from anyio import to_thread

from interop.house import CALLBACK, MCP
from interop.walk import Person

httpx2 = pytest.importorskip("httpx2")
auth = pytest.importorskip("mcp.client.auth")
shared = pytest.importorskip("mcp.shared.auth")

METADATA = "https://api.example.com/.well-known/oauth-protected-resource/mcp"


class Network(httpx2.AsyncBaseTransport):
    """The API, which is nowhere; everything else is asked for real."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._real = httpx2.AsyncHTTPTransport()

    async def aclose(self) -> None:
        await self._real.aclose()

    async def handle_async_request(self, request: object) -> object:
        if request.url.host != urlsplit(MCP).hostname:
            return await self._real.handle_async_request(request)
        if str(request.url) == METADATA:
            document = {"resource": MCP, "authorization_servers": [self._issuer], "scopes_supported": ["read"]}
            return httpx2.Response(200, json=document)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return httpx2.Response(401, headers={"www-authenticate": f'Bearer resource_metadata="{METADATA}"'})
        keys = jwt.PyJWKClient(f"{self._issuer}/.well-known/jwks.json")
        key = await to_thread.run_sync(keys.get_signing_key_from_jwt, token)
        claims = jwt.decode(token, key, algorithms=["RS256", "ES256", "EdDSA"], audience=MCP, issuer=self._issuer)
        return httpx2.Response(200, json=claims)


class Kept:
    """Where the client keeps what it knows: the client was registered by hand."""

    def __init__(self) -> None:
        self.tokens = None
        self.client = shared.OAuthClientInformationFull(
            client_id="spa", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
        )

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens) -> None:
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info) -> None:
        self.client = client_info


@pytest.mark.anyio
async def test_it_logs_in_for_an_api(issuer: str) -> None:
    """Protected-resource metadata, server metadata, PKCE, `resource` and `iss`; the token is for that API alone."""
    kept, backs = Kept(), []

    async def redirected(address: str) -> None:
        backs.append(await to_thread.run_sync(Person().authorize, address))

    async def called_back():
        given = {name: value for name, (value,) in parse_qs(urlsplit(backs[-1]).query).items()}
        return shared.AuthorizationCodeResult(code=given["code"], state=given["state"], iss=given["iss"])

    metadata = shared.OAuthClientMetadata(redirect_uris=[CALLBACK], token_endpoint_auth_method="none")
    provider = auth.OAuthClientProvider(MCP, metadata, kept, redirected, called_back)
    async with httpx2.AsyncClient(auth=provider, transport=Network(issuer)) as client:
        claims = (await client.get(MCP, headers={"mcp-protocol-version": "2025-11-25"})).json()

    assert (claims["sub"], claims["aud"], claims["client_id"]) == ("u-alice", MCP, "spa")
    assert len(backs) == 1
