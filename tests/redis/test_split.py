"""What lives in Redis beside a durable storage: what goes where, and that no failure of either opens anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve

from authority_core.kernel.changes import Conflict, Count, CutOff, Put, Replace, Revoke, Spend, StorageUnavailable
from authority_core.testing.contract import samples as s
from authority_core.testing.contract.atomicity import everything
from authority_core.testing.faults import Faulty
from authority_core.testing.memory import MemoryStorage
from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage
from authority_sql import AsyncSqlStorage, SqlStorage
from support import postgres
from support.redis_servers import RedisServer, emptied, trips

EVERY = ("codes", "interactions", "sessions", "counters", "replays")
NOBODY = "redis://127.0.0.1:1"


class Durable(MemoryStorage):
    """The reference, with something to do in the middle of the next commit."""

    def __init__(self):
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None

    def commit(self, changes):
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        super().commit(changes)


def unavailable() -> None:
    raise StorageUnavailable("the durable storage is away")


@pytest.fixture
def server() -> RedisServer:
    return emptied()


@pytest.fixture
def redis(server: RedisServer):
    made = RedisStorage.from_url(server.url)
    yield made
    made.close()


@pytest.fixture
def durable() -> Durable:
    return Durable()


@pytest.fixture
def split(durable: Durable, redis: RedisStorage) -> SplitStorage:
    return SplitStorage(durable, redis)


def families(server: RedisServer) -> set[str]:
    """Return the first words of Redis's keys."""
    with server.client() as client:
        return {key.decode().split(":")[1] for key in client.scan_iter()}


# --- what may live where ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["grants", "refresh_tokens", "access_tokens", "users", "clients", "keys", "consents", "audit", "spent", ""]
)
def test_what_must_not_be_lost_is_refused(kind: str):
    """Nothing but codes, interactions, sessions, counters and replays may live in Redis alone."""
    redis, other = RedisStorage.from_url(NOBODY), AsyncRedisStorage.from_url(NOBODY)
    for make in (
        lambda: SplitStorage(MemoryStorage(), redis, kinds=["codes", kind]),
        lambda: AsyncSplitStorage(AsyncSqlStorage.from_url("sqlite://"), other, kinds={kind}),
        lambda: SplitStorage(MemoryStorage(), redis, kinds=kind),
    ):
        with pytest.raises(ValueError, match="may live in Redis alone"):
            make()

    assert "codes" in repr(SplitStorage(MemoryStorage(), redis, kinds="codes"))


def test_colours_do_not_mix():
    """Two storages of different colours are refused in one sentence."""
    redis, other = RedisStorage.from_url(NOBODY), AsyncRedisStorage.from_url(NOBODY)
    sql = AsyncSqlStorage.from_url("sqlite://")

    for make in (
        lambda: SplitStorage(sql, redis),
        lambda: SplitStorage(MemoryStorage(), other),
        lambda: AsyncSplitStorage(MemoryStorage(), other),
        lambda: AsyncSplitStorage(sql, redis),
    ):
        with pytest.raises(ValueError, match="storages"):
            make()


def test_each_thing_lives_in_one_place(split: SplitStorage, durable: Durable, server: RedisServer):
    """Codes, interactions and sessions are in Redis only; all else, every mark too, is in the durable storage."""
    split.commit(everything())
    known = {type(record).__name__ for table in durable._records.values() for record in table.values()}

    assert families(server) == {"code", "interaction", "session", "sessions", "cookie"}
    assert known == {"Client", "Consent", "SigningKey", "User", "Grant", "RefreshToken", "AccessToken", "AuditRecord"}
    assert durable.spent(s.key_of("other", "code")) is not None
    assert durable.counter(s.key_of("new", "counter")) is not None
    assert len(durable._revoked) == len(durable._cut_off) == 2


def test_counters_move_when_asked(durable: Durable, redis: RedisStorage, server: RedisServer):
    """Counters are durable unless they are chosen, for they lock accounts."""
    SplitStorage(durable, redis, kinds=EVERY).commit([Count(s.key_of("count"), s.NOW, s.LATER)])

    assert families(server) == {"counter"}
    assert durable.counter(s.key_of("count")) is None


def test_redis_holds_no_end(durable: Durable, redis: RedisStorage, server: RedisServer):
    """Marks are durable and nowhere else: what Redis does not know it cannot lose."""
    marks = {
        "grant": Revoke("grant", "id", s.NOW, s.KEEP),
        "session": Revoke("session", "id", s.NOW, s.KEEP),
        "subject": CutOff("id", None, s.NOW, s.KEEP),
        "client": CutOff("id", "client", s.NOW, s.KEEP),
    }
    SplitStorage(durable, redis, kinds=EVERY).commit(list(marks.values()))

    assert server.dump() == b""
    assert len(durable._revoked) == len(durable._cut_off) == 2


# --- a commit of both ------------------------------------------------------------------------------------------------


def test_a_lost_durable_race_begins_nothing(split: SplitStorage, server: RedisServer):
    """A commit whose durable part lost stores neither code nor session."""
    spend = Spend(s.key_of("lost"), s.NOW, s.KEEP)
    split.commit([spend])
    with pytest.raises(Conflict):
        split.commit([spend, Put(s.a_code(s.a_grant())), Replace(s.a_session()), Put(s.an_interaction())])

    assert server.dump() == b""


def test_a_lost_race_in_redis_writes_nothing_durable(split: SplitStorage, durable: Durable):
    """A commit with a stale session is a `Conflict` before the durable storage hears of it."""
    split.commit([Replace(s.a_session())])
    with pytest.raises(Conflict):
        split.commit([
            Spend(s.key_of("new"), s.NOW, s.KEEP),
            Replace(s.a_session()),
            Revoke("grant", "grant", s.NOW, s.KEEP),
        ])  # fmt: skip

    assert durable.spent(s.key_of("new")) is None
    assert not durable._revoked


def test_a_session_that_changes_in_between(split: SplitStorage, durable: Durable, redis: RedisStorage):
    """Between check and write somebody else wrote: the answer is 503, the other's session stays, the key is burnt."""
    split.commit([Replace(s.a_session())])
    theirs = evolve(s.a_session(), version=1, user_agent="theirs")
    durable.meanwhile = lambda: redis.commit([Replace(theirs)])
    with pytest.raises(StorageUnavailable):
        split.commit([Spend(s.key_of("new"), s.NOW, s.KEEP), Replace(evolve(s.a_session(), version=1))])

    assert split.session(s.a_session().key) == evolve(theirs, version=2)
    assert split.spent(s.key_of("new")) is not None


def test_a_durable_storage_that_is_away_begins_nothing(split: SplitStorage, durable: Durable):
    """Nothing ends either: one says so, and tries again."""
    split.commit([Replace(s.a_session())])
    durable.meanwhile = unavailable
    with pytest.raises(StorageUnavailable):
        split.commit([
            Revoke("session", "session", s.LATER, s.KEEP),
            Spend(s.key_of("new"), s.NOW, s.KEEP),
            Put(s.a_code(s.a_grant())),
        ])  # fmt: skip
    found = split.session(s.a_session().key)

    assert found == evolve(s.a_session(), version=1)
    assert split.code(s.key_of("code", "code")) is None
    assert split.spent(s.key_of("new")) is None


def test_a_redis_that_goes_away_in_between_burns_the_ticket(durable: Durable):
    """The durable part is done and Redis is gone: no code, and the ticket that led to it is spent."""
    own = RedisServer()
    split = SplitStorage(durable, RedisStorage.from_url(own.url))
    interaction, code = s.an_interaction(), s.a_code(s.a_grant())
    split.commit([Put(interaction)])
    durable.meanwhile = own.kill
    with pytest.raises(StorageUnavailable):
        split.commit([Spend(interaction.key, s.NOW, s.KEEP), Put(code)])
    own.start()

    assert split.spent(interaction.key) is not None
    assert split.code(code.key) is None
    with pytest.raises(Conflict):
        split.commit([Spend(interaction.key, s.NOW, s.KEEP), Put(code)])
    assert split.code(code.key) is None
    split.close()
    own.stop()


@pytest.mark.parametrize(
    ("change", "done"),
    [
        (Revoke("grant", "id", s.NOW, s.KEEP), True),
        (Spend(s.key_of("refresh", "refresh"), s.NOW, s.KEEP), True),
        (Put(s.a_grant()), True),
        (Put(s.an_audit_record()), True),
        (Count(s.key_of("count"), s.NOW, s.LATER), True),
        (Replace(s.a_user()), True),
        (Revoke("session", "id", s.NOW, s.KEEP), True),
        (CutOff("id", None, s.NOW, s.KEEP), True),
        (Put(s.a_code(s.a_grant())), False),
        (Put(s.an_interaction()), False),
        (Replace(s.a_session()), False),
    ],
)
def test_what_goes_on_without_redis(change, done: bool, durable: Durable):
    """Tokens, grants and their revocation do; what Redis must know is refused whole, so that it is tried again."""
    split = SplitStorage(durable, RedisStorage.from_url(NOBODY))
    line = Put(s.an_audit_record("line"))
    if done:
        split.commit([change, line])
    else:
        with pytest.raises(StorageUnavailable):
            split.commit([change, line])

    assert bool(durable.audit()) == done
    assert not durable.sessions("subject")


def test_a_code_shows_what_became_of_its_grant(split: SplitStorage):
    """Once redeemed, the code shows the grant that was stored, with its revocation."""
    grant = s.a_grant()
    split.commit([Put(s.a_code(grant))])
    split.commit([Spend(s.key_of("code", "code"), s.NOW, s.KEEP), Put(grant)])
    split.commit([Revoke("grant", "grant", s.LATER, s.KEEP)])
    found = split.code(s.key_of("code", "code"))

    assert found is not None
    assert found.spent is not None
    assert found.grant == evolve(grant, revoked_at=s.LATER)


ENDS = {
    "its grant's": Revoke("grant", "grant", s.LATER, s.KEEP),
    "its session's": Revoke("session", "session", s.LATER, s.KEEP),
    "its person's": CutOff("subject", None, s.LATER, s.KEEP),
    "its person's, at this client": CutOff("subject", "client", s.LATER, s.KEEP),
}
OTHERS = {
    "another grant's": Revoke("grant", "other", s.LATER, s.KEEP),
    "another session's": Revoke("session", "other", s.LATER, s.KEEP),
    "another person's": CutOff("other", None, s.LATER, s.KEEP),
    "at another client": CutOff("subject", "other", s.LATER, s.KEEP),
    "from before it was made": CutOff("subject", None, s.NOW - s.TICK, s.KEEP),
}


SESSION_ENDS = {
    "its own": Revoke("session", "session", s.LATER, s.KEEP),
    "its person's": CutOff(s.a_session().user_id, None, s.LATER, s.KEEP),
}
SESSION_OTHERS = {
    "another session's": Revoke("session", "other", s.LATER, s.KEEP),
    "a grant's of this name": Revoke("grant", "session", s.LATER, s.KEEP),
    "another person's": CutOff("other", None, s.LATER, s.KEEP),
    "at a client": CutOff(s.a_session().user_id, "client", s.LATER, s.KEEP),
    "from before it was made": CutOff(s.a_session().user_id, None, s.a_session().created_at - s.TICK, s.KEEP),
}


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def of_any_make(request: pytest.FixtureRequest):
    """A durable storage."""
    if request.param == "memory":
        yield MemoryStorage()
        return
    made = SqlStorage.from_url("sqlite://" if request.param == "sqlite" else postgres.emptied())
    yield made
    made.close()


@pytest.mark.parametrize("mark", [*ENDS, *OTHERS])
def test_a_mark_that_redis_never_heard_of_ends_a_code(mark: str, of_any_make, redis: RedisStorage):
    """Whoever ends something need not know of Redis: the grant of the code is over all the same."""
    split = SplitStorage(of_any_make, redis)
    code = s.a_code(s.a_grant())
    split.commit([Put(code)])
    of_any_make.commit([(ENDS | OTHERS)[mark]])
    found = split.code(code.key)

    assert found is not None
    assert found.grant == evolve(code.grant, revoked_at=s.LATER if mark in ENDS else None)
    assert found.record == code
    assert found.spent is None


@pytest.mark.parametrize("mark", [*SESSION_ENDS, *SESSION_OTHERS])
def test_a_mark_that_redis_never_heard_of_ends_a_session(mark: str, of_any_make, redis: RedisStorage):
    """As of a code: an administrator's program that works on the database alone ends what lives in Redis."""
    split = SplitStorage(of_any_make, redis)
    split.commit([Replace(s.a_session())])
    kept = evolve(s.a_session(), version=1)
    of_any_make.commit([(SESSION_ENDS | SESSION_OTHERS)[mark]])
    ended = evolve(kept, revoked_at=s.LATER if mark in SESSION_ENDS else None)

    assert split.session(kept.key) == ended
    assert split.sessions(kept.user_id) == [ended]


def test_a_session_is_two_reads(durable: Durable, redis: RedisStorage, server: RedisServer):
    """One of Redis, and one of the durable storage for what ended it; none of that one for a cookie of nobody's."""
    asked = Faulty(durable)
    split = SplitStorage(asked, redis)
    split.commit([Replace(s.a_session())])
    split.session(s.a_session().key)
    asked.disarm()

    assert trips(server, lambda: split.session(s.a_session().key)) == ["EVALSHA"]
    assert asked.calls == ["marked_session"]
    asked.disarm()
    assert split.session(s.key_of("nobody")) is None
    assert asked.calls == []


def test_a_code_is_two_reads(durable: Durable, redis: RedisStorage, server: RedisServer):
    """One of Redis, for the code, and one of the durable storage, for all that became of it."""
    asked = Faulty(durable)
    split = SplitStorage(asked, redis)
    code = s.a_code(s.a_grant())
    split.commit([Put(code)])
    split.code(code.key)
    asked.disarm()

    assert trips(server, lambda: split.code(code.key)) == ["EVALSHA"]
    assert asked.calls == ["marked"]


@pytest.mark.parametrize("kind", ["codes", "sessions"])
@pytest.mark.parametrize("method", ["marked", "marked_session"])
def test_what_ends_needs_a_durable_storage_that_knows_how(redis: RedisStorage, kind, method):
    """A storage without `marked` or `marked_session` is refused in one sentence, unless these kinds stay with it."""
    bare = type("Bare", (MemoryStorage,), {method: None})
    with pytest.raises(ValueError, match="`marked_session`"):
        SplitStorage(bare(), redis, kinds={kind})

    SplitStorage(bare(), redis, kinds={"interactions", "counters", "replays"})


def test_a_redis_of_yesterday_brings_no_code_back(split: SplitStorage, server: RedisServer):
    """Redis restored from an old copy holds a code that was redeemed since: it is spent."""
    code = s.a_code(s.a_grant())
    split.commit([Put(code)])
    with server.client() as client:
        (key,) = client.scan_iter()
        copy = client.dump(key)
        split.commit([Spend(code.key, s.NOW, s.KEEP), Put(code.grant)])
        client.flushall()
        assert split.code(code.key) is None
        client.restore(key, 0, copy)
    found = split.code(code.key)

    assert found is not None
    assert found.spent is not None
    with pytest.raises(Conflict):
        split.commit([Spend(code.key, s.NOW, s.KEEP), Put(s.a_grant("second"))])
