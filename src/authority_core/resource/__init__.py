"""For APIs: accept access tokens, ask for scopes, refuse with the right challenge.

`TokenVerifier` judges JWT access tokens by the issuer's published keys, `Introspector` asks the issuer about each one.
Framework-free; `authority_starlette.resource`, `authority_starlette.fastapi` and `authority_flask.resource` put it at
the door of an application.
"""

from __future__ import annotations

from .fetch import BlockingFetch, Fetch, FetchFailed, FetchRequest, StandardFetch
from .guard import Verifier, admit, bearer_token, check_scope, has_bearer
from .introspection import Introspector
from .metadata import metadata_path, metadata_url, protected_resource_metadata
from .reach import Gate
from .refusals import CannotVerify, Challenge, Refused, ScopeMissing, TokenExpired, TokenInvalid, TokenMissing
from .verified import Needs, VerifiedToken
from .verifier import TokenVerifier

__all__ = [
    "BlockingFetch",
    "CannotVerify",
    "Challenge",
    "Fetch",
    "FetchFailed",
    "FetchRequest",
    "Gate",
    "Introspector",
    "Needs",
    "Refused",
    "ScopeMissing",
    "StandardFetch",
    "TokenExpired",
    "TokenInvalid",
    "TokenMissing",
    "TokenVerifier",
    "VerifiedToken",
    "Verifier",
    "admit",
    "bearer_token",
    "check_scope",
    "has_bearer",
    "metadata_path",
    "metadata_url",
    "protected_resource_metadata",
]
