"""Rotating the master secret: everything moves under the new one, and nothing is lost on the way."""

from __future__ import annotations

import pytest
from attrs import evolve

from authority_core.admin.secret_rotation import SecretRotation
from authority_core.kernel import encrypted
from authority_core.kernel.changes import Conflict, Replace
from authority_core.kernel.encrypted import SIGNING_KEYS, context
from authority_core.kernel.sync import run
from authority_core.kernel.vault import Vault
from support import keys
from support.relying_party import RelyingParty
from support.server import make_server, make_settings

OLD, NEW = "the old master secret, 32 and more", "the new master secret, 32 and more"
OTHER = "one that nobody knows any more, 32"


def rotating(storage, **changes):
    """Return a server whose first secret is new, and a rotation over its storage."""
    settings = make_settings(**{"secret_key": NEW, "secret_key_previous": (OLD,), **changes})
    server = make_server(storage=storage, settings=settings)
    return server, SecretRotation(server.authority.shell, Vault.from_settings(settings))


def finish(rotation):
    outcomes = []
    while (one := run(rotation.next_record())) is not None:
        outcomes.append(one)
    return outcomes


def test_everything_moves_and_the_old_secret_may_go():
    """Afterwards the new secret alone serves, with the same keys; a second run finds nothing to do."""
    before = make_server(secret_key=OLD)
    kids = [key.kid for key in before.storage.signing_keys()]
    _, rotation = rotating(before.storage)

    assert {one.outcome for one in finish(rotation)} == {"moved"}
    assert {one.outcome for one in finish(rotating(before.storage)[1])} == {"current"}
    alone = make_server(storage=before.storage, settings=make_settings(secret_key=NEW))
    alone.authority.keys._imported.clear()
    assert [key.kid for key in before.storage.signing_keys()] == kids
    assert RelyingParty(alone).tokens()["id_token"]


def test_how_many_there_are_is_known_before():
    """So that it can be said how far a run has come; another one looks at as many."""
    storage = make_server(secret_key=OLD).storage
    for _ in range(2):
        rotation = rotating(storage)[1]
        assert run(rotation.total()) == len(finish(rotation)) == 2


def test_a_run_that_broke_off_is_finished_by_another():
    """Each record is a commit of its own."""
    storage = make_server(secret_key=OLD).storage
    run(rotating(storage)[1].next_record())
    outcomes = [one.outcome for one in finish(rotating(storage)[1])]

    assert sorted(outcomes) == ["current", "moved"]


def test_many_keys_are_read_once():
    """However many records there are, they are read a page at a time, not all of them for each."""
    storage = make_server(secret_key=OLD).storage
    vault, first = Vault.from_settings(make_settings(secret_key=OLD)), storage.signing_keys()[0]
    plain = vault.open(first.private_jwk, context(SIGNING_KEYS, first.kid))
    for kid in map(str, range(20)):
        sealed = vault.seal(plain, context(SIGNING_KEYS, kid))
        storage.commit([Replace(evolve(first, kid=kid, private_jwk=sealed, state="retired", version=0))])
    server, rotation = rotating(storage)
    asked, reads = server.authority.shell.storage.signing_keys, []

    async def counted():
        reads.append("all")
        return await asked()

    server.authority.shell.storage.signing_keys = counted

    assert [one.outcome for one in finish(rotation)] == ["moved"] * 22
    assert reads == ["all"]


def test_what_opens_under_no_key_is_reported_and_left():
    """The rest moves all the same; the sentence names the record and shows no secret."""
    storage = make_server(secret_key=OLD).storage
    lost = evolve(keys.signing_key(make_settings(secret_key=OTHER), "EdDSA"), state="retired")
    storage.commit([Replace(lost)])
    outcomes = {one.key: one for one in finish(rotating(storage)[1])}

    assert (outcomes[lost.kid].outcome, outcomes[lost.kid].damaged) == ("unreadable", False)
    assert "secret_key_previous" in outcomes[lost.kid].fault
    assert sorted(one.outcome for one in outcomes.values()) == ["moved", "moved", "unreadable"]
    assert next(key for key in storage.signing_keys() if key.kid == lost.kid).private_jwk == lost.private_jwk
    assert OTHER not in repr(outcomes)


def swapped(one, other):
    return evolve(one, private_jwk=other.private_jwk), evolve(other, private_jwk=one.private_jwk)


DAMAGE = {
    "a flipped byte": lambda one, other: (
        evolve(one, private_jwk=one.private_jwk[:-1] + bytes([one.private_jwk[-1] ^ 1])),
    ),
    "two that were swapped": swapped,
    "nothing left": lambda one, other: (evolve(one, private_jwk=b""),),
    "cut off in its head": lambda one, other: (evolve(one, private_jwk=one.private_jwk[:12]),),
}


@pytest.mark.parametrize("under", [NEW, OLD], ids=["the current secret", "an earlier one"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_is_reported_under_every_secret(under, damage):
    """Each record is opened for its own place, and nothing is written for it; no secret is asked for."""
    storage = make_server(secret_key=under).storage
    damaged = damage(*storage.signing_keys())
    storage.commit([Replace(record) for record in damaged])
    before = {key.kid: key for key in storage.signing_keys()}
    outcomes = {one.key: one for one in finish(rotating(storage)[1])}
    after = {key.kid: key for key in storage.signing_keys()}

    assert len(outcomes) == 2
    for kid, one in outcomes.items():
        if kid in {record.kid for record in damaged}:
            assert (one.outcome, one.damaged) == ("unreadable", True)
            assert kid in one.fault
            assert "no secret opens it" in one.fault
            assert after[kid] == before[kid]
        else:
            assert one.outcome == ("current" if under == NEW else "moved")
            assert (after[kid] == before[kid]) == (under == NEW)


def test_a_key_that_changes_meanwhile_is_looked_at_again():
    """A server that retires a key at the same moment loses nothing, and neither does the rotation."""
    storage = make_server(secret_key=OLD).storage
    commit, first = storage.commit, storage.signing_keys()[0]

    def interrupted(changes):
        storage.commit = commit
        commit([Replace(evolve(first, state="retired"))])
        with pytest.raises(Conflict):
            commit(changes)
        raise Conflict

    server, rotation = rotating(storage)
    storage.commit = interrupted
    server.authority.shell.storage.commit = _lifted(storage)

    assert {one.outcome for one in finish(rotation)} == {"moved"}
    assert next(key for key in storage.signing_keys() if key.kid == first.kid).state == "retired"


def _lifted(storage):
    async def commit(changes):
        storage.commit(changes)

    return commit


def test_every_column_that_holds_ciphertext_is_listed():
    """Whoever calls the vault names a column of the list."""
    from project.sources import CORE, modules

    sealers = {path.name for path in modules(CORE) if "vault.seal(" in path.read_text(encoding="utf-8")}

    assert {column.name for column in encrypted.COLUMNS} == {"signing_keys.private_jwk"}
    assert sealers == {"keys.py", "secret_rotation.py"}
