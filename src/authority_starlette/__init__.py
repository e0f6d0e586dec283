"""Authority for Starlette and FastAPI: one pure ASGI application to mount, and helpers for APIs."""

from __future__ import annotations

try:
    import starlette as _starlette  # noqa: F401 - only to say in one sentence what is missing
except ImportError as missing:
    raise ImportError("authority_starlette needs Starlette: pip install 'authority-idp[starlette]'") from missing

from .application import asgi_app, lifespan
from .housekeeping import cleanup_forever
from .threads import in_threads

__all__ = ["asgi_app", "cleanup_forever", "in_threads", "lifespan"]
