"""Secrets at rest: one key encrypts, earlier ones still open, nothing moves from one record to another."""

from __future__ import annotations

import pytest

from authority_core.kernel.values import Secret
from authority_core.kernel.vault import CannotDecrypt, Damaged, UnderNoKey, Vault, derive
from support.server import make_settings

OLD, NEW = "old master secret of 32 bytes ok", "new master secret of 32 bytes ok"


def test_what_is_sealed_opens():
    """With the same key and context; twice sealed is never the same twice."""
    vault = Vault.from_settings(make_settings())
    sealed = vault.seal(b"secret", "table.column:1")

    assert vault.open(sealed, "table.column:1") == b"secret"
    assert vault.seal(b"secret", "table.column:1") != sealed
    assert b"secret" not in sealed


def test_earlier_keys_open_and_new_ones_seal():
    """Rotation: both decrypt, only the first encrypts; the old one alone opens nothing new."""
    old = Vault.from_settings(make_settings(secret_key=OLD))
    both = Vault.from_settings(make_settings(secret_key=NEW, secret_key_previous=(OLD,)))
    sealed = old.seal(b"x", "c")

    assert both.open(sealed, "c") == b"x"
    assert not both.current(sealed)
    assert both.current(both.seal(b"x", "c"))
    with pytest.raises(CannotDecrypt, match="secret_key_previous"):
        old.open(both.seal(b"x", "c"), "c")


@pytest.mark.parametrize("change", ["context", "bit", "version", "short", "empty"])
def test_damage_and_moves_are_noticed(change):
    """Another record's context, a flipped bit, another version or a truncated text do not open."""
    vault = Vault.from_settings(make_settings())
    sealed = vault.seal(b"secret", "c:1")
    damaged = {
        "bit": sealed[:-1] + bytes([sealed[-1] ^ 1]), "version": b"\x02" + sealed[1:], "short": sealed[:20],
        "empty": b"",
    }.get(change, sealed)  # fmt: skip

    with pytest.raises(CannotDecrypt):
        vault.open(damaged, "c:2" if change == "context" else "c:1")


def test_a_missing_secret_is_told_from_damage():
    """Whatever byte changed, and however much was cut off, no secret is asked for; the control lacks its own."""
    vault = Vault.from_settings(make_settings(secret_key=NEW, secret_key_previous=(OLD,)))
    for sealed in (vault.seal(b"secret", "c"), Vault.from_settings(make_settings(secret_key=OLD)).seal(b"secret", "c")):
        flipped = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
        for one in (*flipped, *(sealed[:end] for end in range(len(sealed)))):
            with pytest.raises(Damaged, match="backup"):
                vault.open(one, "c")
        with pytest.raises(Damaged, match="moved from another record"):
            vault.open(sealed, "d")
    with pytest.raises(UnderNoKey, match="no secret that was given"):
        vault.open(Vault.from_settings(make_settings()).seal(b"secret", "c"), "c")


def test_every_purpose_has_its_key():
    """A cookie key never opens a column."""
    secret = Secret(NEW)

    assert len({derive(secret, purpose) for purpose in ("a", "b", "vault", "csrf")}) == 4
    assert derive(secret, "a") == derive(Secret(NEW), "a")
