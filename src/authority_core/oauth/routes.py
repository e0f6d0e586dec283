"""The wing's routes: canonical paths and their aliases, as data."""

from __future__ import annotations

from ..kernel.browser import Browsers
from ..kernel.ports import SignIn
from ..kernel.routes import Route
from ..kernel.show import Screen
from .context import OAuth
from .endpoints.authorize import CONSENT_PATH, Authorization, AuthorizeEndpoint
from .endpoints.consent import DECISION_PATH, ConsentEndpoint, DecisionEndpoint
from .endpoints.health import HealthEndpoint, ReadinessEndpoint
from .endpoints.introspection import IntrospectionEndpoint
from .endpoints.jwks import JwksEndpoint
from .endpoints.metadata import MetadataEndpoint
from .endpoints.revocation import RevocationEndpoint
from .endpoints.token import TokenEndpoint
from .endpoints.userinfo import UserInfoEndpoint

_METADATA_PATHS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": "/.well-known/jwks.json",
    "introspection_endpoint": "/token/introspect",
    "revocation_endpoint": "/token/revoke",
}


def oauth_routes(oauth: OAuth, sign_in: SignIn, screen: Screen, browsers: Browsers) -> tuple[Route, ...]:
    """Return the routes of the protocol."""
    authorization = Authorization(oauth, sign_in, screen, browsers)
    metadata = MetadataEndpoint(oauth, _METADATA_PATHS)
    introspection, revocation = IntrospectionEndpoint(oauth), RevocationEndpoint(oauth)
    userinfo = UserInfoEndpoint(oauth)
    health = HealthEndpoint()
    return (
        Route("/token", ("POST",), TokenEndpoint(oauth), cors=True),
        Route("/authorize", ("GET", "POST"), AuthorizeEndpoint(authorization), page=True),
        Route(CONSENT_PATH, ("GET",), ConsentEndpoint(authorization), page=True),
        Route(DECISION_PATH, ("POST",), DecisionEndpoint(authorization), page=True),
        Route("/userinfo", ("GET", "POST"), userinfo, cors=True),
        Route("/oauth2/userinfo", ("GET", "POST"), userinfo, cors=True),
        Route("/token/introspect", ("POST",), introspection),
        Route("/oauth/introspect", ("POST",), introspection),
        Route("/token/revoke", ("POST",), revocation, cors=True),
        Route("/oauth/revoke", ("POST",), revocation, cors=True),
        Route("/.well-known/jwks.json", ("GET",), JwksEndpoint(oauth), cors=True),
        Route("/.well-known/openid-configuration", ("GET",), metadata, cors=True),
        Route("/.well-known/oauth-authorization-server", ("GET",), metadata, cors=True),
        Route("/health", ("GET",), health),
        Route("/health_check", ("GET",), health),
        Route("/health/ready", ("GET",), ReadinessEndpoint(oauth)),
    )
