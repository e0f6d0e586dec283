"""OpenID Connect Discovery and RFC 8414 metadata, computed from what is enabled: nothing is advertised in vain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from attrs import frozen

from ...kernel.encoding import Json, encode_json
from ...kernel.requests import HttpRequest
from ...kernel.responses import HttpResponse
from ...kernel.settings import Settings
from ..client_auth.authenticate import METHODS
from ..context import OAuth

PROTOCOL_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash")
ACR_VALUES = ("urn:authority:acr:password",)


@frozen(eq=False)
class MetadataEndpoint:
    """`GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`."""

    oauth: OAuth
    paths: Mapping[str, str]
    """Name of an endpoint in the metadata to its path; only those that are mounted."""
    locales: tuple[str, ...] = ("en",)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the metadata; the same bytes whatever the request says."""
        return public_document(self.document(), request, self.oauth.shell.settings)

    def document(self) -> Json:
        """Return the metadata (OpenID Connect Discovery §3, RFC 8414 §2, RFC 9207 §3)."""
        settings = self.oauth.shell.settings
        public = [scope for scope in settings.scopes if scope.public]
        claims = [claim for scope in public for claim in scope.claims if claim not in PROTOCOL_CLAIMS]
        document: Json = {"issuer": settings.issuer}
        document |= {name: settings.issuer + path for name, path in self.paths.items()}
        document |= {
            "scopes_supported": [scope.name for scope in public],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(self.oauth.grants),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(settings.signing_algorithms),
            "token_endpoint_auth_methods_supported": list(METHODS),
            "revocation_endpoint_auth_methods_supported": list(METHODS),
            "introspection_endpoint_auth_methods_supported": [name for name in METHODS if name != "none"],
            "claims_supported": [*PROTOCOL_CLAIMS, *dict.fromkeys(claims)],
            "claim_types_supported": ["normal"],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "code_challenge_methods_supported": ["S256", "plain"] if settings.allow_plain_pkce else ["S256"],
            "acr_values_supported": list(ACR_VALUES),
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "display_values_supported": ["page"],
            "ui_locales_supported": list(self.locales),
            "authorization_response_iss_parameter_supported": True,
        }
        for name, value in (
            ("service_documentation", settings.docs_url),
            ("op_policy_uri", settings.privacy_url),
            ("op_tos_uri", settings.terms_url),
        ):
            if value:
                document[name] = value
        return document


def public_document(document: Json, request: HttpRequest, settings: Settings) -> HttpResponse:
    """Answer with a JSON *document* that caches may keep, with an entity tag (RFC 9110 §8.8.3)."""
    body, tag = _encoded(encode_json(document))
    headers = (
        ("cache-control", f"public, max-age={settings.jwks_cache_ttl}"),
        ("etag", tag),
        ("access-control-allow-origin", "*"),
    )
    if request.headers.get("if-none-match") == tag:
        return HttpResponse(304, headers)
    kind = (("content-type", "application/json;charset=UTF-8"), ("x-content-type-options", "nosniff"))
    return HttpResponse(200, kind + headers, body)


@lru_cache(maxsize=32)
def _encoded(text: str) -> tuple[bytes, str]:
    body = text.encode("utf-8")
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
