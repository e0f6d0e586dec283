"""Signing keys in the database that do not open: every command says which, why, and what to do."""

from __future__ import annotations

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
