"""Health: liveness touches nothing, readiness asks storage and the keys."""

from __future__ import annotations

from attrs import frozen

from ...kernel.changes import StorageUnavailable
from ...kernel.requests import HttpRequest
from ...kernel.responses import HttpResponse, json_response
from ...kernel.vault import Damaged, UnderNoKey
from ..context import OAuth


@frozen(eq=False)
class HealthEndpoint:
    """`GET /health`."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer that the process is alive."""
        return json_response({"status": "ok"})


@frozen(eq=False)
class ReadinessEndpoint:
    """`GET /health/ready`."""

    oauth: OAuth

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer whether requests can be served: storage answers and signing keys open."""
        checks = {"storage": "ok", "signing_keys": "ok"}
        try:
            await self.oauth.keys.records()
        except StorageUnavailable:
            checks |= {"storage": "unavailable", "signing_keys": "unknown"}
        except UnderNoKey:
            checks["signing_keys"] = "encrypted under another secret key"
        except Damaged:
            checks["signing_keys"] = "damaged"
        if set(checks.values()) == {"ok"}:
            return json_response({"status": "ok", "checks": checks})
        return json_response({"status": "unavailable", "checks": checks}, 503)
