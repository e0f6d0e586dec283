"""The kit itself: faults strike where they are told to, and the checker sees what must never be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from authority_core.kernel.abilities import is_async
from authority_core.kernel.changes import Count, Put, Revoke, Spend
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import (
    AccessToken,
    AuthorizationCode,
    Counter,
    Grant,
    RefreshToken,
    Session,
    SigningKey,
    User,
)
from authority_core.kernel.sync import coat, run
from authority_core.testing.faults import Broken, Delay, Fail, Faulty, Kill, Killed, Meanwhile
from authority_core.testing.invariants import Contents, InvariantBroken, Mark, breaches, check, contents, differences
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START
from faults.house import memory, sqlite
from support.server import make_user
from support.transports import in_loop

LATER = START + timedelta(days=1)
KEY = digest("any", "key")
COUNT = Count(KEY, START, LATER)


def colours() -> list[tuple[MemoryStorage, Faulty]]:
    blocking, awaited = MemoryStorage(), MemoryStorage()
    return [(blocking, Faulty(blocking)), (awaited, Faulty(coat(awaited)))]


def committed(faulty: Faulty) -> object:
    return run(coat(faulty).commit([COUNT]))


def test_the_colour_stays():
    """The wrapper of a blocking storage blocks, that of an awaited one is awaited; what else there is shows through."""
    (_, blocking), (_, awaited) = colours()

    assert (is_async(blocking), is_async(awaited)) == (False, True)
    assert blocking.never_blocks is True


@pytest.mark.parametrize(("when", "stored"), [("before", None), ("after", 1)])
def test_an_error_strikes_before_or_after(when, stored):
    """Before, nothing happened; after, it happened and nobody hears. It strikes once."""
    for storage, faulty in colours():
        faulty.arm(Fail(), at=1, when=when)
        with pytest.raises(Exception, match="failed") as caught:
            committed(faulty)

        assert isinstance(caught.value.__cause__, Broken)
        counter = storage.counter(KEY)
        assert (counter.value if counter else None) == stored
        committed(faulty)
        assert storage.counter(KEY).value == (stored or 0) + 1
        assert (faulty.struck, faulty.calls) == ("commit", ["commit", "commit"])


def test_the_dead_do_nothing_more():
    """After a kill every call dies, until somebody starts the process again."""
    for storage, faulty in colours():
        faulty.arm(Kill(), at=1, when="after")
        for _ in range(3):
            with pytest.raises(Killed):
                committed(faulty)
        faulty.disarm()
        committed(faulty)

        assert storage.counter(KEY).value == 2


def test_a_delay_changes_nothing_else():
    """A slow call answers as a fast one."""
    for storage, faulty in colours():
        faulty.arm(Delay(0.001), at=1)
        in_loop(coat(faulty).commit([COUNT]))

        assert storage.counter(KEY).value == 1
        assert faulty.struck == "commit"


def test_another_request_gets_in_between():
    """Before the call or after it, once; what it does with the storage strikes nobody."""
    for when, seen in (("before", [None]), ("after", [1])):
        for storage, faulty in colours():
            found: list[object] = []

            def work(storage=storage, found=found):
                counter = storage.counter(KEY)
                found.append(counter.value if counter else None)

            faulty.arm(Meanwhile(work), at=1, when=when)
            committed(faulty)
            committed(faulty)

            assert found == seen
            assert storage.counter(KEY).value == 2


# --- the checker -----------------------------------------------------------------------------------------------------

GRANT = Grant(
    grant_id="g", client_id="web", subject="u1", grant_type="authorization_code", scope=frozenset({"read"}),
    audience=(), created_at=START, expires_at=LATER, keep_until=LATER,
)  # fmt: skip
CODE = AuthorizationCode(
    key=digest("code", "1"), grant=GRANT, redirect_uri="https://app.example/cb", nonce=None, code_challenge=None,
    code_challenge_method=None, expires_at=LATER, keep_until=LATER,
)  # fmt: skip
ACCESS = AccessToken(
    key=digest("access", "1"), token_id="a", grant_id="g", client_id="web", subject="u1", scope=frozenset({"read"}),
    audience=(), issued_at=START, expires_at=LATER, keep_until=LATER,
)  # fmt: skip
SIGNING = SigningKey(
    kid="k", alg="ES256", public_jwk={}, private_jwk=b"", state="active", created_at=START, activated_at=START,
    version=1,
)  # fmt: skip
SESSION = Session(
    session_id="s", key=digest("session", "1"), user_id="u1", auth_time=START, acr="", amr=(), created_at=START,
    last_activity=START, expires_at=LATER, keep_until=LATER, version=1,
)  # fmt: skip
USER: User = make_user("u1", "alice", version=1)
KEPT = Mark(START, LATER)


def link(generation: int) -> RefreshToken:
    return RefreshToken(
        key=digest("refresh", str(generation)), grant_id="g", generation=generation, expires_at=LATER, keep_until=LATER
    )


SOUND = Contents(
    records=(GRANT, CODE, link(0), link(1), ACCESS, SIGNING, SESSION, USER),
    spent={CODE.key: KEPT, link(0).key: KEPT},
    names={"alice": "u1", "alice@example.com": "u1"},
)


def without(record: object) -> Contents:
    return evolve(SOUND, records=tuple(one for one in SOUND.records if one is not record and one != record))


def plus(*records: object) -> Contents:
    return evolve(SOUND, records=(*SOUND.records, *records))


def test_what_is_sound_passes():
    """The control: nothing is said about a store that is as it should be."""
    assert breaches(SOUND) == []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (evolve(SOUND, spent={link(0).key: KEPT}), "its code is not spent"),
        (without(GRANT), "is spent, and the grant is not stored"),
        (without(GRANT), "a refresh token belongs to the grant g, which is not stored"),
        (without(GRANT), "an access token belongs to the grant g, which is not stored"),
        (plus(evolve(CODE, key=digest("code", "2"))), "2 codes carry the grant g"),
        (evolve(SOUND, records=(evolve(GRANT, subject="u2"), CODE)), "is not the one that its code carries"),
        (evolve(SOUND, spent={CODE.key: KEPT}), "the grant g has 2 unspent refresh tokens"),
        (without(link(1)), "is spent and has no successor"),
        (plus(evolve(link(1), key=KEY)), "fork"),
        (plus(evolve(ACCESS, key=KEY, token_id="b", scope=frozenset({"write"}))), "goes beyond it"),
        (plus(evolve(ACCESS, key=KEY, token_id="b", subject="u2")), "for somebody else"),
        (plus(evolve(ACCESS, key=KEY)), "two access tokens have one id"),
        (evolve(SOUND, revoked={("grant", "g"): Mark(START, START)}), "is forgotten before the grant"),
        (evolve(SOUND, spent={CODE.key: Mark(START, START), link(0).key: KEPT}), "forgotten before the record"),
        (plus(evolve(SIGNING, kid="l")), "2 keys sign with ES256"),
        (without(USER), "of the account u1, which is not stored"),
        (plus(evolve(SESSION, session_id="t")), "two sessions have one cookie"),
        (plus(evolve(USER, user_id="u2")), "2 accounts have the name alice"),
        (evolve(SOUND, names={}), "the list of names is not that of the accounts"),
        (plus(evolve(SIGNING, kid="l", alg="RS256", version=0)), "has the version 0"),
        (plus(evolve(SIGNING, kid="l", state="compromised", retired_at=START)), "never forgotten"),
        (evolve(SOUND, counters={KEY: Counter(value=-1, expires_at=LATER)}), "below zero"),
    ],
)
def test_what_must_never_be_is_named(found: Contents, says: str):
    """Every rule sees its breach, and names it."""
    with pytest.raises(InvariantBroken, match=says):
        check(found)


def test_what_may_be_forgotten_may_be_missing():
    """With a time, nothing need be there for records that are past their end by then."""
    assert breaches(without(GRANT)) != []
    assert breaches(without(GRANT), now=LATER) == []
    owed = evolve(SOUND, counters={KEY: Counter(value=-1, expires_at=START)})
    assert breaches(owed) != []
    assert breaches(owed, now=START) == []


def test_every_store_can_be_looked_at():
    """The same history leaves the same contents in memory and on SQLite."""
    seen = []
    for build in (memory, sqlite):
        with build() as house:
            before = house.contents()
            house.party().tokens()
            house.server.storage.commit([Revoke("grant", "x", START, LATER), Spend(KEY, START, LATER), COUNT])
            check(house.contents(), audited=True)
            seen.append(differences(before, house.contents()))

    assert seen[0] == seen[1]
    assert seen[0]["Grant"] == 1


def test_an_unrecorded_grant_is_seen():
    """A grant that the audit trail does not know is a breach for servers that record everything."""
    storage = MemoryStorage()
    storage.commit([Put(GRANT)])

    assert breaches(contents(storage)) == []
    assert len(breaches(contents(storage), audited=True)) == 1
