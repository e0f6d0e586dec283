"""A browser in process: a cookie jar, forms filled in from their page, redirects followed on this host only."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from authority_core import HttpResponse

if TYPE_CHECKING:
    from .transports import Pairs, Transport

PASSWORD = "Correct-Horse-1"
FORM = "application/x-www-form-urlencoded"


class Browser:
    """Sends requests with its cookies and keeps what it is given."""

    def __init__(self, transport: Transport, issuer: str) -> None:
        self.transport = transport
        self.issuer = issuer
        self.cookies: dict[str, str] = {}
        self._mount = urlsplit(issuer).path

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """GET a path or an address of the issuer."""
        return self.send("GET", url, tuple((headers or {}).items()))

    def post(
        self, url: str, form: Mapping[str, str] | list[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """POST a form."""
        pairs = {"content-type": FORM, **(headers or {})}
        return self.send("POST", url, tuple(pairs.items()), urlencode(form).encode())

    def send(self, method: str, url: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        """Send anything, with the cookies of the jar unless *headers* bring their own."""
        parts = urlsplit(url)
        path = parts.path.removeprefix(self._mount) if parts.netloc else parts.path
        target = path + (f"?{parts.query}" if parts.query else "")
        if self.cookies and not any(name.lower() == "cookie" for name, _ in headers):
            headers = (*headers, ("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        response = self.transport.send(method, target, headers, body)
        for name, value in response.headers:
            if name == "set-cookie":
                self._keep(value)
        return response

    def _keep(self, header: str) -> None:
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def follow(self, response: HttpResponse, most: int = 6) -> HttpResponse:
        """Follow redirects as long as they stay with the issuer; return the first answer that does not."""
        for _ in range(most):
            location = response.header("location")
            if location is None or not (location + "/").startswith(self.issuer + "/"):
                return response
            response = self.get(location)
        raise AssertionError("redirects without end")

    # --- people ------------------------------------------------------------------------------------------------------

    def submit(self, page: HttpResponse, headers: Mapping[str, str] | None = None, **fields: str) -> HttpResponse:
        """Fill in and send the form on *page*; *fields* win over its hidden ones."""
        return self.post(action_of(page), {**hidden_fields(page), **fields}, headers)

    def sign_in(
        self, who: str, password: str = PASSWORD, page: HttpResponse | None = None, **more: str
    ) -> HttpResponse:
        """Sign in on *page*, or on a page fetched for it; return the answer to the form."""
        return self.submit(page or self.get("/signin"), username=who, password=password, **more)

    def choose(self, page: HttpResponse, password: str, again: str | None = None, **more: str) -> HttpResponse:
        """Choose *password* on *page*, which asks for a new one; return the answer to the form."""
        repeated = password if again is None else again
        return self.submit(page, new_password=password, confirm_new_password=repeated, **more)

    def sign_out(self) -> HttpResponse:
        """Sign out through the page; return the answer to the form."""
        return self.submit(self.get("/signout"))

    def approve(self, page: HttpResponse, **fields: str) -> HttpResponse:
        """Say yes on the consent *page*."""
        return self.submit(page, consent_action="approve", **fields)

    def deny(self, page: HttpResponse) -> HttpResponse:
        """Say no on the consent *page*."""
        return self.submit(page, consent_action="deny")

    def go_through(self, url: str, who: str = "alice") -> HttpResponse:
        """Open *url* and do what is asked, as *who*, until the answer leaves for the client; return that answer."""
        response = self.follow(self.get(url))
        for _ in range(3):
            if response.status != 200:
                return response
            answer = self.sign_in(who, page=response) if b'name="password"' in response.body else self.approve(response)
            response = self.follow(answer)
        raise AssertionError("the flow does not end")


def hidden_fields(page: HttpResponse) -> dict[str, str]:
    """Return the hidden fields of the form on *page*."""
    inputs = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page.body.decode())
    found = {}
    for text in inputs:
        name, value = re.search(r'name="([^"]*)"', text), re.search(r'value="([^"]*)"', text)
        if name and value:
            found[name[1]] = html.unescape(value[1])
    return found


def action_of(page: HttpResponse) -> str:
    """Return where the form on *page* goes."""
    match = re.search(r'<form[^>]*action="([^"]*)"', page.body.decode())
    if match is None:
        raise AssertionError(f"no form on this page ({page.status})")
    return html.unescape(match[1])


def answer_of(response: HttpResponse) -> dict[str, str]:
    """Return the parameters that a redirect brings the client; every name must be there once."""
    pairs = parse_qsl(urlsplit(response.header("location") or "").query, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise AssertionError(f"a parameter occurs twice: {pairs}")
    return dict(pairs)
