"""A signal may come between any two steps of Python, and its handler may raise: storage goes on all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from authority_core.kernel.changes import Put, Spend, StorageUnavailable
from authority_core.testing.contract.samples import KEEP, NOW, a_grant, key_of
from authority_sql import SqlStorage, keeping, migrate
from support.interrupting import ROUNDS

TESTS = Path(__file__).parent.parent


@pytest.fixture
def url(tmp_path) -> str:
    """The URL of a database with its tables."""
    url = f"sqlite:///{tmp_path}/authority.db"
    migrate(url)
    return url


@pytest.fixture
def storage(url: str, monkeypatch: pytest.MonkeyPatch):
    """Storage whose writers have little patience, and a handler of signals that is put back."""
    monkeypatch.setattr(keeping, "WRITER_PATIENCE", 1.0)
    storage, before = SqlStorage.from_url(url), signal.getsignal(signal.SIGALRM)
    yield storage
    signal.signal(signal.SIGALRM, before)
    storage.close()


def test_an_interrupted_commit_leaves_the_turn_to_the_next(url: str):
    """Wherever it is interrupted, all of it is there or none, and the next commit finds the turn free."""
    command = [sys.executable, "-W", "ignore:coroutine .* was never awaited", "-m", "support.interrupting", url]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > ROUNDS // 20  # most come before the end, on any machine


def test_a_handler_that_comes_again_is_refused(storage: SqlStorage):
    """Whoever uses storage in the middle of its own commit is told that the turn is taken, and the commit is whole."""
    said = []

    def again(number: int, frame: object) -> None:
        with pytest.raises(StorageUnavailable, match="waiting"):
            storage.commit([Spend(key_of("inner"), NOW, KEEP)])
        said.append(number)

    signal.signal(signal.SIGALRM, again)
    connector = storage._on._connector
    lent = connector._lent

    def interrupted_lent(*arguments: object) -> object:
        signal.raise_signal(signal.SIGALRM)
        return lent(*arguments)

    connector._lent = interrupted_lent
    storage.commit([Spend(key_of("outer"), NOW, KEEP), Put(a_grant("outer"))])
    connector._lent = lent

    assert said == [signal.SIGALRM]
    assert storage.grant("outer") is not None
    assert storage.spent(key_of("inner")) is None
