"""The life of signing keys: made at first start, published before use, retired after, gone when compromised."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from authority_core.kernel.changes import Conflict, Replace
from authority_core.kernel.sync import run
from authority_core.kernel.vault import CannotDecrypt, Damaged
from authority_core.oauth.mint import key_lifecycle
from authority_core.oauth.mint.keys import NoSuchKey
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import Clock
from support import keys
from support.relying_party import RelyingParty, header_of, json_of
from support.server import Server, make_clients, make_server, make_settings, make_user


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch):
    """RSA keys come from a shelf: making one takes 100 ms and more."""
    from authority_core.oauth.mint import keys as ring

    real, made = ring.generate_private_jwk, iter(range(100))
    monkeypatch.setattr(
        ring,
        "generate_private_jwk",
        lambda algorithm: (
            keys.private_jwk("RS256", f"shelf{next(made) % 3}") if algorithm == "RS256" else real(algorithm)
        ),
    )


def empty_server(**changes: object) -> Server:
    """A server whose storage knows people and clients but no key."""
    storage = MemoryStorage()
    storage.commit([Replace(record) for record in (*make_clients(), make_user("u1", "alice"))])
    return make_server(storage=storage, **changes)


def states(server: Server, algorithm: str = "ES256") -> list[str]:
    return [key.state for key in server.storage.signing_keys() if key.alg == algorithm]


def published(server: Server) -> set[str]:
    return {key["kid"] for key in json.loads(server.browser().get("/.well-known/jwks.json").body)["keys"]}


def signing_kid(server: Server) -> str:
    return header_of(json_of(RelyingParty(server).credentials(scope="read"))["access_token"])["kid"]


def test_the_first_start_creates_what_is_missing():
    """One active key for each algorithm, encrypted; the second start creates nothing."""
    server = empty_server()
    run(server.authority.start())
    first = server.storage.signing_keys()
    run(make_server(storage=server.storage).authority.start())

    assert {(key.alg, key.state) for key in first} == {("ES256", "active"), ("RS256", "active")}
    assert server.storage.signing_keys() == first
    assert b'"d"' not in first[0].private_jwk
    assert sorted(event.name for event in server.events) == ["key.activated"] * 2 + ["key.created"] * 2


def test_without_a_start_the_first_request_does_it():
    """Slower, but right."""
    server = empty_server()

    assert RelyingParty(server).credentials(scope="read").status == 200
    assert len(server.storage.signing_keys()) == 2


def test_two_starters_at_once_agree():
    """Both look, both make keys, one is first; the other looks again and uses what it finds."""
    storage = MemoryStorage()
    storage.commit([Replace(record) for record in make_clients()])

    class Late:
        """The storage of the second: the first starts between its look and its write."""

        def __init__(self, inner):
            self.inner, self.first = inner, True

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def commit(self, changes):
            if self.first:
                self.first = False
                run(make_server(storage=storage).authority.start())
            self.inner.commit(changes)

    second = make_server(storage=storage, wrapped=Late)
    run(second.authority.start())

    assert sorted(key.alg for key in storage.signing_keys()) == ["ES256", "RS256"]
    assert signing_kid(second) in {key.kid for key in storage.signing_keys()}


def test_a_new_key_is_published_before_it_signs():
    """Pending for two hours, then active; the old one verifies until its last token has ended, then it is removed."""
    server = make_server()
    party = RelyingParty(server)
    old = signing_kid(server)
    token = json_of(party.credentials(scope="read"))["access_token"]
    (fresh,) = run(server.authority.keys.rotate("ES256"))
    assert fresh.state == "pending"
    assert published(server) >= {old, fresh.kid}
    assert signing_kid(server) == old
    again = run(server.authority.keys.rotate("ES256"))
    assert [key.kid for key in again] == [fresh.kid]  # the one that waits is taken

    server.clock.wind(seconds=7199)
    assert signing_kid(server) == old
    last = json_of(party.credentials(scope="read"))["access_token"]
    server.clock.wind(seconds=5)  # as often as storage is looked at
    assert signing_kid(server) == fresh.kid
    assert sorted(states(server)) == ["active", "retired"]
    assert party.alive(last)
    assert not party.alive(token)  # of old age
    server.clock.wind(seconds=3600 + 3600 + 30)
    assert published(server) == {fresh.kid} | {key.kid for key in server.storage.signing_keys() if key.alg == "RS256"}
    assert states(server) == ["active"]


def test_rotation_at_once():
    """Without a lead, for every algorithm."""
    server = make_server()
    old = signing_kid(server)
    made = run(server.authority.keys.rotate(at_once=True))

    assert {key.alg for key in made} == {"ES256", "RS256"}
    assert signing_kid(server) != old
    assert sorted(states(server)) == ["active", "retired"]
    lead = make_server(key_publish_lead=0)
    run(lead.authority.keys.rotate("ES256"))
    assert sorted(states(lead)) == ["active", "retired"]
    waiting = make_server()
    (fresh,) = run(waiting.authority.keys.rotate("ES256"))
    assert [key.kid for key in run(waiting.authority.keys.rotate("ES256", at_once=True))] == [fresh.kid]
    assert signing_kid(waiting) == fresh.kid


def test_a_compromised_key_is_gone_at_once():
    """Its tokens are dead, it is not published, another signs; here and, seconds later, in every other process."""
    server = make_server()
    elsewhere = make_server(storage=server.storage)
    party = RelyingParty(server)
    token = json_of(party.credentials(scope="read"))["access_token"]
    kid = signing_kid(server)
    assert RelyingParty(elsewhere).alive(token)

    run(server.authority.keys.compromise(kid))

    assert kid not in published(server)
    assert not party.alive(token)
    assert signing_kid(server) != kid
    assert [event.kid for event in server.told("key.compromised")] == [kid]
    elsewhere.clock.wind(seconds=5)
    assert not RelyingParty(elsewhere).alive(token)
    before = server.storage.signing_keys()
    run(server.authority.keys.compromise(kid))  # again: nothing more to do
    assert server.storage.signing_keys() == before


def test_a_waiting_key_may_be_compromised_too():
    """It is taken out and the active one goes on."""
    server = make_server()
    kid = signing_kid(server)
    (fresh,) = run(server.authority.keys.rotate("ES256"))
    run(server.authority.keys.compromise(fresh.kid))
    server.clock.wind(hours=3)

    assert signing_kid(server) == kid
    assert fresh.kid not in published(server)
    with pytest.raises(NoSuchKey):
        run(server.authority.keys.compromise("unknown"))


def test_a_compromised_key_is_forgotten_with_its_line_in_the_audit_trail():
    """Whoever reads the trail finds the key that it names; afterwards nothing is left of it."""
    server = make_server(audit_log_retention_days=30)
    kid = signing_kid(server)
    run(server.authority.keys.compromise(kid))
    server.clock.wind(days=30, seconds=-1)
    published(server)
    before = {key.kid for key in server.storage.signing_keys()}
    server.clock.wind(seconds=6)
    published(server)

    assert before - {key.kid for key in server.storage.signing_keys()} == {kid}


def test_all_keys_lost_is_a_new_start():
    """An active key that is compromised has a successor; an algorithm without any gets its first."""
    server = make_server()
    for key in server.storage.signing_keys():
        run(server.authority.keys.compromise(key.kid))
    fresh = make_server(storage=server.storage, access_token_algorithm="EdDSA")

    assert header_of(json_of(RelyingParty(fresh).credentials(scope="read"))["access_token"])["alg"] == "EdDSA"


def test_keys_need_their_secret():
    """Under another master secret nothing is signed, and the sentence says what to check."""
    server = make_server()
    other = make_server(storage=server.storage, secret_key="another master secret, 32+ bytes")
    other.authority.keys._imported.clear()

    with pytest.raises(CannotDecrypt, match="secret_key_previous"):
        run(other.authority.start())
    assert RelyingParty(other).credentials(scope="read").status == 500
    both = make_server(
        storage=server.storage,
        secret_key="another master secret, 32+ bytes",
        secret_key_previous=(make_settings().secret_key,),
    )
    both.authority.keys._imported.clear()
    assert RelyingParty(both).credentials(scope="read").status == 200


def test_stored_keys_are_opened_as_a_start_would():
    """A damaged key that signs is told, and nothing is written; one whose successor takes over now does no harm."""
    server = make_server()
    run(server.authority.keys.rotate("ES256"))
    signing = next(key for key in server.storage.signing_keys() if (key.alg, key.state) == ("ES256", "active"))
    server.storage.commit([Replace(evolve(signing, private_jwk=b""))])
    before = server.storage.signing_keys()

    with pytest.raises(Damaged, match=signing.kid):
        run(server.authority.keys.open_stored())
    server.clock.wind(seconds=server.settings.key_publish_lead)
    run(server.authority.keys.open_stored())
    assert server.storage.signing_keys() == before
    server.authority.keys._imported.clear()
    run(server.authority.start())


def test_records_are_told():
    """All of them, whatever their state."""
    server = make_server()
    run(server.authority.keys.rotate("ES256"))

    assert {key.state for key in run(server.authority.keys.records()) if key.alg == "ES256"} == {"active", "pending"}


def test_turning_is_refereed_by_versions():
    """Of two processes that turn the same pending key, one is first."""
    server = make_server()
    run(server.authority.keys.rotate("ES256"))
    records = server.storage.signing_keys()
    clock = Clock(seed="other")
    clock.wind(hours=2)
    turned = key_lifecycle.advance(records, server.settings, clock())

    server.storage.commit(turned.changes)
    with pytest.raises(Conflict):
        server.storage.commit(turned.changes)
    assert not key_lifecycle.due(server.storage.signing_keys(), server.settings, clock().now)
