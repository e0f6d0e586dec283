"""HTTP out, as a port, and its default on the standard library.

The default follows no redirect, reads no proxy from the environment, verifies certificates, and stops after a time and
a size. Which addresses may be asked at all is decided in `reach.py`; this file only asks.
"""

from __future__ import annotations

import http.client
import ssl
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

from attrs import field, frozen

from ..kernel.moment import MomentSource, expired, instant, system_moment
from ..kernel.responses import HttpResponse

SIZE_LIMIT = 65_536
"""Bytes of an answer that are read; a longer one is refused."""
TIMEOUT = 5.0
"""Seconds for a whole answer."""


class FetchFailed(Exception):
    """The other side could not be asked, or its answer is of no use. Carries nothing of what was sent."""


@frozen(kw_only=True)
class FetchRequest:
    """One request to the issuer. Header names are lower case."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


class Fetch(Protocol):
    """HTTP out, asynchronous. Must follow no redirect and verify certificates."""

    async def __call__(self, request: FetchRequest) -> HttpResponse:
        """Return the answer; whatever is raised counts as a failure to reach the issuer."""
        ...


class BlockingFetch(Protocol):
    """HTTP out, synchronous. Must follow no redirect and verify certificates."""

    def __call__(self, request: FetchRequest) -> HttpResponse:
        """Return the answer; whatever is raised counts as a failure to reach the issuer."""
        ...


@frozen(eq=False)
class StandardFetch:
    """`BlockingFetch` on `http.client`.

    Args:
        tls: How certificates are judged, for an issuer with a private authority; the system's trust store by default.
        timeout: Seconds for a whole answer.
        limit: Bytes of the body that are accepted.
    """

    tls: ssl.SSLContext = field(factory=ssl.create_default_context, repr=False)
    timeout: float = field(default=TIMEOUT, kw_only=True)
    limit: int = field(default=SIZE_LIMIT, kw_only=True)
    moment: MomentSource = field(default=system_moment, kw_only=True, repr=False)

    def __call__(self, request: FetchRequest) -> HttpResponse:
        """Return the answer, whatever its status. Raises `FetchFailed`."""
        until = instant(self.moment) + timedelta(seconds=self.timeout)
        try:
            connection = self._connection(request.url)
        except ValueError as error:
            raise FetchFailed("not an address") from error
        try:
            connection.request(request.method, _target(request.url), request.body or None, self._headers(request))
            response = connection.getresponse()
            body = bytearray()
            while chunk := response.read1(self.limit + 1 - len(body)):
                body += chunk
                if len(body) > self.limit:
                    raise FetchFailed("the answer is too long")
                if expired(until, instant(self.moment)):
                    raise FetchFailed("the answer came too slowly")
            headers = tuple((name.lower(), value) for name, value in response.getheaders())
            return HttpResponse(response.status, headers, bytes(body))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(f"the issuer could not be asked ({type(error).__name__})") from error
        finally:
            connection.close()

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in ("http", "https"):
            raise ValueError("no host")
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self.timeout, context=self.tls)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)

    def _headers(self, request: FetchRequest) -> dict[str, str]:
        return {"accept": "application/json", "accept-encoding": "identity", "connection": "close"} | dict(
            request.headers
        )


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
