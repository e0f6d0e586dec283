"""The signed-in person's own page."""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import frozen

from ..kernel.consents import holds
from ..kernel.identity import person
from ..kernel.moment import instant
from ..kernel.pages import AccountPage, ClientCard, ConnectedClient, ScopeLine
from ..kernel.records import Consent
from ..kernel.requests import HttpRequest
from ..kernel.responses import HttpResponse, redirect
from ..kernel.show import Screen
from .paths import SIGN_IN, SIGN_OUT
from .sessions import Sessions


@frozen(eq=False)
class ProfileEndpoint:
    """`GET /profile`."""

    sessions: Sessions
    screen: Screen

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show who is signed in and which applications were allowed."""
        issuer = self.sessions.shell.settings.issuer
        found = await self.sessions.current(request)
        if found is None:
            return redirect(issuer + SIGN_IN, after_post=False)
        session, user = found
        consents = await self.sessions.shell.storage.consents(user.user_id)
        connected = [await self._connected(consent) for consent in consents]
        page = AccountPage(
            person=person(user),
            email_verified=user.email_verified,
            signed_in_since=session.auth_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            connected=tuple(one for one in connected if one is not None),
            sign_out_url=issuer + SIGN_OUT,
        )
        return self.screen.show(request, page)

    async def _connected(self, consent: Consent) -> ConnectedClient | None:
        client = await self.sessions.shell.storage.client(consent.client_id)
        if client is None or not holds(consent, client, instant(self.sessions.shell.moment)):
            return None
        lines = tuple(
            ScopeLine(name=scope.name, display_name=scope.display_name, description=scope.description)
            for scope in self.sessions.shell.settings.scopes
            if scope.name in consent.scope
        )
        host = urlsplit(client.client_uri).netloc if client.client_uri else None
        card = ClientCard(
            client_id=client.client_id, name=client.name, client_uri=client.client_uri, redirect_host=host
        )
        return ConnectedClient(client=card, scopes=lines, since=consent.granted_at.date().isoformat())
