"""`kill -9` of a server at any moment: nothing is half done, no code is honoured twice, and the rest goes on."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import define, field

from authority_core.kernel.records import AuthorizationCode, Grant
from authority_core.testing.invariants import check
from authority_sql import contents
from support.crowd import LOST, PATIENCE, Client, Workers, codes, redemption, refreshing, settle, workers
from support.postgres import private

MANY = 1000
CLIENTS = 8
BETWEEN = (50, 130)
"""Codes that are answered between two kills, at least and at most."""


@define
class Seen:
    """What all clients together were told."""

    won: Counter[str] = field(factory=Counter)
    statuses: Counter[int] = field(factory=Counter)
    kills: int = 0
    answered: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))


def spend(port: int, share: list[str], seen: Seen) -> None:
    """Redeem every code of *share*, trying again until it is answered; once more; then refresh what it gave."""
    client = Client(port)
    for code in share:
        first = client.until_answered(redemption(code))
        second = client.until_answered(redemption(code))
        seen.won[code] += [first.status, second.status].count(200)

        assert second.status == 400
        if first.status == 200:
            refreshed = client.until_answered(refreshing(first.body["refresh_token"]))
            again = client.until_answered(refreshing(first.body["refresh_token"]))

            assert (refreshed.status, again.status) == (200, 200)
            assert refreshed.body["refresh_token"] == again.body["refresh_token"]
        seen.answered.release()
    seen.statuses.update(client.seen)
    client.close()


def killing(servers: Workers, seen: Seen, done: threading.Event) -> None:
    """Kill one server after the other, at moments nobody knows, until all is *done*."""
    chance = random.Random(1)
    while True:
        for _ in range(chance.randint(*BETWEEN)):
            seen.answered.acquire(timeout=PATIENCE)
            if done.is_set():
                return
        servers.kill(chance.randrange(len(servers.processes)))
        seen.kills += 1


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("adapter", ["starlette", "flask"])
def test_killed_servers_leave_nothing_half_done(database: str, adapter: str, tmp_path: Path) -> None:
    """1,000 redemptions and refreshes while servers die: one success a code at most, and the database is sound."""
    url = f"sqlite:///{tmp_path / 'authority.db'}" if database == "sqlite" else private().database()
    seen, done = Seen(), threading.Event()
    with workers(tmp_path, adapter, 2) as servers:
        settle(url, servers.issuer)
        stock = codes(url, servers.issuer, MANY)
        servers.start(url)
        killer = threading.Thread(target=killing, args=(servers, seen, done))
        killer.start()
        try:
            with ThreadPoolExecutor(CLIENTS) as pool:
                shares = [pool.submit(spend, servers.ports[0], stock[at::CLIENTS], seen) for at in range(CLIENTS)]
                for share in shares:
                    share.result()
        finally:
            done.set()
            seen.answered.release()
            killer.join()
            ended = [process.poll() for process in servers.processes]
            print(f"{database}, {adapter}: {seen.kills} kills, {ended} {servers.log()}")
    found = contents(url)
    spent = [code for code in found.all(AuthorizationCode) if code.key in found.spent]
    print(f"answers: {dict(seen.statuses)}")

    check(found, audited=True)
    assert len(seen.won) == MANY
    assert max(seen.won.values()) == 1
    # Every code is spent and has its one grant; a winner's answer may have been lost, but nobody else got it.
    assert len(spent) == len(found.all(Grant)) == MANY
    assert set(seen.statuses) <= {LOST, 200, 400}
    assert seen.kills >= 2
    assert sum(seen.won.values()) >= MANY - seen.statuses[LOST]
