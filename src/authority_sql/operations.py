"""The storage itself: every read is one statement, every commit one transaction. Written once, for both colours."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

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
from authority_core.kernel.sync import Done
from authority_core.kernel.values import Soon

from . import rows, shapes
from .columns import Row
from .errors import translated
from .joining import joined
from .kinds import micros, storable
from .links import Connector
from .plan import Step, plan
from .prepared import Values
from .statements import MOST_AT_ONCE, Statements

R = TypeVar("R")
if TYPE_CHECKING:
    from types import CoroutineType

    Coming = CoroutineType[Any, Any, R]  # what pyright calls the answer of an `async def`, which the ports are made of
else:
    Coming = Coroutine[Any, Any, R]


class Operations:
    """Every method of `authority_core.kernel.ports.Storage` over a *connector* of either colour."""

    tells_holders = True

    def __init__(self, statements: Statements, connector: Connector) -> None:
        self._statements = statements
        self._connector = connector
        self._at_once = not iscoroutinefunction(connector.fetch)

    # --- clients ---

    def client(self, client_id: str) -> Coming[Client | None]:
        """Return the client called exactly *client_id*."""
        return self._one("client", rows.client, client_id)

    async def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after* (by code point), by id."""
        values: Values = (limit,) if after is None else (after, limit)
        return await self._all("clients" if after is None else "clients_after", rows.client, *values)

    # --- grants and tokens ---

    def grant(self, grant_id: str) -> Coming[Grant | None]:
        """Return the grant, `revoked_at` computed."""
        return self._one("grant", rows.grant, grant_id)

    def code(self, key: Digest) -> Coming[Stored[AuthorizationCode] | None]:
        """Return the code, its spent mark, the grant it carries and the holder."""
        return self._one("code", rows.code, key)

    def refresh_token(self, key: Digest) -> Coming[Stored[RefreshToken] | None]:
        """Return the refresh token with its grant, spent mark and holder."""
        return self._one("refresh_token", rows.refresh_token, key)

    def access_token(self, key: Digest) -> Coming[Stored[AccessToken] | None]:
        """Return the opaque access token with its grant, if any, and the mark of its revocation."""
        return self._one("access_token", rows.access_token, key)

    def spent(self, key: Digest) -> Coming[Spent | None]:
        """Return the mark left by the `Spend` of *key*."""
        return self._one("spent", rows.spent, key)

    async def marked(self, code: AuthorizationCode) -> Stored[AuthorizationCode]:
        """Return *code*, which is kept elsewhere, with its spent mark, the grant it carries and the holder."""
        grant = code.grant
        names = grant.subject, grant.client_id, grant.session_id, grant.grant_id
        found = await self._rows("marked", (code.key, *names, micros(grant.created_at)))
        if not found:
            raise StorageUnavailable("A text that no database can hold names this grant.")
        return rows.marked(found[0], code)

    # --- interactions, consent, keys, audit ---

    def interaction(self, key: Digest) -> Coming[Stored[Interaction] | None]:
        """Return the interaction and its spent mark."""
        return self._one("interaction", rows.interaction, key)

    def consent(self, subject: str, client_id: str) -> Coming[Consent | None]:
        """Return what *subject* has allowed *client_id*, revoked or not."""
        return self._one("consent", shapes.CONSENT.decode, subject, client_id)

    async def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        return await self._all("consents", shapes.CONSENT.decode, subject)

    async def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, by subject and client id, beyond that pair in *after*."""
        values: Values = (limit,) if after is None else (*after, limit)
        return await self._all(
            "all_consents" if after is None else "all_consents_after", shapes.CONSENT.decode, *values
        )

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        return await self._all("signing_keys", shapes.SIGNING_KEY.decode)

    async def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        values: Values = (limit,) if before is None else (micros(before), limit)
        return await self._all("audit" if before is None else "audit_before", shapes.AUDIT.decode, *values)

    # --- accounts ---

    def user(self, user_id: str) -> Coming[User | None]:
        """Return the user."""
        return self._one("user", shapes.USER.decode, user_id)

    def user_by_identifier(self, identifier: str) -> Coming[User | None]:
        """Return the user whose name or address has the canonical form *identifier* (NFC, lower case)."""
        return self._one("user_by_identifier", shapes.USER.decode, identifier)

    async def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after* (by code point), by id."""
        values: Values = (limit,) if after is None else (after, limit)
        return await self._all("users" if after is None else "users_after", shapes.USER.decode, *values)

    def session(self, key: Digest) -> Coming[Session | None]:
        """Return the session whose cookie has this digest, `revoked_at` computed."""
        return self._one("session", rows.session, key)

    async def marked_session(self, session: Session) -> Session:
        """Return *session*, which is kept elsewhere, with `revoked_at` computed."""
        names = session.session_id, session.user_id
        found = await self._rows("marked_session", (*names, micros(session.created_at)))
        if not found:
            raise StorageUnavailable("A text that no database can hold names this session.")
        return rows.marked_session(found[0], session)

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        return await self._all("sessions", rows.session, user_id)

    def counter(self, key: Digest) -> Coming[Counter | None]:
        """Return the counter, past its end or not."""
        return self._one("counter", rows.counter, key)

    # --- writing ---

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen in one transaction, or none.

        Raises:
            Conflict: Somebody was first. Nothing was written.
            StorageUnavailable: The database cannot be reached, or stayed locked. Nothing is known to be written.
        """
        steps: Sequence[Step] = plan(self._statements, changes)
        if not steps:
            return
        if self._statements.joins:
            steps = joined(steps)
        try:
            await self._connector.write(steps)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise translated(error) from None

    async def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Delete what may be forgotten at *now*, *limit* rows at most, *batch* a transaction; return how many went.

        More than 10,000 rows a transaction never go. Housekeeping: nothing is decided by it, and stopping half way
        does no harm.
        """
        total, batch = 0, min(batch, MOST_AT_ONCE)
        for statement in self._statements.cleanup:
            more = True
            while more:
                most = batch if limit is None else min(batch, limit - total)
                if most <= 0:
                    return total
                step = Step(statement.sql, statement.bind((micros(now), most)), must_change=False)
                gone = await self._write([step])
                more = gone >= most
                total += gone
        return total

    async def _write(self, steps: Sequence[Step]) -> int:
        """Run *steps*, all or none; return how many rows they touched."""
        try:
            return await self._connector.write(steps)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise translated(error) from None

    # --- reading ---

    def _one(self, name: str, made: Callable[[Row], R], *values: Any) -> Coming[R | None]:
        """Return what is *made* of the one row of the read called *name*, or `None` when there is none."""
        if not self._at_once:
            return self._first(name, made, values)  # type: ignore[return-value]  # a coroutine either way
        try:
            found: Any = self._asked(name, values)  # rows, not something to wait for
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise translated(error) from None
        return Done(made(found[0]) if found else None)  # type: ignore[return-value]

    async def _first(self, name: str, made: Callable[[Row], R], values: Values) -> R | None:
        try:
            found = self._asked(name, values)
            answer = found if isinstance(found, list) else await found
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise translated(error) from None
        return made(answer[0]) if answer else None

    async def _all(self, name: str, made: Callable[[Row], R], *values: Any) -> list[R]:
        """Return what is *made* of every row of the read called *name*."""
        return [made(row) for row in await self._rows(name, values)]

    async def _rows(self, name: str, values: Values) -> list[Row]:
        try:
            found = self._asked(name, values)
            return found if isinstance(found, list) else await found
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise translated(error) from None

    def _asked(self, name: str, values: Values) -> Soon[list[Row]]:
        """Return the rows of a read, asked for in one round trip; at once from a driver that blocks."""
        for value in values:
            if type(value) is str and not storable(value):
                return []  # no record can have such a name
        statement = self._statements.reads[name]
        arrange = statement.arrange
        return self._connector.fetch(statement.sql, values if arrange is None else arrange(values))
