"""Access tokens as a FastAPI dependency that documents itself in the OpenAPI document.

Only translation: which token passes is decided in `authority_core.resource`.
"""

from __future__ import annotations

from collections.abc import Mapping

try:
    from fastapi import HTTPException
    from fastapi.openapi.models import OAuth2, OAuthFlowAuthorizationCode, OAuthFlows
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
except ImportError as missing:
    raise ImportError("authority_starlette.fastapi needs FastAPI: pip install 'authority-idp[fastapi]'") from missing

from starlette.requests import HTTPConnection

from authority_core.resource import Needs, Refused, VerifiedToken, Verifier

from .resource import Door


class BearerToken(SecurityBase):
    """A dependency that is the request's access token, a `VerifiedToken`.

    Use it as `token: Annotated[VerifiedToken, Security(bearer, scopes=["reports:read"])]`; the scopes of all
    dependencies above it are needed too. Make one an application.

    Args:
        verifier: Judges tokens.
        scopes: What each scope allows, for the OpenAPI document.
        any_of: Scopes of which a token needs one, besides those that routes name.
        authorization_url: For the document's *Authorize* button; the issuer's `/authorize` by default.
        token_url: The same for the token endpoint; the issuer's `/token` by default.
        scheme_name: The scheme's name in the document.
        description: What the document says about it.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        scopes: Mapping[str, str] | None = None,
        any_of: tuple[str, ...] = (),
        authorization_url: str | None = None,
        token_url: str | None = None,
        scheme_name: str = "access_token",
        description: str | None = None,
    ) -> None:
        base = verifier.issuer.rstrip("/")
        flow = OAuthFlowAuthorizationCode(
            authorizationUrl=authorization_url or base + "/authorize",
            tokenUrl=token_url or base + "/token",
            scopes=dict(scopes or {}),
        )
        Needs(tuple(scopes or ()), any_of)  # refuses what is no scope name, at start
        self.model = OAuth2(flows=OAuthFlows(authorizationCode=flow), description=description)
        self.scheme_name = scheme_name
        self._any_of = any_of
        self._door = Door(verifier)

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> VerifiedToken:
        """Return the token; raises `HTTPException` with the status and challenge of RFC 6750 §3."""
        try:
            return await self._door.admit(connection, Needs(tuple(security_scopes.scopes), self._any_of))
        except Refused as refused:
            headers = {**dict(refused.headers), "cache-control": "no-store"}
            raise HTTPException(refused.status, refused.description, headers) from refused
