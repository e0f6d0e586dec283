"""`authority_core.kernel.ports.Storage` over a document database with transactions, as MongoDB's replica sets are.

Who was first is decided by the database: by `_id`, by unique indexes, and by filters on the version. There is one
collection for each kind of record, and one for the marks that end grants and sessions.
"""

# ruff: noqa: I001 - imports as compact as the rest

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, get_args

from attrs import evolve

from authority_core.kernel.changes import (
    Change, Conflict, Count, CutOff, Put, Remove, Replace, Revoke, Spend, StorageUnavailable, in_order, refuse_nameless,
)  # fmt: skip
from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import (
    AccessToken, AuditRecord, AuthorizationCode, Client, Consent, Counter, Grant, Insertable, Interaction, Mutable,
    RefreshToken, Session, SigningKey, Spent, Stored, User,
)  # fmt: skip

from .documents import Document, document_of, id_of, name_of, plain, read
from .stand_in import DuplicateKeyError, MongoClient, PyMongoError  # yours: pymongo, pymongo.errors

R = TypeVar("R")
Order = list[tuple[str, int]]
COLLECTIONS = ("marks", *(kind.__name__ for kind in (Spent, Counter, *get_args(Insertable | Mutable))))


class DocumentStorage:
    """Storage in *database* of a replica set. Threads may share it."""

    def __init__(self, client: MongoClient, database: str = "authority") -> None:
        self._client, self._at = client, client[database]

    def prepare(self) -> None:
        """Make the indexes; harmless when they are there."""
        self._at["User"].create_index("identifiers", unique=True, sparse=True)
        self._at["Session"].create_index("key", unique=True)
        for kind, name in (("Session", "user_id"), ("Consent", "subject"), ("AuditRecord", "at")):
            self._at[kind].create_index(name)
        for collection in COLLECTIONS:
            self._at[collection].create_index("keep_until")

    # --- reads

    def client(self, client_id: str) -> Client | None:
        return self._one(Client, _by("_id", client_id))

    def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        return self._all(Client, _beyond(after), [("_id", 1)], limit)

    def grant(self, grant_id: str) -> Grant | None:
        return self._alive(self._one(Grant, _by("_id", grant_id)))

    def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        return self._stored(AuthorizationCode, key, lambda code: self._alive(code.grant))

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        return self._stored(RefreshToken, key, lambda token: self.grant(token.grant_id))

    def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        return self._stored(AccessToken, key, lambda token: self.grant(token.grant_id) if token.grant_id else None)

    def interaction(self, key: Digest) -> Stored[Interaction] | None:
        return self._stored(Interaction, key, lambda _: None)

    def spent(self, key: Digest) -> Spent | None:
        return self._one(Spent, _by("_id", key))

    def consent(self, subject: str, client_id: str) -> Consent | None:
        return self._one(Consent, {"_id": name_of(subject, client_id)})

    def consents(self, subject: str) -> Sequence[Consent]:
        return self._all(Consent, _by("subject", subject), [("client_id", 1)])

    def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        subject, client_id = after or ("", "")
        beyond = [{"subject": {"$gt": subject}}, {"subject": subject, "client_id": {"$gt": client_id}}]
        return self._all(Consent, {"$or": beyond} if after else {}, [("subject", 1), ("client_id", 1)], limit)

    def signing_keys(self) -> Sequence[SigningKey]:
        return self._all(SigningKey, {}, [("created_at", 1), ("_id", 1)])

    def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        return self._all(AuditRecord, {"at": {"$lt": plain(before)}} if before else {}, [("at", -1)], limit)

    def user(self, user_id: str) -> User | None:
        return self._one(User, _by("_id", user_id))

    def user_by_identifier(self, identifier: str) -> User | None:
        return self._one(User, _by("identifiers", identifier))

    def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        return self._all(User, _beyond(after), [("_id", 1)], limit)

    def session(self, key: Digest) -> Session | None:
        found = self._one(Session, _by("key", key))
        return None if found is None else self._open(found)

    def sessions(self, user_id: str) -> Sequence[Session]:
        return [self._open(one) for one in self._all(Session, _by("user_id", user_id), [("created_at", -1)])]

    def counter(self, key: Digest) -> Counter | None:
        return self._one(Counter, _by("_id", key))

    # --- the one write

    def commit(self, changes: Sequence[Change]) -> None:
        refuse_nameless(changes)

        def work(transaction: Any) -> None:
            for change in in_order(changes):
                self._apply(change, transaction)

        try:
            with self._client.start_session() as session:
                session.with_transaction(work)  # begins again when another transaction was in the way
        except DuplicateKeyError:
            raise Conflict("somebody was first") from None
        except PyMongoError as error:
            raise StorageUnavailable("the document database failed") from error

    def _apply(self, change: Change, session: Any) -> None:
        match change:
            case Put(record):
                self._of(record).insert_one(document_of(record), session=session)
            case Spend():
                mark = {"_id": change.key, "at": plain(change.at), "salt": change.salt}
                self._at["Spent"].insert_one({**mark, "keep_until": plain(change.keep_until)}, session=session)
            case Revoke():
                first = {"at": plain(change.at), "cut_off": False}
                update = {"$setOnInsert": first, "$max": {"keep_until": plain(change.keep_until)}}
                self._mark(name_of(change.what, change.id), update, session)
            case CutOff():
                latest = {"at": plain(change.at), "keep_until": plain(change.keep_until)}
                update = {"$setOnInsert": {"cut_off": True}, "$max": latest}
                self._mark(name_of("cut off", change.subject, change.client_id), update, session)
            case Replace(record) if record.version == 0:
                self._of(record).insert_one(document_of(record, version=1), session=session)
            case Replace(record):
                new = document_of(record, version=record.version + 1)
                _was_there(self._of(record).replace_one(_present(record), new, session=session).matched_count)
            case Remove(record):
                _was_there(self._of(record).delete_one(_present(record), session=session).deleted_count)
            case Count():
                self._count(change, session)

    def _of(self, record: Insertable | Mutable) -> Any:
        return self._at[type(record).__name__]

    def _mark(self, name: str, update: Document, session: Any) -> None:
        self._at["marks"].update_one({"_id": name}, update, upsert=True, session=session)

    def _count(self, change: Count, session: Any) -> None:
        """Read and write in one transaction: the write is refused if the counter has changed since the read."""
        if change.by is None:
            self._at["Counter"].delete_one({"_id": change.key}, session=session)
            return
        known = self._at["Counter"].find_one({"_id": change.key}, session=session)
        if known is None or plain(change.at) >= known["expires_at"]:
            known = {"value": 0, "expires_at": plain(change.until)}
        value, end = known["value"] + change.by, known["expires_at"]
        if change.most is not None and value > change.most:
            raise Conflict("the counter is full")
        new = {"value": value, "expires_at": end, "keep_until": end}
        self._at["Counter"].replace_one({"_id": change.key}, new, upsert=True, session=session)

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        gone, over = 0, {"keep_until": {"$lte": plain(now)}}
        for collection in COLLECTIONS:
            while most := batch if limit is None else min(batch, limit - gone):
                found = [one["_id"] for one in self._find(collection, over, limit=most)]
                gone += self._at[collection].delete_many({"_id": {"$in": found}, **over}).deleted_count
                if len(found) < most:
                    break
        return gone

    # --- what reads have in common

    def _find(self, collection: str, wanted: Document, order: Order | None = None, limit: int = 0) -> list[Document]:
        try:
            return list(self._at[collection].find(wanted, sort=order, limit=limit))
        except UnicodeEncodeError:
            return []  # what UTF-8 cannot spell was never stored
        except PyMongoError as error:
            raise StorageUnavailable("the document database failed") from error

    def _all(self, kind: type[R], wanted: Document, order: Order | None = None, limit: int = 0) -> list[R]:
        return [read(kind, one) for one in self._find(kind.__name__, wanted, order, limit)]

    def _one(self, kind: type[R], wanted: Document) -> R | None:
        return next(iter(self._all(kind, wanted, limit=1)), None)

    def _stored(self, kind: type[R], key: Digest, grant: Callable[[R], Grant | None]) -> Stored[R] | None:
        found = self._one(kind, _by("_id", key))
        return None if found is None else Stored(record=found, grant=grant(found), spent=self.spent(key))

    def _alive(self, grant: Grant | None) -> Grant | None:
        if grant is None:
            return None
        cuts = [name_of("cut off", grant.subject, client_id) for client_id in (None, grant.client_id)]
        session = [] if grant.session_id is None else [name_of("session", grant.session_id)]
        ends = [name_of("grant", grant.grant_id), *session, *cuts]
        return evolve(grant, revoked_at=self._ended(grant.created_at, ends))

    def _open(self, session: Session) -> Session:
        ends = [name_of("session", session.session_id), name_of("cut off", session.user_id, None)]
        return evolve(session, revoked_at=self._ended(session.created_at, ends))

    def _ended(self, born: datetime, names: list[str]) -> datetime | None:
        marks = self._find("marks", {"_id": {"$in": names}})
        times = [one["at"] for one in marks if not one["cut_off"] or plain(born) <= one["at"]]
        return min((read(datetime, at) for at in times), default=None)


def _by(name: str, value: str | bytes) -> Document:
    """Return the filter for *value* itself: an object would be an operator, and `None` a missing field."""
    if not isinstance(value, str | bytes):
        raise TypeError("neither a name nor a digest")
    return {name: value}


def _beyond(after: str | None) -> Document:
    return {} if after is None else {"_id": {"$gt": after}}


def _present(record: Mutable) -> Document:
    return {"_id": id_of(record), "version": record.version}


def _was_there(count: int) -> None:
    if not count:
        raise Conflict("the version is another one")
