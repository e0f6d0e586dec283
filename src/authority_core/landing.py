"""The landing page: what this server is, for whoever opens its address."""

from __future__ import annotations

from attrs import frozen

from .accounts.paths import PROFILE, SIGN_IN
from .kernel.pages import Endpoint, LandingPage
from .kernel.ports import SignIn
from .kernel.requests import HttpRequest
from .kernel.responses import HttpResponse
from .kernel.show import Screen

_ENDPOINTS = (
    ("Discovery", "GET", "/.well-known/openid-configuration"),
    ("Authorization", "GET", "/authorize"),
    ("Token", "POST", "/token"),
    ("UserInfo", "GET", "/userinfo"),
    ("Introspection", "POST", "/token/introspect"),
    ("Revocation", "POST", "/token/revoke"),
    ("Keys", "GET", "/.well-known/jwks.json"),
)


@frozen(eq=False)
class LandingEndpoint:
    """`GET /`."""

    screen: Screen
    sign_in: SignIn
    accounts: bool
    """Whether our own sign-in and profile pages exist."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        issuer = self.screen.settings.issuer
        authentication = await self.sign_in.current(request)
        page = LandingPage(
            issuer=issuer,
            endpoints=tuple(
                Endpoint(title=title, method=method, url=issuer + path) for title, method, path in _ENDPOINTS
            ),
            sign_in_url=issuer + SIGN_IN if self.accounts and authentication is None else None,
            account_url=issuer + PROFILE if self.accounts and authentication is not None else None,
            person=authentication.person if authentication else None,
            docs_url=self.screen.settings.docs_url,
        )
        return self.screen.show(request, page)
