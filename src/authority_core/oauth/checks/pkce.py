"""Proof Key for Code Exchange (RFC 7636): is a challenge acceptable, does a verifier prove it."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from ...kernel.encoding import base64url_bytes, equal
from ...kernel.problems import Problem

Method = Literal["S256", "plain"]

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # SHA-256 in base64url: RFC 7636 §4.2
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636 §4.1


def check_challenge(
    challenge: str | None, method: str | None, *, required: bool, allow_plain: bool
) -> Method | None:
    """Return the challenge's method, or `None` when there is no challenge and none is *required*.

    Raises `Problem` (`invalid_request`). An absent method means `plain` (RFC 7636 §4.3) and is refused as such.
    """
    if challenge is None:
        if required or method is not None:
            raise Problem("invalid_request", "PKCE is required: send code_challenge with code_challenge_method=S256.")
        return None
    if method == "S256":
        if not _S256_CHALLENGE.match(challenge):
            raise Problem("invalid_request", "The code_challenge is malformed.")
        return "S256"
    if allow_plain and method in ("plain", None):
        if not _UNRESERVED.match(challenge):
            raise Problem("invalid_request", "The code_challenge is malformed.")
        return "plain"
    raise Problem("invalid_request", "The code_challenge_method must be S256.")


def proves(verifier: str | None, challenge: str | None, method: Method | None) -> bool:
    """Tell whether *verifier* proves the *challenge* of the request (RFC 7636 §4.6).

    A verifier without a challenge proves nothing: it is the mark of a downgrade (RFC 9700 §2.1.1).
    """
    if challenge is None:
        return verifier is None
    if verifier is None or not _UNRESERVED.match(verifier):
        return False
    if method == "S256":
        return equal(base64url_bytes(hashlib.sha256(verifier.encode("ascii")).digest()), challenge.encode("ascii"))
    return equal(verifier.encode("ascii"), challenge.encode("ascii"))
