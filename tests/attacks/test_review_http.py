"""Attacks below the protocol: lengths that are no numbers, paths beside the mount, half requests, long names."""

from __future__ import annotations

import io
from typing import Any

import pytest

from authority_core.kernel.shell import origin_of
from authority_starlette import asgi_app
from support.browser import FORM
from support.relying_party import RelyingParty, basic
from support.server import make_server
from support.transports import AsgiTransport, CoreTransport, WsgiTransport, in_loop

GRANT = b"grant_type=client_credentials"
ASKED = (("content-type", FORM), *basic("web").items())


@pytest.mark.parametrize("length", ["²", "٣", "9" * 5000, "-1", "+29", "0x1d", "29, 29", " 29", "1_0", ""])
def test_a_length_that_is_none_is_an_empty_body_under_wsgi(length: str) -> None:
    """`Content-Length` that is no number of this world is refused as a request without a body, never with 500."""
    server = make_server()
    transport = WsgiTransport(server.authority)

    answer = transport.send("POST", "/token", (*ASKED, ("content-length", length)), GRANT)
    honest = transport.send("POST", "/token", ASKED, GRANT)

    assert (answer.status, honest.status) in ((400, 200), (200, 200))


def test_a_huge_length_is_read_no_further_than_the_limit_under_wsgi() -> None:
    """What the header promises is not what is read: one byte beyond the limit at most."""
    asked: list[int] = []

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.append(size or 0)
            return b"a" * min(size or 0, 1000)

    server = make_server(max_request_bytes=2000)
    from authority_flask import wsgi_app

    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/token", "CONTENT_TYPE": FORM, "wsgi.input": Endless(),
        "CONTENT_LENGTH": "9" * 15,
    }  # fmt: skip
    statuses: list[str] = []
    wsgi_app(server.authority)(environ, lambda status, headers, error=None: statuses.append(status))  # type: ignore[arg-type,return-value]

    assert statuses[0].startswith("413")
    assert max(asked) <= 2001


@pytest.mark.parametrize(("path", "status"), [("/auth/health", 200), ("/authhealth", 404), ("/authx/health", 404)])
def test_only_what_is_below_the_mount_is_ours(path: str, status: int) -> None:
    """A root path ends at a slash: a neighbour whose name begins like it is not us."""
    server = make_server(issuer="http://localhost:4000/auth")
    app = asgi_app(server.authority)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "root_path": "/auth", "query_string": b"", "headers": [],
        "client": None,
    }  # fmt: skip
    in_loop(app(scope, receive, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == status


def test_a_request_that_breaks_off_is_not_acted_upon() -> None:
    """Half a form is no form: when the client is gone before the end, nothing is decided and nothing is answered."""
    server = make_server()
    app = asgi_app(server.authority)
    sent: list[dict[str, Any]] = []
    parts = [{"type": "http.request", "body": GRANT, "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in ASKED]
    scope = {"type": "http", "method": "POST", "path": "/token", "query_string": b"", "headers": headers}
    in_loop(app(scope, receive, send))  # type: ignore[arg-type]

    assert sent == []
    assert server.told("token.issued") == []
    assert AsgiTransport(server.authority).send("POST", "/token", ASKED, GRANT).status == 200


def test_the_audit_trail_takes_no_name_longer_than_a_client_has() -> None:
    """Who fails to authenticate cannot fill the trail with a name of 60 kB; an honest name is kept."""
    server = make_server()
    client = RelyingParty(server, "spa")

    for name in ("x" * 60_000, "nobody"):
        client.post("/token", {"grant_type": "authorization_code", "code": "c", "client_id": name})

    named = [record.client_id for record in server.audited() if record.event == "client.auth_failed"]
    assert sorted(named, key=str) == [None, "nobody"]


def test_what_a_database_cannot_hold_is_left_out_of_the_trail() -> None:
    """A `User-Agent` with NUL, which PostgreSQL refuses, fails no request."""
    server = make_server()
    asked = server.authority.receive("GET", "/", b"", {"user-agent": "a\x00b" + "c" * 600}, b"", None)

    agent = origin_of(asked).user_agent or ""

    assert agent.startswith("ab")
    assert len(agent) <= 512


def test_an_unknown_path_is_answered_even_without_a_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API-only server without the pages extra refuses what it does not know; it raises nothing at its host."""
    server = make_server(parts={"pages": None})
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **wanted: ())
    transport = CoreTransport(server.authority)

    assert transport.send("GET", "/nothing").status >= 400
    assert transport.send("GET", "/static/app.js").status >= 400
    assert server.authority.serves("/static/app.js") is False
    assert transport.send("POST", "/token", ASKED, GRANT).status == 200
