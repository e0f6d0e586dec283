"""The floor: client_credentials written by hand over a dict, the least that a correct answer needs; empty endpoints.

`FORMAT` (ES256 or opaque) in the environment chooses what the hand-written answer makes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from authority_cli.serving.collector import settle

from .scene import SECRET

_CLIENTS = {"client": (hashlib.sha256(SECRET.encode()).digest(), frozenset({"read", "write"}))}
_STORE: dict[bytes, tuple[str, str, int]] = {}
_TRAIL: dict[str, dict[str, object]] = {}
_KEY, _ECDSA = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
_encode = json.JSONEncoder(separators=(",", ":")).encode
_HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
CLAIMS: dict[str, object] = {
    "iss": "https://as.example.com",
    "sub": "client",
    "aud": "https://api.example.com",
    "exp": 1_900_003_600,
    "iat": 1_900_000_000,
    "jti": "0123456789abcdefghijkl",
    "client_id": "client",
    "scope": "read write",
}
_MESSAGE = b"." * 400

Answer = Callable[[bytes, str], str]


def raw_signature() -> bytes:
    """Make one ES256 signature over the 400 bytes that a JWT's signed part has, and nothing else."""
    return _KEY.sign(_MESSAGE, _ECDSA)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_head = _base64url(_encode(_HEADER).encode()) + b"."


def _signed(claims: dict[str, object]) -> str:
    message = _head + _base64url(_encode(claims).encode())
    r, s = decode_dss_signature(_KEY.sign(message, _ECDSA))
    return (message + b"." + _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def encode_by_hand() -> str:
    """Encode and sign eight claims by hand."""
    return _signed({**CLAIMS})


def made(token_format: str, *, audited: bool = False) -> Answer:
    """Return the hand-written token endpoint for ES256 or opaque tokens: body and Authorization header in, JSON out.

    With *audited* it keeps a line of the audit trail for each answer, as a server has to.
    """
    jwt = token_format == "ES256"

    def answer(body: bytes, authorization: str) -> str:
        form: dict[str, str] = {}
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True):
            if name in form:
                raise ValueError("repeated parameter")
            form[name] = value
        client_id, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
        known, allowed = _CLIENTS[client_id]
        if not hmac.compare_digest(known, hashlib.sha256(secret.encode()).digest()):
            raise ValueError("invalid_client")
        scope = form["scope"]
        if form["grant_type"] != "client_credentials" or not allowed.issuperset(scope.split()):
            raise ValueError("invalid_scope")
        now = int(time.time())
        if jwt:
            claims = {**CLAIMS, "sub": client_id, "exp": now + 3600, "iat": now, "scope": scope}
            token_id = secrets.token_urlsafe(16)
            token = _signed({**claims, "jti": token_id})
        else:
            token = token_id = secrets.token_urlsafe(32)
            _STORE[hashlib.sha256(token.encode()).digest()] = (client_id, scope, now + 3600)
        if audited:
            detail = {"grant_type": "client_credentials", "scope": scope, "token_id": token_id}
            line = {"at": now, "event": "token.issued", "client_id": client_id, "ip_address": "127.0.0.1"}
            _TRAIL[secrets.token_urlsafe(16)] = {**line, "detail": detail, "keep_until": now + 7_776_000}
        return _encode({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": scope})

    return answer


def forget() -> None:
    """Forget the opaque tokens made so far, and the audit trail."""
    _STORE.clear()
    _TRAIL.clear()


_EMPTY = {"access_token": "x" * 43, "token_type": "Bearer", "expires_in": 3600, "scope": "read write"}


def empty_starlette() -> object:
    """Return a Starlette application whose token endpoint reads a form and answers the same JSON each time."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def token(request: Request) -> JSONResponse:
        form = dict(parse_qsl((await request.body()).decode()))
        return JSONResponse(_EMPTY, 200 if form["grant_type"] else 400, headers={"Cache-Control": "no-store"})

    endpoint: Callable[[Request], Awaitable[JSONResponse]] = token
    app = Starlette(routes=[Route("/token", endpoint, methods=["POST"])])
    settle()
    return app


def hand_written_flask() -> object:
    """Return a Flask application whose token view is the hand-written answer."""
    from flask import Flask, Response, request

    app, answer = Flask(__name__), made(os.environ.get("FORMAT", "ES256"))

    @app.post("/token")
    def token() -> Response:
        text = answer(request.get_data(), request.headers["Authorization"])
        return Response(text, mimetype="application/json", headers={"Cache-Control": "no-store"})

    settle()
    return app
