"""What a client does: builds authorization requests, redeems, refreshes, asks. One small class, no library."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from authority_core import HttpResponse

from .browser import FORM, Browser, answer_of
from .server import CALLBACK, NATIVE_CALLBACK, Server, secret_of
from .transports import CoreTransport

if TYPE_CHECKING:
    from .transports import Transport

VERIFIER = "v" * 43
PUBLIC = frozenset({"spa", "native"})


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of *verifier*."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, secret: str | None = None) -> dict[str, str]:
    """Return the header of `client_secret_basic`, encoded as RFC 6749 §2.3.1 wants."""
    text = f"{quote(client_id, safe='')}:{quote(secret_of(client_id) if secret is None else secret, safe='')}"
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JWT, unverified."""
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def header_of(token: str) -> dict[str, Any]:
    """Return the protected header of a JWT."""
    head = token.split(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return found


class RelyingParty:
    """One client of *server*, by default the confidential `web`."""

    def __init__(self, server: Server, client_id: str = "web", transport: Transport | None = None) -> None:
        self.server = server
        self.client_id = client_id
        self.transport = transport or CoreTransport(server.authority)
        self.redirect_uri = NATIVE_CALLBACK if client_id == "native" else CALLBACK

    def url(self, **changes: str | None) -> str:
        """Return an authorization request; `None` leaves a parameter out."""
        values: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile offline_access",
            "state": "the state",
            "nonce": "the nonce",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return "/authorize?" + urlencode({name: value for name, value in values.items() if value is not None})

    def code(self, browser: Browser | None = None, who: str = "alice", **changes: str | None) -> str:
        """Return a code, after *who* did all that was asked in *browser*."""
        browser = browser or self.server.browser(self.transport)
        return answer_of(browser.go_through(self.url(**changes), who))["code"]

    def post(self, path: str, form: Mapping[str, str | None], headers: Mapping[str, str] | None = None) -> HttpResponse:
        """POST as this client, with its own way of authentication."""
        fields = {name: value for name, value in form.items() if value is not None}
        extra: dict[str, str] = {}
        if self.client_id in PUBLIC:
            fields.setdefault("client_id", self.client_id)
        elif self.client_id == "poster":
            fields |= {"client_id": self.client_id, "client_secret": secret_of(self.client_id)}
        else:
            extra = basic(self.client_id)
        pairs = {"content-type": FORM, **extra, **(headers or {})}
        return self.transport.send("POST", path, tuple(pairs.items()), urlencode(fields).encode())

    def redeem(self, code: str, **changes: str | None) -> HttpResponse:
        """Redeem *code*."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.post("/token", form)

    def refresh(self, token: str, **changes: str | None) -> HttpResponse:
        """Use a refresh token."""
        return self.post("/token", {"grant_type": "refresh_token", "refresh_token": token, **changes})

    def credentials(self, **changes: str | None) -> HttpResponse:
        """Ask for a token of its own."""
        return self.post("/token", {"grant_type": "client_credentials", **changes})

    def tokens(self, who: str = "alice", browser: Browser | None = None, **changes: str | None) -> dict[str, Any]:
        """Return the tokens of a whole flow."""
        return json_of(self.redeem(self.code(browser, who, **changes)))

    def introspect(self, token: str) -> dict[str, Any]:
        """Return what introspection says."""
        return json_of(self.post("/token/introspect", {"token": token}))

    def revoke(self, token: str, **changes: str | None) -> HttpResponse:
        """Give a token back."""
        return self.post("/token/revoke", {"token": token, **changes})

    def userinfo(self, token: str) -> HttpResponse:
        """Ask who the person is."""
        return self.transport.send("GET", "/userinfo", (("authorization", f"Bearer {token}"),))

    def alive(self, token: str) -> bool:
        """Tell whether introspection, asked by the owner, calls the token active."""
        return bool(self.introspect(token)["active"])


def json_of(response: HttpResponse) -> dict[str, Any]:
    """Return the JSON object of a success."""
    if response.status != 200:
        raise AssertionError(f"{response.status}: {response.body!r}")
    found: dict[str, Any] = json.loads(response.body)
    return found


def error_of(response: HttpResponse) -> tuple[int, str]:
    """Return status and `error` of a JSON refusal, after checking its shape (RFC 6749 §5.2)."""
    body = json.loads(response.body)
    if set(body) != {"error", "error_description"} or response.header("cache-control") != "no-store":
        raise AssertionError(f"not a refusal: {response}")
    return response.status, body["error"]
