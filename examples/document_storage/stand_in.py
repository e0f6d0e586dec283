"""A stand-in for pymongo, so that the example runs without a server: replace it by `import pymongo`.

It has the calls that `storage.py` uses, under the names and with the semantics of MongoDB: documents of BSON's types,
unique and sparse indexes over single values and lists, and transactions that see a snapshot. Whoever writes what
another unfinished transaction has written, or what was committed after the snapshot, meets a write conflict, and
`with_transaction` begins again. It knows nothing of what is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from itertools import islice
from operator import itemgetter
from types import TracebackType
from typing import Any, TypeVar

from attrs import frozen

T = TypeVar("T")
Document = dict[str, Any]
Entry = tuple[str, str, Hashable]
"""A collection, a field and a value: what an index holds once."""


class PyMongoError(Exception):
    """Everything that goes wrong with the database."""


class DuplicateKeyError(PyMongoError):
    """Another document has this value of a unique field."""


class InvalidOperation(PyMongoError):
    """The client was closed."""


class _WriteConflict(PyMongoError):
    """Another transaction was first; `with_transaction` begins again."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry


@frozen
class Result:
    """How many documents were changed."""

    matched_count: int = 0
    deleted_count: int = 0


class MongoClient:
    """A whole replica set in memory."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.committed: dict[str, dict[Hashable, Document]] = {}
        self.unique: dict[str, dict[str, bool]] = {}
        self.writers: dict[Entry, Session] = {}
        self.closed = False

    def __getitem__(self, database: str) -> Database:
        return Database(self, database)

    def start_session(self) -> Session:
        """Return a session, which has one transaction at a time."""
        return Session(self)

    def close(self) -> None:
        """Answer nothing any more."""
        self.closed = True


@frozen
class Database:
    """A name before the names of collections."""

    client: MongoClient
    name: str

    def __getitem__(self, collection: str) -> Collection:
        return Collection(self.client, f"{self.name}.{collection}")


class Session:
    """What a transaction sees and has written."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._snapshot: dict[str, dict[Hashable, Document]] = {}
        self.view: dict[str, dict[Hashable, Document]] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def with_transaction(self, callback: Callable[[Session], T]) -> T:
        """Return what *callback* returns, and commit what it wrote; begin again after a write conflict."""
        while True:
            with self._client.changed:
                if self._client.closed:
                    raise InvalidOperation("Cannot use MongoClient after close")
                self._snapshot = {name: dict(found) for name, found in self._client.committed.items()}
                self.view = {name: dict(found) for name, found in self._snapshot.items()}
            try:
                answer = callback(self)
                self._commit()
            except _WriteConflict as conflict:
                entry = conflict.entry
            else:
                return answer
            finally:
                self._end()
            with self._client.changed:
                self._client.changed.wait_for(partial(self._free, entry))

    def write(self, collection: str, key: Hashable, document: Document | None) -> Result:
        """Store *document*, or nothing, under *key*, unless somebody else does so."""
        with self._client.changed:
            mine, snapshot = self.view.setdefault(collection, {}), self._snapshot.get(collection, {})
            committed = self._client.committed.get(collection, {})
            for entry in {*self._entries(collection, mine.get(key)), *self._entries(collection, document)}:
                if self._client.writers.setdefault(entry, self) is not self:
                    raise _WriteConflict(entry)
                if self._owner(entry, committed) is not self._owner(entry, snapshot):
                    raise _WriteConflict(entry)
            owners = [self._owner(entry, mine) for entry in self._entries(collection, document)]
            if any(owner is not None and owner["_id"] != key for owner in owners):
                raise DuplicateKeyError(collection)
            if document is None:
                del mine[key]
                return Result(deleted_count=1)
            mine[key] = document
            return Result(matched_count=1)

    def _free(self, entry: Entry) -> bool:
        return entry not in self._client.writers

    def _entries(self, collection: str, document: Document | None) -> list[Entry]:
        if document is None:
            return []
        indexes = {"_id": False, **self._client.unique.get(collection, {})}
        found = {name: document.get(name) for name, sparse in indexes.items() if name in document or not sparse}
        # A list is indexed under each of its values, and an empty one like null.
        each = {name: value or [None] if isinstance(value, list) else [value] for name, value in found.items()}
        return [(collection, name, value) for name, values in each.items() for value in values]

    def _owner(self, entry: Entry, documents: dict[Hashable, Document]) -> Document | None:
        if entry[1] == "_id":
            return documents.get(entry[2])
        return next((one for one in documents.values() if entry in self._entries(entry[0], one)), None)

    def _commit(self) -> None:
        with self._client.changed:
            for (collection, name, key), by in self._client.writers.items():
                if by is not self or name != "_id":
                    continue
                if key in self.view[collection]:
                    self._client.committed.setdefault(collection, {})[key] = self.view[collection][key]
                else:
                    self._client.committed.get(collection, {}).pop(key, None)

    def _end(self) -> None:
        with self._client.changed:
            self._client.writers = {entry: by for entry, by in self._client.writers.items() if by is not self}
            self._client.changed.notify_all()


@frozen
class Collection:
    """Documents by `_id`."""

    client: MongoClient
    name: str

    def create_index(self, name: str, *, unique: bool = False, sparse: bool = False) -> None:
        """Refuse a second document with the same value of *name*; *sparse* ignores documents without it."""
        if unique:
            self.client.unique.setdefault(self.name, {})[name] = sparse

    def find(
        self,
        wanted: Document,
        *,
        sort: list[tuple[str, int]] | None = None,
        limit: int = 0,
        session: Session | None = None,
    ) -> Iterator[Document]:
        """Yield copies of the documents that match."""
        with self.client.changed:
            if self.client.closed:
                raise InvalidOperation("Cannot use MongoClient after close")
            known = (self.client.committed if session is None else session.view).get(self.name, {})
            found = [one for one in known.values() if _matches(one, _bson(wanted))]
        for name, direction in reversed(sort or []):
            found.sort(key=itemgetter(name), reverse=direction < 0)
        return islice(map(_bson, found), limit or None)

    def find_one(self, wanted: Document, *, session: Session | None = None) -> Document | None:
        """Return a copy of one document that matches."""
        return next(self.find(wanted, session=session), None)

    def insert_one(self, document: Document, *, session: Session | None = None) -> Result:
        """Store a document whose `_id` is new."""

        def insert(within: Session) -> Result:
            if self.find_one({"_id": document["_id"]}, session=within) is not None:
                raise DuplicateKeyError(self.name)
            return within.write(self.name, document["_id"], _bson(document))

        return self._atomically(insert, session)

    def replace_one(
        self, wanted: Document, document: Document, *, upsert: bool = False, session: Session | None = None
    ) -> Result:
        """Store *document* in the place of one that matches."""

        def replace(within: Session) -> Result:
            if self.find_one(wanted, session=within) is None and not upsert:
                return Result()
            return within.write(self.name, wanted["_id"], {"_id": wanted["_id"], **_bson(document)})

        return self._atomically(replace, session)

    def update_one(
        self, wanted: Document, update: Document, *, upsert: bool = False, session: Session | None = None
    ) -> Result:
        """Change one document that matches by `$setOnInsert` and `$max`."""

        def change(within: Session) -> Result:
            found = self.find_one(wanted, session=within)
            if found is None and not upsert:
                return Result()
            changed = found or {"_id": wanted["_id"], **update.get("$setOnInsert", {})}
            for name, value in update.get("$max", {}).items():
                changed[name] = max(changed.get(name, value), value)
            return within.write(self.name, wanted["_id"], _bson(changed))

        return self._atomically(change, session)

    def delete_one(self, wanted: Document, *, session: Session | None = None) -> Result:
        """Take one document that matches away."""

        def delete(within: Session) -> Result:
            found = self.find_one(wanted, session=within)
            return Result() if found is None else within.write(self.name, found["_id"], None)

        return self._atomically(delete, session)

    def delete_many(self, wanted: Document) -> Result:
        """Take every document that matches away."""
        each = [self.delete_one({**wanted, "_id": one["_id"]}) for one in self.find(wanted)]
        return Result(deleted_count=sum(one.deleted_count for one in each))

    def _atomically(self, work: Callable[[Session], Result], session: Session | None) -> Result:
        return work(session) if session is not None else self.client.start_session().with_transaction(work)


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda known, value: type(known) is type(value) and known > value,
    "$lt": lambda known, value: type(known) is type(value) and known < value,
    "$lte": lambda known, value: type(known) is type(value) and known <= value,
    "$in": lambda known, values: known in values,
}


def _matches(document: Document, wanted: Document) -> bool:
    return all(
        any(_matches(document, one) for one in value) if name == "$or" else _fits(document.get(name), value)
        for name, value in wanted.items()
    )


def _fits(known: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return all(COMPARISONS[name](known, value) for name, value in wanted.items())
    return known == wanted or (isinstance(known, list) and wanted in known)


def _bson(value: Any) -> Any:
    """Return a copy of *value*; refuse what BSON cannot hold, as pymongo does."""
    match value:
        case None | bool() | float() | bytes():
            return value
        case str():
            return value.encode("utf-8").decode("utf-8")
        case int() if -(2**63) <= value < 2**63:
            return value
        case int():
            raise OverflowError("MongoDB can only handle up to 8-byte ints")
        case list() | tuple():
            return [_bson(one) for one in value]
        case dict() if not any("\x00" in name for name in value):
            return {_bson(name): _bson(one) for name, one in value.items()}
    raise TypeError(f"cannot encode {type(value).__name__}")
