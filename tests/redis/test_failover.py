"""A primary that dies under load: three Sentinels promote a replica, and nothing that works once has worked twice."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import count

import pytest
from attrs import evolve

from authority_core.kernel.changes import Change, Conflict, Put, Spend, StorageUnavailable
from authority_core.kernel.sync import coat, run
from authority_core.testing.contract import samples as s
from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage
from authority_sql import AsyncSqlStorage, SqlStorage
from support import postgres
from support.redis_servers import RedisServer
from support.waiting import PATIENCE, until

KINDS = ("codes", "interactions", "sessions", "counters", "replays")
SORTS = ("code", "proof", "bare")
WORKERS = 6
ENOUGH = 150
"""Codes redeemed and proofs admitted on either side of the failover."""
REPLICATES = ("--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "3")
WATCHES = "sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 5000"


class House:
    """A primary with two replicas, and three Sentinels that watch them."""

    def __init__(self) -> None:
        self.servers = [RedisServer(*REPLICATES) for _ in range(3)]
        self.primary, *replicas = self.servers
        for replica in replicas:
            with replica.client() as client:
                client.replicaof("127.0.0.1", self.primary.port)
        until(lambda: self._about(self.primary)["connected_slaves"] == 2, "no replicas")
        monitor = f"sentinel monitor mymaster 127.0.0.1 {self.primary.port} 2\n{WATCHES}"
        self.sentinels = [RedisServer(sentinel=monitor) for _ in range(3)]
        until(lambda: all(self._ready(sentinel) for sentinel in self.sentinels), "the Sentinels do not meet")
        self.url = "redis://" + ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels) + "/mymaster"

    @staticmethod
    def _about(server: RedisServer) -> dict[str, object]:
        with server.client() as client:
            return client.info("replication")

    @staticmethod
    def _ready(sentinel: RedisServer) -> bool:
        with sentinel.client() as client:
            known = client.sentinel_masters()["mymaster"]
        return (known["num-slaves"], known["num-other-sentinels"]) == (2, 2)

    def age(self) -> None:
        """Let the primary have remembered for an hour."""
        with self.primary.client() as client:
            since, life = client.get("authority:memory").split(b" ", 1)
            client.set("authority:memory", b"%d %s" % (int(since) - 3_600_000, life))
            client.wait(2, 5000)

    def cut_off(self) -> None:
        """Let the primary take what its replicas never hear of, as one does whose operator demands no replicas."""
        with self.primary.client() as client:
            client.config_set("min-replicas-to-write", 0)
            for replica in self.servers[1:]:
                with replica.client() as other:
                    other.config_set("masterauth", "what nobody asks for")
            client.execute_command("CLIENT KILL TYPE replica")

    def kill(self) -> None:
        """Kill the primary; its replicas may follow each other again."""
        self.primary.kill()
        for replica in self.servers[1:]:
            with replica.client() as client:
                client.config_set("masterauth", "")

    def settle(self) -> None:
        """Let the new primary take writes, whether or not the last replica has found it by now."""
        for replica in self.servers[1:]:
            with replica.client() as client:
                client.config_set("min-replicas-to-write", 0)

    def stop(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.stop()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.stop()


def proof(name: str, ahead: timedelta = timedelta(0)) -> Spend:
    """Return the use of an identifier that was made just now."""
    now = datetime.now(timezone.utc)
    return Spend(s.key_of(name, "jti"), now, now + timedelta(minutes=5), earliest=now + ahead)


class Load:
    """People and clients, each of whom brings what works once, twice."""

    def __init__(self, storage: object) -> None:
        self.storage = coat(storage)
        self.won: Counter[str] = Counter()
        self.brought: dict[str, list[Change]] = {}
        self.over = False

    async def play(self, worker: int, pause: Callable[[float], Awaitable[None]]) -> None:
        """Bring one thing after the other until it is over."""
        for turn in count():
            if self.over:
                return
            name = f"{worker}-{turn}"
            await self.prepare(name)
            self.brought[f"proof {name}"] = [proof(name), Put(s.a_refresh_token(name, name))]
            self.brought[f"bare {name}"] = [proof(f"bare {name}")]
            for thing in (f"{sort} {name}" for sort in SORTS):
                for _ in range(2):
                    if not self.over:
                        await self.bring(thing)
            await pause(0.002)

    async def prepare(self, name: str) -> None:
        """Store a code."""
        key = s.key_of(name, "code")
        await self._commit([Put(evolve(s.a_code(s.a_grant(name)), key=key))])
        self.brought[f"code {name}"] = [Spend(key, s.NOW, s.KEEP)]

    async def bring(self, thing: str) -> None:
        """Bring a thing once more, and count when it is taken."""
        if thing.startswith("code") and await self._unknown(thing):
            return
        self.won[thing] += await self._commit(self.brought[thing])

    async def forgotten(self, proof: str) -> bool:
        """Tell whether the mark of a proof that was taken is gone."""
        (spend,) = self.brought[proof]
        return isinstance(spend, Spend) and await self.storage.spent(spend.key) is None

    async def _unknown(self, thing: str) -> bool:
        try:
            return await self.storage.code(s.key_of(thing.removeprefix("code "), "code")) is None
        except StorageUnavailable:
            return True

    async def _commit(self, changes: list[Change]) -> bool:
        try:
            await self.storage.commit(changes)
        except (Conflict, StorageUnavailable):
            return False
        return True

    def score(self, sort: str) -> int:
        """Return how many things of a sort were taken."""
        return sum(times for thing, times in list(self.won.items()) if thing.startswith(sort))


def in_threads(load: Load) -> list[threading.Thread]:
    """Return threads that bring the load."""
    never = threading.Event()

    async def pause(seconds: float) -> None:
        never.wait(seconds)

    return [threading.Thread(target=lambda at=at: run(load.play(at, pause))) for at in range(WORKERS)]


def in_tasks(load: Load, storage: AsyncSplitStorage) -> list[threading.Thread]:
    """Return a thread with a loop, whose tasks bring the load."""

    async def bring() -> None:
        await asyncio.gather(*(load.play(at, asyncio.sleep) for at in range(WORKERS)))
        await storage.aclose()

    return [threading.Thread(target=lambda: asyncio.run(bring()))]


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize("colour", ["threads", "tasks"])
def test_a_failover_lets_nothing_work_twice(colour: str, cut_off: bool, house: House):
    """Codes and proofs, brought twice each and once more in the end, are taken once at most, before, in and after.

    So they are when the replicas have missed the primary's last moments.
    """
    database = postgres.emptied()
    storage = SplitStorage(SqlStorage.from_url(database), RedisStorage.from_url(house.url), kinds=KINDS)
    storage.commit([proof("the first", timedelta(hours=1))])
    house.age()
    if colour == "threads":
        load = Load(storage)
        threads = in_threads(load)
    else:
        redis = AsyncRedisStorage.from_url(house.url)
        other = AsyncSplitStorage(AsyncSqlStorage.from_url(database), redis, kinds=KINDS)
        load = Load(other)
        threads = in_tasks(load, other)
    for thread in threads:
        thread.start()
    late = Load(storage)
    for at in range(20):
        run(late.prepare(f"late {at}"))
    try:
        until(lambda: min(map(load.score, SORTS)) > ENOUGH, "no load")
        if cut_off:
            house.cut_off()
            before = load.score("proof")
            until(lambda: load.score("proof") > before + ENOUGH, "no load without replicas")
        for thing in late.brought:
            run(late.bring(thing))
        house.kill()
        before = load.score("code")
        until(lambda: load.score("code") > before + ENOUGH, "nobody took the primary's place")
    finally:
        load.over = True
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    house.settle()
    load.storage = coat(storage)
    lost = [thing for thing in load.won if thing.startswith("bare") and load.won[thing] and run(load.forgotten(thing))]
    for one in (load, late):
        for thing in list(one.brought):
            run(one.bring(thing))

    assert {thing: times for thing, times in (load.won + late.won).items() if times > 1} == {}
    assert late.score("code") == len(late.brought)
    assert lost or not cut_off
    with pytest.raises(StorageUnavailable, match="forgotten"):
        storage.commit([proof("made while nobody could tell")])
    storage.commit([proof("made later", timedelta(minutes=1))])
    storage.close()
