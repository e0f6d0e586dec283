"""Running the `authority` command as a person does: in a process of its own, on loopback, ended by its id."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from attrs import define, field, frozen

SRC = Path(__file__).parents[2] / "src"
PATIENCE = 60
"""Seconds that a process may take for anything, on a busy machine."""


def environment(**more: str) -> dict[str, str]:
    """Return the process's environment without settings of ours, and with *more*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTHORITY_")}
    return {**kept, "PYTHONPATH": str(SRC), **more}


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "authority_cli", *arguments],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )


@frozen(eq=False)
class Running:
    """A server that is running, and the JSON line that it printed."""

    process: subprocess.Popen[str]
    said: dict

    @property
    def issuer(self) -> str:
        return self.said["issuer"]

    def client(self, client_id: str) -> dict:
        return next(one for one in self.said["clients"] if one["client_id"] == client_id)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return the exit code and what else was printed on both outputs."""
        self.process.send_signal(number)
        rest, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest, errors


@contextmanager
def running(*arguments: str, **settings: str) -> Iterator[Running]:
    """Start a command that serves and wait for its JSON line; it is ended in any case."""
    process = subprocess.Popen(
        [sys.executable, "-m", "authority_cli", *arguments, "--json"],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(process.stderr.read())
        yield Running(process, json.loads(line))
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
        process.stderr.close()


@frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@define
class Browser:
    """A client of HTTP with a cookie jar, which follows nothing by itself."""

    cookies: dict[str, str] = field(factory=dict)

    def go(self, method: str, url: str, form: dict | None = None, headers: dict | None = None) -> Answer:
        parts = urlsplit(url)
        sent = dict(headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            sent["content-type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        try:
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, sent)
            response = connection.getresponse()
            read = response.read()
        finally:
            connection.close()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    self.cookies[key] = morsel.value
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, read)


def basic(client: dict) -> dict[str, str]:
    """Return the header that authenticates *client*."""
    pair = f"{client['client_id']}:{client['client_secret']}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
