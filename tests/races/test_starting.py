"""Servers that start at the same moment on one database, and workers that are forked from one program."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from authority_core import Authority, Settings
from authority_core.kernel.changes import Spend
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import SigningKey
from authority_core.kernel.sync import run
from authority_sql import SqlStorage, migrate
from authority_sql.migrations import HEAD
from interop.house import ARGON2, SECRET_KEY
from interop.processes import TESTS

ROUNDS = 2
PATIENCE = 60
STARTER = """
import sys
from authority_core import Authority, Settings
from authority_core.kernel.sync import run
from authority_sql import AsyncSqlStorage, SqlStorage
settings = Settings(issuer="http://localhost", secret_key=sys.argv[2], access_token_algorithm="EdDSA")
colour = sys.argv[3]
storage = (SqlStorage if colour == "sync" else AsyncSqlStorage).from_url(sys.argv[1])
authority = Authority(settings, storage)
print("ready", flush=True)
sys.stdin.readline()
if colour == "sync":
    run(authority.start())
else:
    import asyncio
    async def start():
        await authority.start()
        await storage.aclose()
    asyncio.run(start())
"""


def settings() -> Settings:
    return Settings(issuer="http://localhost", secret_key=SECRET_KEY, access_token_algorithm="EdDSA", **ARGON2)


def active(storage: SqlStorage) -> Counter[str]:
    keys: list[SigningKey] = list(storage.signing_keys())

    assert {key.state for key in keys} == {"active"}
    return Counter(key.alg for key in keys)


def empty(folder: Path) -> str:
    url = f"sqlite:///{folder / 'authority.db'}"
    migrate(url)
    return url


@pytest.mark.parametrize("colours", [("sync", "sync"), ("async", "async"), ("sync", "async")], ids="-".join)
def test_processes_that_start_at_once_share_their_first_keys(colours: tuple[str, str], tmp_path: Path) -> None:
    """Two processes on an empty database end with one active key for each algorithm, and both can sign."""
    for at in range(ROUNDS):
        folder = tmp_path / str(at)
        folder.mkdir()
        url = empty(folder)
        starters = [_starter(url, colour) for colour in colours]
        for starter in starters:
            assert starter.stdout is not None
            assert starter.stdout.readline() == "ready\n"
        complaints = [starter.communicate("go\n", timeout=PATIENCE)[1] for starter in starters]

        assert [starter.returncode for starter in starters] == [0, 0], complaints
        storage = SqlStorage.from_url(url)
        assert active(storage) == {"EdDSA": 1, "RS256": 1}
        storage.close()


def _starter(url: str, colour: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, url, SECRET_KEY, colour],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS.parent / "src")},
    )


def test_threads_that_start_at_once_share_their_first_keys(tmp_path: Path) -> None:
    """The same for eight servers in threads of one process, each with storage of its own."""
    url = empty(tmp_path)
    storages = [SqlStorage.from_url(url) for _ in range(8)]
    servers = [Authority(settings(), storage) for storage in storages]
    at_once([lambda server=server: run(server.start()) for server in servers])

    assert active(storages[0]) == {"EdDSA": 1, "RS256": 1}
    documents = {str(run(server.keys.jwks())) for server in servers}
    assert len(documents) == 1
    for storage in storages:
        storage.close()


def test_processes_that_migrate_at_once_agree(tmp_path: Path) -> None:
    """Four processes that bring an empty database up to date at the same moment succeed; one says that it did it."""
    program = "import sys; from authority_sql import migrate; sys.stdin.readline(); print(migrate(sys.argv[1]))"
    url = f"sqlite:///{tmp_path / 'authority.db'}"
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent / "src")}
    pipe = subprocess.PIPE
    pipes = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, "env": environment}
    migrating = [subprocess.Popen([sys.executable, "-c", program, url], **pipes) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda one: one.communicate("go\n", timeout=PATIENCE), migrating))

    assert [one.returncode for one in migrating] == [0] * 4, said
    assert sorted(answer for answer, _ in said) == [f"{[HEAD]}\n", "[]\n", "[]\n", "[]\n"]
    run(Authority(settings(), SqlStorage.from_url(url)).start())


def test_a_forked_worker_writes_from_many_threads_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first requests of a process that inherited its storage may all come at the same moment."""
    storage = SqlStorage.from_url(empty(tmp_path))
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    storage.counter(digest("any", "thing"))
    engine = storage._engine
    dispose, never = engine.dispose, threading.Event()
    monkeypatch.setattr(
        engine, "dispose", lambda close=True: (never.wait(0.01), dispose(close=close))
    )  # a moment to meet in
    for worker in range(1, 11):
        monkeypatch.setattr(os, "getpid", lambda worker=worker: -worker)
        keys = [digest("race", f"{worker}:{place}") for place in range(16)]
        at_once([lambda key=key: storage.commit([Spend(key, now, now + timedelta(days=1))]) for key in keys])

        assert all(storage.spent(key) for key in keys)
    storage.close()


def at_once(calls: list[Callable[[], object]]) -> None:
    """Make all *calls* at the same moment; raise what one of them raises."""
    barrier = threading.Barrier(len(calls), timeout=PATIENCE)

    def one(call: Callable[[], object]) -> object:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(one, calls, timeout=PATIENCE))
