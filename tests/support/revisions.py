"""Databases of every revision there ever was, filled with what that revision's own version wrote.

`tests/storage/revisions/0001.json` holds the rows that one record of each sort made when 0001 was the newest revision.
A revision that is added gets its file by `nox -s revisions`, while it is the newest; from then on the file is history
and never changes.
"""

# ruff: noqa: I001 - imports as compact as the records

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Row, Table, create_engine, select

import authority_sql
from authority_core.kernel.changes import Change, Count, CutOff, Put, Replace, Revoke, Spend
from authority_core.kernel.consents import kept
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import (
    AccessToken, AuditRecord, AuthorizationCode, Client, ClientSecret, Consent, Grant, Interaction, RefreshToken,
    Session, SigningKey, User,
)  # fmt: skip
from authority_core.testing.invariants import Contents
from authority_sql import SqlStorage, contents, metadata, migrate
from authority_sql.engines import synchronous
from authority_sql.migrating import take_revisions
from authority_sql.shapes import INSERTABLE, MUTABLE

FOLDER = Path(__file__).parents[1] / "storage" / "revisions"
SCRIPTS = ScriptDirectory(str(Path(authority_sql.__file__).parent / "migrations"))
REVISIONS = sorted(script.revision for script in SCRIPTS.walk_revisions())
AT = datetime(2026, 1, 31, 12, 0, 0, 654_321, tzinfo=timezone.utc)
END, KEEP = AT + timedelta(hours=1), AT + timedelta(days=30)

GRANT = Grant(
    grant_id="g1", client_id="web", subject="u1", grant_type="authorization_code", scope=frozenset({"openid", "é"}),
    audience=("https://api.example", "urn:b"), created_at=AT, expires_at=END, session_id="s1", auth_time=AT, acr="2",
    amr=("pwd", "otp"), keep_until=KEEP,
)  # fmt: skip
CLIENT = Client(
    client_id="web", name="Café 🦊", token_endpoint_auth_method="client_secret_post",
    secrets=(ClientSecret(secret_id="x", digest=digest("secret", "1"), hint="abcd", created_at=AT, expires_at=END),),
    redirect_uris=("https://b.example/", "https://a.example/"), post_logout_redirect_uris=("https://c.example/",),
    grant_types=frozenset({"refresh_token"}), scopes=frozenset({"openid"}), default_scopes=frozenset({"openid"}),
    audiences=frozenset({"urn:b"}), protects=frozenset({"urn:c"}), application_type="native", first_party=True,
    always_issue_refresh_token=True, access_token_format="opaque", id_token_signed_response_alg="ES256",
    client_uri="https://d.example/", logo_uri="https://e.example/", policy_uri="https://f.example/",
    tos_uri="https://g.example/", contacts=("ops@example.com",), active=False, created_at=AT, tokens_valid_after=AT,
)  # fmt: skip
USER = User(
    user_id="u1", username="Alice", email="Alice@Example.com", email_verified=True, password_hash="$argon2id$…",
    password_changed_at=AT, password_must_change=True, claims={"name": "Alice", "address": {"country": "IS"}},
    role="admin", active=False, locked_at=AT, unlock_at=END, created_at=AT, updated_at=END, last_login_at=AT,
)  # fmt: skip
ONE_OF_EACH: tuple[Change, ...] = (
    Replace(CLIENT),
    Replace(USER),
    Replace(Consent(
        subject="u1", client_id="web", scope=frozenset({"openid"}), granted_at=AT, expires_at=END, revoked_at=AT,
        keep_until=KEEP,
    )),
    Replace(SigningKey(
        kid="k1", alg="ES256", public_jwk={"kty": "EC"}, private_jwk=b"\x00\xff", state="retired", created_at=AT,
        activated_at=AT, retired_at=END, keep_until=KEEP,
    )),
    Replace(Session(
        session_id="s1", key=digest("session", "1"), user_id="u1", auth_time=AT, acr="2", amr=("pwd",), created_at=AT,
        last_activity=END, expires_at=KEEP, remember=True, ip_address="192.0.2.1", user_agent="Agent/1",
        keep_until=KEEP,
    )),
    Put(GRANT),
    Put(AuthorizationCode(
        key=digest("code", "1"), grant=GRANT, redirect_uri="https://a.example/", nonce="n", code_challenge="c",
        code_challenge_method="S256", expires_at=END, keep_until=KEEP,
    )),
    Put(RefreshToken(key=digest("refresh", "1"), grant_id="g1", generation=7, expires_at=END, keep_until=KEEP)),
    Put(AccessToken(
        key=digest("access", "1"), token_id="t1", grant_id="g1", client_id="web", subject="u1",
        scope=frozenset({"openid"}), audience=("urn:b",), issued_at=AT, expires_at=END, keep_until=KEEP,
    )),
    Put(Interaction(
        key=digest("interaction", "1"), browser=digest("browser", "1"), client_id="web",
        parameters=(("scope", "openid"), ("resource", "b"), ("resource", "a")), created_at=AT, expires_at=END,
        keep_until=KEEP,
    )),
    Put(AuditRecord(
        audit_id="a1", at=AT, event="token.issued", severity="notice", client_id="web", subject="u1", session_id="s1",
        grant_id="g1", detail={"scope": ["openid"]}, ip_address="192.0.2.1", user_agent="Agent/1", request_id="r1",
        keep_until=KEEP,
    )),
    Spend(digest("code", "1"), AT, KEEP, salt=bytes(range(32))),
    Revoke("grant", "g1", AT, KEEP, "why"),
    CutOff("u2", None, AT, KEEP, "why"),
    CutOff("u2", "web", END, KEEP, "why"),
    Count(digest("sign-in", "1"), AT, END, by=3),
)  # fmt: skip
"""No field has its default, where it has one, so that each shows whether it is kept."""


def rows_of(revision: str) -> dict[str, list[dict[str, object]]]:
    """Return the rows of every table that the version of *revision* wrote."""
    return json.loads((FOLDER / f"{revision}.json").read_text(encoding="utf-8"))


def as_known_then(record: Any, rows: dict[str, list[dict[str, object]]], prefix: str = "") -> Any:
    """Return *record* without what no column of *rows* holds.

    Fields that came later have their defaults, or what their revision made of the others.
    """
    shape = {**INSERTABLE, **MUTABLE}[type(record)]
    columns = rows["authorization_codes" if prefix else shape.table][0]
    later = [field for field in attrs.fields(type(record)) if f"{prefix}{field.name}" not in columns]
    defaults = {field.name: field.default for field in later if field.default is not attrs.NOTHING}
    made = {name: one.factory() if isinstance(one, attrs.Factory) else one for name, one in defaults.items()}
    if isinstance(record, AuthorizationCode):
        made["grant"] = as_known_then(record.grant, rows, "grant_")
    known = attrs.evolve(record, **made)
    return kept(known) if isinstance(known, Consent) else known


def written_today(url: str) -> Contents:
    """Let today's storage write one record of each sort into the new database at *url*; return what it holds."""
    migrate(url)
    storage = SqlStorage.from_url(url)
    storage.commit(ONE_OF_EACH)
    storage.close()
    return contents(url)


def rebuild(url: str, revision: str) -> None:
    """Make the database at *url* as it was at *revision*, with the rows that were written then."""
    engine = create_engine(synchronous(url))
    with engine.begin() as connection:
        take_revisions(connection, "", None, revision)
        known = MetaData()
        for name, rows in rows_of(revision).items():
            table = Table(name, known, autoload_with=connection)
            connection.execute(table.insert(), [{key: _value(item) for key, item in row.items()} for row in rows])
    engine.dispose()


def freeze() -> None:
    """Write down what today's storage writes, for the revision that is the newest today."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/frozen.db"
        written_today(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            tables = metadata.tables.items()
            rows = {name: [_plain(row) for row in connection.execute(select(table))] for name, table in tables}
        engine.dispose()
    text = json.dumps(rows, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    (FOLDER / f"{REVISIONS[-1]}.json").write_text(text, encoding="utf-8")


def _plain(row: Row[Any]) -> dict[str, object]:
    return {key: {"bytes": item.hex()} if isinstance(item, bytes) else item for key, item in row._mapping.items()}


def _value(item: object) -> object:
    return bytes.fromhex(item["bytes"]) if isinstance(item, dict) else item


if __name__ == "__main__":
    freeze()
