"""Plain records to play with; tests change the one field they are about with `attrs.evolve`.

They are of the present: none is past its `keep_until` while the tests last, for a database may forget by its own clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ...kernel.encoding import Digest, digest
from ...kernel.moment import system_moment
from ...kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    User,
)

NOW = system_moment().now.replace(second=0, microsecond=123_456)
"""The minute in which the process began, with microseconds: one instant for all."""
TICK = timedelta(microseconds=1)
LATER = NOW + timedelta(hours=1)
KEEP = NOW + timedelta(days=1)
ADMITTED = datetime(9000, 1, 1, tzinfo=timezone.utc)
"""The *earliest* of a `Spend` that any storage can judge, however short its memory."""

SPENDABLE = (
    "code",
    "refresh",
    "interaction",
    "request_uri",
    "jti",
    "dpop_jti",
    "reset",
    "verification",
    "totp_step",
    "backup_code",
    "device_code",
)
"""Kinds of secrets that are used up; storage knows none of them, and must keep them apart."""


def key_of(name: str, kind: str = "test") -> Digest:
    """Return the digest of a secret called *name*."""
    return digest(kind, name)


def a_grant(grant_id: str = "grant", session_id: str | None = "session") -> Grant:
    """Return a grant of `subject` for `client`, created `NOW`."""
    return Grant(
        grant_id=grant_id,
        client_id="client",
        subject="subject",
        grant_type="authorization_code",
        scope=frozenset({"openid", "email"}),
        audience=("https://api.example",),
        created_at=NOW,
        expires_at=LATER,
        session_id=session_id,
        auth_time=NOW,
        acr="1",
        amr=("pwd", "otp"),
        keep_until=KEEP,
    )


def a_code(grant: Grant, name: str = "code") -> AuthorizationCode:
    """Return a code that carries *grant*."""
    return AuthorizationCode(
        key=key_of(name, "code"),
        grant=grant,
        redirect_uri="https://app.example/callback",
        nonce="n",
        code_challenge="challenge",
        code_challenge_method="S256",
        expires_at=LATER,
        keep_until=KEEP,
    )


def a_refresh_token(grant_id: str = "grant", name: str = "refresh") -> RefreshToken:
    """Return the first refresh token of a grant."""
    return RefreshToken(key=key_of(name, "refresh"), grant_id=grant_id, generation=0, expires_at=LATER, keep_until=KEEP)


def an_access_token(grant_id: str | None = "grant", name: str = "access") -> AccessToken:
    """Return an opaque access token."""
    return AccessToken(
        key=key_of(name, "access"),
        token_id=name,
        grant_id=grant_id,
        client_id="client",
        subject="subject",
        scope=frozenset({"email"}),
        audience=(),
        issued_at=NOW,
        expires_at=LATER,
        keep_until=KEEP,
    )


def an_interaction(name: str = "interaction") -> Interaction:
    """Return an authorization request under way."""
    return Interaction(
        key=key_of(name, "interaction"),
        browser=key_of("browser", "browser"),
        client_id="client",
        parameters=(("scope", "openid"), ("resource", "a"), ("resource", "b")),
        created_at=NOW,
        expires_at=LATER,
        keep_until=KEEP,
    )


def a_client(client_id: str = "client") -> Client:
    """Return a client that was never written."""
    return Client(client_id=client_id, name="Client", created_at=NOW)


def a_consent(subject: str = "subject", client_id: str = "client") -> Consent:
    """Return consent that was never written."""
    return Consent(subject=subject, client_id=client_id, scope=frozenset({"openid"}), granted_at=NOW)


def a_signing_key(kid: str = "kid") -> SigningKey:
    """Return a signing key that was never written."""
    return SigningKey(
        kid=kid, alg="ES256", public_jwk={"kty": "EC"}, private_jwk=b"\x00sealed\xff", state="pending", created_at=NOW
    )


def a_user(user_id: str = "user", username: str | None = "alice", email: str | None = "alice@mail.example") -> User:
    """Return an account that was never written."""
    return User(user_id=user_id, username=username, email=email, created_at=NOW, updated_at=NOW)


def a_session(session_id: str = "session", user_id: str = "subject") -> Session:
    """Return a session that was never written, created `NOW`."""
    return Session(
        session_id=session_id,
        key=key_of(session_id, "session"),
        user_id=user_id,
        auth_time=NOW,
        acr="1",
        amr=("pwd",),
        created_at=NOW,
        last_activity=NOW,
        expires_at=LATER,
        keep_until=KEEP,
    )


def an_audit_record(audit_id: str = "audit", at: datetime = NOW) -> AuditRecord:
    """Return a line of the audit trail."""
    return AuditRecord(
        audit_id=audit_id,
        at=at,
        event="token.issued",
        severity="info",
        client_id="client",
        subject="subject",
        session_id=None,
        grant_id="grant",
        detail={"scope": ["openid"]},
        ip_address="192.0.2.1",
        user_agent="Agent/1.0",
        request_id=None,
        keep_until=KEEP,
    )
