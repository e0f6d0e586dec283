"""Create every table of the first version.

A revision is history: it says what was, in its own words, and is never changed after its release.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Column = tuple[sa.types.TypeEngine[Any], bool]

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TEXT: Column = (_TEXT, False)
TEXT_OR_NULL: Column = (_TEXT, True)
WHOLE: Column = (sa.BigInteger(), False)
WHOLE_OR_NULL: Column = (sa.BigInteger(), True)
FLAG: Column = (sa.Boolean(create_constraint=False), False)
DIGEST: Column = (sa.LargeBinary(32), False)
BYTES: Column = (sa.LargeBinary(), False)

TABLES: dict[str, dict[str, Column]] = {
    "access_tokens": {
        "key": DIGEST,
        "token_id": TEXT,
        "grant_id": TEXT_OR_NULL,
        "client_id": TEXT,
        "subject": TEXT,
        "scope": TEXT,
        "audience": TEXT,
        "issued_at": WHOLE,
        "expires_at": WHOLE,
        "keep_until": WHOLE,
    },
    "audit_logs": {
        "audit_id": TEXT,
        "at": WHOLE,
        "event": TEXT,
        "severity": TEXT,
        "client_id": TEXT_OR_NULL,
        "subject": TEXT_OR_NULL,
        "session_id": TEXT_OR_NULL,
        "grant_id": TEXT_OR_NULL,
        "detail": TEXT,
        "ip_address": TEXT_OR_NULL,
        "user_agent": TEXT_OR_NULL,
        "request_id": TEXT_OR_NULL,
        "keep_until": WHOLE,
    },
    "authorization_codes": {
        "key": DIGEST,
        "redirect_uri": TEXT,
        "nonce": TEXT_OR_NULL,
        "code_challenge": TEXT_OR_NULL,
        "code_challenge_method": TEXT_OR_NULL,
        "expires_at": WHOLE,
        "keep_until": WHOLE,
        "grant_id": TEXT,
        "grant_client_id": TEXT,
        "grant_subject": TEXT,
        "grant_type": TEXT,
        "grant_scope": TEXT,
        "grant_audience": TEXT,
        "grant_created_at": WHOLE,
        "grant_expires_at": WHOLE,
        "grant_session_id": TEXT_OR_NULL,
        "grant_auth_time": WHOLE_OR_NULL,
        "grant_acr": TEXT_OR_NULL,
        "grant_amr": TEXT,
        "grant_keep_until": WHOLE,
    },
    "authorization_transactions": {
        "key": DIGEST,
        "browser": DIGEST,
        "client_id": TEXT,
        "parameters": TEXT,
        "created_at": WHOLE,
        "expires_at": WHOLE,
        "keep_until": WHOLE,
    },
    "authorizations": {
        "subject": TEXT,
        "client_id": TEXT,
        "scope": TEXT,
        "granted_at": WHOLE,
        "expires_at": WHOLE_OR_NULL,
        "revoked_at": WHOLE_OR_NULL,
        "version": WHOLE,
    },
    "clients": {
        "client_id": TEXT,
        "name": TEXT,
        "token_endpoint_auth_method": TEXT,
        "secrets": TEXT,
        "redirect_uris": TEXT,
        "post_logout_redirect_uris": TEXT,
        "grant_types": TEXT,
        "scopes": TEXT,
        "default_scopes": TEXT,
        "audiences": TEXT,
        "protects": TEXT,
        "application_type": TEXT,
        "first_party": FLAG,
        "always_issue_refresh_token": FLAG,
        "access_token_format": TEXT_OR_NULL,
        "id_token_signed_response_alg": TEXT_OR_NULL,
        "client_uri": TEXT_OR_NULL,
        "logo_uri": TEXT_OR_NULL,
        "policy_uri": TEXT_OR_NULL,
        "tos_uri": TEXT_OR_NULL,
        "contacts": TEXT,
        "active": FLAG,
        "created_at": WHOLE,
        "tokens_valid_after": WHOLE_OR_NULL,
        "version": WHOLE,
    },
    "counters": {
        "key": DIGEST,
        "value": WHOLE,
        "expires_at": WHOLE,
    },
    "cut_offs": {
        "subject": TEXT,
        "every_client": FLAG,
        "client_id": TEXT,
        "at": WHOLE,
        "keep_until": WHOLE,
        "reason": TEXT,
    },
    "grants": {
        "grant_id": TEXT,
        "client_id": TEXT,
        "subject": TEXT,
        "grant_type": TEXT,
        "scope": TEXT,
        "audience": TEXT,
        "created_at": WHOLE,
        "expires_at": WHOLE,
        "session_id": TEXT_OR_NULL,
        "auth_time": WHOLE_OR_NULL,
        "acr": TEXT_OR_NULL,
        "amr": TEXT,
        "keep_until": WHOLE,
    },
    "refresh_tokens": {
        "key": DIGEST,
        "grant_id": TEXT,
        "generation": WHOLE,
        "expires_at": WHOLE,
        "keep_until": WHOLE,
    },
    "revocations": {
        "what": TEXT,
        "id": TEXT,
        "at": WHOLE,
        "keep_until": WHOLE,
        "reason": TEXT,
    },
    "sessions": {
        "session_id": TEXT,
        "key": DIGEST,
        "user_id": TEXT,
        "auth_time": WHOLE,
        "acr": TEXT,
        "amr": TEXT,
        "created_at": WHOLE,
        "last_activity": WHOLE,
        "expires_at": WHOLE,
        "remember": FLAG,
        "ip_address": TEXT_OR_NULL,
        "user_agent": TEXT_OR_NULL,
        "keep_until": WHOLE,
        "version": WHOLE,
    },
    "signing_keys": {
        "kid": TEXT,
        "alg": TEXT,
        "public_jwk": TEXT,
        "private_jwk": BYTES,
        "state": TEXT,
        "created_at": WHOLE,
        "activated_at": WHOLE_OR_NULL,
        "retired_at": WHOLE_OR_NULL,
        "keep_until": WHOLE_OR_NULL,
        "version": WHOLE,
    },
    "spent_keys": {
        "key": DIGEST,
        "at": WHOLE,
        "salt": BYTES,
        "keep_until": WHOLE,
    },
    "user_identifiers": {
        "identifier": TEXT,
        "user_id": TEXT,
    },
    "users": {
        "user_id": TEXT,
        "username": TEXT_OR_NULL,
        "email": TEXT_OR_NULL,
        "email_verified": FLAG,
        "password_hash": TEXT_OR_NULL,
        "password_changed_at": WHOLE_OR_NULL,
        "password_must_change": FLAG,
        "claims": TEXT,
        "role": TEXT,
        "active": FLAG,
        "locked_at": WHOLE_OR_NULL,
        "unlock_at": WHOLE_OR_NULL,
        "created_at": WHOLE,
        "updated_at": WHOLE,
        "last_login_at": WHOLE_OR_NULL,
        "version": WHOLE,
    },
}
KEYS: dict[str, tuple[str, ...]] = {
    "access_tokens": ("key",),
    "audit_logs": ("audit_id",),
    "authorization_codes": ("key",),
    "authorization_transactions": ("key",),
    "authorizations": ("subject", "client_id"),
    "clients": ("client_id",),
    "counters": ("key",),
    "cut_offs": ("subject", "every_client", "client_id"),
    "grants": ("grant_id",),
    "refresh_tokens": ("key",),
    "revocations": ("what", "id"),
    "sessions": ("session_id",),
    "signing_keys": ("kid",),
    "spent_keys": ("key",),
    "user_identifiers": ("identifier",),
    "users": ("user_id",),
}
INDEXES: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("access_tokens", ("keep_until",), False),
    ("audit_logs", ("at", "audit_id"), False),
    ("audit_logs", ("keep_until",), False),
    ("authorization_codes", ("keep_until",), False),
    ("authorization_transactions", ("keep_until",), False),
    ("counters", ("expires_at",), False),
    ("cut_offs", ("keep_until",), False),
    ("grants", ("keep_until",), False),
    ("refresh_tokens", ("keep_until",), False),
    ("revocations", ("keep_until",), False),
    ("sessions", ("keep_until",), False),
    ("sessions", ("key",), True),
    ("sessions", ("user_id", "created_at"), False),
    ("signing_keys", ("keep_until",), False),
    ("spent_keys", ("keep_until",), False),
    ("user_identifiers", ("user_id",), False),
)


def upgrade() -> None:
    """Create the tables, then their indexes."""
    options = op.get_context().opts
    prefix, schema = options["table_prefix"], options["table_schema"]
    for name, columns in TABLES.items():
        op.create_table(
            prefix + name,
            *(
                sa.Column(column, kind, nullable=nullable, primary_key=column in KEYS[name])
                for column, (kind, nullable) in columns.items()
            ),
            schema=schema,
            sqlite_with_rowid=False,
        )
    for name, over, unique in INDEXES:
        op.create_index(f"ix_{prefix}{name}_{'_'.join(over)}", prefix + name, list(over), unique=unique, schema=schema)
