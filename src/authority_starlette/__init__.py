"""Authority for Starlette and FastAPI: one pure ASGI application to mount, and helpers for APIs."""

from __future__ import annotations

from .application import asgi_app, lifespan
from .threads import in_threads

__all__ = ["asgi_app", "in_threads", "lifespan"]
