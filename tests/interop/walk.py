"""A person at a browser without JavaScript: follows redirects, keeps cookies, fills in the forms that are shown."""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from attrs import define, field

from interop.house import ALICE, PASSWORD

STEPS = 12
"""Requests after which a person gives up."""


class _Form(HTMLParser):
    """The first form of a page: where it goes, its fields, and the names of its buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action, self._inside = given.get("action", ""), True
        elif tag == "button" and self._inside and "name" in given:
            self.buttons.append((given["name"], given.get("value", "")))
        elif tag == "input" and self._inside and given.get("type") not in ("submit", "checkbox", "button"):
            self.fields[given.get("name", "")] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        """Redirects are followed by hand."""


@define
class Person:
    """Somebody with a password and cookies of their own."""

    name: str = ALICE
    password: str = PASSWORD
    decision: str = "approve"
    visited: list[str] = field(factory=list)
    _cookies: http.cookiejar.CookieJar = field(factory=http.cookiejar.CookieJar)

    def authorize(self, address: str) -> str:
        """Open the authorization *address*, sign in and decide; return where the application is called back."""
        origin, data = urlsplit(address)[:2], None
        for _ in range(STEPS):
            self.visited.append(urlsplit(address).path)
            status, location, page = self._visit(address, data)
            if location is not None:
                address, data = urljoin(address, location), None
                if urlsplit(address)[:2] != origin:
                    return address
                continue
            form = _Form(page)

            assert status == 200, (status, address, page[:500])
            assert form.action is not None, (address, page[:500])
            address, data = urljoin(address, form.action), self._filled(form)
        raise AssertionError(f"no way back to the application: {self.visited}")

    def _filled(self, form: _Form) -> dict[str, str]:
        filled = dict(form.fields)
        if "password" in filled:
            filled |= {"username": self.name, "password": self.password}
        else:
            assert ("consent_action", self.decision) in form.buttons, form.buttons
            filled["consent_action"] = self.decision
        return filled

    def _visit(self, address: str, data: dict[str, str] | None) -> tuple[int, str | None, str]:
        opener = urllib.request.build_opener(_Stay, urllib.request.HTTPCookieProcessor(self._cookies))
        body = None if data is None else urlencode(data).encode()
        try:
            answer = opener.open(urllib.request.Request(address, body), timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers.get("location"), answer.read().decode()
