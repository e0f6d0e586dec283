"""Authority: an OAuth 2.0 authorization server and OpenID Connect provider as a library.

The core is pure: it is given a request and facts, decides, and returns what to answer, what to change and what to
report. Frameworks, databases and templates are adapters around it.
"""

from __future__ import annotations

from .kernel.problems import ConfigurationError, Problem
from .kernel.requests import HttpRequest
from .kernel.responses import HttpResponse
from .kernel.settings import STANDARD_SCOPES, Scope, Settings
from .kernel.values import Secret
from .server import Authority, built_in_grants

__version__ = "0.1.0"

__all__ = [
    "STANDARD_SCOPES",
    "Authority",
    "ConfigurationError",
    "HttpRequest",
    "HttpResponse",
    "Problem",
    "Scope",
    "Secret",
    "Settings",
    "__version__",
    "built_in_grants",
]
