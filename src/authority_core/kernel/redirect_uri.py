"""The one matcher and the one validator of redirect URIs (RFC 6749 §3.1.2, RFC 8252 §7.3, RFC 9700 §4.1.3)."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

LONGEST = 2048
MOST = 50
_RESPONSE_NAMES = frozenset(
    {"code", "state", "iss", "response", "error", "error_description", "error_uri", "access_token", "id_token",
     "token_type", "expires_in", "scope", "session_state"}
)  # fmt: skip
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?(/.*)?\Z")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+\Z")


def matches(sent: str, registered: tuple[str, ...], application_type: Literal["web", "native"]) -> bool:
    """Tell whether *sent* is one of the *registered* URIs, character by character.

    The only exception is the port of a native application's loopback redirect on a literal address (RFC 8252 §7.3).
    """
    if sent in registered:
        return True
    if application_type != "native":
        return False
    wanted = _loopback_parts(sent)
    return wanted is not None and any(_loopback_parts(uri) == wanted for uri in registered)


def _loopback_parts(uri: str) -> tuple[str, str] | None:
    match = _LOOPBACK.match(uri)
    if match is None or match[1] == "localhost" or (match[2] and not 0 < int(match[2]) < 65536):
        return None
    return match[1], match[3] or ""


def is_loopback(uri: str) -> bool:
    """Tell whether *uri* leads to the person's own machine."""
    return _LOOPBACK.match(uri) is not None


def fault(uri: str, *, application_type: Literal["web", "native"], confidential: bool, production: bool) -> str | None:
    """Return why *uri* may not be registered, in one sentence, or `None` when it may."""
    if not uri or len(uri) > LONGEST or not _PRINTABLE.match(uri) or "\\" in uri:
        return f"A redirect URI must be 1 to {LONGEST} printable ASCII characters without a backslash."
    if "*" in uri:
        return "A redirect URI is one address: patterns and wildcards do not exist."
    if "#" in uri:
        return "A redirect URI must not have a fragment (RFC 6749 §3.1.2)."
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "The redirect URI is not a URL."
    if "@" in parts.netloc:
        return "A redirect URI must not carry a user name."
    if parts.scheme in ("http", "https") and host and not _AUTHORITY.match(parts.netloc):
        return "A redirect URI's host must be a plain name or address."
    if _dot_segments(parts.path):
        return "A redirect URI must not have dot segments in its path."
    if {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} & _RESPONSE_NAMES:
        return "A redirect URI must not carry the name of a response parameter in its query."
    return _scheme_fault(uri, parts.scheme, host, application_type, confidential, production)


def _dot_segments(path: str) -> bool:
    for escaped, plain in (("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("%3b", ";")):
        path = path.lower().replace(escaped, plain)
    return "%00" in path or any(segment.partition(";")[0] in (".", "..") for segment in path.split("/"))


def _scheme_fault(
    uri: str, scheme: str, host: str | None, application_type: str, confidential: bool, production: bool
) -> str | None:
    if uri.startswith("https://"):
        return None if host else "The redirect URI names no host."
    if uri.startswith("http://"):
        if not is_loopback(uri):
            return "A redirect URI must be https; http is for loopback hosts only."
        if application_type == "web" and production:
            return "A web application's redirect URI must be https in production."
        return None
    if application_type == "native" and not confidential and _PRIVATE_SCHEME.match(scheme) and uri.startswith(scheme):
        return None
    return "A redirect URI must be https, http on a loopback host, or a native application's scheme with a dot."
