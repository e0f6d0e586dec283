"""Token introspection (RFC 7662). Inactive is exactly `{"active": false}`, whatever the reason."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ...kernel.encoding import Json
from ...kernel.moment import instant
from ...kernel.records import Client
from ...kernel.requests import HttpRequest
from ...kernel.responses import HttpResponse, json_response
from ...kernel.shell import origin_of
from ...kernel.values import join_words
from ..client_auth.authenticate import authenticate_client
from ..client_auth.credentials import unauthenticated
from ..context import OAuth
from ..inspect_token import LiveToken, live_token
from .token import read_post
from .userinfo import released

_INACTIVE: Json = {"active": False}
_NAMES = frozenset({"preferred_username", "email"})


@frozen(eq=False)
class IntrospectionEndpoint:
    """`POST /token/introspect`."""

    oauth: OAuth

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the token's state, for its own client and for the resource it is meant for (RFC 7662 §2.1)."""
        form, now = read_post(request), instant(self.oauth.shell.moment)
        caller = await authenticate_client(self.oauth.secrets, request, form, origin_of(request), now)
        if not caller.confidential:
            raise unauthenticated("a public client may not introspect")  # RFC 7662 §2.1, §4
        token = await live_token(self.oauth, form.require("token"), now, caller=caller)
        if token is None or not _may_see(caller, token):
            return json_response(_INACTIVE)
        if token.subject is not None and token.grant is not None:
            # The person may be gone since: RFC 7662 §2.2 leaves "active" to the server's own knowledge.
            # What the person is called is told as far as the scope releases it, here as at userinfo.
            wanted = _NAMES & released(token.scope, self.oauth.shell.settings)
            known = await self.oauth.claims.claims(token.subject, wanted)
            if not isinstance(known, Mapping):  # a host's own source may answer anything; only claims mean yes
                return json_response(_INACTIVE)
            username = _username({name: known.get(name) for name in wanted})
            return json_response(_described(token, self.oauth.shell.settings.issuer, username))
        return json_response(_described(token, self.oauth.shell.settings.issuer, None))


def _may_see(caller: Client, token: LiveToken) -> bool:
    return caller.client_id == token.client.client_id or bool(caller.protects.intersection(token.audience))


def _username(known: Mapping[str, object]) -> str | None:
    name = known.get("email") or known.get("preferred_username")
    return name if isinstance(name, str) else None


def _described(token: LiveToken, issuer: str, username: str | None) -> Json:
    answer: Json = {
        "active": True,
        "iss": issuer,
        "client_id": token.client.client_id,
        "scope": join_words(token.scope),
        "exp": int(token.expires_at.timestamp()),
        "token_use": token.use,
    }
    if token.use == "access":
        answer["token_type"] = "Bearer"
        answer["aud"] = token.audience[0] if len(token.audience) == 1 else list(token.audience)
    if token.issued_at is not None:
        answer["iat"] = int(token.issued_at.timestamp())
    for name, value in (("jti", token.token_id), ("sub", token.subject), ("username", username)):
        if value is not None:
            answer[name] = value
    if token.grant is not None:
        grant = token.grant
        if grant.auth_time is not None:
            answer["auth_time"] = int(grant.auth_time.timestamp())
        answer |= {name: value for name, value in (("acr", grant.acr), ("sid", grant.session_id)) if value is not None}
        if grant.amr:
            answer["amr"] = list(grant.amr)
    return answer
