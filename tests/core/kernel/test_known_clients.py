"""Clients may be remembered, for as long as the operator says."""

from __future__ import annotations

import pytest
from attrs import evolve

from authority_core.kernel import known_clients
from authority_core.kernel.changes import Decision, Replace, StorageUnavailable
from authority_core.kernel.ports import Origin
from authority_core.kernel.problems import ConfigurationError
from authority_core.kernel.sync import coat, run
from support.relying_party import RelyingParty
from support.server import make_client, make_server


class Counting:
    """Storage that counts how often a client was read."""

    def __init__(self, inner: object) -> None:
        self.inner, self.reads = inner, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def client(self, client_id: str) -> object:
        self.reads += 1
        return self.inner.client(client_id)  # type: ignore[attr-defined]  # passed through


def remembering(seconds: int):
    kept: list[Counting] = []

    def wrap(inner: object) -> Counting:
        kept.append(Counting(inner))
        return kept[0]

    server = make_server(wrapped=wrap, client_cache_ttl=seconds)
    return server, kept[0], RelyingParty(server, "service")


def test_a_client_is_read_with_every_request():
    """Unless the operator asks for memory, and then what another process disables is refused at once."""
    server, storage, party = remembering(0)

    assert party.credentials(scope="read").status == 200
    assert party.credentials(scope="read").status == 200
    assert storage.reads == 2

    server.change_client("service", active=False)  # as another process does

    assert party.credentials(scope="read").status == 401


def test_a_client_is_remembered_for_as_long_as_the_operator_says():
    """Until then it is not read; from then on the change of another process is seen."""
    server, storage, party = remembering(5)

    assert party.credentials(scope="read").status == 200
    server.change_client("service", active=False)
    server.clock.wind(seconds=4)
    assert party.credentials(scope="read").status == 200
    assert storage.reads == 1

    server.clock.wind(seconds=1)

    assert party.credentials(scope="read").status == 401
    assert storage.reads == 2


def test_a_clock_that_goes_back_is_no_reason_to_remember_longer():
    """What was read in the future is read again."""
    server, storage, party = remembering(5)

    party.credentials(scope="read")
    server.clock.wind(seconds=-3)
    party.credentials(scope="read")

    assert storage.reads == 2


@pytest.mark.parametrize("seconds", [0, 3600])
def test_what_this_process_changes_it_sees_at_once(seconds):
    """A client taken away is refused, with memory or without."""
    server, _, party = remembering(seconds)
    clients = server.authority.clients

    assert party.credentials(scope="read").status == 200
    run(clients.delete("service"))

    assert party.credentials(scope="read").status == 401


def test_a_client_that_does_not_exist_is_not_remembered():
    """So that it works as soon as it is registered."""
    server, storage, _ = remembering(3600)

    assert RelyingParty(server, "later").credentials(scope="read").status == 401
    assert RelyingParty(server, "later").credentials(scope="read").status == 401
    assert storage.reads == 2

    server.write(Replace(make_client("later")))

    assert RelyingParty(server, "later").credentials(scope="read").status == 200


def test_the_memory_is_bounded(monkeypatch):
    """One more than fits, and everything is forgotten: nothing grows with the number of clients."""
    monkeypatch.setattr(known_clients, "MOST", 2)
    server, _, party = remembering(3600)
    known = server.authority.shell.clients

    for name in ("service", "web", "spa"):
        run(known.find(name))

    assert len(known._known) <= 2
    assert party.credentials(scope="read").status == 200


@pytest.mark.parametrize("seconds", [-1, 3601])
def test_the_memory_has_limits(seconds):
    """From none to an hour."""
    with pytest.raises(ConfigurationError, match="client_cache_ttl"):
        make_server(client_cache_ttl=seconds)


def test_a_client_changed_while_it_was_read_is_not_remembered():
    """What came from storage before the change is used once, and read again."""
    server, storage, _ = remembering(3600)
    known = server.authority.shell.clients
    reading = storage.client

    def changed_meanwhile(client_id: str) -> object:
        found = reading(client_id)
        storage.client = reading
        known.forget([Replace(make_client(client_id))])
        return found

    storage.client = changed_meanwhile
    server.authority.shell.storage.client = coat(storage).client
    run(known.find("service"))
    read = storage.reads
    run(known.find("service"))

    assert storage.reads == read + 1


@pytest.mark.parametrize("through", ["a decision", "a bare write"])
def test_a_change_whose_answer_was_lost_is_forgotten_too(through):
    """It may have been written: the client is read again."""
    server, storage, party = remembering(3600)
    shell = server.authority.shell
    assert party.credentials(scope="read").status == 200
    change = Replace(evolve(server.storage.client("service"), active=False))

    def lost(changes: object) -> None:
        storage.inner.commit(changes)  # type: ignore[attr-defined]  # passed through
        raise StorageUnavailable("the answer was lost")

    async def decided(moment: object) -> Decision[None]:
        return Decision(None, (change,))

    storage.commit, shell.storage.commit = lost, coat_of(lost)
    with pytest.raises(StorageUnavailable):
        run(shell.act(Origin(), decided) if through == "a decision" else shell.write(change))
    storage.commit, shell.storage.commit = storage.inner.commit, coat_of(storage.inner.commit)

    assert party.credentials(scope="read").status == 401


def coat_of(commit: object):
    async def coated(changes: object) -> None:
        commit(changes)  # type: ignore[operator]  # a commit

    return coated
