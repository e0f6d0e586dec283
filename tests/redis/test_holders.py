"""The account behind a grant comes along with its code or token from Redis, and beside it: no read of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve

from authority_core.kernel.changes import Replace
from authority_core.testing.faults import Faulty
from authority_core.testing.memory import MemoryStorage
from authority_redis import RedisStorage, SplitStorage
from support.redis_servers import emptied
from support.relying_party import RelyingParty, json_of
from support.server import Server, make_server


class Silent(MemoryStorage):
    """A storage that looks for nobody."""

    tells_holders = False


def whole(memory: MemoryStorage, redis: RedisStorage) -> Faulty:
    """Return Redis alone, with everything that *memory* holds."""
    redis.commit([Replace(evolve(one, version=0)) for one in (*memory.clients(), *memory.users())])
    redis.commit([Replace(evolve(one, version=0)) for one in memory.signing_keys()])
    return Faulty(redis)


def beside(memory: MemoryStorage, redis: RedisStorage) -> Faulty:
    """Return *memory* with codes, tickets and sessions in Redis."""
    return Faulty(SplitStorage(memory, redis))


@pytest.fixture(params=[whole, beside])
def world(request: pytest.FixtureRequest):
    redis, made = RedisStorage.from_url(emptied().url), []

    def wrapped(memory: MemoryStorage) -> Faulty:
        made.append(request.param(memory, redis))
        return made[0]

    server = make_server(wrapped=wrapped)
    yield Server(server.authority, made[0], server.clock), made[0]
    redis.close()


def test_two_reads_are_enough(world):
    """The client, and the code or token with its grant and holder."""
    server, storage = world
    party = RelyingParty(server)
    party.tokens()  # loads the signing keys
    code = party.code()

    storage.disarm()
    tokens = json_of(party.redeem(code))
    assert storage.calls == ["client", "code", "commit"]

    storage.disarm()
    assert party.refresh(tokens["refresh_token"]).status == 200
    assert storage.calls == ["client", "refresh_token", "commit"]


@pytest.mark.parametrize("tells", [True, False])
def test_beside_redis_the_durable_storage_is_asked_twice(tells):
    """Of a code: who its client is, and what became of it; the account once more where it is not told along."""
    redis, durable = RedisStorage.from_url(emptied().url), Faulty(MemoryStorage() if tells else Silent())

    def wrapped(memory: MemoryStorage) -> SplitStorage:
        durable.commit([Replace(evolve(one, version=0)) for one in (*memory.clients(), *memory.users())])
        durable.commit([Replace(evolve(one, version=0)) for one in memory.signing_keys()])
        return SplitStorage(durable, redis)

    party = RelyingParty(make_server(wrapped=wrapped))
    party.tokens()
    code = party.code()
    durable.disarm()

    assert party.redeem(code).status == 200
    assert durable.calls == ["client", "marked", *([] if tells else ["user"]), "commit"]
    redis.close()


DENIED: dict[str, Callable[[Server], None]] = {
    "inactive": lambda server: server.change_user("u1", active=False),
    "must change the password": lambda server: server.change_user("u1", password_must_change=True),
}


@pytest.mark.parametrize("how", DENIED)
def test_who_may_not_act_gets_no_tokens(world, how):
    """Neither for a code nor for a refresh token; others do."""
    server, _ = world
    party = RelyingParty(server)
    tokens, code, other = party.tokens(), party.code(), party.code(who="bob")
    DENIED[how](server)

    assert party.redeem(code).status == 400
    assert party.refresh(tokens["refresh_token"]).status == 400
    assert party.redeem(other).status == 200
