"""Records and changes of a token service at work, as storage sees them: distinct keys, texts of the usual lengths."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

from attrs import evolve

from authority_core.kernel.changes import Change, Put, Replace, Spend
from authority_core.kernel.encoding import Digest, digest
from authority_core.kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    ClientSecret,
    Grant,
    RefreshToken,
    Session,
    User,
)

PEOPLE = 500
CLIENTS = 20
_NOW = datetime.now(timezone.utc)
_number = itertools.count(PEOPLE)


def key_of(kind: str, number: int) -> Digest:
    """Return the key of thing *number* of this *kind*."""
    return digest(kind, str(number))


def name_of(kind: str, number: int) -> str:
    """Return the name of thing *number*, as long and as scattered as a drawn one."""
    return key_of(kind, number).hex()[:22]


def furniture() -> list[list[Change]]:
    """Return the commits that store clients, people, and a session, a code and tokens for each."""
    clients: list[Change] = [Replace(_client(number)) for number in range(CLIENTS)]
    return [clients, *(_of_person(number) for number in range(PEOPLE))]


READS: dict[str, Callable[[int], object]] = {
    "client": lambda number: name_of("client", number % CLIENTS),
    "code": lambda number: key_of("code", number % PEOPLE),
    "refresh_token": lambda number: key_of("refresh", number % PEOPLE),
    "access_token": lambda number: key_of("access", number % PEOPLE),
    "user": lambda number: name_of("user", number % PEOPLE),
    "session": lambda number: key_of("session", number % PEOPLE),
}
"""The reads of a request, and what each is asked for in turn."""


def audit_line() -> list[Change]:
    """Return what client_credentials with a JWT commits."""
    return [Put(_audit(next(_number)))]


def opaque_issue() -> list[Change]:
    """Return what client_credentials with an opaque token commits."""
    number = next(_number)
    return [Put(_access_token(number, None)), Put(_audit(number))]


def redemption() -> list[Change]:
    """Return what the redemption of a code commits."""
    number = next(_number)
    grant = _grant(number)
    spend = Spend(key_of("code", number), _NOW, grant.keep_until)
    return [spend, Put(grant), Put(_refresh_token(number, grant)), Put(_audit(number))]


def rotation() -> list[Change]:
    """Return what the rotation of a refresh token commits."""
    number = next(_number)
    grant = _grant(number)
    spend = Spend(key_of("used", number), _NOW, grant.keep_until, b"s" * 16)
    return [spend, Put(_refresh_token(number, grant)), Put(_audit(number))]


COMMITS: dict[str, Callable[[], Sequence[Change]]] = {
    "audit line": audit_line,
    "opaque issue": opaque_issue,
    "refresh rotation": rotation,
    "code redemption": redemption,
}
"""The commits of the token path; each call is another one."""


def _later(number: int, **after: int) -> datetime:
    return _NOW + timedelta(**after) + timedelta(microseconds=number * 997)


def _client(number: int) -> Client:
    secret = ClientSecret(secret_id="1", digest=key_of("secret", number), hint="wxyz", created_at=_NOW)
    return Client(
        client_id=name_of("client", number),
        name=f"Application {number}",
        secrets=(secret,),
        redirect_uris=(f"https://app-{number}.example.com/callback",),
        grant_types=frozenset({"client_credentials", "authorization_code", "refresh_token"}),
        scopes=frozenset({"openid", "offline_access", "read", "write"}),
        created_at=_later(number),
    )


def _of_person(number: int) -> list[Change]:
    grant = _grant(number)
    user = User(
        user_id=name_of("user", number),
        username=f"person{number}",
        email=f"person{number}@example.com",
        password_hash="$argon2id$v=19$m=19456,t=2,p=1$" + "c" * 22 + "$" + "h" * 43,
        claims={"name": f"Person {number}", "locale": "en"},
        created_at=_later(number),
        updated_at=_later(number),
    )
    session = Session(
        session_id=name_of("session", number),
        key=key_of("session", number),
        user_id=user.user_id,
        auth_time=_later(number),
        acr="1",
        amr=("pwd",),
        created_at=_later(number),
        last_activity=_later(number, minutes=1),
        expires_at=_later(number, hours=12),
        ip_address="192.0.2.1",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        keep_until=_later(number, days=1),
    )
    tokens = [Put(_refresh_token(number, grant)), Put(_access_token(number, grant.grant_id)), Put(_code(number, grant))]
    return [Replace(user), Replace(session), Put(grant), *tokens]


def _grant(number: int) -> Grant:
    return Grant(
        grant_id=name_of("grant", number),
        client_id=name_of("client", number % CLIENTS),
        subject=name_of("user", number % PEOPLE),
        grant_type="authorization_code",
        scope=frozenset({"openid", "offline_access", "read"}),
        audience=("https://api.example.com",),
        created_at=_later(number),
        expires_at=_later(number, days=30),
        session_id=name_of("session", number % PEOPLE),
        auth_time=_later(number),
        acr="1",
        amr=("pwd",),
        keep_until=_later(number, days=31),
    )


def _code(number: int, grant: Grant) -> AuthorizationCode:
    return AuthorizationCode(
        key=key_of("code", number),
        grant=evolve(grant, grant_id=name_of("future grant", number)),
        redirect_uri=f"https://app-{number % CLIENTS}.example.com/callback",
        nonce="n-0S6_WzA2Mj",
        code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        code_challenge_method="S256",
        expires_at=_later(number, minutes=1),
        keep_until=_later(number, days=1),
    )


def _refresh_token(number: int, grant: Grant) -> RefreshToken:
    return RefreshToken(
        key=key_of("refresh", number),
        grant_id=grant.grant_id,
        generation=0,
        expires_at=_later(number, days=14),
        keep_until=_later(number, days=15),
    )


def _access_token(number: int, grant_id: str | None) -> AccessToken:
    return AccessToken(
        key=key_of("access", number),
        token_id=name_of("token", number),
        grant_id=grant_id,
        client_id=name_of("client", number % CLIENTS),
        subject=name_of("user", number % PEOPLE),
        scope=frozenset({"openid", "read"}),
        audience=("https://api.example.com",),
        issued_at=_later(number),
        expires_at=_later(number, hours=1),
        keep_until=_later(number, hours=2),
    )


def _audit(number: int) -> AuditRecord:
    return AuditRecord(
        audit_id=name_of("audit", number),
        at=_later(number),
        event="token.issued",
        severity="info",
        client_id=name_of("client", number % CLIENTS),
        subject=name_of("user", number % PEOPLE),
        session_id=None,
        grant_id=name_of("grant", number),
        detail={"grant_type": "authorization_code", "scope": "openid read", "token_id": name_of("token", number)},
        ip_address="192.0.2.1",
        user_agent=None,
        request_id=name_of("request", number),
        keep_until=_later(number, days=90),
    )
