"""The kit catches the storages that it is there to catch, and passes the same promises on a right one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import ClassVar
from unittest import SkipTest

import pytest

from authority_core.kernel.encoding import Digest
from authority_core.kernel.sync import run
from authority_core.testing.contract import ContractBroken, StorageContract
from authority_core.testing.contract.secrecy import KINDS
from authority_core.testing.contract.stage import Stage
from authority_core.testing.contract.steps import STEPPING
from authority_core.testing.memory import MemoryStorage
from authority_sql import SqlStorage, migrate
from storage import broken


class Right(StorageContract):
    """The control."""

    __test__ = False

    def make_storage(self):
        return MemoryStorage()


def suite(storage: type) -> StorageContract:
    class Suite(StorageContract):
        __test__ = False
        examples = 20

        def make_storage(self):
            return storage()

    return Suite()


FAULTS = [
    (broken.CheckThenAct, "test_one_of_many_spends_a_key"),
    (broken.CheckThenAct, "test_keys_spent_in_opposite_orders"),
    (broken.ReadModifyWrite, "test_no_increment_is_lost"),
    (broken.ReadModifyWrite, "test_a_counter_past_its_end_starts_anew"),
    (broken.OneByOne, "test_a_stale_replace_writes_nothing"),
    (broken.OneByOne, "test_a_second_put_writes_nothing"),
    (broken.OneByOne, "test_a_taken_name_writes_nothing"),
    (broken.OneByOne, "test_a_taken_session_key_writes_nothing"),
    (broken.OneByOne, "test_a_full_counter_writes_nothing"),
    (broken.LivenessOnTheGrant, "test_a_grant_revoked_before_it_is_stored_is_born_dead"),
    (broken.LivenessOnTheGrant, "test_a_grant_born_while_it_is_revoked_is_dead"),
    (broken.LivenessOnTheGrant, "test_a_cut_off_ends_what_was_created_until_then"),
    (broken.LastWriterWins, "test_one_of_many_replaces_a_version"),
    (broken.LastWriterWins, "test_an_old_version_is_refused"),
    (broken.NoVersionsOfConsents, "test_every_mutable_record_has_versions"),
    (broken.ComparesSmallLetters, "test_a_name_has_one_owner_in_every_spelling"),
    (broken.TakesLinesTwice, "test_no_record_is_inserted_twice"),
    (broken.NoneIsEmpty, "test_marks_of_any_name_and_time"),
    (broken.ForgetsWhoEndedACode, "test_a_code_kept_elsewhere_shows_what_became_of_it"),
    (broken.ForgetsWhoEndedASession, "test_a_session_kept_elsewhere_shows_what_ended_it"),
    (broken.ForgetsTheHolderOfOneToken, "test_a_holder_is_the_account_of_the_subject"),
    (broken.LetsTheLastOfTwoStay, "test_a_key_inserted_twice_in_one_commit"),
    (broken.KeepsMarks, "test_everything_that_ends_is_forgotten"),
    (broken.KeepsConsents, "test_everything_that_ends_is_forgotten"),
    (broken.KeepsTheFirstEnd, "test_consent_that_is_given_again_stays"),
    (broken.FirstMarkDecides, "test_a_mark_that_is_renewed_stays"),
    (broken.CutsAtNul, "test_nul_is_held_or_refused"),
    (broken.ForgetsFractions, "test_grants_come_back"),
    (broken.ForgetsFractions, "test_spent_marks_come_back"),
    (broken.ForgetsFractions, "test_counters_come_back"),
    (broken.ForgetsFractions, "test_marks_of_any_name_and_time"),
    (broken.TakesAnyKey, "test_a_change_about_nothing_is_refused"),
    (broken.RefusesTooLate, "test_a_change_about_nothing_is_refused"),
    (broken.RefusesEverything, "test_everything_happens"),
    (broken.RefusesEverything, "test_strangers_do_not_disturb_each_other"),
]


HIDDEN = [
    (broken.WithoutALock, "test_one_of_many_spends_a_key"),
    (broken.WithoutALock, "test_one_of_many_is_let_through"),
    (broken.InsertsWithoutALock, "test_one_of_many_inserts_a_record"),
    (broken.CountsOnOneLine, "test_no_increment_is_lost"),
    (broken.LooksAtAFullCounter, "test_a_counter_admits_exactly_its_most"),
    (broken.ChecksVersionsFirst, "test_one_of_many_replaces_a_version"),
    (broken.LooksForNames, "test_one_of_many_takes_a_name"),
]
"""Races of threads within a few lines, which a few hundred commits at full speed do not meet."""
FAULTS += [
    *HIDDEN,
    (broken.OneByOneInThreads, "test_a_lost_spend_writes_nothing"),
    (broken.OneByOneInThreads, "test_a_stale_replace_writes_nothing"),
    (broken.OneByOneInThreads, "test_a_second_put_writes_nothing"),
]


@pytest.mark.parametrize(("storage", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(storage, promise):
    """A storage with a known fault breaks the promise that names it; the reference keeps it."""
    getattr(Right(), promise)()
    with pytest.raises((ContractBroken, broken.Conflict)):
        getattr(suite(storage), promise)()


@pytest.mark.parametrize(("storage", "promise"), HIDDEN, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches_races_every_time(storage, promise):
    """What is wrong between two lines is found by every run, not by a lucky one."""
    for _ in range(20):
        with pytest.raises(ContractBroken):
            getattr(suite(storage), promise)()


def test_stepping_leaves_the_tracer_of_a_thread_alone():
    """A debugger's or coverage's tracer is there again after a race, and the storage was entered step by step."""

    def tracer(frame, event, argument):
        return None

    class Traced(MemoryStorage):
        tracers: ClassVar[list[object]] = []

        def commit(self, changes):
            self.tracers.append(sys.gettrace())
            super().commit(changes)

    after = []

    async def attempt(storage):
        storage.commit([])

    class Watched(threading.Thread):
        def run(self):
            super().run()
            after.append(sys.gettrace())

    storage = Traced()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Thread", Watched)
        before = threading.gettrace()
        threading.settrace(tracer)
        try:
            run(Stage(storage, None).contend([partial(attempt, storage)] * 8, stepwise=True))
        finally:
            threading.settrace(before)

    assert after == [tracer] * 8
    assert sum(one is not tracer for one in storage.tracers) == STEPPING


class Digested(StorageContract):
    """Digests as keys, seen through the file of the database."""

    __test__ = False

    def make_storage(self):
        self.folder = tempfile.TemporaryDirectory(prefix="authority-")
        url = f"sqlite:///{self.folder.name}/authority.db"
        migrate(url)
        return SqlStorage.from_url(url)

    def dump(self, storage):
        return b"".join(path.read_bytes() for path in Path(self.folder.name).iterdir())

    def close_storage(self, storage):
        storage.close()
        self.folder.cleanup()


class Plaintext(Digested):
    """An application that uses the secret itself, cut to the right length, as the key.

    The storage is right: it is given digests by type, and has no other way to a secret.
    """

    __test__ = False

    def key_of(self, kind, secret):
        return Digest(f"{secret:.32}".encode())


def test_the_kit_catches_plaintext():
    """A secret that reaches the storage is found in the dump; a digest is not taken for one."""
    Digested().test_no_secret_is_written()
    with pytest.raises(ContractBroken, match="a secret was written"):
        Plaintext().test_no_secret_is_written()


class NewKindInPlaintext(Digested):
    """The same for one kind of secret only."""

    __test__ = False
    plain: str

    def key_of(self, kind, secret):
        return Plaintext.key_of(self, kind, secret) if kind == self.plain else super().key_of(kind, secret)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kit_catches_plaintext_of_every_kind(kind):
    """Every record that is found by a secret is among those that are searched."""
    suite = NewKindInPlaintext()
    suite.plain = kind
    with pytest.raises(ContractBroken, match="a secret was written"):
        suite.test_no_secret_is_written()


@pytest.mark.parametrize("storage", [broken.ShowsWhatItHolds, broken.ShowsRows])
def test_the_kit_catches_a_repr_that_tells(storage):
    """What a storage shows of itself ends in logs: neither keys nor hashes, with a dump or without."""
    with pytest.raises(ContractBroken, match="repr shows what is stored"):
        suite(storage).test_no_secret_is_written()


@pytest.mark.parametrize("bases", ["StorageContract, TestCase", "TestCase, StorageContract"])
def test_unittest_runs_the_kit(bases, tmp_path):
    """With `TestCase` among the bases the standard library's runner finds every promise, and hears of a broken one."""
    (tmp_path / "test_mine.py").write_text(
        "from unittest import TestCase\n"
        "from authority_core.testing.contract import StorageContract\n"
        "from authority_core.testing.memory import MemoryStorage\n"
        "class Broken(MemoryStorage):\n"
        "    def client(self, client_id):\n"
        "        return None\n"
        f"class TestMine({bases}):\n"
        "    examples = 2\n"
        "    make_storage = staticmethod(MemoryStorage)\n"
        f"class TestBroken({bases}):\n"
        "    examples = 2\n"
        "    make_storage = staticmethod(Broken)\n",
        encoding="utf-8",
    )
    promises = sum(name.startswith("test_") for name in dir(StorageContract))

    def heard(what):
        command = [sys.executable, "-m", "unittest", f"test_mine.{what}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stderr

    right, wrong = heard("TestMine"), heard("TestBroken")

    assert f"Ran {promises} tests" in right
    assert right.endswith("OK (skipped=1)\n")
    assert "ContractBroken" in wrong
    assert "FAILED (" in wrong


def test_what_is_not_tested_is_skipped():
    """A storage without a dump, or without `cleanup`, has those promises skipped, and the report says so."""
    for promise in ("test_no_secret_is_written", "test_everything_that_ends_is_forgotten"):
        with pytest.raises(SkipTest):
            getattr(suite(broken.CheckThenAct), promise)()


def test_every_promise_is_explained():
    """Every test of the kit says in its docstring what is promised; there are forty of them and more."""
    tests = [getattr(StorageContract, name) for name in dir(StorageContract) if name.startswith("test_")]

    assert len(tests) >= 40
    assert all(test.__doc__ for test in tests)


def test_the_kit_is_not_collected_by_itself():
    """The base class is no test suite; a subclass is one."""
    assert not StorageContract.__test__
    assert type("Mine", (StorageContract,), {}).__test__
