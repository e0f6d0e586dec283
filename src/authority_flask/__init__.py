"""Authority for Flask: one WSGI application, an extension that puts it into yours, and helpers for APIs."""

from __future__ import annotations

from .application import wsgi_app
from .extension import AuthorityExtension

__all__ = ["AuthorityExtension", "wsgi_app"]
