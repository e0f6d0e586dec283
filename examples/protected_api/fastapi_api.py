"""A FastAPI application that accepts access tokens. Open /docs to see what each operation needs."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import FastAPI, Security

from authority_core.resource import (
    TokenVerifier,
    VerifiedToken,
    metadata_path,
    metadata_url,
    protected_resource_metadata,
)
from authority_starlette.fastapi import BearerToken

ISSUER = os.environ.get("AUTHORITY_ISSUER", "http://localhost:4000")
AUDIENCE = os.environ.get("API_AUDIENCE", "http://localhost:8000")
SCOPES = {"reports:read": "Read your reports", "reports:write": "Write reports for you"}

verifier = TokenVerifier(ISSUER, AUDIENCE, realm="reports", resource_metadata=metadata_url(AUDIENCE))
bearer = BearerToken(verifier, scopes=SCOPES)
Reader = Annotated[VerifiedToken, Security(bearer, scopes=["reports:read"])]
Writer = Annotated[VerifiedToken, Security(bearer, scopes=["reports:write"])]

app = FastAPI(title="Reports")
reports: dict[str, list[str]] = {}


@app.get("/reports")
async def read(token: Reader) -> list[str]:
    return reports.get(token.subject, [])


@app.post("/reports", status_code=201)
async def write(token: Writer, title: str) -> list[str]:
    mine = reports.setdefault(token.subject, [])
    mine.append(title)
    return mine


@app.get(metadata_path(AUDIENCE), include_in_schema=False)
async def metadata() -> dict[str, object]:
    return protected_resource_metadata(AUDIENCE, authorization_servers=[ISSUER], scopes=SCOPES)
