"""Marks of what others made, kept in Redis: whatever it lost, none is admitted that may have been used before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from authority_core.kernel.changes import Conflict, Put, Spend, StorageUnavailable
from authority_core.testing.contract import samples as s
from authority_core.testing.memory import MemoryStorage
from authority_redis import RedisStorage, SplitStorage
from support.redis_servers import RedisServer, trips
from support.waiting import until

MEMORY = "authority:memory"
EVERY = ("codes", "interactions", "sessions", "counters", "replays")


def proof(name: str, made: timedelta = timedelta(0)) -> Spend:
    """Return the use of an identifier that can have been used since *made* from now."""
    now = datetime.now(timezone.utc)
    return Spend(s.key_of(name, "jti"), now, now + timedelta(minutes=5), earliest=now + made)


def age(server: RedisServer) -> None:
    """Let the server have remembered for an hour longer than it has."""
    with server.client() as client:
        since, life = client.get(MEMORY).split(b" ", 1)
        client.set(MEMORY, b"%d %s" % (int(since) - 3_600_000, life))


def primed(server: RedisServer) -> RedisStorage:
    """Return storage on *server*, which remembers an hour."""
    storage = RedisStorage.from_url(server.url)
    storage.commit([proof("the first", timedelta(days=1))])
    age(server)
    return storage


@pytest.fixture(scope="module")
def own():
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def server(own: RedisServer):
    yield own
    own.flush()
    with own.client() as client:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")


# --- how far the memory reaches --------------------------------------------------------------------------------------


def test_a_redis_that_remembers_admits_once(server: RedisServer):
    """The control of all that follows: a proof made a minute ago is admitted, and then refused as used."""
    storage = primed(server)
    used = proof("used", -timedelta(minutes=1))
    storage.commit([used])
    with pytest.raises(Conflict):
        storage.commit([used])

    assert storage.spent(used.key) is not None
    storage.close()


def test_an_empty_redis_admits_what_came_after(server: RedisServer):
    """A proof that can have been used before is refused, with all that came with it; one made since is not."""
    storage = RedisStorage.from_url(server.url)
    for made in (-timedelta(hours=1), timedelta(0), timedelta(seconds=8)):
        with pytest.raises(StorageUnavailable, match="forgotten"):
            storage.commit([proof("old", made), Put(s.a_grant())])

    assert storage.grant("grant") is None
    storage.commit([proof("new", timedelta(seconds=12)), Put(s.a_grant())])
    assert storage.grant("grant") is not None
    storage.close()


def test_what_we_made_needs_no_memory(server: RedisServer):
    """A code is spent on an empty Redis too: whoever keeps its mark there keeps the code there."""
    storage = RedisStorage.from_url(server.url)
    storage.commit([Spend(s.key_of("code", "code"), s.NOW, s.KEEP)])

    with server.client() as client:
        assert not client.exists(MEMORY)
    storage.close()


def emptied_by_hand(server: RedisServer) -> None:
    server.flush()


def started_empty(server: RedisServer) -> None:
    server.kill()
    server.start()


def evicted(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory-policy", "volatile-random")
        client.config_set("maxmemory", "1")
        until(lambda: not any(client.scan_iter("authority:spent:*")), "nothing was evicted")
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        assert client.exists(MEMORY)


@pytest.mark.parametrize("lose", [emptied_by_hand, started_empty, evicted])
def test_a_loss_admits_no_replay(lose: Callable[[RedisServer], None], server: RedisServer):
    """Emptied, started anew or evicting: what was used before stays refused, and what is made later is admitted."""
    storage = primed(server)
    used = proof("used", -timedelta(minutes=1))
    storage.commit([used])
    lose(server)
    with pytest.raises(StorageUnavailable):
        storage.commit([used])

    storage.commit([proof("later", timedelta(seconds=30))])
    storage.close()


@pytest.mark.parametrize("policy", ["volatile-random", "allkeys-lru"])
def test_one_that_may_evict_admits_none(policy: str, server: RedisServer):
    """However little it says to have evicted: the count can be cleared. Set right again, its memory begins then."""
    storage = primed(server)
    used = proof("used", -timedelta(minutes=1))
    storage.commit([used])
    with server.client() as client:
        client.config_set("maxmemory", "1gb")
        client.config_set("maxmemory-policy", policy)
        client.delete(f"authority:spent:{used.key.hex()}")  # as an eviction does
        client.config_resetstat()
        for one in (used, proof("new", timedelta(hours=1))):
            with pytest.raises(StorageUnavailable, match="forgotten"):
                storage.commit([one])
        client.config_set("maxmemory-policy", "noeviction")
    with pytest.raises(StorageUnavailable, match="forgotten"):
        storage.commit([used])

    storage.commit([proof("later", timedelta(seconds=30))])
    storage.close()


@pytest.mark.parametrize(("most", "policy"), [("1gb", "noeviction"), ("0", "allkeys-lru")])
def test_one_that_cannot_evict_admits(most: str, policy: str, server: RedisServer):
    """With a limit and no eviction, or with no limit, nothing goes."""
    storage = primed(server)
    with server.client() as client:
        client.config_set("maxmemory", most)
        client.config_set("maxmemory-policy", policy)
    storage.commit([proof("one", -timedelta(minutes=1))])

    assert storage.spent(proof("one").key) is not None
    storage.close()


def test_an_old_snapshot_admits_no_replay():
    """Redis that comes back with the state of a moment ago knows by its own new name that it is another."""
    own = RedisServer()
    storage = primed(own)
    with own.client() as client:
        client.save()
    used = proof("used", -timedelta(minutes=1))
    storage.commit([used])
    own.kill()
    own.start()
    with own.client() as client:
        assert client.exists(MEMORY)
    with pytest.raises(StorageUnavailable):
        storage.commit([used])

    assert storage.spent(used.key) is None
    storage.commit([proof("later", timedelta(seconds=30))])
    storage.close()
    own.stop()


def follow(replica: RedisServer, primary: RedisServer) -> None:
    """Make *replica* one of *primary*, and wait until it has all."""
    with replica.client() as client, primary.client() as other:
        client.replicaof("127.0.0.1", primary.port)
        until(lambda: client.info("replication")["master_link_status"] == "up", "the replica is not there")
        written = other.info("replication")["master_repl_offset"]
        until(lambda: client.info("replication")["slave_repl_offset"] >= written, "the replica does not follow")


def promote(replica: RedisServer) -> None:
    with replica.client() as client:
        client.replicaof("NO", "ONE")


@pytest.fixture
def pair():
    """Two servers, of which the second may follow the first."""
    servers = [RedisServer("--repl-diskless-sync-delay", "0") for _ in range(2)]
    storages = [RedisStorage.from_url(server.url) for server in servers]
    yield servers, storages
    for one in storages:
        one.close()
    for server in servers:
        server.stop()


def test_a_promoted_replica_admits_no_replay(pair):
    """What a primary took that its replica never heard of is refused by the replica, once it is the primary."""
    (primary, replica), (storage, other) = pair
    follow(replica, primary)
    primed(primary).close()
    follow(replica, primary)
    promote(replica)
    used = proof("used", -timedelta(minutes=1))
    storage.commit([used])
    with replica.client() as client:
        assert client.exists(MEMORY)
    with pytest.raises(StorageUnavailable):
        other.commit([used])

    other.commit([proof("later", timedelta(seconds=30))])


def test_a_primary_that_comes_back_admits_no_replay(pair):
    """A primary that was a replica meanwhile is another, though it is the same process and has its own old note."""
    (first, second), (storage, other) = pair
    follow(second, first)
    primed(first).close()
    follow(second, first)
    promote(second)
    follow(first, second)
    promote(first)
    used = proof("used", -timedelta(minutes=1))
    for one in (other, storage):
        with pytest.raises(StorageUnavailable):
            one.commit([used])

    storage.commit([proof("later", timedelta(seconds=30))])


def test_a_primary_that_hears_nobody_admits_none(pair):
    """Whose replicas are silent for ten seconds may be the primary no more; with the first word from one it goes on."""
    (primary, replica), (storage, _) = pair
    follow(replica, primary)
    primed(primary).close()
    storage.commit([proof("before", -timedelta(minutes=1))])
    replica.freeze()
    with primary.client() as client:
        until(lambda: client.info("replication")["slave0"]["lag"] > 10, "the replica is heard of")
        with pytest.raises(StorageUnavailable):
            storage.commit([proof("meanwhile", -timedelta(minutes=1))])
        replica.thaw()
        until(lambda: client.info("replication")["slave0"]["lag"] <= 10, "the replica is not heard of")

    storage.commit([proof("meanwhile", -timedelta(minutes=1))])


# --- beside a durable storage ----------------------------------------------------------------------------------------


class Durable(MemoryStorage):
    """The reference, which does something in the middle of the next commit."""

    meanwhile: Callable[[], None] | None = None

    def commit(self, changes):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        super().commit(changes)


@pytest.fixture
def durable() -> Durable:
    return Durable()


@pytest.mark.parametrize("kinds", [EVERY, ("replays",), ("codes", "interactions", "sessions")])
def test_they_live_where_the_operator_says(kinds: tuple[str, ...], durable: Durable, server: RedisServer):
    """Named, they are in Redis and nowhere else; not named, they are durable; marks of our own are durable always."""
    split = SplitStorage(durable, RedisStorage.from_url(server.url), kinds=kinds)
    theirs, ours = proof("theirs", timedelta(hours=1)), Spend(s.key_of("ours", "code"), s.NOW, s.KEEP)
    split.commit([theirs, ours])

    assert (durable.spent(theirs.key) is None) == ("replays" in kinds)
    assert durable.spent(ours.key) is not None
    assert split.spent(theirs.key) is not None
    assert split.spent(ours.key) is not None
    with pytest.raises(Conflict):
        split.commit([theirs])
    split.close()


def test_a_commit_asks_redis_once(durable: Durable, server: RedisServer):
    """With a durable part that may lose, Redis is asked before it and, when that lost, once after."""
    split = SplitStorage(durable, RedisStorage.from_url(server.url), kinds=["replays"])
    ours = Spend(s.key_of("ours", "code"), s.NOW, s.KEEP)
    split.commit([proof("teach", timedelta(hours=1))])

    assert trips(server, lambda: split.commit([proof("one", timedelta(hours=1)), ours])) == ["EVALSHA"]

    def lose() -> None:
        with pytest.raises(Conflict):
            split.commit([proof("two", timedelta(hours=1)), ours])

    lose()
    assert trips(server, lose) == ["EVALSHA", "EVALSHA"]
    split.close()


def unavailable() -> None:
    raise StorageUnavailable("the durable storage is away")


def test_what_may_have_let_somebody_through_stays_spent(durable: Durable, server: RedisServer):
    """A durable storage that broke off may have committed: the proof is used, and the next try needs another."""
    split = SplitStorage(durable, RedisStorage.from_url(server.url), kinds=["replays"])
    used = proof("used", timedelta(hours=1))
    durable.meanwhile = unavailable
    with pytest.raises(StorageUnavailable):
        split.commit([used, Put(s.a_grant())])
    with pytest.raises(Conflict):
        split.commit([used, Put(s.a_grant())])

    split.commit([proof("another", timedelta(hours=1)), Put(s.a_grant())])
    assert split.grant("grant") is not None
    split.close()


def test_a_redis_that_goes_before_it_is_given_back(durable: Durable):
    """The durable part lost, and Redis cannot be told: 503, and nothing was written."""
    own = RedisServer()
    split = SplitStorage(durable, RedisStorage.from_url(own.url), kinds=["replays"])
    durable.commit([Put(s.a_grant())])
    durable.meanwhile = own.kill
    with pytest.raises(StorageUnavailable):
        split.commit([proof("one", timedelta(hours=1)), Put(s.a_grant()), Put(s.a_refresh_token())])

    assert durable.refresh_token(s.a_refresh_token().key) is None
    split.close()
    own.stop()


def test_nobody_gives_back_the_mark_of_another(durable: Durable, server: RedisServer):
    """Between a commit and its loss Redis was emptied, and somebody else brought the same: theirs stays."""
    redis = RedisStorage.from_url(server.url)
    split = SplitStorage(durable, redis, kinds=["replays"])
    mine, theirs = proof("same", timedelta(hours=1)), proof("same", timedelta(hours=1))
    durable.commit([Put(s.a_grant())])

    def meanwhile() -> None:
        server.flush()
        redis.commit([theirs])

    durable.meanwhile = meanwhile
    with pytest.raises(Conflict):
        split.commit([mine, Put(s.a_grant())])

    found = split.spent(theirs.key)
    assert found is not None
    assert found.at == theirs.at
    split.close()


def test_without_redis_nobody_is_let_through_and_all_else_goes_on(durable: Durable):
    """Redis is away: what needs a mark is 503, and whether a token was revoked is still known."""
    split = SplitStorage(durable, RedisStorage.from_url("redis://127.0.0.1:1"), kinds=["replays"])
    revoked = Spend(s.key_of("revoked", "access_token_id"), s.NOW, s.KEEP)
    split.commit([revoked, Put(s.a_grant())])
    with pytest.raises(StorageUnavailable):
        split.commit([proof("one", timedelta(hours=1)), Put(s.a_refresh_token())])

    assert split.spent(revoked.key) is not None
    assert split.spent(s.key_of("other", "access_token_id")) is None
    assert split.grant("grant") is not None
    assert durable.refresh_token(s.a_refresh_token().key) is None
