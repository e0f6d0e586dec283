"""The storage that the how-to writes keeps the whole contract, in both colours, for the reasons that it gives."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from attrs import evolve

from authority_core.kernel.changes import Put, StorageUnavailable
from authority_core.testing.contract import ContractBroken, StorageContract
from authority_core.testing.contract.samples import a_grant

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the examples are no package of ours

from examples.document_storage.contract import TestAwaited, TestBlocking  # noqa: E402, F401 - the example's own tests
from examples.document_storage.documents import plain  # noqa: E402
from examples.document_storage.stand_in import DuplicateKeyError, MongoClient  # noqa: E402
from examples.document_storage.storage import COLLECTIONS, DocumentStorage  # noqa: E402


def prepared(kind: type[DocumentStorage] = DocumentStorage, *, client: MongoClient | None = None) -> DocumentStorage:
    storage = kind(client or MongoClient())
    storage.prepare()
    return storage


def test_the_storage_is_as_short_as_promised():
    """A storage for another database is an afternoon's work: less than two hundred lines, blank ones aside."""
    lines = (ROOT / "examples/document_storage/storage.py").read_text(encoding="utf-8").splitlines()

    assert len([line for line in lines if line.strip()]) < 200


# --- what the how-to warns of ---


class WithoutATransaction(DocumentStorage):
    """Applies change after change, each safe by itself."""

    def _apply(self, change, session):
        super()._apply(change, None)


class WholeMilliseconds(DocumentStorage):
    """Keeps times as BSON's own."""

    def commit(self, changes):
        super().commit([
            Put(evolve(one.record, keep_until=one.record.keep_until.replace(microsecond=0)))
            if isinstance(one, Put)
            else one
            for one in changes
        ])  # fmt: skip


class WithoutIndexes(DocumentStorage):
    """Forgets to call `prepare`."""

    def prepare(self):
        pass


class ForgetsWhatItFound(DocumentStorage):
    """Deletes what had ended when it looked."""

    def cleanup(self, now, batch=1000, limit=None):
        gone, over = 0, {"keep_until": {"$lte": plain(now)}}
        for collection in COLLECTIONS:
            found = [one["_id"] for one in self._find(collection, over)]
            gone += self._at[collection].delete_many({"_id": {"$in": found}}).deleted_count
        return gone


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (WithoutATransaction, "test_a_second_put_writes_nothing"),
        (WithoutATransaction, "test_a_stale_replace_writes_nothing"),
        (WholeMilliseconds, "test_grants_come_back"),
        (WithoutIndexes, "test_names_and_addresses_have_one_owner"),
        (WithoutIndexes, "test_session_keys_are_unique_and_may_change"),
        (ForgetsWhatItFound, "test_a_mark_renewed_during_cleanup_stays"),
        (ForgetsWhatItFound, "test_a_session_renewed_during_cleanup_stays"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_precaution_is_needed(kind, promise):
    """Left out, the contract kit notices; taken, it is content."""

    class Suite(StorageContract):
        __test__ = False

        def make_storage(self):
            return prepared(self.kind)

    Suite.kind = DocumentStorage
    getattr(Suite(), promise)()
    Suite.kind = kind
    with pytest.raises(ContractBroken):
        getattr(Suite(), promise)()


def test_a_database_that_is_away_is_unavailable():
    """Reads and commits say so in the storage's words, not in the driver's."""
    client = MongoClient()
    storage = prepared(client=client)
    storage.commit([Put(a_grant())])
    client.close()

    with pytest.raises(StorageUnavailable):
        storage.grant("grant")
    with pytest.raises(StorageUnavailable):
        storage.commit([Put(a_grant("another"))])


# --- the stand-in has the semantics that the storage leans on ---


def test_a_transaction_is_seen_when_it_is_committed():
    """Nobody reads what is not committed, and whoever began before does not see it afterwards."""
    client = MongoClient()
    things = client["db"]["things"]

    def write(session):
        things.insert_one({"_id": 1}, session=session)
        assert things.find_one({"_id": 1}) is None
        assert things.find_one({"_id": 1}, session=session) == {"_id": 1}

    client.start_session().with_transaction(write)
    assert things.find_one({"_id": 1}) == {"_id": 1}


def test_an_error_takes_the_whole_transaction_back():
    """Of a transaction that raises, nothing stays, and its locks are gone."""
    client = MongoClient()
    things = client["db"]["things"]
    things.insert_one({"_id": 2})

    def write(session):
        things.insert_one({"_id": 1}, session=session)
        things.insert_one({"_id": 2}, session=session)

    with pytest.raises(DuplicateKeyError):
        client.start_session().with_transaction(write)
    assert things.find_one({"_id": 1}) is None
    things.insert_one({"_id": 1})


def test_a_write_after_somebody_elses_begins_again():
    """A transaction that read what another has changed since does not overwrite it: it is played again."""
    client = MongoClient()
    things = client["db"]["things"]
    things.insert_one({"_id": 1, "n": 0})
    tries = []

    def increment(session):
        known = things.find_one({"_id": 1}, session=session)["n"]
        if not tries:
            things.replace_one({"_id": 1}, {"n": 10})  # another client, in between
        tries.append(known)
        things.replace_one({"_id": 1}, {"n": known + 1}, session=session)

    client.start_session().with_transaction(increment)
    assert tries == [0, 10]
    assert things.find_one({"_id": 1}) == {"_id": 1, "n": 11}


def test_a_unique_value_is_contested_like_a_document():
    """Two transactions that take one name: the second waits for the first, and finds it taken."""
    client = MongoClient()
    people = client["db"]["people"]
    people.create_index("names", unique=True, sparse=True)
    people.insert_one({"_id": "nobody"})
    people.insert_one({"_id": "nobody else"})
    taken, go_on, outcomes = threading.Event(), threading.Event(), []

    def first(session):
        people.insert_one({"_id": "first", "names": ["alice", "a"]}, session=session)
        taken.set()
        go_on.wait(10)

    def second(session):
        go_on.set()
        people.insert_one({"_id": "second", "names": ["b", "alice"]}, session=session)

    def lose():
        taken.wait(10)
        try:
            client.start_session().with_transaction(second)
        except DuplicateKeyError:
            outcomes.append("taken")

    loser = threading.Thread(target=lose)
    loser.start()
    client.start_session().with_transaction(first)
    loser.join(10)

    assert outcomes == ["taken"]
    assert [one["_id"] for one in people.find({"names": "alice"})] == ["first"]


@pytest.mark.parametrize("value", [2**63, {"a\x00b": 1}, frozenset({"a"}), "\ud800"], ids=repr)
def test_what_bson_cannot_hold_is_refused(value):
    """The stand-in is as strict as the driver, so that the storage is written for it."""
    things = MongoClient()["db"]["things"]
    with pytest.raises((OverflowError, TypeError, UnicodeEncodeError)):
        things.insert_one({"_id": 1, "value": value})
    things.insert_one({"_id": 1, "value": [2**63 - 1, "\x00", b"\xff", None, {"$a.b": 1.5}]})

    assert things.find_one({"_id": 1})["value"] == [2**63 - 1, "\x00", b"\xff", None, {"$a.b": 1.5}]
