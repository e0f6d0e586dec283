"""Signing in where the password must be changed, for the tests of that step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authority_core import HttpResponse
from authority_core.kernel.sync import run

from .browser import action_of
from .server import Server, make_server

if TYPE_CHECKING:
    from .browser import Browser

NEW = "Another-Horse-22"
OVER = b"Please sign in again."


def server_where_alice_must_change() -> Server:
    """Return a server where Alice's password must be changed."""
    server = make_server()
    server.change_user("u1", password_must_change=True)
    return server


def asked(browser: Browser, page: HttpResponse | None = None, **more: str) -> HttpResponse:
    """Sign in with the right password and go where that leads."""
    return browser.follow(browser.sign_in("alice", page=page, **more))


def is_over(response: HttpResponse) -> None:
    """The sign-in form, which says why the person is there again."""
    assert response.status == 400
    assert OVER in response.body
    assert action_of(response).endswith("/signin")


def knows(server: Server, password: str) -> bool:
    """Tell whether *password* is Alice's."""
    user = server.storage.user("u1")
    return run(server.authority.passwords.verify(password, user.password_hash if user else None))
