"""The storage itself: every read is one statement, every commit one transaction. Written once, for both colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from authority_core.kernel.changes import Change, StorageUnavailable
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

from . import shapes
from .errors import conflict, translated
from .kinds import earliest, micros, moment_of, storable
from .links import Connector, Link
from .plan import Step, plan
from .prepared import Values
from .shapes import Row, Shape
from .statements import Statements

R = TypeVar("R")
_GRANT_MARKS = 4


class Stale(StorageUnavailable):
    """The pooled connection was gone before anything was done with it; a fresh one may do."""


class Operations:
    """Every method of `authority_core.kernel.ports.Storage` over a *connector* of either colour."""

    def __init__(self, statements: Statements, connector: Connector) -> None:
        self._statements = statements
        self._connector = connector

    # --- clients ---

    async def client(self, client_id: str) -> Client | None:
        """Return the client called exactly *client_id*."""
        return await self._record(shapes.CLIENT, "client", client_id)

    async def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after* (by code point), by id."""
        values: Values = (limit,) if after is None else (after, limit)
        return await self._records(shapes.CLIENT, "clients" if after is None else "clients_after", *values)

    # --- grants and tokens ---

    async def grant(self, grant_id: str) -> Grant | None:
        """Return the grant, `revoked_at` computed."""
        return await self._one("grant", _grant, grant_id)

    async def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code, its spent mark and the grant it carries."""
        return await self._one("code", _code, key)

    async def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant and spent mark."""
        return await self._one("refresh_token", _refresh_token, key)

    async def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant, if any, and the mark of its revocation."""
        return await self._one("access_token", _access_token, key)

    async def spent(self, key: Digest) -> Spent | None:
        """Return the mark left by the `Spend` of *key*."""
        return await self._one("spent", _spent, key)

    # --- interactions, consent, keys, audit ---

    async def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction and its spent mark."""
        return await self._one("interaction", _interaction, key)

    async def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*, revoked or not."""
        return await self._record(shapes.CONSENT, "consent", subject, client_id)

    async def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        return await self._records(shapes.CONSENT, "consents", subject)

    async def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, by subject and client id, beyond that pair in *after*."""
        values: Values = (limit,) if after is None else (*after, limit)
        return await self._records(shapes.CONSENT, "all_consents" if after is None else "all_consents_after", *values)

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        return await self._records(shapes.SIGNING_KEY, "signing_keys")

    async def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        values: Values = (limit,) if before is None else (micros(before), limit)
        return await self._records(shapes.AUDIT, "audit" if before is None else "audit_before", *values)

    # --- accounts ---

    async def user(self, user_id: str) -> User | None:
        """Return the user."""
        return await self._record(shapes.USER, "user", user_id)

    async def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user whose name or address has the canonical form *identifier* (NFC, lower case)."""
        return await self._record(shapes.USER, "user_by_identifier", identifier)

    async def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after* (by code point), by id."""
        values: Values = (limit,) if after is None else (after, limit)
        return await self._records(shapes.USER, "users" if after is None else "users_after", *values)

    async def session(self, key: Digest) -> Session | None:
        """Return the session whose cookie has this digest, `revoked_at` computed."""
        return await self._one("session", _session, key)

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        return [_session(row) for row in await self._rows("sessions", user_id)]

    async def counter(self, key: Digest) -> Counter | None:
        """Return the counter, past its end or not."""
        return await self._one("counter", _counter, key)

    # --- writing ---

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen in one transaction, or none.

        Raises:
            Conflict: Somebody was first. Nothing was written.
            StorageUnavailable: The database cannot be reached, or stayed locked. Nothing is known to be written.
        """
        steps = plan(self._statements, changes)
        if steps:
            await self._transaction(steps)

    async def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Delete what may be forgotten at *now*, *limit* rows at most, *batch* a transaction; return how many went.

        Housekeeping: nothing is decided by it, and stopping half way does no harm.
        """
        total = 0
        for statement in self._statements.cleanup:
            more = True
            while more:
                most = batch if limit is None else min(batch, limit - total)
                if most <= 0:
                    return total
                step = Step(statement.sql, statement.bind((micros(now), most)), must_change=False)
                gone = await self._transaction([step])
                more = gone >= most
                total += gone
        return total

    async def _transaction(self, steps: Sequence[Step]) -> int:
        """Run *steps*, all or none; return how many rows they touched."""
        try:
            link = await self._begin()
        except Stale:
            self._connector.stale()
            link = await self._begin()
        touched = 0
        try:
            for step in steps:
                rows = await link.change(step.sql, step.values)
                if rows == 0 and step.must_change:
                    raise conflict()
                touched += rows
            await link.commit()
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            await self._connector.discard(link, True, error)
            raise translated(error) from None
        except BaseException as error:
            await self._connector.discard(link, True, error)
            raise
        await self._connector.release(link, True)
        return touched

    async def _begin(self) -> Link:
        link = await self._acquire(True)
        try:
            await link.begin()
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            stale = link.lost
            await self._connector.discard(link, True, error)
            raise (Stale("The database broke off.") if stale else translated(error)) from None
        except BaseException as error:
            await self._connector.discard(link, True, error)
            raise
        return link

    # --- reading ---

    async def _rows(self, name: str, *values: Any) -> Sequence[Row]:
        """Return the rows of the read called *name*, in one round trip."""
        for value in values:
            if type(value) is str and not storable(value):
                return ()  # no record can have such a name
        statement = self._statements.reads[name]
        bound = statement.bind(values)
        try:
            return await self._fetch(statement.sql, bound)
        except Stale:
            self._connector.stale()
            return await self._fetch(statement.sql, bound)

    async def _fetch(self, sql: str, bound: Values) -> Sequence[Row]:
        link = await self._acquire(False)
        try:
            rows = await link.fetch(sql, bound)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            stale = link.lost
            await self._connector.discard(link, False, error)
            raise (Stale("The database broke off.") if stale else translated(error)) from None
        except BaseException as error:
            await self._connector.discard(link, False, error)
            raise
        await self._connector.release(link, False)
        return rows

    async def _acquire(self, writing: bool) -> Link:
        try:
            return await self._connector.acquire(writing)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise translated(error) from None

    async def _one(self, name: str, decode: Callable[[Row], R], *values: Any) -> R | None:
        rows = await self._rows(name, *values)
        return decode(rows[0]) if rows else None

    async def _record(self, shape: Shape[R], name: str, *values: Any) -> R | None:
        rows = await self._rows(name, *values)
        return shape.decode(rows[0]) if rows else None

    async def _records(self, shape: Shape[R], name: str, *values: Any) -> list[R]:
        return [shape.decode(row) for row in await self._rows(name, *values)]


# --- rows ------------------------------------------------------------------------------------------------------------


def _grant(row: Row, start: int = 0) -> Grant:
    marks = start + shapes.GRANT.width
    return shapes.GRANT.decode(row, start, revoked_at=earliest(*row[marks : marks + _GRANT_MARKS]))


def _spent(row: Row) -> Spent:
    return Spent(at=moment_of(row[0]), salt=bytes(row[1]))


def _spending(row: Row) -> Spent | None:
    return None if row[-2] is None else _spent(row[-2:])


def _code(row: Row) -> Stored[AuthorizationCode]:
    live = _grant(row, shapes.CODE.width)
    kept = shapes.GRANT.decode(row, shapes.CODE.width)
    return Stored(record=shapes.CODE.decode(row, grant=kept), grant=live, spent=_spending(row))


def _refresh_token(row: Row) -> Stored[RefreshToken]:
    at = shapes.REFRESH.width
    grant = None if row[at] is None else _grant(row, at)
    return Stored(record=shapes.REFRESH.decode(row), grant=grant, spent=_spending(row))


def _access_token(row: Row) -> Stored[AccessToken]:
    at = shapes.ACCESS.width
    grant = None if row[at] is None else _grant(row, at)
    return Stored(record=shapes.ACCESS.decode(row), grant=grant, spent=_spending(row))


def _interaction(row: Row) -> Stored[Interaction]:
    return Stored(record=shapes.INTERACTION.decode(row), spent=_spending(row))


def _session(row: Row) -> Session:
    return shapes.SESSION.decode(row, revoked_at=earliest(*row[shapes.SESSION.width :]))


def _counter(row: Row) -> Counter:
    return Counter(value=row[0], expires_at=moment_of(row[1]))
