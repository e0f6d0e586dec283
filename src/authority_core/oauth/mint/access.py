"""Access tokens: `at+jwt` (RFC 9068) or opaque. Formats describe; signing is the shell's.

A JWT names its grant in `gid`, so that this server can look at the grant's liveness; resource servers ignore it.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import field

from ...kernel.changes import Change, Put
from ...kernel.encoding import Digest, Json, digest
from ...kernel.moment import Moment, seconds
from ...kernel.records import AccessToken, Client, Grant
from ...kernel.settings import Settings
from ...kernel.values import join_words, transient
from .unsigned import Unsigned, add_authentication

KIND = "access_token"
GRACE = timedelta(days=1)
"""How long an ended token's record is kept, to answer for it."""


@transient
class MintedAccess:
    """An access token on its way out: signed later or opaque now, with what must be stored for it."""

    token: Unsigned | str = field(repr=False)
    token_id: str
    expires_in: int
    scope: frozenset[str]
    changes: tuple[Change, ...] = ()
    person: str | None = None
    """The subject of the grant behind it, who must still be allowed to sign in; a client's own token has none."""


def mint_access_token(
    settings: Settings,
    client: Client,
    *,
    subject: str,
    grant: Grant | None,
    scope: frozenset[str],
    audience: tuple[str, ...],
    moment: Moment,
) -> MintedAccess:
    """Return an access token for *subject*; it never outlives its *grant*."""
    lifetime, person = settings.access_token_ttl, None
    expires_at = moment.now + seconds(lifetime)
    if grant is not None:
        person = grant.subject
        if grant.expires_at < expires_at:
            expires_at = grant.expires_at
            lifetime = int((expires_at - moment.now).total_seconds())
    if (client.access_token_format or settings.access_token_format) != "opaque":
        claims = _claims(settings, client, subject, grant, scope, audience)
        claims["jti"] = token_id = moment.name  # as the moment's first line of the audit trail is called
        claims["iat"] = issued_at = moment.seconds
        claims["exp"] = issued_at + lifetime
        unsigned = Unsigned(settings.access_token_algorithm, "at+jwt", claims)
        return MintedAccess(unsigned, token_id, lifetime, scope, (), person)
    token, token_id = moment.token_and_identifier(KIND)
    record = AccessToken(  # by position, which is cheaper: this is the longest record of the hot path
        digest(KIND, token),
        token_id,
        grant.grant_id if grant else None,
        client.client_id,
        subject,
        scope,
        audience,
        moment.now,
        expires_at,
        expires_at + GRACE,
    )
    return MintedAccess(token, token_id, lifetime, scope, (Put(record),), person)


def _claims(
    settings: Settings,
    client: Client,
    subject: str,
    grant: Grant | None,
    scope: frozenset[str],
    audience: tuple[str, ...],
) -> Json:
    """Return what a JWT says of whom it is for (RFC 9068 §2.2)."""
    claims: Json = {
        "iss": settings.issuer,
        "sub": subject,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "client_id": client.client_id,
        "scope": join_words(scope),
    }
    if grant is not None:
        claims["gid"] = grant.grant_id
        add_authentication(claims, grant)  # RFC 9068 §2.2.1
    return claims


def revoked_jwt_key(token_id: str) -> Digest:
    """Return the key whose `Spend` marks a single JWT access token as revoked."""
    return digest("revoked_jwt", token_id)
