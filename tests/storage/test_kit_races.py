"""The kit catches races on every kind of record, in the middle of a cleanup, and in the threads behind a task."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from authority_core.kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    User,
)
from authority_core.testing.contract import ContractBroken, StorageContract, steps
from authority_core.testing.memory import MemoryStorage
from authority_starlette import in_threads
from storage import broken, broken_counts, broken_names, broken_races
from storage.broken_races import Awaiting, AwaitingCleanup, InItsThreads

RACES = [
    *((broken_races.inserting(kind), "test_one_of_many_inserts_a_record_of_any_kind", kind.__name__)
      for kind in (AuthorizationCode, RefreshToken, AccessToken, Interaction, AuditRecord)),
    *((broken_races.replacing(kind), "test_one_of_many_replaces_a_record_of_any_kind", kind.__name__)
      for kind in (Consent, SigningKey, User, Session)),
    *((broken_races.removing(kind), "test_one_of_many_removes_a_record", kind.__name__)
      for kind in (Client, Consent, SigningKey, User, Session)),
    (broken_races.LooksForCookies, "test_one_of_many_takes_a_cookie", "a key opens one session"),
    (broken_races.StartsCountersAnew, "test_no_increment_is_lost_past_the_end", "none is lost"),
    (broken_races.StartsCountersAnew, "test_a_counter_admits_exactly_its_most", "exactly so many"),
    (broken_races.LooksForMarks, "test_one_of_many_spends_a_key", "exactly one succeeds"),
    (broken_races.AddsLate, "test_no_increment_is_lost", "none is lost"),
    (broken_races.CutsOffLate, "test_the_latest_of_many_cut_offs_is_kept", "stays"),
    (broken_races.RevokesLate, "test_the_first_of_many_revocations_is_kept", "stays"),
    (broken_names.LooksAcross, "test_one_of_many_takes_a_text_as_name_or_address", "of one account"),
    (broken_counts.CountsBackLate, "test_what_is_counted_back_takes_nobody_elses", "none is lost"),
    (broken_counts.UndoesByWriting, "test_what_is_refused_takes_no_count_with_it", "none is lost|in the end"),
]  # fmt: skip
"""Which storage, which promise, and what it says."""
RENEWALS = [
    (broken_races.CollectsRevocations, "test_a_mark_renewed_during_cleanup_stays"),
    (broken_races.CollectsCutOffs, "test_a_mark_renewed_during_cleanup_stays"),
    (broken_races.CollectsConsents, "test_consent_given_again_during_cleanup_stays"),
    (broken_races.CollectsSessions, "test_a_session_renewed_during_cleanup_stays"),
    (broken_races.CollectsCounters, "test_a_counter_restarted_during_cleanup_stays"),
]
IN_THREADS = [
    *RACES,
    *((storage, promise, "stays") for storage, promise in RENEWALS),
    (broken.WithoutALock, "test_one_of_many_spends_a_key", "exactly one succeeds"),
    (broken.WithoutALock, "test_one_of_many_is_let_through", "exactly one succeeds"),
    (broken.CountsOnOneLine, "test_no_increment_is_lost", "none is lost"),
    (broken.LooksForNames, "test_one_of_many_takes_a_name", "one owner"),
]
TIMES = 5


def suite(make: Callable[[], object]) -> StorageContract:
    class Suite(StorageContract):
        __test__ = False

        def make_storage(self):
            return make()

    return Suite()


def named(value: object) -> str:
    return getattr(value, "__name__", str(value))


def catches(make: Callable[[], object], promise: str, told: str) -> None:
    """Play *promise* several times: each time it is broken as *told*, or the dictionary changed under a reader."""
    for _ in range(TIMES):
        with pytest.raises(ContractBroken, match=f"{told}|and nothing else"):
            getattr(suite(make), promise)()


@pytest.mark.parametrize(("storage", "promise", "told"), RACES, ids=named)
def test_threads_meet_in_between(storage, promise, told):
    """Whatever is looked at first and written then is found every time; the reference keeps the same promise."""
    getattr(suite(MemoryStorage), promise)()
    catches(storage, promise, told)


@pytest.mark.parametrize(("storage", "promise", "told"), RACES, ids=named)
def test_tasks_meet_in_between(storage, promise, told):
    """So it is where a round trip lies in between."""
    catches(lambda: Awaiting(storage()), promise, told)


@pytest.mark.parametrize(("storage", "promise", "told"), IN_THREADS, ids=named)
def test_threads_behind_tasks_meet_in_between(storage, promise, told):
    """So it is where asynchronous storage blocks in threads of the event loop; the reference does so rightly."""
    getattr(suite(lambda: InItsThreads(MemoryStorage())), promise)()
    catches(lambda: InItsThreads(storage()), promise, told)


@pytest.mark.parametrize(
    ("storage", "promise", "told"),
    [
        (broken_races.LooksForMarks, "test_one_of_many_spends_a_key", "exactly one succeeds"),
        (broken_races.AddsLate, "test_no_increment_is_lost", "none is lost"),
        (broken_races.CollectsConsents, "test_consent_given_again_during_cleanup_stays", "stays"),
    ],
    ids=named,
)
def test_our_own_threads_meet_in_between(storage, promise, told):
    """So it is in the threads that we give to synchronous storage; the reference may have them."""
    getattr(suite(lambda: in_threads(MemoryStorage())), promise)()
    catches(lambda: in_threads(storage()), promise, told)


@pytest.mark.parametrize(("storage", "promise"), RENEWALS, ids=named)
def test_renewals_come_into_a_cleanup(storage, promise):
    """What is collected first and deleted then is renewed in between, every time, by threads and by tasks."""
    getattr(suite(MemoryStorage), promise)()
    getattr(suite(lambda: InItsThreads(MemoryStorage())), promise)()
    catches(storage, promise, "stays")
    catches(lambda: AwaitingCleanup(storage()), promise, "stays")


@pytest.mark.parametrize("storage", [broken_races.CollectsOnOneLine, broken_races.CollectsTheLastFirst])
def test_renewals_do_not_walk_ahead_of_a_cleanup(storage):
    """A cleanup that collects in the order of the renewals, or against it, meets some behind it."""
    catches(storage, "test_a_mark_renewed_during_cleanup_stays", "stays")
    catches(lambda: InItsThreads(storage()), "test_a_mark_renewed_during_cleanup_stays", "stays")


@pytest.mark.parametrize("storage", [broken_races.LocksAsItGoes, broken_races.LocksRecordsAsItGoes])
def test_locks_in_opposite_orders_hang(storage, monkeypatch):
    """Whoever locks in the order of the changes waits for ever, and the kit says so when its patience is at its end."""
    monkeypatch.setattr(steps, "PATIENCE", 1.0)
    with pytest.raises(ContractBroken, match="a contender hangs"):
        suite(storage).test_changes_in_opposite_orders()
