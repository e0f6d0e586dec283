"""A Flask application that accepts access tokens."""

from __future__ import annotations

import os

from flask import Flask, request

from authority_core.resource import TokenVerifier, metadata_path, metadata_url, protected_resource_metadata
from authority_flask.resource import ResourceProtector

ISSUER = os.environ.get("AUTHORITY_ISSUER", "http://localhost:4000")
AUDIENCE = os.environ.get("API_AUDIENCE", "http://localhost:8000")

app = Flask(__name__)
verifier = TokenVerifier(ISSUER, AUDIENCE, realm="reports", resource_metadata=metadata_url(AUDIENCE))
protect = ResourceProtector(app, verifier)
reports: dict[str, list[str]] = {}


@app.get("/reports")
@protect.require_scopes("reports:read")
def read() -> list[str]:
    return reports.get(protect.token.subject, [])


@app.post("/reports")
@protect.require_scopes("reports:write")
def write() -> tuple[list[str], int]:
    mine = reports.setdefault(protect.token.subject, [])
    mine.append(request.args.get("title", "untitled"))
    return mine, 201


@app.get(metadata_path(AUDIENCE))
def metadata() -> dict[str, object]:
    scopes = ["reports:read", "reports:write"]
    return protected_resource_metadata(AUDIENCE, authorization_servers=[ISSUER], scopes=scopes)
