"""What all example servers share: a database file, a secret beside it, one client and one user."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from authority_core import STANDARD_SCOPES, Authority, Scope, Secret, Settings
from authority_core.admin.client_metadata import ClientMetadata
from authority_core.admin.users import NewUser

ISSUER = os.environ.get("EXAMPLE_ISSUER", "http://localhost:4000")
DATA = Path(os.environ.get("EXAMPLE_DATA", "."))
DATABASE_URL = f"sqlite:///{DATA / 'example.sqlite3'}"
CALLBACK = "http://localhost:3000/callback"


def settings() -> Settings:
    """Return the settings of an example: the secret key is made once and kept beside the database."""
    kept = DATA / "example.secret"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_hex(32), encoding="utf-8")
    return Settings(
        issuer=ISSUER,
        secret_key=kept.read_text(encoding="utf-8"),
        scopes=(*STANDARD_SCOPES, Scope("reports:read", "Read your reports")),
    )


async def seed(authority: Authority) -> None:
    """Create the example's client and user, once, and print what is needed to use them."""
    if await authority.shell.storage.client("example-web") is not None:
        return
    metadata = ClientMetadata(
        name="Example application",
        redirect_uris=(CALLBACK,),
        grant_types=frozenset({"authorization_code", "refresh_token", "client_credentials"}),
        scopes=frozenset({"openid", "profile", "email", "offline_access", "reports:read"}),
    )
    issued = await authority.clients.register(metadata, client_id="example-web")
    password = secrets.token_urlsafe(12) + "-A1a"
    claims = {"name": "Alice Example"}
    await authority.users.create(
        NewUser(username="alice", email="alice@example.com", password=Secret(password), claims=claims)
    )
    secret = issued.secret.reveal() if issued.secret else ""
    print(f"client example-web, secret {secret}, redirect URI {CALLBACK}", flush=True)
    print(f"user   alice, password {password}", flush=True)
