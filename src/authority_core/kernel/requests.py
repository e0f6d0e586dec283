"""What adapters translate an HTTP request into, and how forms are read.

Adapters hand over raw bytes; query and form are parsed here, once, by the same rules under every framework, and stay
lists of pairs so that repeated parameters are seen.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Collection, Iterator, Mapping

from attrs import field

from .problems import Problem
from .values import transient

MAX_FIELDS = 100
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOTHING: frozenset[str] = frozenset()


@transient
class HttpRequest:
    """One request. Header names are lower case; repeated headers are joined by `, ` (cookies by `; `).

    *path* is relative to where the application is mounted. *query* and *body* are as they came.
    *client_address* is the peer's address after trusted proxies were taken into account.
    """

    method: str
    path: str
    query: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    client_address: str | None = None
    request_id: str | None = None
    native: object = field(default=None, repr=False, eq=False)
    """The framework's own request (ASGI scope, WSGI environ), for a host's ports; the core never looks at it."""


class Form:
    """Parameters in the order they came; an empty value counts as absent (RFC 6749 §3.1)."""

    __slots__ = ("_pairs", "_values", "repeated")

    def __init__(self, pairs: Collection[tuple[str, str]], values: dict[str, str] | None = None) -> None:
        self._pairs = pairs
        self._values = dict(pairs) if values is None else values
        self.repeated = _NOTHING
        if len(self._values) != len(pairs):
            names = [name for name, _ in pairs]
            self.repeated = frozenset(name for name in self._values if names.count(name) > 1)

    def get(self, name: str) -> str | None:
        """Return the value of *name*, or `None` when it is absent or empty.

        Raises `Problem` (`invalid_request`) when it was sent more than once.
        """
        if self.repeated and name in self.repeated:
            raise Problem("invalid_request", "A parameter was sent more than once.", reason=f"repeated: {name[:40]!r}")
        return self._values.get(name) or None

    def require(self, name: str) -> str:
        """Return the value of *name*; raises `Problem` (`invalid_request`) when it is missing."""
        value = self._values.get(name)
        if value and not self.repeated:
            return value
        value = self.get(name)
        if value is None:
            raise Problem("invalid_request", "A required parameter is missing.", reason=f"missing: {name}")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """Return every non-empty value of *name*, for the few parameters that may repeat (RFC 8707 §2)."""
        if name not in self._values:
            return ()
        return tuple(value for key, value in self._pairs if key == name and value)

    def refuse_repeats(self, allowed: frozenset[str] = _NOTHING) -> None:
        """Raise `Problem` when any parameter but those *allowed* came more than once (RFC 6749 §3.1, §3.2)."""
        if self.repeated - allowed:
            raise Problem("invalid_request", "A parameter was sent more than once.")

    def lacks(self, names: frozenset[str]) -> bool:
        """Tell whether none of *names* was sent, not even empty."""
        return names.isdisjoint(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)


def decode_pair(data: bytes, separator: str) -> tuple[str, str, str]:
    """Undo form encoding of two values with a *separator* between them: return the one, the separator, the other.

    Raises `Problem` (`invalid_request`) for bad escapes, NUL, or anything but UTF-8.
    """
    text = _text(data)
    one, found, other = text.partition(separator)
    return (_unescaped(one), found, _unescaped(other)) if "%" in text else (one, found, other)


def parse_form(data: bytes) -> Form:
    """Parse `application/x-www-form-urlencoded` *data*, from a body or a query.

    Raises `Problem` (`invalid_request`) for bad percent-encoding, NUL, anything but UTF-8, or over 100 fields.
    """
    if not data:
        return Form([])
    if data.count(b"&") >= MAX_FIELDS:
        raise Problem("invalid_request", "The request has too many parameters.")
    text = _text(data)  # at once, for what separates parameters is ASCII
    values: dict[str, str] = {}
    parts = text.split("&")
    for part in parts:
        name, _, value = part.partition("=")
        if "%" in part:
            name, value = _unescaped(name), _unescaped(value)
        values[name] = value
    if len(values) == len(parts) and "" not in values:
        return Form(values.items(), values)  # nothing came twice
    return Form([_pair(part) for part in parts if part])


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return _unescaped(name), _unescaped(value)


def _text(data: bytes) -> str:
    """Return *data* as text in which `+` has become a blank, and escapes are still escapes."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None
    if "\x00" in text:
        raise _malformed("NUL")
    return text.replace("+", " ")


def _unescaped(text: str) -> str:
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise _malformed("bad percent-encoding")
    # With its escapes proved whole, percent-encoding is quoted-printable by another sign: a tenth of urllib's price.
    quoted_printable = text.replace("=", "=3D").replace("%", "=").encode()
    try:
        decoded = a2b_qp(quoted_printable).decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None
    if "\x00" in decoded:
        raise _malformed("NUL")
    return decoded


def _malformed(reason: str) -> Problem:
    return Problem("invalid_request", "The request is not properly encoded.", reason=reason)


def parse_query(request: HttpRequest) -> Form:
    """Return the query parameters of *request*."""
    return parse_form(request.query)


FORM_TYPE = "application/x-www-form-urlencoded"


def parse_body(request: HttpRequest) -> Form:
    """Return the form in the body of *request*.

    Raises `Problem` (`invalid_request`) unless its content type is a form's, in UTF-8 (RFC 6749 §3.2, Appendix B).
    """
    content_type = request.headers.get("content-type", "")
    if content_type == FORM_TYPE:  # as nearly every client spells it
        return parse_form(request.body)
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != FORM_TYPE:
        reason = f"sent as {kind[:60]!r}"
        raise Problem("invalid_request", "The body must be application/x-www-form-urlencoded.", reason=reason)
    if parameters and parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
        raise Problem("invalid_request", "The body must be application/x-www-form-urlencoded in UTF-8.")
    return parse_form(request.body)


def cookie(request: HttpRequest, name: str) -> str | None:
    """Return the one cookie called exactly *name*; two of the same name count as none, for neither can be trusted."""
    header = request.headers.get("cookie")
    if not header:
        return None
    found: str | None = None
    for part in header.split(";"):
        key, separator, value = part.strip(" \t").partition("=")
        if separator and key == name:
            if found is not None:
                return None
            found = value
    return found or None


LONGEST_AGENT = 512


def user_agent(request: HttpRequest) -> str | None:
    """Return what the browser calls itself, cut short, and without NUL, which not every database can hold."""
    agent = request.headers.get("user-agent")
    if not agent:
        return None
    return agent[: 2 * LONGEST_AGENT].replace("\x00", "")[:LONGEST_AGENT] or None
