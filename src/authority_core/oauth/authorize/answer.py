"""Sending the answer to the client's redirect URI (RFC 6749 §4.1.2, RFC 9207)."""

from __future__ import annotations

from urllib.parse import urlencode

from ...kernel.problems import Refusal
from ...kernel.responses import Headers, HttpResponse, redirect
from .request import Return


def code_answer(
    back: Return, code: str, issuer: str, *, after_post: bool, headers: Headers = ()
) -> HttpResponse:
    """Send the *code*, with `state` as it came and `iss`."""
    return _to_client(back, [("code", code)], issuer, after_post=after_post, headers=headers)


def error_answer(
    back: Return, refusal: Refusal, issuer: str, *, after_post: bool, headers: Headers = ()
) -> HttpResponse:
    """Send a refusal (RFC 6749 §4.1.2.1)."""
    pairs = [("error", refusal.error), ("error_description", refusal.description)]
    return _to_client(back, pairs, issuer, after_post=after_post, headers=headers)


def _to_client(
    back: Return, pairs: list[tuple[str, str]], issuer: str, *, after_post: bool, headers: Headers
) -> HttpResponse:
    if back.state is not None:
        pairs.append(("state", back.state))
    pairs.append(("iss", issuer))
    # The registered URI was refused a query that names any of these, so each occurs once.
    separator = "&" if "?" in back.redirect_uri else "?"
    return redirect(back.redirect_uri + separator + urlencode(pairs), after_post=after_post, headers=headers)
