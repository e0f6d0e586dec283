"""A conversation with one server: a browser's cookies, what was said and what was answered, byte by byte."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from attrs import define, field, frozen

from authority_core.testing.moments import Clock
from interop.house import ALICE, CALLBACK, CHALLENGE, PASSWORD, SECRET, VERIFIER

FORM = "application/x-www-form-urlencoded"
_HIDDEN = re.compile(r'name="(csrf_token|transaction|ticket)" value="([^"]*)"')
Headers = list[tuple[str, str]]


@frozen
class Said:
    """One request as it goes over the wire, *path* still percent-encoded and relative to the mount."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@frozen
class Answer:
    """One answer: exactly what a client can see."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.body)

    @property
    def hidden(self) -> dict[str, str]:
        return {name: html.unescape(value) for name, value in _HIDDEN.findall(self.body.decode())}

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.header("location")).query))


@define
class Talk:
    """Speaks to a server through *exchange*; every answer is checked for its status and written down."""

    exchange: Callable[[Said], Answer]
    clock: Clock
    issuer: str
    jar: dict[str, str] = field(factory=dict)
    transcript: list[tuple[Said, Answer]] = field(factory=list)

    def send(
        self,
        method: str,
        target: str,
        expect: int,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        kind: str | None = None,
    ) -> Answer:
        """Send one request to *target* (a path with its query) and expect a status."""
        said = self.said(method, target, headers=headers, body=body, kind=kind)
        answer = self.exchange(said)
        self.transcript.append((said, answer))
        for name, value in answer.headers:
            if name == "set-cookie":
                self._keep(value)

        assert answer.status == expect, f"{method} {target[:200]} {body[:200]!r}: {answer.status} {answer.body[:300]!r}"
        return answer

    def said(
        self,
        method: str,
        target: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        kind: str | None = None,
    ) -> Said:
        """Return the request that `send` would send."""
        path, _, query = target.partition("?")
        sent = [("host", "localhost:4000"), ("x-request-id", f"r{len(self.transcript)}"), *headers]
        if kind is not None:
            sent.append(("content-type", kind))
        if self.jar:
            sent.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items())))
        return Said(method, path, query, tuple(sent), body)

    def posted(self, target: str, form: Mapping[str, str], *, basic: str | None = None) -> Said:
        """Return the request that `post` would send."""
        headers = [("authorization", as_basic(basic, SECRET))] if basic is not None else []
        return self.said("POST", target, headers=headers, body=urlencode(form).encode(), kind=FORM)

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        self.jar[name] = value
        if "Max-Age=0" in cookie:
            del self.jar[name]

    def get(self, target: str, expect: int = 200, **more) -> Answer:
        return self.send("GET", target, expect, **more)

    def post(
        self,
        target: str,
        form: Mapping[str, str] | list[tuple[str, str]] | bytes,
        expect: int = 200,
        *,
        basic: str | tuple[str, str] | None = None,
        headers: Iterable[tuple[str, str]] = (),
        kind: str | None = FORM,
    ) -> Answer:
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        if basic is not None:
            headers = [*headers, ("authorization", as_basic(*((basic, SECRET) if isinstance(basic, str) else basic)))]
        return self.send("POST", target, expect, headers=headers, body=body, kind=kind)

    def wind(self, **by: float) -> None:
        """Let time pass."""
        self.clock.wind(**by)

    def follow(self, answer: Answer, expect: int = 200) -> Answer:
        """Follow a redirect to the server itself."""
        location = answer.header("location")

        assert location.startswith(self.issuer), location
        return self.get(location[len(self.issuer) :], expect)

    # --- steps that many conversations take ---

    def authorize(self, expect: int = 302, **changed: str | None) -> Answer:
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": CALLBACK,
            "scope": "openid profile offline_access",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        query = {name: value for name, value in (asked | changed).items() if value is not None}
        return self.get("/authorize?" + urlencode(query), expect)

    def sign_in(
        self, page: Answer, who: str = ALICE, password: str = PASSWORD, expect: int = 303, **more: str
    ) -> Answer:
        return self.post("/signin", {**page.hidden, "username": who, "password": password, **more}, expect)

    def choose(self, page: Answer, password: str, again: str, expect: int = 303, **more: str) -> Answer:
        form = {**page.hidden, "new_password": password, "confirm_new_password": again, **more}
        return self.post("/password/change", form, expect)

    def decide(self, page: Answer, action: str, expect: int = 303) -> Answer:
        return self.post("/authorize/decision", {**page.hidden, "consent_action": action}, expect)

    def approved(self, **changed: str | None) -> str:
        """Walk a new browser through sign-in and consent; return the code."""
        self.jar.clear()
        onward = self.sign_in(self.follow(self.authorize(**changed)))
        onward = self.follow(onward, 302)
        if onward.header("location").startswith(self.issuer):
            onward = self.decide(self.follow(onward), "approve")
        return onward.parameters["code"]

    def redeem(self, code: str, expect: int = 200, client: str | None = "web", **changed: str | None) -> Answer:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.token(asked | changed, expect, client)

    def refresh(self, token: object, expect: int = 200, client: str | None = "web", **more: str) -> Answer:
        return self.token({"grant_type": "refresh_token", "refresh_token": str(token), **more}, expect, client)

    def token(self, form: Mapping[str, str | None], expect: int = 200, client: str | None = "web") -> Answer:
        given = {name: value for name, value in form.items() if value is not None}
        return self.post("/token", given, expect, basic=client)

    def introspect(self, token: object, client: str = "web") -> dict[str, object]:
        return self.post("/token/introspect", {"token": str(token)}, basic=client).json


def as_basic(name: str, secret: str) -> str:
    """Return the header's value for client authentication by Basic."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def bearer(token: object) -> list[tuple[str, str]]:
    """Return the header that carries an access token."""
    return [("authorization", f"Bearer {token}")]
