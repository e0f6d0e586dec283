"""Shows the sign-in form, and finds the authorization request that waits for the sign-in.

For the two endpoints that need it: `sign_in`, which judges what is typed, and `password_change`, which leads back here
when its step is over. Nothing here knows a password or opens a session.
"""

from __future__ import annotations

from attrs import field, frozen

from ..kernel.browser import FIELD, Browsers, Over, transaction_key, under_way
from ..kernel.identity import LONGEST, client_card
from ..kernel.pages import ClientCard, SignInPage
from ..kernel.records import Interaction
from ..kernel.requests import HttpRequest
from ..kernel.responses import Headers, HttpResponse
from ..kernel.shell import Shell
from ..kernel.show import Screen
from .paths import PROFILE, SIGN_IN


@frozen
class Waiting:
    """An authorization request that waits for a sign-in in this browser."""

    transaction: str = field(repr=False)
    request: Interaction


@frozen(eq=False)
class SignInForm:
    """Shows the form and knows what waits for it."""

    shell: Shell
    screen: Screen
    browsers: Browsers = field(repr=False)

    async def waiting(self, request: HttpRequest, transaction: str | None) -> Waiting | None:
        """Return the authorization request that waits for this sign-in, if this browser began it."""
        browser = self.browsers.key_of(request)
        if transaction is None or browser is None:
            return None
        stored = await self.shell.storage.interaction(transaction_key(transaction))
        found = under_way(stored, browser, self.shell.moment().now)
        return None if isinstance(found, Over) else Waiting(transaction, found)

    async def client(self, waiting: Waiting | None) -> ClientCard | None:
        """Return how the client of *waiting* introduces itself."""
        client = await self.shell.storage.client(waiting.request.client_id) if waiting else None
        return client_card(client) if client else None

    def onward(self, waiting: Waiting | None) -> str:
        """Return where a browser goes that has just signed in."""
        issuer = self.shell.settings.issuer
        return f"{issuer}/authorize?transaction={waiting.transaction}" if waiting else issuer + PROFILE

    async def show(
        self,
        request: HttpRequest,
        waiting: Waiting | None,
        typed: str | None = None,
        *,
        error: str | None = None,
        notice: str | None = None,
        status: int = 200,
        headers: Headers = (),
    ) -> HttpResponse:
        """Answer with the form, filled in with what was *typed* or with the request's hint."""
        moment = self.shell.moment()
        secret, cookies = self.browsers.greet(request, moment)
        hidden = [(FIELD, self.browsers.csrf_token(secret, "", moment))]
        if waiting is not None:
            hidden.append(("transaction", waiting.transaction))
        page = SignInPage(
            action=self.shell.settings.issuer + SIGN_IN,
            hidden=tuple(hidden),
            client=await self.client(waiting),
            identifier=typed if typed is not None else _hint(waiting),
            error=error,
            notice=notice,
        )
        return self.screen.show(request, page, status=status, headers=(*cookies, *headers), form_leaves=True)


def _hint(waiting: Waiting | None) -> str:
    """Return the request's `login_hint`, to fill in (OpenID Connect Core §3.1.2.1)."""
    if waiting is None:
        return ""
    return next((value for name, value in waiting.request.parameters if name == "login_hint"), "")[:LONGEST]
