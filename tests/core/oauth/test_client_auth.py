"""Client authentication: exactly one method, the registered one, strictly decoded, one answer to every failure."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from authority_core.kernel.changes import Replace
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import ClientSecret
from authority_core.testing.moments import START
from support.browser import FORM
from support.checks import Unchanged, is_refusal
from support.relying_party import RelyingParty, basic
from support.server import make_client, make_server, secret_of


@pytest.fixture
def server():
    return make_server()


def ask(server, form: dict[str, str] | str, authorization: str | None = None):
    from urllib.parse import urlencode

    from support.transports import CoreTransport

    body = form if isinstance(form, str) else urlencode({"grant_type": "client_credentials", "scope": "read", **form})
    headers = [("content-type", FORM)] + ([("authorization", authorization)] if authorization is not None else [])
    return CoreTransport(server.authority).send("POST", "/token", headers, body.encode())


def encoded(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_every_method_has_its_success(server):
    """Basic, post, and none for a public client (refused only because this grant is not for it)."""
    assert ask(server, {}, basic("web")["authorization"]).status == 200
    assert ask(server, {"client_id": "web"}, basic("web")["authorization"]).status == 200
    assert ask(server, {"client_id": "poster", "client_secret": secret_of("poster")}).status == 200
    is_refusal(ask(server, {"client_id": "spa"}), 400, "unauthorized_client")


@pytest.mark.parametrize(
    ("form", "authorization"),
    [
        ({}, None),
        ({"client_id": "web"}, None),
        ({"client_id": "nobody"}, None),
        ({"client_id": "web", "client_secret": secret_of("web")}, None),  # registered for Basic
        ({"client_id": "poster", "client_secret": "wrong"}, None),
        ({"client_id": "poster", "client_secret": secret_of("web")}, None),
        ({"client_id": "spa", "client_secret": "x"}, None),
        ({"client_id": "poster", "client_secret": "x" * 1025}, None),
        ({"client_id": "x" * 1025}, None),
        ({"client_id": "web", "client_assertion": "x", "client_assertion_type": "y"}, None),
    ],
)
def test_failures_in_the_body(server, form, authorization):
    """401 without a challenge, the same text for every reason."""
    response = ask(server, form, authorization)

    is_refusal(response, 401, "invalid_client")
    assert b"Client authentication failed." in response.body
    assert response.header("www-authenticate") is None
    assert [event.name for event in server.events] == ["client.auth_failed"]


@pytest.mark.parametrize(
    "authorization",
    [
        encoded("web:wrong"),
        encoded("nobody:x"),
        encoded(f"poster:{secret_of('poster')}"),
        encoded("spa:x"),
        encoded("web"),
        encoded("web:"),
        encoded(":x"),
        encoded(""),
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic d2Vi\n",
        "Basic  " + "d2ViOng=",
        "Basic d2ViOng",
        "Bearer x",
        "Digest x",
        "",
        encoded(b"web:\xff"),
        encoded("web:%zz"),
        encoded("web:%00"),
        encoded("web:%ff"),
        encoded("x" * 2000 + ":x"),
        encoded("web:" + "x" * 2000),
        "Basic " + "A" * 10_000,
        "Basic é",
        encoded(f"web:{secret_of('web')}") + ", " + encoded("web:x"),
    ],
)
def test_failures_in_the_header(server, authorization):
    """401 with the challenge, never a 500 (RFC 6749 §5.2)."""
    response = ask(server, {}, authorization)

    is_refusal(response, 401, "invalid_client")
    assert (response.header("www-authenticate") or "").startswith("Basic realm=")


@pytest.mark.parametrize(
    "form",
    [
        {"client_secret": secret_of("web")},
        {"client_id": "web", "client_secret": "x"},
        {"client_secret": ""},
        {"client_id": "other"},
    ],
)
def test_two_methods_or_two_clients(server, form):
    """More than one is refused, whichever of them is right (RFC 6749 §2.3)."""
    with Unchanged(server):
        is_refusal(ask(server, form, basic("web")["authorization"]), 400, "invalid_request")


def test_both_parts_are_form_encoded(server):
    """RFC 6749 §2.3.1: a blank travels as a plus, a colon as an escape."""
    secret = ClientSecret(secret_id="1", digest=digest("client_secret", "s: %ü"), hint="", created_at=START)
    server.write(Replace(make_client("odd: id", secrets=(secret,))))

    assert ask(server, {}, basic("odd: id", "s: %ü")["authorization"]).status == 200
    assert ask(server, {}, encoded("odd%3A+id:s%3A+%25%C3%BC")).status == 200


def test_two_secrets_live_at_once_until_the_old_one_ends(server):
    """Rotation: both are good during the overlap, then only the new one."""
    now = server.clock.now
    old, new = (
        ClientSecret(secret_id=name, digest=digest("client_secret", name), hint="", created_at=now, expires_at=end)
        for name, end in (("old", now + timedelta(hours=1)), ("new", None))
    )
    server.change_client("web", secrets=(old, new))

    for seconds, status in ((0, 200), (3599, 200), (3600, 401)):
        server.clock.now = now + timedelta(seconds=seconds)
        assert ask(server, {}, basic("web", "old")["authorization"]).status == status
        assert ask(server, {}, basic("web", "new")["authorization"]).status == 200


def test_no_secret_means_no_success(server):
    """A confidential client without a live secret cannot authenticate, whatever is sent."""
    empty = ClientSecret(secret_id="1", digest=digest("client_secret", ""), hint="", created_at=START)
    for secrets in ((), (empty,)):
        server.change_client("web", secrets=secrets)
        server.change_client("poster", secrets=secrets)
        for text in ("", "null", "None", "undefined", " ", secret_of("web")):
            assert ask(server, {}, basic("web", text)["authorization"]).status == 401
            assert ask(server, {"client_id": "poster", "client_secret": text}).status == 401


def test_an_inactive_client_is_no_client(server):
    """With the right secret, everywhere clients authenticate."""
    assert RelyingParty(server).credentials(scope="read").status == 200
    server.change_client("web", active=False)

    for path in ("/token", "/token/introspect", "/token/revoke"):
        is_refusal(RelyingParty(server).post(path, {"grant_type": "x", "token": "x"}), 401, "invalid_client")


def test_comparisons_are_constant_time(server, monkeypatch):
    """For a known and an unknown client alike one comparison of digests happens."""
    from authority_core.oauth.client_auth import authenticate

    compared = []
    real = authenticate.equal

    def equal(left, right):
        compared.append((len(left), len(right)))
        return real(left, right)

    monkeypatch.setattr(authenticate, "equal", equal)
    ask(server, {}, basic("web", "wrong")["authorization"])
    ask(server, {}, basic("nobody", "wrong")["authorization"])

    assert compared == [(32, 32), (32, 32)]
