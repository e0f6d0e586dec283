"""Pages for people: renders the core's `Page` values with Jinja2 and serves the static files they need.

Knows templates, colours and files; knows nothing of requests, sessions, storage or protocols.
"""

from __future__ import annotations

try:
    import jinja2 as _jinja2  # noqa: F401
except ImportError as missing:  # pragma: no cover - exercised by the packaging tests
    raise ImportError("authority_pages needs Jinja2: pip install 'authority-idp[pages]'") from missing

from .check import check_pages
from .renderer import JinjaPages
from .samples import Sample, sample_pages, sample_view

__all__ = ["JinjaPages", "Sample", "check_pages", "sample_pages", "sample_view"]
