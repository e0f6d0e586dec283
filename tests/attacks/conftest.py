"""Every attack is tried through three doors: the core itself, the ASGI and the WSGI application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from authority_core import HttpResponse
from support.browser import FORM, Browser
from support.relying_party import RelyingParty
from support.server import Server, make_server
from support.transports import TRANSPORTS, Pairs, name_of


@dataclass
class World:
    """A server behind one of the doors, with what attackers and victims need."""

    door: Any
    server: Server

    def __post_init__(self) -> None:
        self.transport = self.door(self.server.authority)

    def party(self, client_id: str = "web") -> RelyingParty:
        return RelyingParty(self.server, client_id, self.transport)

    def browser(self) -> Browser:
        return self.server.browser(self.transport)

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        return self.transport.send(method, target, headers, body)

    def post(self, path: str, body: bytes, headers: Pairs = ()) -> HttpResponse:
        return self.send("POST", path, (("content-type", FORM), *headers), body)

    def other(self, **changes: object) -> World:
        """The same door before a server with other settings."""
        return World(self.door, make_server(**changes))  # type: ignore[arg-type]  # settings


@pytest.fixture(params=TRANSPORTS, ids=name_of)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param, make_server())


@pytest.fixture(params=TRANSPORTS, ids=name_of)
def door(request: pytest.FixtureRequest) -> Callable[..., World]:
    """Makes worlds with settings of the test's own."""
    return lambda **changes: World(request.param, make_server(**changes))
