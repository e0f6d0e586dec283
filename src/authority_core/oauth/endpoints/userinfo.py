"""UserInfo (OpenID Connect Core §5.3): claims about the person, for an access token with `openid`."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ...kernel.encoding import Json
from ...kernel.problems import Problem
from ...kernel.requests import FORM_TYPE, HttpRequest, parse_body, parse_query
from ...kernel.responses import HttpResponse, json_response
from ...kernel.settings import Settings
from ..context import OAuth
from ..inspect_token import live_token

REALM = 'Bearer realm="authority"'


@frozen(eq=False)
class UserInfoEndpoint:
    """`GET` and `POST /userinfo`."""

    oauth: OAuth

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the claims that the token's scope releases, as they are now."""
        text = bearer_token(request)
        live = await live_token(self.oauth, text, self.oauth.shell.moment().now)
        # Only a person's access token: one with a grant, never a refresh token (RFC 8725 §3.11).
        if live is None or live.use != "access" or live.grant is None or live.subject is None:
            raise invalid_token()
        settings = self.oauth.shell.settings
        # A token for an API alone is not for us: the API could use it here (RFC 8707 §1, RFC 9700 §4.9.1).
        if not {settings.issuer, settings.audience}.intersection(live.audience):
            raise invalid_token()
        if "openid" not in live.scope:
            challenge = f'{REALM}, error="insufficient_scope", scope="openid"'
            raise Problem(
                "insufficient_scope", "The token lacks the scope openid.", headers=(("www-authenticate", challenge),)
            )
        wanted = released(live.scope, settings)
        known = await self.oauth.claims.claims(live.subject, wanted)
        if not isinstance(known, Mapping):  # a host's own source may answer anything; only claims mean yes
            raise invalid_token()
        # A host's own source may know more than it was asked for.
        told = {name: value for name, value in known.items() if name in wanted}
        answer: Json = {name: value for name, value in told.items() if value not in (None, "", {}, [])}
        answer["sub"] = live.subject
        return json_response(answer)


def released(scope: frozenset[str], settings: Settings) -> frozenset[str]:
    """Return the names of the claims that *scope* releases (OpenID Connect Core §5.4)."""
    return frozenset(claim for one in settings.scopes if one.name in scope for claim in one.claims)


def invalid_token() -> Problem:
    """Return the refusal of a token that is not alive (RFC 6750 §3.1)."""
    challenge = f'{REALM}, error="invalid_token", error_description="The access token is not valid."'
    return Problem("invalid_token", "The access token is not valid.", headers=(("www-authenticate", challenge),))


def bearer_token(request: HttpRequest) -> str:
    """Return the one access token of *request*: from the header, or a POST form's body; never the query.

    Raises `Problem` (RFC 6750 §2, §3).
    """
    header = request.headers.get("authorization")
    posted = None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind == FORM_TYPE:
        posted = parse_body(request).get("access_token")
    if "access_token" in parse_query(request):
        raise invalid_token()
    if header is not None and posted is not None:
        raise Problem("invalid_request", "Send the access token once.", headers=(("www-authenticate", REALM),))
    if posted is not None:
        return posted
    if header is None:
        # RFC 6750 §3.1: no error code when the request carries no credentials at all.
        raise Problem("invalid_token", "An access token is required.", headers=(("www-authenticate", REALM),))
    scheme, _, token = header.partition(" ")
    token = token.strip(" ")  # RFC 6750 §2.1 separates by blanks, and by nothing else
    if scheme.lower() != "bearer" or not token or any(one.isspace() for one in token):
        raise invalid_token()
    return token
