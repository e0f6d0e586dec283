"""Accounts are created under one policy; deactivation and new passwords end what was open."""

from __future__ import annotations

import pytest

from authority_core.admin.refusals import Invalid, Unknown
from authority_core.admin.texts import name_fault
from authority_core.admin.users import NewUser
from authority_core.kernel.changes import Put, Replace
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import Grant, Session
from authority_core.kernel.sync import run
from authority_core.kernel.values import Secret

GOOD = Secret("Correct-Horse-1")
LONGER = Secret("Correct-Horse-Battery-1")


def user(desk, **more):
    return run(desk.users.create(NewUser(username="Robin", email="Robin@Example.com", password=GOOD, **more)))


def opened(desk, owner):
    """Store a grant and a session of *owner*."""
    from datetime import timedelta

    now = desk.clock.now
    later = now + timedelta(days=1)
    grant = Grant(
        grant_id="g", client_id="c", subject=owner.user_id, grant_type="authorization_code", scope=frozenset(),
        audience=(), created_at=now, expires_at=later, keep_until=later,
    )  # fmt: skip
    session = Session(
        session_id="s", key=digest("session", "x"), user_id=owner.user_id, auth_time=now, acr="", amr=(),
        created_at=now, last_activity=now, expires_at=later, keep_until=later,
    )  # fmt: skip
    desk.storage.commit([Put(grant), Replace(session)])
    return lambda: (desk.storage.grant("g").revoked_at, desk.storage.session(session.key).revoked_at)


def test_an_account_keeps_its_names_in_canonical_form(desk):
    """Whoever types them differently finds the same account; the password is kept as a hash."""
    made = user(desk)

    assert (made.username, made.email) == ("robin", "robin@example.com")
    assert run(desk.users.find(" ROBIN ")).user_id == made.user_id
    assert run(desk.authority.passwords.verify(GOOD.reveal(), made.password_hash))
    assert [line.event for line in desk.storage.audit()] == ["user.created"]


@pytest.mark.parametrize("taken", [{"username": "ROBIN"}, {"email": "robin@example.com"}])
def test_a_taken_name_is_refused(desk, taken):
    """One owner for each name, however it is typed."""
    user(desk)

    with pytest.raises(Invalid, match="taken"):
        run(desk.users.create(NewUser(password=GOOD, **taken)))


@pytest.mark.parametrize(
    ("new", "count"),
    [
        (NewUser(), 1),
        (NewUser(username="a b", email="nobody", password=Secret("x")), 5),
        (NewUser(username="robin", role="root"), 1),
        (NewUser(username="robin", role="admin"), 1),
        (NewUser(username="robin", role="admin", password=GOOD), 1),
        (NewUser(username="robin", password=Secret("Robin-Is-Great-1")), 1),
        (NewUser(email="ro\u200bbin@example.com"), 1),
        (NewUser(username="robin", claims={"sub": "root", "email": "a@b.c"}), 2),
        (NewUser(username="robin", claims={"name": "Ro\u202ebin"}), 1),
    ],
)
def test_every_fault_of_an_account_is_told_at_once(desk, new, count):
    """And nothing is stored."""
    with pytest.raises(Invalid) as refused:
        run(desk.users.create(new))

    assert len(refused.value.faults) == count
    assert desk.storage.audit() == []


def test_an_administrator_needs_sixteen_characters(desk):
    """The control of the rule above: a longer password will do."""
    made = run(desk.users.create(NewUser(username="boss", role="super_admin", password=LONGER)))

    assert made.role == "super_admin"


def test_deactivation_ends_every_session_and_grant(desk):
    """Whoever is inside is out, and what is activated again does not come back to life."""
    made = user(desk)
    ends = opened(desk, made)

    assert ends() == (None, None)
    gone = run(desk.users.deactivate(made.user_id))
    assert not gone.active
    assert None not in ends()
    desk.clock.wind(seconds=1)
    assert run(desk.users.activate(made.user_id)).active
    assert None not in ends()


def test_deactivating_twice_changes_nothing_but_cuts_again(desk):
    """Idempotent, and safe against what was opened in between."""
    made = user(desk)
    first = run(desk.users.deactivate(made.user_id))
    second = run(desk.users.deactivate(made.user_id))

    assert first.updated_at == second.updated_at
    assert [line.event for line in desk.storage.audit()].count("user.updated") == 1


def test_activating_an_active_account_writes_nothing(desk):
    """Saying the same again is not an event."""
    made = user(desk)

    assert run(desk.users.activate(made.user_id)).version == desk.storage.user(made.user_id).version
    assert [line.event for line in desk.storage.audit()] == ["user.created"]


def test_a_new_password_ends_what_the_old_one_opened(desk):
    """Whoever knew the old password may hold a session."""
    made = user(desk)
    ends = opened(desk, made)
    changed = run(desk.users.set_password(made.user_id, Secret("Another-Horse-2"), must_change=True))

    assert changed.password_must_change
    assert None not in ends()
    assert run(desk.authority.passwords.verify("Another-Horse-2", changed.password_hash))


def test_a_weak_new_password_is_refused_and_nothing_ends(desk):
    """A refusal changes nothing."""
    made = user(desk)
    ends = opened(desk, made)

    with pytest.raises(Invalid):
        run(desk.users.set_password(made.user_id, Secret("short")))

    assert ends() == (None, None)


@pytest.mark.parametrize("operation", ["user", "deactivate", "activate"])
def test_an_unknown_account_is_named(desk, operation):
    """The administrator learns which one is missing."""
    with pytest.raises(Unknown, match="nobody"):
        run(getattr(desk.users, operation)("nobody"))


@pytest.mark.parametrize(
    "name", ["\u202eevil", "a\u200bb", "a\x00b", "a\u2066b", "\ufeffa", "a\u00adb", "a\u2028b", "\ud800"]
)
def test_hidden_characters_do_not_get_into_names(name):
    """Control, bidirectional and zero-width characters, separators, halves of pairs."""
    assert name_fault(name) is not None


@pytest.mark.parametrize("name", ["Robin", "O'Brien & Søn", "株式会社", "عربي", "😀 Shop"])
def test_ordinary_names_are_accepted(name):
    """The control: people's scripts are welcome."""
    assert name_fault(name) is None
