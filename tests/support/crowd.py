"""Server processes that may be killed, a stock of codes for them, and clients who try until they are answered."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode

from attrs import field, frozen

from authority_core import Authority, HttpResponse, Settings
from authority_core.kernel.changes import Put
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import AuthorizationCode, Grant
from authority_core.kernel.sync import run
from authority_sql import SqlStorage, migrate
from interop.house import ARGON2, CALLBACK, CHALLENGE, SCOPES, SECRET, SECRET_KEY, VERIFIER, inhabitants
from interop.processes import PROGRAM, TESTS, listener
from support.transports import Pairs

PATIENCE = 60
LONGEST = 20
"""Seconds that one answer may take."""
LOST = 0
"""The status of a request whose answer never came."""
_BASIC = "Basic " + base64.b64encode(f"web:{SECRET}".encode()).decode()
_HEADERS = {"content-type": "application/x-www-form-urlencoded", "authorization": _BASIC}


def settle(url: str, issuer: str) -> None:
    """Migrate the database at *url*, let everybody move in, and make the signing keys."""
    migrate(url)
    storage = SqlStorage.from_url(url)
    storage.commit(inhabitants(datetime.now(timezone.utc)))
    run(Authority(Settings(issuer=issuer, secret_key=SECRET_KEY, scopes=SCOPES, **ARGON2), storage).start())
    storage.close()


def codes(url: str, issuer: str, many: int, name: str = "code") -> list[str]:
    """Store *many* codes for the client `web`, as the authorization endpoint would, and return them."""
    now = datetime.now(timezone.utc)
    later = now + timedelta(days=1)
    made = [f"{name}-{at:06}".ljust(43, "x") for at in range(many)]
    records = [_code(text, issuer, now, later) for text in made]
    storage = SqlStorage.from_url(url)
    for start in range(0, many, 500):
        storage.commit([Put(record) for record in records[start : start + 500]])
    storage.close()
    return made


def _code(text: str, issuer: str, now: datetime, later: datetime) -> AuthorizationCode:
    grant = Grant(
        grant_id=f"g-{text}",
        client_id="web",
        subject="u-alice",
        grant_type="authorization_code",
        scope=frozenset({"read", "offline_access"}),
        audience=(issuer,),
        created_at=now,
        expires_at=later,
        keep_until=later + timedelta(days=30),
    )
    return AuthorizationCode(
        key=digest("authorization_code", text),
        grant=grant,
        redirect_uri=CALLBACK,
        nonce=None,
        code_challenge=CHALLENGE,
        code_challenge_method="S256",
        expires_at=later,
        keep_until=later + timedelta(days=30),
    )


@frozen
class Reply:
    """What came back: a status (`LOST` for nothing) and the JSON of the answer."""

    status: int
    body: Mapping[str, object] = field(factory=dict)


class Client:
    """One connection to one port, opened again when it breaks; counts every status it has seen."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
        self.seen: Counter[int] = Counter()

    def close(self) -> None:
        self._connection.close()

    def post(self, form: Mapping[str, str]) -> Reply:
        """POST to the token endpoint, once."""
        try:
            self._connection.request("POST", "/token", urlencode(form), _HEADERS)
            answer = self._connection.getresponse()
            reply = Reply(answer.status, json.loads(answer.read()))
        except (OSError, http.client.HTTPException):
            self._connection.close()
            reply = Reply(LOST)
        self.seen[reply.status] += 1
        return reply

    def until_answered(self, form: Mapping[str, str]) -> Reply:
        """POST again and again until the answer is neither lost nor 503."""
        pause, end = threading.Event(), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            reply = self.post(form)
            if reply.status not in (LOST, 503):
                return reply
            pause.wait(0.1)  # the server is being started in another process
        raise RuntimeError(f"nobody answers: {self.seen}")


class HttpTransport:
    """A way for a browser to the server at *port*: a connection for each request."""

    name = "http"

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        """Return the answer. Raises `OSError` or `http.client.HTTPException` where none comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LONGEST)
        try:
            connection.request(method, target, body or None, dict(headers))
            answer = connection.getresponse()
            fields = tuple((name.lower(), value) for name, value in answer.getheaders())
            return HttpResponse(answer.status, fields, answer.read())
        finally:
            connection.close()


def redemption(code: str) -> dict[str, str]:
    """Return the form that redeems *code*."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }


def refreshing(token: object) -> dict[str, str]:
    """Return the form that uses a refresh token."""
    return {"grant_type": "refresh_token", "refresh_token": str(token)}


CREDENTIALS = {"grant_type": "client_credentials", "scope": "read"}


class Workers:
    """Server processes that share one listening socket, or have one each; any may be killed and started again."""

    def __init__(self, folder: Path, adapter: str, many: int, *, each: bool = False, **settings: object) -> None:
        self._sockets = [listener() for _ in range(many if each else 1)]
        self.ports = [int(sock.getsockname()[1]) for sock in self._sockets]
        self.issuer = f"http://127.0.0.1:{self.ports[0]}"
        self._adapter, self._settings, self._many = adapter, settings, many
        self._log = folder / "servers.log"
        self._url = ""
        self._redis: str | None = None
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, url: str, redis: str | None = None) -> None:
        """Start every process on the database at *url*, what is short-lived in *redis*; wait until each answers."""
        self._url, self._redis = url, redis
        self.processes = [self._spawn(at) for at in range(self._many)]
        for port in self.ports:
            client = Client(port)
            client.until_answered(CREDENTIALS)
            client.close()

    def _spawn(self, at: int) -> subprocess.Popen[bytes]:
        fd = self._sockets[at % len(self._sockets)].fileno()
        told = {"adapter": self._adapter, "database": self._url, "redis": self._redis, "issuer": self.issuer}
        paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(PROGRAM), json.dumps({**told, "settings": self._settings, "fd": fd})],
                pass_fds=[fd],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self, at: int) -> None:
        """Kill a process in the middle of whatever it does, and start another in its place."""
        self.processes[at].send_signal(signal.SIGKILL)
        self.processes[at].wait(PATIENCE)
        self.processes[at] = self._spawn(at)

    @property
    def alive(self) -> bool:
        return all(process.poll() is None for process in self.processes)

    def log(self) -> str:
        """Return what the processes complained about."""
        return self._log.read_text() if self._log.exists() else ""

    def stop(self) -> None:
        """End every process."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)
        for sock in self._sockets:
            sock.close()


@contextmanager
def workers(folder: Path, adapter: str, many: int, *, each: bool = False, **settings: object) -> Iterator[Workers]:
    """Yield *many* processes, not started yet: the database must know their issuer first."""
    made = Workers(folder, adapter, many, each=each, **settings)
    try:
        yield made
    finally:
        made.stop()
