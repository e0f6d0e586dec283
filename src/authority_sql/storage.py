"""Storage on SQL for synchronous applications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from sqlalchemy import URL, Engine

from authority_core.kernel.changes import Change
from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    Stored,
    User,
)
from authority_core.kernel.sync import run

from .blocking import KeepingLender, PoolLender
from .borrowing import Borrowing
from .engines import SIZE, Synchronous, blocking_engine, in_memory, resolved
from .keeping import KeepingConnector
from .links import Connector
from .migrating import upgrade
from .operations import Operations
from .statements import statements_for


class SqlStorage:
    """`authority_core` storage on SQLite or PostgreSQL, synchronous and safe to share between threads.

    *engine* stays the caller's: `close` leaves it open. *table_prefix* and *schema* say where the tables are.
    Run `authority migrate` (or `authority_sql.migrate`) first.
    """

    def __init__(self, engine: Engine, *, table_prefix: str = "", schema: str | None = None) -> None:
        self._start(engine, table_prefix, schema, keep=None)

    def _start(self, engine: Engine, prefix: str, schema: str | None, *, keep: int | None) -> None:
        self._engine = engine
        self._owned = keep is not None
        self._keeps: KeepingConnector | KeepingLender | None = None
        connector: Connector
        if engine.dialect.name == "sqlite":
            connector = self._keeps = KeepingConnector(engine, keep=self._owned, shared=in_memory(engine.url))
        elif keep is not None:
            self._keeps = KeepingLender(engine, keep)
            connector = Borrowing(self._keeps)
        else:
            connector = Borrowing(PoolLender(engine))
        self._on = Operations(statements_for(prefix, schema, engine.dialect), connector)

    @classmethod
    def from_url(
        cls,
        url: str | URL,
        *,
        table_prefix: str = "",
        schema: str | None = None,
        pool_size: int | None = None,
        durability: Synchronous = "NORMAL",
    ) -> Self:
        """Return storage at *url*, such as `sqlite:///authority.db` or `postgresql://user@host/name`.

        *durability* is SQLite's: `NORMAL` survives the death of the process, `FULL` the loss of power too;
        `?durability=full` in the URL says so as well. An in-memory database (`sqlite://`) gets its tables at once, for
        there is no other moment.

        Raises `ImportError` with the line that installs a missing driver.
        """
        found = resolved(url, asynchronous=False)
        storage = cls.__new__(cls)
        engine = blocking_engine(found, durability=durability)
        storage._start(engine, table_prefix, schema, keep=pool_size or SIZE)
        if in_memory(found):
            upgrade(engine, table_prefix, schema)
        return storage

    def __repr__(self) -> str:
        return f"SqlStorage({self._engine.url.set(query={})!r})"

    def close(self) -> None:
        """Close every connection that is not at work; an engine given by the caller stays open."""
        if self._keeps is not None:
            self._keeps.close()
        if self._owned:
            self._engine.dispose()

    # The promises of these methods are those of `authority_core.kernel.ports`, and of `Operations`.

    def client(self, client_id: str) -> Client | None:
        """Return the client called exactly *client_id*."""
        return run(self._on.client(client_id))

    def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after*, by id."""
        return run(self._on.clients(after, limit))

    def grant(self, grant_id: str) -> Grant | None:
        """Return the grant, `revoked_at` computed."""
        return run(self._on.grant(grant_id))

    def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code, its spent mark and the grant it carries."""
        return run(self._on.code(key))

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant and spent mark."""
        return run(self._on.refresh_token(key))

    def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant, if any, and the mark of its revocation."""
        return run(self._on.access_token(key))

    def spent(self, key: Digest) -> Spent | None:
        """Return the mark left by the `Spend` of *key*."""
        return run(self._on.spent(key))

    def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction and its spent mark."""
        return run(self._on.interaction(key))

    def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*, revoked or not."""
        return run(self._on.consent(subject, client_id))

    def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        return run(self._on.consents(subject))

    def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, by subject and client id, beyond that pair in *after*."""
        return run(self._on.all_consents(after, limit))

    def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        return run(self._on.signing_keys())

    def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        return run(self._on.audit(before, limit))

    def user(self, user_id: str) -> User | None:
        """Return the user."""
        return run(self._on.user(user_id))

    def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user whose name or address has the canonical form *identifier*."""
        return run(self._on.user_by_identifier(identifier))

    def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after* (by code point), by id."""
        return run(self._on.users(after, limit))

    def session(self, key: Digest) -> Session | None:
        """Return the session whose cookie has this digest, `revoked_at` computed."""
        return run(self._on.session(key))

    def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        return run(self._on.sessions(user_id))

    def counter(self, key: Digest) -> Counter | None:
        """Return the counter, past its end or not."""
        return run(self._on.counter(key))

    def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen in one transaction, or none.

        Raises:
            Conflict: Somebody was first. Nothing was written.
            StorageUnavailable: The database cannot be reached, or stayed locked.
        """
        run(self._on.commit(changes))

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Delete what may be forgotten at *now*, *limit* rows at most, *batch* a transaction; return how many went."""
        return run(self._on.cleanup(now, batch, limit))
