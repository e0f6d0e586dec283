"""An application with its own users and its own sign-in page that becomes an OpenID provider for others.

Only the protocol part of Authority is used: `HostPeople` tells it who is signed in and what is known of them. The
application's session is Starlette's own signed cookie; nothing of our accounts wing is there.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from authority_core import Authority, HttpRequest, Settings
from authority_core.admin.client_metadata import ClientMetadata
from authority_core.kernel.pages import Person
from authority_core.kernel.ports import Authentication
from authority_core.testing.memory import MemoryStorage
from authority_starlette import asgi_app, lifespan

ISSUER = os.environ.get("EXAMPLE_ISSUER", "http://localhost:4000")
USERS = {"mina": {"password": secrets.token_urlsafe(12), "name": "Mina Host", "email": "mina@example.com"}}


class HostPeople:
    """The `SignIn` and `ClaimsSource` ports over this application's own session and users."""

    async def current(self, request: HttpRequest) -> Authentication | None:
        """Who is signed in here, how, and when."""
        session = request.native["session"]  # type: ignore[index]  # the ASGI scope, where SessionMiddleware puts it
        user = USERS.get(session.get("user", ""))
        if user is None:
            return None
        return Authentication(
            subject=session["user"],
            auth_time=datetime.fromtimestamp(session["auth_time"], timezone.utc),
            acr="urn:authority:acr:password",
            amr=("pwd",),
            person=Person(display_name=user["name"], email=user["email"]),
        )

    def address(self, transaction: str) -> str:
        """Where to sign in; the page sends the browser back to the authorization endpoint."""
        return f"{ISSUER}/login?transaction={quote(transaction)}"

    async def claims(self, subject: str, wanted: frozenset[str]) -> Mapping[str, object] | None:
        """What is known of *subject*; `None` when the user is gone."""
        user = USERS.get(subject)
        if user is None:
            return None
        known = {"name": user["name"], "email": user["email"], "email_verified": True}
        return {name: value for name, value in known.items() if name in wanted}


people = HostPeople()
authority = Authority(
    Settings(issuer=ISSUER, secret_key=os.environ.get("EXAMPLE_SECRET_KEY") or secrets.token_hex(32)),
    MemoryStorage(),
    sign_in=people,
    claims=people,
)

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in to Host</title>
<h1>Sign in to Host</h1>{message}
<form method="post"><input type="hidden" name="form_token" value="{form_token}">
<p><label>Name <input name="username" autocomplete="username"></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password"></label>
<p><button id="submit-login">Sign in</button></form>"""


async def login(request: Request) -> Response:
    """The application's own sign-in page."""
    form_token = request.session.setdefault("form_token", secrets.token_urlsafe(16))
    if request.method == "GET":
        return HTMLResponse(PAGE.format(message="", form_token=form_token))
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    user = USERS.get(form.get("username", ""))
    genuine = hmac.compare_digest(form.get("form_token", "").encode(), form_token.encode())
    password = form.get("password", "")
    # A real application keeps argon2 hashes; see authority_core.kernel.passwords.
    if not genuine or user is None or not hmac.compare_digest(password.encode(), user["password"].encode()):
        return HTMLResponse(PAGE.format(message="<p role=alert>That is not right.", form_token=form_token), 401)
    request.session.clear()
    request.session.update(user=form["username"], auth_time=datetime.now(timezone.utc).timestamp())
    transaction = quote(request.query_params.get("transaction", ""), safe="")
    return RedirectResponse(f"{ISSUER}/authorize?transaction={transaction}" if transaction else "/", 303)


@asynccontextmanager
async def start(app: Starlette) -> AsyncIterator[None]:
    """Register a client for the example, then prepare the authority."""
    metadata = ClientMetadata(
        name="Example application",
        redirect_uris=("http://localhost:3000/callback",),
        grant_types=frozenset({"authorization_code"}),
        scopes=frozenset({"openid", "profile", "email"}),
    )
    issued = await authority.clients.register(metadata, client_id="example-web")
    secret = issued.secret.reveal() if issued.secret else ""
    print(f"client example-web, secret {secret}; user mina, password {USERS['mina']['password']}", flush=True)
    async with lifespan(authority):
        yield


app = Starlette(
    routes=[Route("/login", login, methods=["GET", "POST"]), Mount("/", app=asgi_app(authority))],
    middleware=[Middleware(SessionMiddleware, secret_key=secrets.token_hex(32), same_site="lax")],
    lifespan=start,
)
