"""Which record lives in which table, field by field. The only place that knows both.

Columns carry the names of the fields. What reads compute (`revoked_at` of grants and sessions) has no column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs

from authority_core.kernel import records as r

from .columns import Row, reader, writer
from .kinds import (
    BYTES,
    DIGEST,
    FLAG,
    LIST,
    MAPPING,
    PAIRS,
    SECRETS,
    TEXT,
    TIME,
    WHOLE,
    WORDS,
    Kind,
    optional,
)

R = TypeVar("R")

_TEXT = optional(TEXT)
_TIME = optional(TIME)


class Shape(Generic[R]):
    """The columns of a record and the two ways through them."""

    encode: Callable[[R], tuple[Any, ...]]
    """Returns the values of all columns, in order."""
    decode: Callable[[Row], R]
    """Returns the record of a row that holds its columns and nothing else before them."""

    def __init__(
        self, record: type[R], table: str, key: tuple[str, ...], kinds: Mapping[str, Kind], *computed: str
    ) -> None:
        self.record = record
        self.table = table
        self.key = key
        self.fields = tuple(kinds)
        self.width = len(self.fields)
        self.columns: dict[str, Kind] = dict(kinds)
        self.names = tuple(self.columns)
        self.encode = writer(kinds)
        self.decode = self.reader(*computed)
        self._key_values = attrgetter(*key)
        self._single = len(key) == 1

    def key_of(self, record: R) -> tuple[Any, ...]:
        """Return the values of the key's columns."""
        return (self._key_values(record),) if self._single else tuple(self._key_values(record))

    def reader(self, *computed: str, start: int = 0) -> Callable[..., R]:
        """Return a function of a row, in which the columns begin at *start*, and of what the read has *computed*."""
        return reader(self.record, {name: self.columns[name] for name in self.fields}, start, computed)


CLIENT = Shape(r.Client, "clients", ("client_id",), {
    "client_id": TEXT,
    "name": TEXT,
    "token_endpoint_auth_method": TEXT,
    "secrets": SECRETS,
    "redirect_uris": LIST,
    "post_logout_redirect_uris": LIST,
    "grant_types": WORDS,
    "scopes": WORDS,
    "default_scopes": WORDS,
    "audiences": WORDS,
    "protects": WORDS,
    "application_type": TEXT,
    "first_party": FLAG,
    "always_issue_refresh_token": FLAG,
    "access_token_format": _TEXT,
    "id_token_signed_response_alg": _TEXT,
    "client_uri": _TEXT,
    "logo_uri": _TEXT,
    "policy_uri": _TEXT,
    "tos_uri": _TEXT,
    "contacts": LIST,
    "active": FLAG,
    "created_at": TIME,
    "tokens_valid_after": _TIME,
    "version": WHOLE,
})  # fmt: skip

GRANT = Shape(r.Grant, "grants", ("grant_id",), {
    "grant_id": TEXT,
    "client_id": TEXT,
    "subject": TEXT,
    "grant_type": TEXT,
    "scope": WORDS,
    "audience": LIST,
    "created_at": TIME,
    "expires_at": TIME,
    "session_id": _TEXT,
    "auth_time": _TIME,
    "acr": _TEXT,
    "amr": LIST,
    "keep_until": TIME,
})  # fmt: skip


def inside_code(name: str) -> str:
    """Return the column of an authorization code that holds the field *name* of the grant it carries."""
    return name if name.startswith("grant_") else f"grant_{name}"


_OF_CODE: Mapping[str, Kind] = {
    "key": DIGEST,
    "redirect_uri": TEXT,
    "nonce": _TEXT,
    "code_challenge": _TEXT,
    "code_challenge_method": _TEXT,
    "expires_at": TIME,
    "keep_until": TIME,
}


class _CodeShape(Shape[r.AuthorizationCode]):
    """A code with the grant it carries beside it, in columns of their own."""

    def __init__(self) -> None:
        super().__init__(r.AuthorizationCode, "authorization_codes", ("key",), _OF_CODE, "grant")
        self.columns |= {inside_code(name): kind for name, kind in GRANT.columns.items()}
        self.names = tuple(self.columns)
        bare, made, carried = self.encode, self.reader("grant"), GRANT.reader(start=self.width)
        self.encode = lambda record: bare(record) + GRANT.encode(record.grant)
        self.decode = lambda row: made(row, carried(row))


CODE: Shape[r.AuthorizationCode] = _CodeShape()

REFRESH = Shape(r.RefreshToken, "refresh_tokens", ("key",), {
    "key": DIGEST,
    "grant_id": TEXT,
    "generation": WHOLE,
    "expires_at": TIME,
    "keep_until": TIME,
})  # fmt: skip

ACCESS = Shape(r.AccessToken, "access_tokens", ("key",), {
    "key": DIGEST,
    "token_id": TEXT,
    "grant_id": _TEXT,
    "client_id": TEXT,
    "subject": TEXT,
    "scope": WORDS,
    "audience": LIST,
    "issued_at": TIME,
    "expires_at": TIME,
    "keep_until": TIME,
})  # fmt: skip

INTERACTION = Shape(r.Interaction, "authorization_transactions", ("key",), {
    "key": DIGEST,
    "browser": DIGEST,
    "client_id": TEXT,
    "parameters": PAIRS,
    "created_at": TIME,
    "expires_at": TIME,
    "keep_until": TIME,
})  # fmt: skip

CONSENT = Shape(r.Consent, "authorizations", ("subject", "client_id"), {
    "subject": TEXT,
    "client_id": TEXT,
    "scope": WORDS,
    "granted_at": TIME,
    "expires_at": _TIME,
    "revoked_at": _TIME,
    "version": WHOLE,
    "keep_until": _TIME,
})  # fmt: skip

SIGNING_KEY = Shape(r.SigningKey, "signing_keys", ("kid",), {
    "kid": TEXT,
    "alg": TEXT,
    "public_jwk": MAPPING,
    "private_jwk": BYTES,
    "state": TEXT,
    "created_at": TIME,
    "activated_at": _TIME,
    "retired_at": _TIME,
    "keep_until": _TIME,
    "version": WHOLE,
})  # fmt: skip

USER = Shape(r.User, "users", ("user_id",), {
    "user_id": TEXT,
    "username": _TEXT,
    "email": _TEXT,
    "email_verified": FLAG,
    "password_hash": _TEXT,
    "password_changed_at": _TIME,
    "password_must_change": FLAG,
    "claims": MAPPING,
    "role": TEXT,
    "active": FLAG,
    "locked_at": _TIME,
    "unlock_at": _TIME,
    "created_at": TIME,
    "updated_at": TIME,
    "last_login_at": _TIME,
    "version": WHOLE,
})  # fmt: skip

STANDING = tuple(one.name for one in attrs.fields(r.Standing))
"""The columns of a user that say whether it may act: of the names of `Standing`'s fields, in their order."""

SESSION = Shape(r.Session, "sessions", ("session_id",), {
    "session_id": TEXT,
    "key": DIGEST,
    "user_id": TEXT,
    "auth_time": TIME,
    "acr": TEXT,
    "amr": LIST,
    "created_at": TIME,
    "last_activity": TIME,
    "expires_at": TIME,
    "remember": FLAG,
    "ip_address": _TEXT,
    "user_agent": _TEXT,
    "keep_until": TIME,
    "version": WHOLE,
})  # fmt: skip

AUDIT = Shape(r.AuditRecord, "audit_logs", ("audit_id",), {
    "audit_id": TEXT,
    "at": TIME,
    "event": TEXT,
    "severity": TEXT,
    "client_id": _TEXT,
    "subject": _TEXT,
    "session_id": _TEXT,
    "grant_id": _TEXT,
    "detail": MAPPING,
    "ip_address": _TEXT,
    "user_agent": _TEXT,
    "request_id": _TEXT,
    "keep_until": TIME,
})  # fmt: skip

INSERTABLE: dict[type, Shape[Any]] = {
    shape.record: shape for shape in (GRANT, CODE, REFRESH, ACCESS, INTERACTION, AUDIT)
}
MUTABLE: dict[type, Shape[Any]] = {shape.record: shape for shape in (CLIENT, CONSENT, SIGNING_KEY, USER, SESSION)}
