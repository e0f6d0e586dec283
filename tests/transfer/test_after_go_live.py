"""The old system's file comes again after people have signed in here: nobody gets an old hash or an old password back.

A copy that is kept up to date by export and import hears of every new password all the same.
"""

from __future__ import annotations

import pytest

from authority_core.kernel.sync import run
from authority_core.kernel.values import Secret
from support.server import PASSWORD, Server
from transfer.lines import USER, empty_server, exported, file_of, imported
from transfer.test_foreign_hashes import django_pbkdf2

OLD, LATER = "2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z"
NEW = "Another-Horse-Staple-9"
DATED = {"password_changed_at": OLD}
TIMES = [{}, {"password_changed_at": None}, DATED, {**DATED, "updated_at": OLD}]
"""What another system's line says of when the password was chosen."""


def line(password: str = PASSWORD, **more: object) -> dict[str, object]:
    """Return a line of another system."""
    return {**USER, "password_hash": django_pbkdf2(password), **more}


def moved_in(**more: object) -> Server:
    """Return a server into which Carol was moved."""
    server = empty_server()
    imported(server, file_of(line(**more)))
    return server


def outcomes(server: Server, data: bytes) -> list[str]:
    """Import *data* in every way, updating last, and return what became of its last line."""
    ways = ({"dry_run": True}, {}, {"dry_run": True, "update": True}, {"update": True})
    return [imported(server, data, **way)[-1].outcome for way in ways]


@pytest.mark.parametrize("times", TIMES)
def test_a_hash_that_a_sign_in_made_better_stays(times):
    """The line is no other than before, and with updating, too, the session goes on."""
    server = moved_in(**times)
    browser = server.browser()
    assert browser.sign_in("carol").status == 303
    before = server.storage.user("7")

    assert before.password_hash.startswith("$argon2id$")
    known = {**times, "last_login_at": before.last_login_at.isoformat()}
    assert set(outcomes(server, file_of(line(**known)))) == {"unchanged"}
    assert server.storage.user("7") == before
    assert browser.get("/profile").status == 200


@pytest.mark.parametrize("times", [*TIMES, {"password_must_change": True}])
def test_a_password_that_was_chosen_here_stays(times):
    """The old one is not let in again, whatever the old system's hash is, and no new one is asked for again."""
    server = moved_in(**times)
    run(server.authority.users.set_password("7", Secret(NEW)))
    again = {"updated_at": server.clock.now.isoformat()} if "updated_at" in times else {}

    for password in (PASSWORD, "An-Older-Horse-Staple-8"):
        assert set(outcomes(server, file_of(line(password, **{**times, **again})))) == {"unchanged"}
    assert server.browser().sign_in("carol").status == 401
    assert server.browser().sign_in("carol", NEW).status == 303


def test_a_password_that_was_taken_away_there_stays_here():
    """Somebody has chosen one here since."""
    server = moved_in()
    run(server.authority.users.set_password("7", Secret(NEW)))

    assert set(outcomes(server, file_of({**USER, "password_hash": None}))) == {"unchanged"}
    assert server.browser().sign_in("carol", NEW).status == 303


def test_only_members_of_the_line_are_said_to_differ():
    """What else is written, as the time of the change, is nothing that anybody can correct in the file."""
    server = moved_in()
    (report,) = imported(server, file_of({**USER, "active": False}))

    assert report.faults == ("It exists and differs in active.",)


@pytest.mark.parametrize("before", TIMES)
def test_a_password_that_was_changed_there_later_is_taken(before):
    """Until everybody has moved, the old system may go on, and a line that says when the password is new counts."""
    server = moved_in(**before)
    server.browser().sign_in("carol")
    data = file_of(line(NEW, password_changed_at=LATER))

    assert outcomes(server, data) == ["conflict", "conflict", "updated", "updated"]
    assert server.browser().sign_in("carol", NEW).status == 303
    assert server.browser().sign_in("carol").status == 401


def test_before_anybody_signs_in_another_hash_is_taken_as_any_member():
    """Nothing of this server's would be lost."""
    server = moved_in()

    assert outcomes(server, file_of(line(NEW))) == ["conflict", "conflict", "updated", "updated"]
    assert server.browser().sign_in("carol", NEW).status == 303


def test_a_copy_hears_of_every_password_that_was_set_at_the_source():
    """Export, import, export, import with updating: also after sign-ins on both sides, and then nothing differs."""
    source = moved_in()
    copy = empty_server()
    imported(copy, exported(source.storage))
    copy.browser().sign_in("carol")
    for password in (NEW, "A-Third-Horse-Staple-7"):
        for server in (source, copy):
            server.clock.wind(hours=1)
        run(source.authority.users.set_password("7", Secret(password)))
        source.browser().sign_in("carol", password)
        data = exported(source.storage)

        assert imported(copy, data, update=True)[-1].outcome == "updated"
        assert exported(copy.storage) == data
        assert copy.browser().sign_in("carol", password).status == 303
