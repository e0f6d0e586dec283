"""Token revocation (RFC 7009). A client ends its own tokens; about everybody else's it learns nothing."""

from __future__ import annotations

from attrs import frozen

from ...kernel.changes import Change, Decision, Revoke, Spend
from ...kernel.events import TokenRevoked
from ...kernel.jose import InvalidToken, verify
from ...kernel.moment import Moment, instant
from ...kernel.problems import Problem
from ...kernel.records import Client
from ...kernel.requests import HttpRequest
from ...kernel.responses import NO_STORE, HttpResponse
from ...kernel.shell import origin_of
from ..client_auth.authenticate import authenticate_client
from ..context import OAuth
from ..inspect_token import LiveToken, live_token
from ..mint.access import GRACE
from .token import read_post


@frozen(eq=False)
class RevocationEndpoint:
    """`POST /token/revoke`."""

    oauth: OAuth

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """End the token if it is the client's; 200 for unknown, ended and foreign ones alike (RFC 7009 §2.2)."""
        form = read_post(request)
        origin = origin_of(request)
        client = await authenticate_client(self.oauth.secrets, request, form, origin, instant(self.oauth.shell.moment))
        text = form.require("token")
        await self._refuse_id_token(text)

        async def attempt(moment: Moment) -> Decision[None]:
            # A client whose refresh crossed its sign-out holds the token before: giving that back ends the grant too.
            return revoke(await live_token(self.oauth, text, moment.now, caller=client, used=True), client, moment)

        await self.oauth.shell.act(origin, attempt)
        return HttpResponse(200, NO_STORE)

    async def _refuse_id_token(self, text: str) -> None:
        if text.count(".") != 2:
            return
        try:
            verify(text, await self.oauth.keys.verifying_keys(), typ=frozenset({"jwt"}))
        except InvalidToken:
            return
        raise Problem("unsupported_token_type", "ID tokens cannot be revoked.")  # RFC 7009 §2.2.1


def revoke(token: LiveToken | None, client: Client, moment: Moment) -> Decision[None]:
    """Decide: a refresh token ends its grant and all of it (RFC 7009 §2.1), an access token only itself."""
    if token is None or token.client.client_id != client.client_id:
        return Decision(None)
    changes: tuple[Change, ...] = ()
    if token.use == "refresh" and token.grant is not None:
        changes = (Revoke("grant", token.grant.grant_id, moment.now, token.grant.keep_until, "revoked by the client"),)
    elif token.spend_key is not None:
        changes = (Spend(token.spend_key, moment.now, token.expires_at + GRACE),)
    revoked = TokenRevoked(
        client_id=client.client_id,
        subject=token.subject,
        grant_id=token.grant.grant_id if token.grant else None,
        reason=f"the client revoked its {token.use} token",
    )
    return Decision(None, changes, (revoked,))
