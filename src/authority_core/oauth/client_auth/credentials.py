"""Reading credentials from a request: exactly one method, strictly decoded. It proves nothing."""

from __future__ import annotations

import binascii
from typing import Literal

from attrs import field

from ...kernel.problems import Problem
from ...kernel.requests import Form, HttpRequest, decode_pair
from ...kernel.values import transient

BASIC_CHALLENGE = (("www-authenticate", 'Basic realm="authority", charset="UTF-8"'),)
LONGEST = 1024
_IN_A_BODY = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})


@transient
class Credentials:
    """Who the client says it is, by which *method*, with which secret."""

    client_id: str
    method: Literal["none", "client_secret_basic", "client_secret_post"]
    secret: str | None = field(default=None, repr=False)


def read_credentials(request: HttpRequest, form: Form) -> Credentials:
    """Return the credentials of *request*.

    Raises `Problem`: `invalid_request` for more than one method or two different clients (RFC 6749 §2.3),
    `invalid_client` for none or malformed ones.
    """
    header = request.headers.get("authorization")
    if header is not None and form.lacks(_IN_A_BODY):  # as nearly every client does it
        return _basic(header)
    body_id, body_secret = form.get("client_id"), form.get("client_secret")
    if "client_assertion" in form or "client_assertion_type" in form:
        raise unauthenticated("a client assertion, which is not supported here")
    if header is None:
        if body_id is None:
            raise unauthenticated("no credentials")
        _check_length(body_id, body_secret, challenge=False)
        return Credentials(body_id, "none" if body_secret is None else "client_secret_post", body_secret)
    if "client_secret" in form:
        raise Problem("invalid_request", "Use one client authentication method, not two.")
    credentials = _basic(header)
    if body_id is not None and body_id != credentials.client_id:
        raise Problem("invalid_request", "The request names two clients.")
    return credentials


def _basic(header: str) -> Credentials:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise unauthenticated("an authorization scheme other than Basic", challenge=True)
    if len(encoded) > 4 * LONGEST:
        raise unauthenticated("credentials too long", challenge=True)
    try:
        decoded = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise unauthenticated("credentials that are not base64", challenge=True) from None
    try:  # RFC 6749 §2.3.1 wants both parts form-encoded
        client_id, colon, secret = decode_pair(decoded, ":")
    except Problem:
        raise unauthenticated("credentials that are not form-encoded UTF-8", challenge=True) from None
    if not client_id or not secret:
        raise unauthenticated("empty credentials" if colon else "credentials without a colon", challenge=True)
    if len(decoded) > LONGEST:
        _check_length(client_id, secret, challenge=True)
    return Credentials(client_id, "client_secret_basic", secret)


def _check_length(client_id: str, secret: str | None, *, challenge: bool) -> None:
    if len(client_id) > LONGEST or len(secret or "") > LONGEST:
        raise unauthenticated("credentials too long", challenge=challenge)


def unauthenticated(reason: str, *, challenge: bool = False) -> Problem:
    """Return the one answer to every failed client authentication (RFC 6749 §5.2)."""
    return Problem(
        "invalid_client",
        "Client authentication failed.",
        reason=reason,
        headers=BASIC_CHALLENGE if challenge else (),
    )
