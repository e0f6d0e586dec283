"""Authority for Flask: one WSGI application, an extension that puts it into yours, and helpers for APIs."""

from __future__ import annotations

try:
    import flask as _flask  # noqa: F401 - only to say in one sentence what is missing
except ImportError as missing:
    raise ImportError("authority_flask needs Flask: pip install 'authority-idp[flask]'") from missing

from .application import wsgi_app
from .extension import AuthorityExtension

__all__ = ["AuthorityExtension", "wsgi_app"]
