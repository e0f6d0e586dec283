"""The people and the applications that every conversation is about, as records; it knows no server and no storage."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from authority_core import Authority, Settings
from authority_core.kernel.changes import Change, Replace
from authority_core.kernel.encoding import digest
from authority_core.kernel.passwords import Passwords
from authority_core.kernel.records import Client, ClientSecret, User
from authority_core.kernel.settings import STANDARD_SCOPES, Scope
from authority_core.kernel.sync import run
from authority_core.testing.memory import MemoryStorage

SECRET = "client-secret-" + "s" * 43
SECRET_KEY = "0123456789abcdef0123456789abcdef"
ARGON2 = {"argon2_time": 1, "argon2_memory_kib": 8, "argon2_parallelism": 1}
SCOPES = (*STANDARD_SCOPES, Scope("read", "Read your things"), Scope("write", "Change your things"))
API = "https://api.example.com"
MCP = "https://api.example.com/mcp"
ALICE, BOB = "alice", "bob"
NEWCOMERS = ("carol", "dave", "erin")
"""Their passwords must be changed at the first sign-in; what lasts longer than a test leaves the last one's alone."""
PASSWORD = "Correct-Horse-1"
NEW_PASSWORD = "Another-Horse-22"
CALLBACK = "http://localhost:3000/callback"
ALL = frozenset({"authorization_code", "refresh_token", "client_credentials"})
PEOPLE = frozenset({"openid", "profile", "email", "offline_access", "read", "write"})

VERIFIER = "verifier-" + "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def inhabitants(now: datetime, *callbacks: str) -> list[Change]:
    """Return the changes that let everybody move in; applications come back to *callbacks*."""
    uris = callbacks or (CALLBACK,)
    return [Replace(record) for record in (*_clients(now, uris), *_people(now))]


def _clients(now: datetime, uris: Sequence[str]) -> list[Client]:
    secret = ClientSecret(secret_id="1", digest=digest("client_secret", SECRET), hint=SECRET[-4:], created_at=now)

    def client(client_id: str, **more: object) -> Client:
        fields = {
            "name": client_id.title(),
            "secrets": (secret,),
            "redirect_uris": tuple(uris),
            "grant_types": ALL,
            "scopes": PEOPLE,
            "audiences": frozenset({API, MCP}),
            "created_at": now,
        }
        return Client(client_id=client_id, **(fields | more))

    return [
        client("web"),
        client("post", token_endpoint_auth_method="client_secret_post"),
        client("own", first_party=True),
        client("opaque", access_token_format="opaque"),
        client("spa", token_endpoint_auth_method="none", secrets=(), grant_types=ALL - {"client_credentials"}),
        client("service", redirect_uris=(), grant_types=frozenset({"client_credentials"}), scopes=frozenset({"read"})),
        client("api", redirect_uris=(), grant_types=frozenset({"client_credentials"}), protects=frozenset({API})),
        client("gone", active=False),
        client(
            "native",
            token_endpoint_auth_method="none",
            secrets=(),
            application_type="native",
            redirect_uris=("http://127.0.0.1/callback",),
        ),
    ]


def _people(now: datetime) -> list[User]:
    return [
        User(
            user_id=f"u-{name}",
            username=name,
            email=f"{name}@example.com",
            email_verified=True,
            password_hash=password_hash(),
            password_must_change=name in NEWCOMERS,
            claims={"name": name.title()},
            created_at=now,
            updated_at=now,
        )
        for name in (ALICE, BOB, *NEWCOMERS)
    ]


@lru_cache(maxsize=1)
def password_hash() -> str:
    """Return the one hash of everybody's password."""
    authority = Authority(Settings(issuer="http://localhost", secret_key=SECRET_KEY, **ARGON2), MemoryStorage())
    passwords: Passwords = authority.passwords
    return run(passwords.hash(PASSWORD))
