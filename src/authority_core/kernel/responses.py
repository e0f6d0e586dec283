"""What adapters translate back into an HTTP response, and the few shapes all endpoints answer in."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field

from .encoding import encode_json
from .problems import Refusal
from .values import transient

Headers = tuple[tuple[str, str], ...]

NO_STORE: Headers = (("cache-control", "no-store"), ("pragma", "no-cache"))
_JSON: Headers = (("content-type", "application/json;charset=UTF-8"), ("x-content-type-options", "nosniff"))
JSON_NO_STORE: Headers = _JSON + NO_STORE


@transient
class HttpResponse:
    """One answer: *status*, headers as pairs with lower-case names, *body*."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header called *name* (lower case)."""
        return next((value for key, value in self.headers if key == name), None)


def json_response(value: Mapping[str, object], status: int = 200, headers: Headers = ()) -> HttpResponse:
    """Answer with a JSON object that no cache may keep (RFC 6749 §5.1)."""
    return HttpResponse(status, JSON_NO_STORE + headers, encode_json(value).encode("utf-8"))


def error_response(refusal: Refusal, headers: Headers = ()) -> HttpResponse:
    """Answer with the error body of RFC 6749 §5.2."""
    return json_response(
        {"error": refusal.error, "error_description": refusal.description}, refusal.status, headers
    )


def redirect(location: str, *, after_post: bool, headers: Headers = ()) -> HttpResponse:
    """Send the browser on: 303 after a POST, so that nothing posted is sent again, else 302 (RFC 9700 §4.12)."""
    return HttpResponse(
        303 if after_post else 302,
        (("location", location), ("referrer-policy", "no-referrer"), *NO_STORE, *headers),
    )


def set_cookie(
    name: str, value: str, *, secure: bool, max_age: int | None = None, path: str = "/"
) -> tuple[str, str]:
    """Return a `Set-Cookie` header: HttpOnly, SameSite=Lax, host only. *max_age* is in seconds; 0 deletes."""
    parts = [f"{name}={value}", f"Path={path}", "HttpOnly", "SameSite=Lax"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if secure:
        parts.append("Secure")
    return ("set-cookie", "; ".join(parts))
