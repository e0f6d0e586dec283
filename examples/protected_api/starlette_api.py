"""A Starlette application that accepts access tokens."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authority_core.resource import TokenVerifier, metadata_path, metadata_url, protected_resource_metadata
from authority_starlette.resource import ResourceProtector

ISSUER = os.environ.get("AUTHORITY_ISSUER", "http://localhost:4000")
AUDIENCE = os.environ.get("API_AUDIENCE", "http://localhost:8000")

verifier = TokenVerifier(ISSUER, AUDIENCE, realm="reports", resource_metadata=metadata_url(AUDIENCE))
protect = ResourceProtector(verifier)
reports: dict[str, list[str]] = {}


@protect.require_scopes("reports:read")
async def read(request: Request) -> JSONResponse:
    return JSONResponse(reports.get(request.state.token.subject, []))


@protect.require_scopes("reports:write")
async def write(request: Request) -> JSONResponse:
    mine = reports.setdefault(request.state.token.subject, [])
    mine.append(request.query_params.get("title", "untitled"))
    return JSONResponse(mine, 201)


async def metadata(request: Request) -> JSONResponse:
    scopes = ["reports:read", "reports:write"]
    return JSONResponse(protected_resource_metadata(AUDIENCE, authorization_servers=[ISSUER], scopes=scopes))


app = Starlette(
    routes=[
        Route("/reports", read, methods=["GET"]),
        Route("/reports", write, methods=["POST"]),
        Route(metadata_path(AUDIENCE), metadata),
    ]
)
