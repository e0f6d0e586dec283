"""What happens to an account while its owner chooses a new password."""

from __future__ import annotations

import pytest

from authority_core.kernel.changes import CutOff, Remove
from authority_core.kernel.sync import run
from authority_core.kernel.values import Secret
from support.checks import Unchanged
from support.password_change import NEW, asked, is_over, knows, server_where_alice_must_change
from support.server import PASSWORD


@pytest.fixture
def server():
    """Alice's password must be changed."""
    return server_where_alice_must_change()


@pytest.mark.parametrize("how", ["inactive", "locked", "gone", "another password", "no password", "changed elsewhere"])
def test_what_happened_meanwhile_counts(server, how):
    """Deactivated, locked, deleted, a password set by somebody else: the page is over, and nothing is set."""
    browser = server.browser()
    page = asked(browser)
    match how:
        case "inactive":
            server.change_user("u1", active=False)
        case "locked":
            server.change_user("u1", locked_at=server.clock.now)
        case "gone":
            server.write(Remove(server.storage.user("u1")))
        case "another password":
            run(server.authority.users.set_password("u1", Secret("Third-Horse-333"), must_change=True))
        case "no password":
            server.change_user("u1", password_hash=None)
        case _:
            other = server.browser()
            assert other.choose(asked(other), "Third-Horse-333").status == 303
    elsewhere = server.storage.sessions("u1")

    with Unchanged(server):
        is_over(browser.choose(page, NEW))
    assert "session_id" not in browser.cookies
    assert server.storage.sessions("u1") == elsewhere
    assert len(elsewhere) == (how == "changed elsewhere")
    assert [(event.subject, event.session_id) for event in server.told("password.changed")] == [
        ("u1", session.session_id) for session in elsewhere
    ]


def test_what_changed_about_the_person_otherwise_does_not_matter(server):
    """The control: a new name while the page is open, and the password is set on the record as it is now."""
    browser = server.browser()
    page = asked(browser)
    server.change_user("u1", claims={"name": "Alicia"})

    assert browser.choose(page, NEW).status == 303
    assert server.storage.user("u1").claims == {"name": "Alicia"}


def test_a_change_at_the_very_commit_is_seen(server):
    """Deactivated between the decision and the commit: the version differs, it is looked at again and refused."""
    browser = server.browser()
    page = asked(browser)
    shell = server.authority.shell
    real = shell.storage.commit
    waiting = [lambda: server.change_user("u1", active=False)]

    async def commit(changes):
        if any(isinstance(change, CutOff) for change in changes) and waiting:
            waiting.pop()()
        await real(changes)

    shell.storage.commit = commit  # type: ignore[method-assign]  # the race

    is_over(browser.choose(page, NEW))
    assert waiting == []
    assert knows(server, PASSWORD)
    assert server.storage.sessions("u1") == []
