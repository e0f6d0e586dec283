"""What was allowed to a client that is gone, or by a person that is gone, goes too."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from attrs import evolve

from authority_core import Authority
from authority_core.admin.client_metadata import ClientMetadata
from authority_core.admin.refusals import Unknown
from authority_core.kernel.changes import Conflict, Remove, Replace, StorageUnavailable
from authority_core.kernel.records import Consent
from authority_core.kernel.sync import run
from authority_core.testing.contract.samples import a_consent
from authority_core.testing.memory import MemoryStorage
from support.relying_party import RelyingParty
from support.server import make_client, make_server, make_settings, pages

GOOD = ClientMetadata(name="Shop", redirect_uris=("https://shop.example/cb",), scopes=frozenset({"openid"}))


def pairs(storage: MemoryStorage) -> list[tuple[str, str]]:
    return [(one.subject, one.client_id) for one in storage.all_consents(limit=10_000)]


def removes_consents(changes) -> bool:
    return any(isinstance(one, Remove) and isinstance(one.record, Consent) for one in changes)


def filled(storage: MemoryStorage, people: int = 450) -> Authority:
    """Return an authority with the clients `shop` and `other`, both of which many *people* have allowed something."""
    authority = Authority(make_settings(), storage, pages=pages())
    for client_id in ("shop", "other"):
        run(authority.clients.register(GOOD, client_id=client_id))
        now = authority.shell.moment().now
        consents = [evolve(a_consent(f"{at:03}", client_id), granted_at=now) for at in range(people)]
        MemoryStorage.commit(storage, [Replace(one) for one in consents])
    return authority


def test_what_was_allowed_to_a_deleted_client_is_gone():
    """All of it, however many pages it is, and nothing of what another client was allowed."""
    storage = MemoryStorage()
    authority = filled(storage)
    run(authority.clients.delete("shop"))

    assert pairs(storage) == [(f"{at:03}", "other") for at in range(450)]


def test_a_client_of_the_same_id_is_asked_for_again():
    """Whoever takes the id of a deleted client inherits nothing: people are asked."""
    server = make_server()
    browser = server.browser()
    RelyingParty(server).code(browser)
    assert "code=" in browser.get(RelyingParty(server).url()).header("location")
    server.clock.wind(seconds=1)
    run(server.authority.clients.delete("web"))
    server.write(Replace(make_client("web", created_at=server.clock.now)))

    assert server.storage.consent("u1", "web") is None
    assert "/consent" in browser.get(RelyingParty(server).url()).header("location")


class Failing(MemoryStorage):
    """Takes so many removals of consents, a page each, and then is away."""

    pages = 1

    def commit(self, changes):
        if removes_consents(changes):
            self.pages -= 1
            if self.pages < 0:
                raise StorageUnavailable
        super().commit(changes)


@pytest.mark.parametrize("again", ["shop", "third"])
def test_a_deletion_that_breaks_off_is_finished_by_another(again):
    """The client is deleted all the same; what is left goes with the same call once more, or with any other."""
    storage = Failing()
    authority = filled(storage)
    run(authority.clients.register(GOOD, client_id="third"))
    with pytest.raises(StorageUnavailable):
        run(authority.clients.delete("shop"))
    left = [pair for pair in pairs(storage) if pair[1] == "shop"]
    storage.pages = 100
    with pytest.raises(Unknown) if again == "shop" else nullcontext():
        run(authority.clients.delete(again))

    assert storage.client("shop") is None
    assert 0 < len(left) < 450
    assert pairs(storage) == [(f"{at:03}", "other") for at in range(450)]


class Interleaved(MemoryStorage):
    """Lets somebody in just before consents are removed, once."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile = None

    def commit(self, changes):
        if self.meanwhile and removes_consents(changes):
            work, self.meanwhile = self.meanwhile, None
            work()
        super().commit(changes)


def test_what_a_new_client_of_the_id_is_allowed_meanwhile_stays():
    """Between the look and the removal the id is taken again and somebody consents: that one is kept."""
    storage = Interleaved()
    authority = filled(storage, people=3)

    def meanwhile() -> None:
        client = run(authority.clients.register(GOOD, client_id="shop")).client
        old = storage.consent("001", "shop")
        storage.commit([Replace(evolve(old, granted_at=client.created_at))])

    storage.meanwhile = meanwhile
    run(authority.clients.delete("shop"))

    assert pairs(storage) == [("000", "other"), ("001", "other"), ("001", "shop"), ("002", "other")]


class Contested(MemoryStorage):
    """Somebody else is always first where consents are removed."""

    def commit(self, changes):
        if removes_consents(changes):
            raise Conflict
        super().commit(changes)


def test_conflicts_without_end_leave_the_client_deleted():
    """They are as a storage that is away."""
    storage = Contested()
    authority = filled(storage, people=3)
    with pytest.raises(StorageUnavailable):
        run(authority.clients.delete("shop"))

    assert storage.client("shop") is None
    assert len(pairs(storage)) == 6


def test_all_that_a_person_allowed_is_forgotten_by_name():
    """As an application does that deletes one of its own people; of others nothing goes."""
    storage = MemoryStorage()
    authority = filled(storage, people=2)
    storage.commit([Replace(a_consent("000", f"client {at}")) for at in range(450)])

    assert run(authority.consents.forget("000")) == 452
    assert run(authority.consents.forget("000")) == 0
    assert pairs(storage) == [("001", "other"), ("001", "shop")]
