"""The new password that is chosen at sign-in: what will not do, and what judging it costs."""

from __future__ import annotations

import pytest

from support.checks import Unchanged
from support.password_change import NEW, asked, server_where_alice_must_change
from support.server import PASSWORD


@pytest.fixture
def server():
    """Alice's password must be changed."""
    return server_where_alice_must_change()


@pytest.mark.parametrize(
    ("chosen", "again", "said"),
    [
        ("", "", "Use at least 12 characters."),
        ("Short-1", "Short-1", "Use at least 12 characters."),
        ("A1" + "a" * 127, None, "Use at most 128 characters."),
        ("another-horse-22", None, "Add an upper-case letter."),
        ("ANOTHER-HORSE-22", None, "Add a lower-case letter."),
        ("Another-Horse-xx", None, "Add a digit."),
        ("Password1234", None, "This password is too common."),
        ("Horse-of-Alice-22", None, "The password must not contain your name or address."),
        (NEW, NEW + "x", "The two passwords differ."),
        (NEW, "", "The two passwords differ."),
        (PASSWORD, None, "Choose a password that differs from your present one."),
    ],
)
def test_what_will_not_do_is_said_and_may_be_tried_again(server, chosen, again, said):
    """400 with the reason; nothing changes, nobody is signed in, and the next choice counts."""
    browser = server.browser()
    page = asked(browser)
    with Unchanged(server):
        refused = browser.choose(page, chosen, again)

    assert refused.status == 400
    assert f"<p>{said}</p>" in refused.body.decode()
    assert not chosen or chosen.encode() not in refused.body
    assert "session_id" not in browser.cookies
    assert browser.choose(refused, NEW).status == 303


def test_all_faults_are_said_at_once(server):
    """Nobody corrects one only to learn of the next."""
    browser = server.browser()
    refused = browser.choose(asked(browser), "short", "other").body

    for said in (b"at least 12", b"upper-case", b"digit", b"passwords differ"):
        assert said in refused.split(b'id="form-error"')[1].split(b"<form")[0]


def test_an_administrators_password_is_longer(server):
    """16 characters for a role that can do more; the page says so before, and holds to it after."""
    server.change_user("u1", role="admin")
    browser = server.browser()
    page = asked(browser)

    assert b"Use at least 16 characters." in page.body
    assert browser.choose(page, NEW[:15]).status == 400
    assert browser.choose(page, NEW).status == 303


def test_an_old_hash_is_not_renewed_for_nothing(server, monkeypatch):
    """One password is verified and none is hashed before the page; one of each after it."""
    passwords = type(server.authority.passwords)
    done: list[str] = []
    for name in ("hash", "verify"):
        real = getattr(passwords, name)

        async def counted(self, *arguments, name=name, real=real):
            done.append(name)
            return await real(self, *arguments)

        monkeypatch.setattr(passwords, name, counted)
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    server.change_user("u1", password_hash=old)
    browser = server.browser()
    page = asked(browser)

    assert done == ["verify"]
    browser.choose(page, "short")
    assert done == ["verify"]
    assert browser.choose(page, NEW).status == 303
    assert done == ["verify", "verify", "hash"]
    assert "t=1" in server.storage.user("u1").password_hash
