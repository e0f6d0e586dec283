"""Looking at one of our own tokens: is it alive, and what does it say. Used by introspection, revocation and userinfo.

Opaque tokens are looked up by digest; JWTs are verified and then held against their grant, so that a revoked grant
ends them here at once. Whatever is wrong with a token, the answer is the same: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Literal

from attrs import frozen

from ..kernel.encoding import Digest, Json, digest
from ..kernel.jose import InvalidToken, audiences, check_claims, verify
from ..kernel.moment import expired
from ..kernel.records import AccessToken, Client, Grant, RefreshToken
from ..kernel.values import split_words
from .checks.lifetime import over
from .context import OAuth
from .mint.access import KIND as ACCESS
from .mint.access import revoked_jwt_key
from .mint.refresh import KIND as REFRESH

ACCESS_TYPES = frozenset({"at+jwt"})
LONGEST = 16_384


@frozen(kw_only=True)
class LiveToken:
    """A token that is alive now. *spend_key* is what its revocation spends, for an access token of its own."""

    use: Literal["access", "refresh"]
    client: Client
    subject: str | None
    scope: frozenset[str]
    audience: Sequence[str]
    issued_at: datetime | None
    expires_at: datetime
    token_id: str | None
    grant: Grant | None
    spend_key: Digest | None


async def live_token(
    oauth: OAuth, token: str, now: datetime, *, caller: Client | None = None, used: bool = False
) -> LiveToken | None:
    """Return what *token* stands for, or `None` when it is unknown, ended, revoked, or not a token of ours.

    The *caller* was read for this request: a token of its own needs no second look at it. With *used*, a refresh token
    that has a successor stands for its grant too.
    """
    if len(token) > LONGEST:
        return None
    look = _Look(oauth, now, caller)
    if token.count(".") == 2:
        return await _jwt(look, token)
    return await _opaque(look, token) or await _refresh(look, token, used)


@frozen(eq=False)
class _Look:
    """One look at a token: where from, when, and for whom."""

    oauth: OAuth
    now: datetime
    caller: Client | None


async def _jwt(look: _Look, token: str) -> LiveToken | None:
    oauth, now = look.oauth, look.now
    settings, storage = oauth.shell.settings, oauth.shell.storage
    try:
        claims = verify(token, await oauth.keys.verifying_keys(), typ=ACCESS_TYPES).claims
        check_claims(claims, issuer=settings.issuer, audience=None, now=now)
        audience = audiences(claims)
    except InvalidToken:
        return None
    token_id, gid = claims.get("jti"), claims.get("gid")
    if not isinstance(token_id, str):
        return None
    spend_key = revoked_jwt_key(token_id)
    if await storage.spent(spend_key) is not None:
        return None
    grant = await storage.grant(gid) if isinstance(gid, str) else None
    if gid is not None and grant is None:
        return None
    issued_at, expires_at = _time(claims, "iat"), _time(claims, "exp")
    client = await _live_client(look, _text(claims, "client_id"), issued_at, grant)
    if client is None or expires_at is None:
        return None
    return LiveToken(
        use="access",
        client=client,
        subject=_text(claims, "sub"),
        scope=split_words(_text(claims, "scope")),
        audience=audience,
        issued_at=issued_at,
        expires_at=expires_at,
        token_id=token_id,
        grant=grant,
        spend_key=spend_key,
    )


async def _opaque(look: _Look, token: str) -> LiveToken | None:
    stored = await look.oauth.shell.storage.access_token(digest(ACCESS, token))
    if stored is None or stored.spent is not None or expired(stored.record.expires_at, look.now):
        return None
    record: AccessToken = stored.record
    if record.grant_id is not None and stored.grant is None:
        return None
    client = await _live_client(look, record.client_id, record.issued_at, stored.grant)
    if client is None:
        return None
    return LiveToken(
        use="access",
        client=client,
        subject=record.subject,
        scope=record.scope,
        audience=record.audience,
        issued_at=record.issued_at,
        expires_at=record.expires_at,
        token_id=record.token_id,
        grant=stored.grant,
        spend_key=record.key,
    )


async def _refresh(look: _Look, token: str, used: bool) -> LiveToken | None:
    stored = await look.oauth.shell.storage.refresh_token(digest(REFRESH, token))
    if stored is None or stored.grant is None or (stored.spent is not None and not used):
        return None
    record: RefreshToken = stored.record
    if expired(record.expires_at, look.now):
        return None
    client = await _live_client(look, stored.grant.client_id, stored.grant.created_at, stored.grant)
    if client is None:
        return None
    return LiveToken(
        use="refresh",
        client=client,
        subject=stored.grant.subject,
        scope=stored.grant.scope,
        audience=(),
        issued_at=None,
        expires_at=record.expires_at,
        token_id=None,
        grant=stored.grant,
        spend_key=None,
    )


async def _live_client(
    look: _Look, client_id: str | None, issued_at: datetime | None, grant: Grant | None
) -> Client | None:
    """Return the token's client if it may still act, and the *grant*, when there is one, is alive."""
    shell, client = look.oauth.shell, look.caller
    if grant is not None and (grant.revoked_at is not None or over(grant, shell.settings, look.now)):
        return None
    if client is None or client.client_id != client_id:
        client = await shell.clients.find(client_id) if client_id else None
    if client is None or not client.active:
        return None
    valid_after = client.tokens_valid_after
    # The grant counts too: a refresh that crossed the cutting off minted a younger token.
    born = issued_at if grant is None or issued_at is None else min(issued_at, grant.created_at)
    if valid_after is not None and (born is None or born <= valid_after):
        return None
    return client


def _text(claims: Json, name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


def _time(claims: Json, name: str) -> datetime | None:
    value = claims.get(name)
    return datetime.fromtimestamp(value, timezone.utc) if isinstance(value, (int, float)) else None
