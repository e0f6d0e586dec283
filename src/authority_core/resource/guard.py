"""At the door of an API: find the token in the request, have it verified, hold it against the scopes that are needed.

The adapters of all frameworks call `admit` and translate what it raises; no rule lives in them.
"""

from __future__ import annotations

import re
from typing import Protocol, Self

from ..kernel.jose import MAX_TOKEN
from ..kernel.ports import Offload
from ..kernel.problems import Problem
from ..kernel.requests import parse_form
from .reach import Gate
from .refusals import Challenge, ScopeMissing, TokenInvalid, TokenMissing
from .verified import Needs, VerifiedToken

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token, RFC 6750 §2.1


class Verifier(Protocol):
    """Judges access tokens: `TokenVerifier` on the spot, `Introspector` by asking the issuer."""

    @property
    def challenge(self) -> Challenge:
        """What refusals of this API carry."""
        ...

    @property
    def issuer(self) -> str:
        """The issuer whose tokens are accepted."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether reaching the issuer holds up the thread."""
        ...

    async def verify(self, token: str) -> VerifiedToken:
        """Return what *token* says; raises `Refused`."""
        ...

    def offloaded(self, offload: Offload, gate: Gate) -> Self:
        """Return the same verifier, with the same cache, that reaches the issuer through *offload*."""
        ...


async def admit(verifier: Verifier, authorization: str | None, query: bytes, needs: Needs) -> VerifiedToken:
    """Return the token of a request with this `Authorization` header and *query*, once it meets *needs*.

    Raises `Refused`.
    """
    token = await verifier.verify(bearer_token(authorization, query, verifier.challenge))
    check_scope(token, needs, verifier.challenge)
    return token


def check_scope(token: VerifiedToken, needs: Needs, challenge: Challenge) -> None:
    """Raise `ScopeMissing` unless *token* meets *needs* (RFC 6750 §3.1)."""
    if not needs.met_by(token.scope):
        raise ScopeMissing(challenge, needs.words())


def has_bearer(authorization: str | None) -> bool:
    """Tell whether the `Authorization` header uses the Bearer scheme, well formed or not."""
    return authorization is not None and authorization.lstrip(" \t").partition(" ")[0].lower() == "bearer"


def bearer_token(authorization: str | None, query: bytes, challenge: Challenge) -> str:
    """Return the one token of a request; repeated headers come joined by a comma and are refused.

    Raises `TokenMissing` when there is none or another scheme is used, and `TokenInvalid` when it is malformed or comes
    in the query, where logs and histories would keep it (RFC 9700 §4.3.2).
    """
    if query and _in_query(query):
        raise TokenInvalid(challenge, reason="in the query")
    if authorization is None or not has_bearer(authorization):
        raise TokenMissing(challenge)
    token = authorization.strip(" \t").partition(" ")[2].lstrip(" ")
    if len(token) > MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise TokenInvalid(challenge, reason="malformed header")
    return token


def _in_query(query: bytes) -> bool:
    if b"access_token" not in query and b"%" not in query:
        return False
    try:
        return "access_token" in parse_form(query)
    except Problem:  # the API's own parameters need not be a form of ours; look at the names as they are
        return any(part.partition(b"=")[0] == b"access_token" for part in query.split(b"&"))
