"""A person with a browser, reduced to a cookie jar: starts an example server and signs in to a client through it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import http.cookiejar
import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

ROOT = Path(__file__).parents[2]
CALLBACK = "http://localhost:3000/callback"


@contextmanager
def running(command: list[str], port: int, data: Path) -> Iterator[Path]:
    """Run an example until the block ends; yield the file of what it printed."""
    printed = data / "printed.txt"
    environment = {**os.environ, "EXAMPLE_ISSUER": f"http://localhost:{port}", "EXAMPLE_DATA": str(data)}
    with printed.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(process, port, printed)
            yield printed
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, printed: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(printed.read_text())
        connection = http.client.HTTPConnection("localhost", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)  # a server of another process has no event to wait for
    raise RuntimeError("the example did not start: " + printed.read_text())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:  # type: ignore[override]  # None means: do not follow
        return None


class Person:
    """Somebody with a cookie jar who follows redirects until they leave the server."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _Stay()
        ).open

    def send(self, url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str, str]:
        """Return status, address and text of the answer to a GET, or to a POST of *form*."""
        data = urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
        try:
            answer = self._open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            location, text = answer.headers.get("Location"), answer.read().decode()
        if answer.status in (302, 303) and location is not None:
            target = urljoin(url, location)
            return self.send(target) if target.startswith(self.issuer) else (answer.status, target, "")
        return answer.status, url, text

    def sign_in(self, url: str, username: str, password: str) -> str:
        """Go to *url*, sign in and approve as the pages ask, and return the address the client is called at."""
        status, address, text = self.send(url)
        for _ in range(4):
            if not address.startswith(self.issuer):
                return address
            if status != 200:
                raise RuntimeError(f"{status} at {address}: {text}")
            form = dict(re.findall(r'<input type="?hidden"? name="(\w+)" value="([^"]*)"', text))
            form = {name: unescape(value) for name, value in form.items()}
            if 'name="password"' in text:
                form |= {"username": username, "password": password}
            else:
                form["consent_action"] = "approve"
            action = re.search(r'<form[^>]*action="([^"]+)"', text)
            status, address, text = self.send(urljoin(address, unescape(action[1]) if action else ""), form)
        raise RuntimeError("the pages never end")


def tokens(issuer: str, client: tuple[str, str], person: tuple[str, str], scope: str) -> dict[str, object]:
    """Walk the code flow with PKCE and return the answer of the token endpoint."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(8)
    query = {
        "response_type": "code",
        "client_id": client[0],
        "redirect_uri": CALLBACK,
        "scope": scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    somebody = Person(issuer)
    called = dict(parse_qsl(urlsplit(somebody.sign_in(f"{issuer}/authorize?{urlencode(query)}", *person)).query))
    if called.get("state") != state or called.get("iss") != issuer:
        raise RuntimeError(f"not our answer: {called}")
    form = {
        "grant_type": "authorization_code",
        "code": called["code"],
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    basic = base64.b64encode(":".join(client).encode()).decode()
    status, _, text = somebody.send(f"{issuer}/token", form, Authorization=f"Basic {basic}")
    if status != 200:
        raise RuntimeError(text)
    answer: dict[str, object] = json.loads(text)
    return answer


def python(*arguments: str) -> list[str]:
    """Return the command that runs this interpreter with *arguments*."""
    return [sys.executable, *arguments]
