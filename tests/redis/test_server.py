"""What Redis is asked for and how often, what it keeps and for how long, and what is said when it fails."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from authority_core.kernel.changes import (
    Conflict,
    Count,
    CutOff,
    Put,
    Remove,
    Replace,
    Revoke,
    Spend,
    StorageUnavailable,
)
from authority_core.testing.contract import samples as s
from authority_core.testing.contract.atomicity import everything
from authority_redis import AsyncRedisStorage, RedisStorage
from authority_redis.awaiting import LIBRARY
from support.redis_contents import end_of
from support.redis_servers import RedisServer, cluster, emptied, shared, trips

HOUR = 3_600_000


@pytest.fixture
def server() -> RedisServer:
    return emptied()


@pytest.fixture
def storage(server: RedisServer):
    made = RedisStorage.from_url(server.url)
    made.client("warm up")
    yield made
    made.close()


@contextmanager
def running(*options: str, **more):
    started = RedisServer(*options, **more)
    try:
        yield started
    finally:
        started.stop()


# --- round trips -----------------------------------------------------------------------------------------------------


def test_a_commit_is_one_round_trip(server: RedisServer, storage: RedisStorage):
    """Whatever a commit holds, the server is asked once; the first time it must be told the script."""
    storage.commit([Spend(s.key_of("teach"), s.NOW, s.KEEP)])

    assert trips(server, lambda: storage.commit(everything())) == ["EVALSHA"]


READS = {
    "client": lambda on: on.client("new"),
    "clients": lambda on: on.clients(),
    "users": lambda on: on.users(),
    "grant": lambda on: on.grant("new"),
    "code": lambda on: on.code(s.key_of("code", "code")),
    "refresh_token": lambda on: on.refresh_token(s.key_of("refresh", "refresh")),
    "access_token": lambda on: on.access_token(s.key_of("access", "access")),
    "spent": lambda on: on.spent(s.key_of("other", "code")),
    "interaction": lambda on: on.interaction(s.key_of("interaction", "interaction")),
    "consent": lambda on: on.consent("new", "new"),
    "consents": lambda on: on.consents("new"),
    "all_consents": lambda on: on.all_consents(),
    "signing_keys": lambda on: on.signing_keys(),
    "audit": lambda on: on.audit(),
    "user": lambda on: on.user("new"),
    "user_by_identifier": lambda on: on.user_by_identifier("newcomer"),
    "session": lambda on: on.session(s.key_of("new session", "session")),
    "sessions": lambda on: on.sessions("new"),
    "counter": lambda on: on.counter(s.key_of("new", "counter")),
}


@pytest.mark.parametrize("name", sorted(READS))
def test_a_read_is_one_round_trip(name: str, server: RedisServer, storage: RedisStorage):
    """Grant, marks and spent mark come with the record, in one answer."""
    storage.commit(everything())
    READS[name](storage)

    assert len(trips(server, lambda: READS[name](storage))) == 1


def test_a_server_that_forgot_the_scripts_is_told_again(server: RedisServer, storage: RedisStorage):
    """SCRIPT FLUSH, a restart or a failover costs one more round trip and nothing else."""
    storage.commit([Put(s.a_grant())])
    with server.client() as client:
        client.script_flush()

    assert storage.grant("grant") == s.a_grant()
    with pytest.raises(Conflict):
        storage.commit([Put(s.a_grant())])


# --- keeping and forgetting ------------------------------------------------------------------------------------------


def test_what_ends_is_forgotten_and_what_does_not_is_kept(server: RedisServer, storage: RedisStorage):
    """Every key has an expiry, an hour past its `keep_until`, but for clients, users, consents and keys in force."""
    now = dt.datetime.now(dt.timezone.utc)
    keep = now + timedelta(days=2)
    storage.commit([
        Put(evolve(s.a_grant(), keep_until=keep)),
        Put(evolve(s.a_code(s.a_grant()), keep_until=keep)),
        Put(evolve(s.a_refresh_token(), keep_until=keep)),
        Put(evolve(s.an_access_token(), keep_until=keep)),
        Put(evolve(s.an_interaction(), keep_until=keep)),
        Put(evolve(s.an_audit_record(), keep_until=keep)),
        Replace(evolve(s.a_session(), keep_until=keep)),
        Spend(s.key_of("spent"), now, keep),
        Revoke("grant", "other", now, keep),
        CutOff("other", None, now, keep),
        Count(s.key_of("count"), now, keep),
        *map(Replace, (s.a_client(), s.a_user(), s.a_consent(), s.a_signing_key())),
    ])  # fmt: skip
    with server.client() as client:
        ends = {key.decode(): end_of(client, key) for key in client.scan_iter()}
    lasting = {key for key, end in ends.items() if end == -1}

    assert lasting == {
        "authority:client:client", "authority:clients", "authority:user:user", "authority:users",
        "authority:name:alice", "authority:name:alice%40mail.example", "authority:consent:subject:client",
        "authority:consents", "authority:key:kid", "authority:keys",
    }  # fmt: skip
    wanted = int(keep.timestamp() * 1000) + HOUR
    assert {abs(end - wanted) <= 1 for key, end in ends.items() if key not in lasting} == {True}
    assert len(ends) - len(lasting) == 15


def test_a_key_with_an_end_is_forgotten_too(server: RedisServer, storage: RedisStorage):
    """A signing key that may be forgotten has an expiry, and the list of keys lives as long as those without."""
    keep = dt.datetime.now(dt.timezone.utc) + timedelta(days=2)
    storage.commit([Replace(evolve(s.a_signing_key("old"), keep_until=keep)), Replace(s.a_signing_key("new"))])
    with server.client() as client:
        assert client.ttl("authority:key:old") > 0
        assert client.ttl("authority:keys") == -1
        client.delete("authority:key:old")

    assert [key.kid for key in storage.signing_keys()] == ["new"]


def test_consent_that_has_ended_is_forgotten_too(server: RedisServer, storage: RedisStorage):
    """It has an expiry, which giving it again takes away; the list of all lives as long as those without."""
    keep = dt.datetime.now(dt.timezone.utc) + timedelta(days=2)
    over = evolve(s.a_consent(), keep_until=keep)
    storage.commit([Replace(over)])
    with server.client() as client:
        ends = [end_of(client, key) for key in client.scan_iter()]

        assert len(ends) == 3  # the consent, the list of all, and the list of ends
        assert all(abs(end - int(keep.timestamp() * 1000) - HOUR) <= 1 for end in ends)
        storage.commit([Replace(evolve(over, keep_until=None, version=1))])
        assert {client.ttl(key) for key in client.scan_iter()} == {-1}
        assert client.zcard("authority:consents:ends") == 0

    assert storage.consents("subject") == [evolve(over, keep_until=None, version=2)]


def test_the_list_of_ends_lives_as_long_as_the_list_of_all(server: RedisServer, storage: RedisStorage):
    """What is over can leave the list of all however long nobody consents: whichever of two came first."""
    keep = dt.datetime.now(dt.timezone.utc) + timedelta(days=2)
    ends, stays = evolve(s.a_consent("ends"), keep_until=keep), s.a_consent("stays")
    for order in ([ends, stays], [stays, ends]):
        server.flush()
        storage.commit([Replace(order[0])])
        storage.commit([Replace(order[1])])
        with server.client() as client:
            assert (client.ttl("authority:consents"), client.ttl("authority:consents:ends")) == (-1, -1)


def test_pages_of_consents_are_full_and_in_order(server: RedisServer, storage: RedisStorage):
    """Whenever they end, and whatever was forgotten between them."""
    now = dt.datetime.now(dt.timezone.utc)
    ends = [now + timedelta(days=at * 7 % 50 + 1) if at % 3 else None for at in range(50)]
    storage.commit([Replace(evolve(s.a_consent(f"{at:02}"), keep_until=end)) for at, end in enumerate(ends)])
    with server.client() as client:
        for at in range(10, 40):
            client.delete(f"authority:consent:{at:02}:client")
    left = [f"{at:02}" for at in (*range(10), *range(40, 50))]

    assert [one.subject for one in storage.all_consents(None, 12)] == left[:12]
    assert [one.subject for one in storage.all_consents(("08", "client"), 100)] == left[9:]
    assert [one.subject for one in storage.all_consents()] == left


def test_a_clock_that_is_wrong_forgets_nothing_too_early(storage: RedisStorage):
    """What seems to be over when it is written is kept for an hour: the clocks of two machines may differ."""
    long_ago = s.NOW - timedelta(days=3650)
    storage.commit([Spend(s.key_of("jti", "jti"), long_ago, long_ago), Revoke("grant", "grant", long_ago, long_ago)])

    assert storage.spent(s.key_of("jti", "jti")) is not None
    with pytest.raises(Conflict):
        storage.commit([Spend(s.key_of("jti", "jti"), s.NOW, s.KEEP)])


def test_marks_are_kept_as_long_as_anybody_asked(server: RedisServer, storage: RedisStorage):
    """A second `Revoke` or `CutOff` may lengthen a mark's life and never shortens it."""
    now = dt.datetime.now(dt.timezone.utc)
    for days in (1, 3, 2):
        keep = now + timedelta(days=days)
        storage.commit([Revoke("grant", "grant", now, keep), CutOff("subject", None, now, keep)])
        with server.client() as client:
            ends = [end_of(client, key) for key in client.scan_iter()]

        longest = int((now + timedelta(days=min(days, 2) if days == 1 else 3)).timestamp() * 1000) + HOUR
        assert all(abs(end - longest) <= 1 for end in ends)


def test_lists_are_swept_as_they_are_written(server: RedisServer, storage: RedisStorage):
    """Sessions, consents and lines of the audit trail that Redis forgot leave their lists with the next one written."""
    for at in range(20):
        consent = evolve(s.a_consent(f"old {at}"), keep_until=s.KEEP)
        storage.commit([Replace(s.a_session(f"old {at}")), Put(s.an_audit_record(f"old {at}")), Replace(consent)])
    with server.client() as client:
        for family in ("session", "audit", "consent"):
            client.delete(*client.scan_iter(f"authority:{family}:*"))
        for index in ("sessions:subject", "audits:ends", "consents:ends"):  # as if their time had come
            index = f"authority:{index}"
            client.zadd(index, dict.fromkeys(client.zrange(index, 0, -1), 1))
        assert storage.sessions("subject") == []
        assert storage.audit() == []
        assert storage.all_consents() == []
        storage.commit([Replace(s.a_session("new")), Put(s.an_audit_record("new")), Replace(s.a_consent("new"))])

        assert client.zcard("authority:sessions:subject") == 1
        assert client.zcard("authority:audits") == client.zcard("authority:audits:ends") == 1
        assert (client.zcard("authority:consents"), client.zcard("authority:consents:ends")) == (1, 0)
    assert [one.session_id for one in storage.sessions("subject")] == ["new"]
    assert [one.audit_id for one in storage.audit()] == ["new"]
    assert [one.subject for one in storage.all_consents()] == ["new"]


def test_the_audit_trail_skips_what_is_forgotten(server: RedisServer, storage: RedisStorage):
    """A page is full as long as there are lines, whatever lies between them."""
    lines = [s.an_audit_record(f"{at:03}", s.NOW + timedelta(seconds=at)) for at in range(50)]
    storage.commit([Put(line) for line in lines])
    with server.client() as client:
        for at in range(10, 50):
            client.delete(f"authority:audit:{at:03}")

    assert [line.audit_id for line in storage.audit(None, 3)] == ["009", "008", "007"]


def test_removing_leaves_nothing(server: RedisServer, storage: RedisStorage):
    """After `Remove` neither a name nor a place in a list is left."""
    over = evolve(s.a_consent("over"), keep_until=s.KEEP)
    records = [s.a_client(), s.a_user(), s.a_consent(), over, s.a_signing_key(), s.a_session()]
    storage.commit([Replace(record) for record in records])
    storage.commit([Remove(evolve(record, version=1)) for record in records])

    assert server.dump() == b""


def test_deployments_with_prefixes_of_their_own_share_a_server(server: RedisServer):
    """Two prefixes are two storages."""
    one, other = (RedisStorage.from_url(server.url, prefix=prefix) for prefix in ("one:", "other:"))
    one.commit([Put(s.a_grant()), Spend(s.key_of("spent"), s.NOW, s.KEEP)])
    other.commit([Spend(s.key_of("spent"), s.NOW, s.KEEP)])

    assert other.grant("grant") is None
    assert all(line.startswith((b"one:", b"other:")) for line in server.dump().splitlines())
    one.close()
    other.close()


# --- failing closed --------------------------------------------------------------------------------------------------


def test_a_server_that_hangs_is_given_up(server: RedisServer):
    """No answer within *timeout* is `StorageUnavailable`, for reads and commits, and afterwards all is well."""
    with running() as own:
        storage = RedisStorage.from_url(own.url, timeout=0.3)
        storage.commit([Put(s.a_grant())])
        own.freeze()
        for use in (lambda: storage.grant("grant"), lambda: storage.commit([Put(s.a_grant("other"))])):
            started = time.monotonic()
            with pytest.raises(StorageUnavailable):
                use()
            assert time.monotonic() - started < 2
        own.thaw()

        patient = RedisStorage.from_url(own.url, timeout=10)
        assert patient.grant("grant") == s.a_grant()
        patient.close()
        storage.close()


def test_a_commit_is_never_sent_twice():
    """A commit whose answer is lost is unknown to have happened, and is not tried again behind the caller's back."""
    with running() as own:
        storage = RedisStorage.from_url(own.url, timeout=0.3)
        key = s.key_of("count")
        storage.commit([Count(key, s.NOW, s.LATER)])
        own.freeze()
        with pytest.raises(StorageUnavailable):
            storage.commit([Count(key, s.NOW, s.LATER)])
        own.thaw()

        patient = RedisStorage.from_url(own.url, timeout=10)
        found = patient.counter(key)
        assert found is not None
        assert found.value <= 2
        patient.close()
        storage.close()


def test_a_restarted_server_costs_nobody_a_request():
    """Connections of the pool that died with the server are replaced, for reads and commits."""
    with running() as own:
        storage = RedisStorage.from_url(own.url)
        for number in range(3):
            storage.commit([Put(s.a_grant(f"grant {number}"))])
            own.kill()
            with pytest.raises(StorageUnavailable):
                storage.grant("grant")
            own.start()
            assert storage.grant("grant") is None
        storage.close()


@pytest.mark.anyio
async def test_a_cancelled_request_spoils_nothing(server: RedisServer):
    """Tasks cancelled in the middle of a commit leave no half answer for the next user of the connection."""
    storage = AsyncRedisStorage.from_url(server.url, max_connections=2)
    await storage.commit([Replace(s.a_client(f"client {at}")) for at in range(5)])
    for at in range(60):
        task = asyncio.create_task(storage.client(f"client {at % 5}"))
        for _ in range(at % 12):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found = await storage.client(f"client {(at + 1) % 5}")
        assert found is not None
        assert found.client_id == f"client {(at + 1) % 5}"
    await storage.aclose()


def test_a_full_server_writes_nothing_half():
    """With `noeviction` and no memory left a commit is refused whole; reads go on."""
    with running("--maxmemory-policy", "noeviction") as own:
        storage = RedisStorage.from_url(own.url)
        storage.commit([Put(s.a_grant())])
        with own.client() as client:
            client.config_set("maxmemory", "1")
            with pytest.raises(StorageUnavailable, match="maxmemory"):
                storage.commit([Replace(s.a_client()), *everything()])
            before = client.dbsize()
            client.config_set("maxmemory", "0")

        assert before == 1
        assert storage.grant("grant") == s.a_grant()
        storage.commit([Replace(s.a_client()), *everything()])
        storage.close()


def test_a_counter_that_would_overflow_writes_nothing(server: RedisServer, storage: RedisStorage):
    """An impossible number fails before anything is written."""
    with pytest.raises(StorageUnavailable):
        storage.commit([Put(s.a_grant()), Count(s.key_of("count"), s.NOW, s.LATER, by=2**60)])

    assert server.dump() == b""


def test_a_primary_without_the_replicas_it_needs_says_so():
    """`min-replicas-to-write` unmet is `StorageUnavailable` with a sentence; reads go on."""
    with running("--min-replicas-to-write", "1") as own:
        storage = RedisStorage.from_url(own.url)
        with pytest.raises(StorageUnavailable, match="too few replicas"):
            storage.commit([Put(s.a_grant())])

        assert storage.grant("grant") is None
        storage.close()


def test_a_wrong_password_is_refused_and_not_shown():
    """Wrong credentials are `StorageUnavailable`; neither the right nor the wrong password is in it."""
    with running("--requirepass", "right-s3cret") as own:
        for password in ("wr0ng-s3cret", ""):
            storage = RedisStorage.from_url(own.url.replace("//", f"//:{password}@"))
            with pytest.raises(StorageUnavailable) as refusal:
                storage.client("client")

            assert "s3cret" not in repr(refusal.value)
            assert refusal.value.__cause__ is None
            assert refusal.value.__suppress_context__
            storage.close()
        right = RedisStorage.from_url(own.url.replace("//", "//:right-s3cret@"))
        assert right.client("client") is None
        right.close()


def test_nobody_there_is_said_so():
    """A refused connection is `StorageUnavailable` at once, in both colours."""
    storage, other = (kind.from_url("redis://127.0.0.1:1") for kind in (RedisStorage, AsyncRedisStorage))

    async def ask() -> None:
        await other.client("client")

    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        storage.client("client")
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        asyncio.run(ask())


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl", "noeviction"])
def test_a_policy_that_evicts_is_warned_of(policy: str, caplog: pytest.LogCaptureFixture):
    """Any policy but `noeviction` is warned of with the first use, once."""
    with running("--maxmemory-policy", policy) as own, caplog.at_level(logging.WARNING, "authority"):
        storage = RedisStorage.from_url(own.url)
        for _ in range(3):
            storage.client("client")
        storage.close()
    warned = [line for line in caplog.messages if policy in line]

    assert len(warned) == (policy != "noeviction")


def rights() -> list[str]:
    """Return the ACL rule of the how-to."""
    page = Path(__file__).parents[2].joinpath("docs/how-to/run-on-redis.md").read_text(encoding="utf-8")
    return next(line for line in page.splitlines() if line.startswith("ACL SETUSER")).split()


def test_the_rights_of_the_how_to_are_enough():
    """A user with these rights is served, on any database, and told what is wrong with the server."""
    with running("--maxmemory-policy", "allkeys-lru") as own, own.client() as client:
        client.execute_command(*rights())
        storage = RedisStorage.from_url(own.url.replace("//", "//authority:password@").replace("/0", "/1"))
        storage.commit(everything())
        for read in READS.values():
            assert read(storage)

        assert len(storage.advice()) == 1
        storage.close()


@pytest.mark.parametrize("missing", ["-zadd", "-hincrby", "-pexpireat", "-@sortedset"])
def test_without_a_command_nothing_is_half_written(missing: str):
    """A script is not undone where it fails half way; so a user who may not do all of it does none of it."""
    with running() as own, own.client() as client:
        client.execute_command(*rights(), missing)
        storage = RedisStorage.from_url(own.url.replace("//", "//authority:password@"))
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                storage.commit(everything())

        assert [key for key in client.keys("authority:*") if b"rehearsal" not in key] == []
        client.execute_command(*rights())
        storage.commit(everything())
        assert [key for key in client.keys("authority:*") if b"rehearsal" in key] == []
        storage.close()


def test_without_info_replays_are_refused():
    """Whoever may not ask since when the server remembers is served but for replays, and warned of nothing."""
    with running("--maxmemory-policy", "allkeys-lru") as own, own.client() as client:
        client.execute_command(*(word for word in rights() if word != "+info"))
        storage = RedisStorage.from_url(own.url.replace("//", "//authority:password@"))
        replays = [one for one in everything() if isinstance(one, Spend) and one.earliest is not None]
        storage.commit([one for one in everything() if one not in replays])
        with pytest.raises(StorageUnavailable):
            storage.commit(replays)

        assert storage.client("new") is not None
        assert storage.advice() == ()
        storage.close()


def test_the_rights_of_the_how_to_are_enough_in_a_cluster():
    """So they are with the word for a cluster."""
    nodes = cluster()
    rule = [word.replace("~authority:", "~{authority:}") for word in rights()]
    for node in nodes:
        node.flush()
        with node.client() as client:
            client.execute_command(*rule, "+cluster|slots", "-command")
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    storage = RedisStorage.from_url(f"redis://authority:password@{hosts}")
    storage.commit(everything())

    assert all(read(storage) for read in READS.values())
    storage.close()


# --- ways to connect -------------------------------------------------------------------------------------------------


def test_a_socket(server: RedisServer):
    """`unix://` is the server beside us."""
    storage = RedisStorage.from_url(f"unix://{server.socket}?db=3")
    storage.commit([Put(s.a_grant())])
    with server.client(db=3) as client:
        assert client.dbsize() == 1

    other = RedisStorage.from_url(server.url.replace("/0", "/3"))
    assert other.grant("grant") == s.a_grant()
    assert RedisStorage.from_url(server.url).grant("grant") is None
    storage.close()
    other.close()


def test_sentinel_names_the_primary():
    """The primary is asked for by its name, in both colours; an unknown name is `StorageUnavailable`."""
    with running("--requirepass", "word", "--masterauth", "word") as primary:
        monitor = f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1\nsentinel auth-pass mymaster word"
        with running(sentinel=monitor) as sentinel:
            url = f"redis://:word@127.0.0.1:{sentinel.port}/mymaster"
            storage, other = RedisStorage.from_url(url), AsyncRedisStorage.from_url(url)
            storage.commit([Put(s.a_grant())])

            async def ask() -> object:
                try:
                    return await other.grant("grant")
                finally:
                    await other.aclose()

            assert asyncio.run(ask()) == s.a_grant()
            unknown = RedisStorage.from_url(url.replace("mymaster", "nobody"))
            with pytest.raises(StorageUnavailable):
                unknown.client("client")
            storage.close()
            unknown.close()


def test_a_sentinel_that_is_away_costs_no_time():
    """It is asked once, not again and again, and the next one knows."""
    with running() as primary, running(sentinel=f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1") as sentinel:
        storage = RedisStorage.from_url(f"redis://127.0.0.1:1,127.0.0.1:{sentinel.port}/mymaster")
        started = time.monotonic()
        assert storage.client("client") is None
        assert time.monotonic() - started < 1
        storage.close()


def test_searches_at_the_same_time_lose_no_sentinel():
    """Many look for the primary at once, past a Sentinel that is away: all find it, and both are asked another time."""
    with running() as primary, running(sentinel=f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1") as sentinel:

        async def search() -> tuple[list[tuple[str, int]], set[int]]:
            hosts = [("127.0.0.1", 1), ("127.0.0.1", sentinel.port)]
            known = LIBRARY.sentinels(hosts, {"retry": Retry(NoBackoff(), 0)})
            found = await asyncio.gather(*(known.discover_master("mymaster") for _ in range(8)))
            ports = {client.connection_pool.connection_kwargs["port"] for client in known.sentinels}
            for client in known.sentinels:
                await client.aclose()
            return found, ports

        assert asyncio.run(search()) == ([("127.0.0.1", primary.port)] * 8, {1, sentinel.port})


def test_the_shared_server_is_private():
    """It listens on the loopback interface only and writes nothing to disk."""
    with shared().client() as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        assert client.config_get("save")["save"] == ""
        assert client.config_get("appendonly")["appendonly"] == "no"
