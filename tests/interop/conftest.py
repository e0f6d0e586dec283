"""Real servers on loopback for clients nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop.processes import Served, database, serving

KINDS = {
    "starlette": ("starlette", {}),
    "flask": ("flask", {"access_token_algorithm": "EdDSA", "jwt_algorithm": "EdDSA"}),
    "starlette-es256": ("starlette", {"access_token_algorithm": "RS256", "jwt_algorithm": "ES256"}),
}
"""Adapter and settings of each server: between them, both kinds of token are signed with all three algorithms."""


@pytest.fixture(scope="session", params=KINDS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on a free port; it must have had nothing to complain of."""
    adapter, settings = KINDS[request.param]
    with serving(adapter, database(tmp_path_factory.mktemp("interop")), **settings) as (server,):
        yield server
        complaints = server.log.read_text()

    assert complaints == ""


@pytest.fixture
def issuer(served: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address; clients that insist on TLS are told that loopback is meant."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    return served.url
