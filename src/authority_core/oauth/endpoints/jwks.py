"""The JWK Set (RFC 7517 §5): the public keys of every published state."""

from __future__ import annotations

from attrs import frozen

from ...kernel.requests import HttpRequest
from ...kernel.responses import HttpResponse
from ..context import OAuth
from .metadata import public_document


@frozen(eq=False)
class JwksEndpoint:
    """`GET /.well-known/jwks.json`."""

    oauth: OAuth

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the keys; public members only."""
        return public_document(await self.oauth.keys.jwks(), request, self.oauth.shell.settings)
