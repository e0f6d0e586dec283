"""PostgreSQL dies and comes back under load: clients see 200, 400 and 503, and our servers need no restart."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authority_core.testing.invariants import check
from authority_sql import contents
from support.crowd import CREDENTIALS, LOST, Client, codes, redemption, refreshing, settle, workers
from support.postgres import cluster

CLIENTS = 6
CRASHES = 2
AFTER = 40
"""Requests of every client after the last crash that must go well."""


def press(port: int, share: list[str], crashed: threading.Event, working: threading.Semaphore) -> Counter[int]:
    """Redeem and refresh until the crashes are over, and then some more; return every status seen."""
    client, left = Client(port), AFTER
    for code in share:
        first = client.until_answered(redemption(code))

        assert first.status in (200, 400)
        if first.status == 200:
            assert client.until_answered(refreshing(first.body["refresh_token"])).status == 200
        working.release()
        if crashed.is_set():
            left -= 1
            if left == 0:
                break
    client.close()
    return client.seen


@pytest.mark.parametrize("adapter", ["starlette", "flask"])
def test_a_crash_of_the_database_is_answered_with_503_and_outlived(adapter: str, tmp_path: Path) -> None:
    """`pg_ctl restart -m immediate`, twice, in the middle of work."""
    working, crashed = threading.Semaphore(0), threading.Event()
    with cluster() as postgres, workers(tmp_path, adapter, 2) as servers:
        url = postgres.database()
        settle(url, servers.issuer)
        stock = codes(url, servers.issuer, 6000)
        servers.start(url)
        pids = [process.pid for process in servers.processes]
        with ThreadPoolExecutor(CLIENTS) as pool:
            pressing = [
                pool.submit(press, servers.ports[0], stock[at::CLIENTS], crashed, working) for at in range(CLIENTS)
            ]
            for _ in range(CRASHES):
                for _ in range(50):
                    working.acquire(timeout=60)
                postgres.restart("immediate")
            crashed.set()
            seen = sum((one.result() for one in pressing), Counter[int]())
        client = Client(servers.ports[0])
        for _ in range(20):
            assert client.post(CREDENTIALS).status == 200  # at once: nobody has to try twice any more
        client.close()
        print(f"{adapter}: {dict(seen)}")

        assert servers.alive
        assert [process.pid for process in servers.processes] == pids
        assert set(seen) <= {200, 400, 503}
        assert seen[LOST] == 0
        assert seen[503] > 0
        check(contents(url), audited=True)
