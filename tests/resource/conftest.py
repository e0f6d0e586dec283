"""A real server in this process, and a wire to it that counts: what an API's verifier talks to."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import pytest
from attrs import evolve

from authority_core import Authority, HttpRequest, HttpResponse, Settings
from authority_core.kernel.changes import Replace
from authority_core.kernel.encoding import base64url, digest, encode_json
from authority_core.kernel.jose import PrivateKey, generate_private_jwk, public_jwk
from authority_core.kernel.records import Client, ClientSecret, SigningKey
from authority_core.kernel.settings import STANDARD_SCOPES, Scope
from authority_core.kernel.sync import run
from authority_core.resource import FetchFailed, FetchRequest, Introspector, TokenVerifier
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import Clock

ISSUER = "http://localhost:4000"
AUDIENCE = "https://api.example.com"
SECRET = "s" * 43
KEYS = "/.well-known/jwks.json"
METADATA = "/.well-known/openid-configuration"
INTROSPECTION = "/token/introspect"


_KEYS: list[SigningKey] = []
"""Signing keys of the first world, for the others too: making an RSA key is slow."""


class Wire:
    """A blocking fetch that calls the server in place, counts what is asked, and can be cut or altered."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.asked: Counter[str] = Counter()
        self.cut = False
        self.alter: dict[str, Callable[[HttpResponse], HttpResponse]] = {}
        self.before: Callable[[str], None] | None = None
        self.last: FetchRequest | None = None

    def __call__(self, request: FetchRequest) -> HttpResponse:
        path = urlsplit(request.url).path
        self.asked[path] += 1
        self.last = request
        if self.before is not None:
            self.before(path)
        if self.cut:
            raise FetchFailed("cut")
        answer = run(
            self.authority.handle(
                HttpRequest(method=request.method, path=path, headers=dict(request.headers), body=request.body)
            )
        )
        return self.alter.get(path, lambda same: same)(answer)

    def replace(self, path: str, document: object, status: int = 200) -> None:
        """Answer *path* with *document* from now on."""
        self.alter[path] = lambda _: HttpResponse(status, (), json.dumps(document).encode())


class World:
    """The server, its clock, a client, and the verifiers of one API."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.settings = Settings(
            issuer=ISSUER,
            secret_key="k" * 32,
            default_audience=AUDIENCE,
            scopes=(*STANDARD_SCOPES, Scope("reports:read", "Read"), Scope("reports:write", "Write")),
            key_publish_lead=0,
            jwt_algorithm="ES256",
        )
        self.storage = MemoryStorage()
        self.authority = Authority(self.settings, self.storage, moment=self.clock)
        secret = ClientSecret(
            secret_id="1", digest=digest("client_secret", SECRET), hint="ssss", created_at=self.clock.now
        )
        client = Client(
            client_id="worker",
            name="Worker",
            secrets=(secret,),
            grant_types=frozenset({"client_credentials"}),
            scopes=frozenset({"reports:read", "reports:write"}),
            audiences=frozenset({AUDIENCE, "https://other.example.com"}),
            created_at=self.clock.now,
        )
        api = evolve(client, client_id="the api", protects=frozenset({AUDIENCE}), grant_types=frozenset())
        opaque = evolve(client, client_id="opaque", access_token_format="opaque")
        self.storage.commit([Replace(client), Replace(api), Replace(opaque)])
        if not _KEYS:
            run(self.authority.start())
            _KEYS.extend(self.storage.signing_keys())
        else:
            self.storage.commit([Replace(evolve(key, version=0)) for key in _KEYS])
        self.wire = Wire(self.authority)
        self._foreign = generate_private_jwk("ES256")

    def token(self, scope: str = "reports:read", client_id: str = "worker", resource: str | None = None) -> str:
        """Return an access token as the server issues it."""
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = self.post("/token", form | ({"resource": resource} if resource else {}), client_id)
        token: str = json.loads(answer.body)["access_token"]
        return token

    def post(self, path: str, form: dict[str, str], client_id: str = "worker") -> HttpResponse:
        """Return the server's answer to a client's *form*."""
        basic = base64.b64encode(f"{client_id}:{SECRET}".encode()).decode()
        headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
        request = HttpRequest(method="POST", path=path, headers=headers, body=urlencode(form).encode())
        return run(self.authority.handle(request))

    def revoke(self, token: str, client_id: str = "worker") -> None:
        """End *token*."""
        self.post("/token/revoke", {"token": token}, client_id)

    def claims(self, **changed: object) -> dict[str, object]:
        """Return good claims, with those *changed*; `None` leaves one out."""
        now = int(self.clock.now.timestamp())
        good: dict[str, object] = {
            "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "worker", "scope": "reports:read",
            "iat": now, "exp": now + 600, "jti": "one",
        }  # fmt: skip
        return {name: value for name, value in (good | changed).items() if value is not None}

    def signed(self, typ: str = "at+jwt", **changed: object) -> str:
        """Return good claims, with those *changed*, signed by the server's own key."""
        signed = self.authority.keys.sign("ES256", typ, self.claims(**changed))
        return signed if isinstance(signed, str) else run(signed)

    def header(self) -> dict[str, object]:
        """Return the header the server's tokens have."""
        part = self.token().partition(".")[0]
        decoded: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=="))
        return decoded

    def raw(self, header: dict[str, object], payload: str | None = None) -> str:
        """Return an unsigned token in parts, without the last dot."""
        text = encode_json(self.claims()) if payload is None else payload
        return f"{base64url(encode_json(header).encode())}.{base64url(text.encode())}"

    def foreign(self, kid: str | None = None) -> str:
        """Return a good-looking token signed by a key of somebody else; *kid* is its own unless given."""
        own = str(public_jwk(self._foreign, "ES256")["kid"])
        return PrivateKey.from_jwk(self._foreign, "ES256", kid or own).sign("at+jwt", self.claims())

    def verifier(self, **options: object) -> TokenVerifier:
        """Return a verifier of this API."""
        given = {"fetch": self.wire, "moment": self.clock} | options
        return TokenVerifier(ISSUER, AUDIENCE, **given)  # type: ignore[arg-type]  # options are checked where they go

    def introspector(self, **options: object) -> Introspector:
        """Return an introspector of this API."""
        given = {"fetch": self.wire, "moment": self.clock, "client_id": "the api", "client_secret": SECRET} | options
        return Introspector(ISSUER, AUDIENCE, **given)  # type: ignore[arg-type]  # options are checked where they go


@pytest.fixture
def world() -> World:
    return World()
