"""Passwords: the policy, and hashes that tell nobody whether somebody exists."""

from __future__ import annotations

import pytest
from attrs import evolve

from authority_core.kernel.identity import canonical, email_fault, person, username_fault
from authority_core.kernel.passwords import Passwords, policy_faults
from authority_core.kernel.sync import run
from support.server import make_settings, make_user

GOOD = "Correct-Horse-1"


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("Short-1", "at least 12"), ("A1" + "a" * 127, "at most 128"), ("correct-horse-1", "upper-case"),
        ("CORRECT-HORSE-1", "lower-case"), ("Correct-Horse-x", "digit"), ("Password1234", "too common"),
        ("Alice-is-here-1", "your name"), ("My-Alice-Word-1", "your name"),
    ],
)  # fmt: skip
def test_the_policy_says_why(password, words):
    """One sentence for each rule that is broken."""
    assert any(words in fault for fault in policy_faults(password, make_settings(), "alice", "alice@example.com", None))


def test_a_good_password_has_no_fault():
    """And the rules can be lowered by settings."""
    assert policy_faults(GOOD, make_settings(), "alice", None) == []
    relaxed = make_settings(require_uppercase=False, require_lowercase=False, require_numbers=False)
    assert policy_faults("correcthorsebattery", relaxed, "bob") == []
    assert len(policy_faults("", make_settings())) == 4


class Counting:
    """An `Offload` that counts."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, work):
        self.calls += 1
        return work()


def test_hashes_verify_and_age():
    """The same text in any normal form; a hash made with other parameters is outdated."""
    offload = Counting()
    passwords = Passwords(make_settings(), offload)
    known = run(passwords.hash("pässword"))

    assert run(passwords.verify("pa\u0308ssword", known))
    assert not run(passwords.verify("password", known))
    assert not passwords.outdated(known)
    assert Passwords(make_settings(argon2_time=2), offload).outdated(known)
    assert passwords.outdated("nonsense")
    assert not run(passwords.verify("password", "nonsense"))


def test_nobody_costs_as_much_as_somebody():
    """For an unknown account the same work is done, once, and fails; so it is for a text too long to be a password."""
    offload = Counting()
    passwords = Passwords(make_settings(), offload)

    assert not run(passwords.verify("x", None))
    assert not run(passwords.verify("nobody's password", None))
    assert offload.calls == 2
    assert not run(passwords.verify("x" * 5000, run(passwords.hash("x" * 5000))))


@pytest.mark.parametrize(
    ("typed", "form"), [(" Alice ", "alice"), ("ALICE@Example.COM", "alice@example.com"), ("É", "é")]
)
def test_identifiers_have_one_form(typed, form):
    """Trimmed, composed, lower case."""
    assert canonical(typed) == form


def test_names_and_addresses():
    """What an account may be called, and how pages call it."""
    assert username_fault("alice_1-x") is None
    assert username_fault("a b")
    assert username_fault("")
    assert username_fault("a\n")
    assert username_fault("x" * 65)
    assert email_fault("a@b") is None
    assert email_fault("a")
    assert email_fault("a b@c")
    assert email_fault("@b")
    assert email_fault("a@b\n")
    assert person(make_user("u", "alice")).display_name == "Alice"
    assert person(make_user("u", "alice", claims={"name": ""})).display_name == "alice"
    assert person(evolve(make_user("u", "x"), username=None, claims={"name": 1})).display_name == "x@example.com"
    assert person(evolve(make_user("u", "x"), username=None, email=None, claims={})).display_name == "u"
