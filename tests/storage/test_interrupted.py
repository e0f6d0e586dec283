"""A signal may come between any two steps of Python, and its handler may raise: storage goes on all the same."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from functools import partial

import pytest

from authority_core.kernel.changes import Put, Spend, StorageUnavailable
from authority_core.testing.contract.samples import KEEP, NOW, a_grant, key_of
from authority_sql import SqlStorage, keeping, migrate

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
"""One that was interrupted before its first step."""

ROUNDS = 4000


class Interrupted(BaseException):
    """What the handler raises, as `KeyboardInterrupt` is raised by Python's own."""


def interrupted(work: Callable[[], object], after: float) -> bool:
    """Do *work*, and interrupt it *after* so many seconds; tell whether that was before its end."""
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        return True
    return False


@pytest.fixture(autouse=True)
def raising():
    """A handler that raises."""

    def handler(number: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def storage(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Storage whose writers have little patience."""
    monkeypatch.setattr(keeping, "WRITER_PATIENCE", 1.0)
    url = f"sqlite:///{tmp_path}/authority.db"
    migrate(url)
    storage = SqlStorage.from_url(url)
    yield storage
    storage.close()


def test_an_interrupted_commit_leaves_the_turn_to_the_next(storage: SqlStorage):
    """Wherever it is interrupted, all of it is there or none, and the next commit finds the turn free."""
    drawn, hits = random.Random(1), 0
    for at in range(ROUNDS):
        name = f"{at}"
        changes = [Spend(key_of(name), NOW, KEEP), Put(a_grant(name))]
        hits += interrupted(partial(storage.commit, changes), drawn.uniform(1e-6, 150e-6))
        storage.commit([Spend(key_of(f"after {name}"), NOW, KEEP)])

        assert (storage.grant(name) is None) == (storage.spent(key_of(name)) is None)

    assert hits > ROUNDS // 20  # most come before the end, on any machine


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
