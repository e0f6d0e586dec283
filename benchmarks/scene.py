"""What is measured: an authority in memory with one client, and codes and refresh tokens of a known spelling.

Also the applications that servers run: `benchmarks.scene:starlette_app()` and `benchmarks.scene:flask_app()`.
`CODES` and `CHAINS` in the environment say how many codes and refresh tokens exist from the start.
"""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import datetime, timedelta, timezone

from authority_cli.serving.collector import settle
from authority_core import Authority, Settings
from authority_core.kernel.changes import Change, Put, Replace
from authority_core.kernel.encoding import base64url, digest
from authority_core.kernel.records import (
    AccessToken,
    AuthorizationCode,
    Client,
    ClientSecret,
    Grant,
    RefreshToken,
    User,
)
from authority_core.kernel.sync import run
from authority_core.testing.memory import MemoryStorage

SECRET = "a-secret-of-the-length-of-one-of-ours-00000"
BASIC = "Basic " + base64.b64encode(f"client:{SECRET}".encode()).decode()
CALLBACK = "https://app.example.com/callback"
SUBJECT = "5f0c5d8e"
VERIFIER = "v" * 43
SCOPE = "read+write"
CLIENT_CREDENTIALS = f"grant_type=client_credentials&scope={SCOPE}"
INTROSPECTION = "token=%s"
REFRESH = "grant_type=refresh_token&refresh_token=%s"
CODE = (
    "grant_type=authorization_code&code=%s&code_verifier=" + VERIFIER + "&redirect_uri=" + "https%3A%2F%2F"
    "app.example.com%2Fcallback"
)


def code_named(number: int) -> str:
    """Return the code of this *number*, as long as a real one."""
    return f"code-{number:038d}"


def chain_named(number: int) -> str:
    """Return the first refresh token of chain *number*, as long as a real one."""
    return f"refresh-{number:035d}"


def access_named(number: int) -> str:
    """Return the opaque access token of chain *number*, as long as a real one."""
    return f"access-{number:036d}"


def authority(storage: object, **settings: str) -> Authority:
    """Return an authority on *storage* that signs with ES256, with its keys made."""
    made = Authority(
        Settings(issuer="http://localhost:4000", secret_key="benchmark " * 4, jwt_algorithm="ES256", **settings),
        storage,
    )
    run(made.start())
    return made


def furnished(codes: int = 0, chains: int = 0) -> MemoryStorage:
    """Return storage with the client, and as many *codes* and refresh *chains* as asked for."""
    storage = MemoryStorage()
    storage.commit(furniture(codes, chains))
    return storage


def furniture(codes: int, chains: int) -> list[Change]:
    """Return the changes that store the client, a person, and as many *codes* and *chains* of tokens as asked for."""
    now = datetime.now(timezone.utc)
    secret = ClientSecret(secret_id="1", digest=digest("client_secret", SECRET), hint="0000", created_at=now)
    client = Client(
        client_id="client",
        name="Client",
        secrets=(secret,),
        redirect_uris=(CALLBACK,),
        grant_types=frozenset({"client_credentials", "authorization_code", "refresh_token"}),
        scopes=frozenset({"openid", "offline_access", "read", "write"}),
        created_at=now,
    )
    user = User(user_id=SUBJECT, username="alice", email="alice@example.com", created_at=now, updated_at=now)
    changes: list[Change] = [Replace(client), Replace(user)]
    changes += [Put(_code(number, now)) for number in range(codes)]
    for number in range(chains):
        grant = _grant(f"chain-{number}", frozenset({"offline_access", "read", "write"}), now)
        changes += [Put(grant), Put(_refresh_token(number, grant)), Put(_access_token(number, grant))]
    return changes


def _grant(name: str, scope: frozenset[str], now: datetime) -> Grant:
    end = now + timedelta(days=1)
    return Grant(
        grant_id=digest("grant", name).hex()[:22],  # as scattered as a drawn one
        client_id="client",
        subject=SUBJECT,
        grant_type="authorization_code",
        scope=scope,
        audience=("http://localhost:4000",),
        created_at=now,
        expires_at=end,
        session_id="session-of-" + name,
        auth_time=now,
        acr="1",
        amr=("pwd",),
        keep_until=end,
    )


def _code(number: int, now: datetime) -> AuthorizationCode:
    end = now + timedelta(hours=1)  # longer than a real one: the benchmark must not run out of time
    return AuthorizationCode(
        key=digest("authorization_code", code_named(number)),
        grant=_grant(f"code-{number}", frozenset({"openid", "read", "write"}), now),
        redirect_uri=CALLBACK,
        nonce="n-0S6_WzA2Mj",
        code_challenge=base64url(hashlib.sha256(VERIFIER.encode()).digest()),
        code_challenge_method="S256",
        expires_at=end,
        keep_until=end,
    )


def _refresh_token(number: int, grant: Grant) -> RefreshToken:
    return RefreshToken(
        key=digest("refresh_token", chain_named(number)),
        grant_id=grant.grant_id,
        generation=0,
        expires_at=grant.expires_at,
        keep_until=grant.keep_until,
    )


def _access_token(number: int, grant: Grant) -> AccessToken:
    return AccessToken(
        key=digest("access_token", access_named(number)),
        token_id=str(number),
        grant_id=grant.grant_id,
        client_id=grant.client_id,
        subject=grant.subject,
        scope=grant.scope,
        audience=grant.audience,
        issued_at=grant.created_at,
        expires_at=grant.expires_at,
        keep_until=grant.keep_until,
    )


def _asked(name: str) -> int:
    return int(os.environ.get(name, "0"))


def starlette_app() -> object:
    """Return the authority as uvicorn serves it."""
    from authority_starlette import asgi_app

    app = asgi_app(authority(furnished(_asked("CODES"), _asked("CHAINS"))))
    settle()
    return app


def flask_app() -> object:
    """Return a Flask application with the authority beside it, as gunicorn serves it."""
    from flask import Flask

    from authority_flask import AuthorityExtension

    app = Flask(__name__)
    AuthorityExtension(app, authority(furnished()))
    settle()
    return app
