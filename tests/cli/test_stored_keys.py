"""Signing keys in the database that do not open: every command says which, why, and what to do."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

OTHER = "another-secret-key-of-32-bytes-!!"
DAMAGE = {
    "a flipped byte": lambda *both: [sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:] for sealed in both],
    "two that were swapped": lambda one, other: (other, one),
    "nothing left": lambda one, other: (b"", b""),
}


def database(terminal):
    return closing(sqlite3.connect(terminal.environ["AUTHORITY_DATABASE_URL"].removeprefix("sqlite:///")))


def damage(terminal, change):
    """Let *change* say what the private halves of both keys become."""
    with database(terminal) as connection:
        rows = connection.execute("SELECT kid, private_jwk FROM signing_keys ORDER BY created_at, kid").fetchall()
        for (kid, _), sealed in zip(rows, change(*(row[1] for row in rows)), strict=True):
            connection.execute("UPDATE signing_keys SET private_jwk = ? WHERE kid = ?", (sealed, kid))
        connection.commit()


def listed(terminal):
    """Return the signing keys, which are made where there are none."""
    return terminal.json("keys", "list")["keys"]


def contents(terminal):
    with database(terminal) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a_rotation_with_nothing_to_move_finds_what_is_damaged(terminal, change):
    """It names each record, sends for a backup and not for a secret, fails, and writes nothing; the control passes."""
    kids = [key["kid"] for key in listed(terminal)]
    control = terminal("secret", "rotate")
    damage(terminal, change)
    before = contents(terminal)
    done = terminal("secret", "rotate")

    assert (control.exit_code, done.exit_code) == (0, 1)
    for kid in kids:
        assert f"signing_keys.private_jwk:{kid} is " in done.stderr
    assert "2 are damaged or were moved from another record and were left: restore them from a backup" in done.stderr
    assert "open under no secret" not in done.stderr
    assert "take no secret out before" in done.stderr
    assert contents(terminal) == before


def test_a_rotation_tells_a_missing_secret_from_damage(terminal):
    """One record of each kind: both are counted, each with what to do about it."""
    kids = [key["kid"] for key in listed(terminal)]
    damage(terminal, lambda one, other: (b"", other))
    done = terminal("secret", "rotate", AUTHORITY_SECRET_KEY=OTHER)

    assert done.exit_code == 1
    assert f"{kids[0]} is empty" in done.stderr
    assert f"{kids[1]} is under no secret that was given" in done.stderr
    assert "1 open under no secret that was given and were left: add the secret" in done.stderr
    assert "1 are damaged" in done.stderr


def test_a_damaged_key_can_be_withdrawn(terminal):
    """Without a backup that is what helps, also where several are damaged: others sign afterwards."""
    kids = [key["kid"] for key in listed(terminal)]
    damage(terminal, DAMAGE["nothing left"])
    refused = terminal("keys", "list")
    withdrawn = [terminal("keys", "compromise", kid, "--yes").exit_code for kid in kids]

    assert refused.exit_code == 1
    assert "damaged or was moved from another record, so no secret opens it" in refused.stderr
    assert "secret key" not in refused.stderr
    assert withdrawn == [0, 0]
    assert len([key for key in listed(terminal) if key["state"] == "active"]) == 2


UNUSABLE = {
    "another secret": ({"AUTHORITY_SECRET_KEY": OTHER}, lambda one, other: (one, other)),
    **{name: ({}, change) for name, change in DAMAGE.items()},
    "one of them damaged": ({}, lambda one, other: (one, b"")),
}


@pytest.mark.parametrize(("settings", "change"), UNUSABLE.values(), ids=UNUSABLE)
def test_the_check_says_what_the_start_of_a_server_would(terminal, settings, change):
    """With the same sentence, and it writes nothing; the same keys before, and their own secret, are the control."""
    listed(terminal)
    control = terminal("config", "check")
    damage(terminal, change)
    before = contents(terminal)
    checked = terminal("config", "check", **settings)
    after = contents(terminal)
    served = terminal("serve", **settings)
    sentence = served.stderr.removeprefix("Error: ")

    assert (control.exit_code, checked.exit_code, served.exit_code) == (0, 1, 1)
    assert "cannot be opened" in sentence or "no secret opens it" in sentence
    assert f"Fault: {sentence}" in checked.stderr
    assert "can be used" not in checked.stderr
    assert after == before
    assert json.loads(terminal("config", "check", "--json", **settings).stdout)["faults"] == [sentence.strip()]


def test_the_check_makes_no_keys(terminal):
    """A database that was never served has none; it can be used, and is left as it is."""
    before = contents(terminal)
    done = terminal("config", "check")

    assert (done.exit_code, contents(terminal)) == (0, before)
    assert "The configuration can be used." in done.stderr


def test_keys_that_do_not_open_are_told_beside_other_faults(terminal):
    """A deployment is mended in one go, whether or not Redis answers."""
    listed(terminal)
    more = {"AUTHORITY_PORT": "x", "AUTHORITY_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = terminal("config", "check", "--json", AUTHORITY_SECRET_KEY=OTHER, **more)

    assert [word in done.stdout for word in ("AUTHORITY_PORT must", "another secret key", "Redis cannot")] == [True] * 3
    assert len(json.loads(done.stdout)["faults"]) == 3


def test_the_check_opens_what_will_sign_and_not_what_has_signed(terminal):
    """A pending key that does not open would end the server in two hours; a retired one signs no more."""
    listed(terminal)
    terminal("keys", "rotate")
    for state, code in (("retired", 0), ("pending", 1)):
        with database(terminal) as connection:
            connection.execute("UPDATE signing_keys SET private_jwk = x'', state = ? WHERE state = 'pending'", (state,))
            connection.commit()
        assert terminal("config", "check").exit_code == code
        terminal("keys", "rotate")
