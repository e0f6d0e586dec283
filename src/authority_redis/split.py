"""Two storages as one: what is short-lived in Redis, everything else in a durable storage of any make.

A commit that touches both cannot be one transaction; it is arranged so that whatever fails, fails closed:

1. Redis first: everything is checked, and what others made (a `jti`) is spent there: of all who bring it one goes on.
2. Then the durable part, in one transaction. It alone decides who wins, and what has ended: it holds every mark of an
   end, and every other spent mark.
3. Last, what Redis begins or counts. When this fails, something is missing (a code, a session, a count), and the
   answer is 503: the person starts again.

A lost race in step 2 writes nothing durable, and gives back what step 1 spent. Where the durable part can neither lose
nor end anything (counts, lines of the audit trail) Redis does all of its part in step 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import evolve

from authority_core.kernel.abilities import forgetful, is_async, marking, tells_holders
from authority_core.kernel.blocking import BlockingStorage
from authority_core.kernel.changes import Change, Conflict, StorageUnavailable, refuse_nameless
from authority_core.kernel.encoding import Digest
from authority_core.kernel.ports import Storage
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
from authority_core.kernel.sync import coat, run

from .aio import AsyncRedisStorage
from .dividing import CHOSEN, Parts, checked, divide
from .operations import Operations
from .storage import RedisStorage

_ENDED = frozenset({"codes", "sessions"})
"""Kinds that marks end."""


class Split:
    """Every method of the storage protocols over two storages; *redis* is the shared one, without its coat.

    *told* says that the durable one tells holders.

    The *durable* one knows every mark and every account, so of codes and sessions in Redis it is asked what became of
    them: Redis may have lost a mark in a failover, and others may end things who know nothing of Redis.
    """

    tells_holders = False

    def __init__(
        self,
        durable: Storage,
        shared: Storage,
        redis: Operations,
        kinds: frozenset[str],
        told: bool,
    ) -> None:
        self.tells_holders = told
        self._marks = marking(durable)
        if self._marks is None and not kinds.isdisjoint(_ENDED):
            raise ValueError(
                "Codes and sessions may live in Redis only beside a durable storage that has the methods `marked` and "
                "`marked_session`, which tell what ended them: add them, or name other kinds."
            )
        self._durable = durable
        self._shared = shared
        self._redis = redis
        self._kinds = kinds
        self._of_counters = shared if "counters" in kinds else durable

    # --- what lives in Redis, if so chosen ---

    async def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code from Redis; what became of it and of its holder, from the durable storage."""
        if self._marks is None or "codes" not in self._kinds:
            return await self._durable.code(key)
        found = await self._shared.code(key)
        return None if found is None else await self._marks.marked(found.record)

    async def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction from Redis with its spent mark from the durable storage."""
        if "interactions" not in self._kinds:
            return await self._durable.interaction(key)
        found = await self._shared.interaction(key)
        return None if found is None else evolve(found, spent=await self._durable.spent(key))

    async def session(self, key: Digest) -> Session | None:
        """Return the session of this cookie from Redis, with its end from either storage."""
        if "sessions" not in self._kinds:
            return await self._durable.session(key)
        found = await self._shared.session(key)
        return None if found is None else await self._ended(found)

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        if "sessions" not in self._kinds:
            return await self._durable.sessions(user_id)
        return [await self._ended(one) for one in await self._shared.sessions(user_id)]

    async def _ended(self, session: Session) -> Session:
        """Return *session* with the end that the durable storage knows, if Redis knows of none."""
        if session.revoked_at is not None or self._marks is None:
            return session
        return await self._marks.marked_session(session)

    async def counter(self, key: Digest) -> Counter | None:
        """Return the counter, past its end or not."""
        return await self._of_counters.counter(key)

    # --- what is always durable ---

    async def client(self, client_id: str) -> Client | None:
        """Return the client called exactly *client_id*."""
        return await self._durable.client(client_id)

    async def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after*, by id."""
        return await self._durable.clients(after, limit)

    async def grant(self, grant_id: str) -> Grant | None:
        """Return the grant, `revoked_at` computed."""
        return await self._durable.grant(grant_id)

    async def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant and spent mark."""
        return await self._durable.refresh_token(key)

    async def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant, if any, and the mark of its revocation."""
        return await self._durable.access_token(key)

    async def spent(self, key: Digest) -> Spent | None:
        """Return the mark left by the `Spend` of *key*, wherever it is.

        A Redis that is away is as one that does not know: none is admitted by this answer, but by the commit.
        """
        found = await self._durable.spent(key)
        if found is None and "replays" in self._kinds:
            with contextlib.suppress(StorageUnavailable):
                return await self._shared.spent(key)
        return found

    async def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*, revoked or not."""
        return await self._durable.consent(subject, client_id)

    async def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        return await self._durable.consents(subject)

    async def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, beyond that pair in *after*."""
        return await self._durable.all_consents(after, limit)

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        return await self._durable.signing_keys()

    async def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        return await self._durable.audit(before, limit)

    async def user(self, user_id: str) -> User | None:
        """Return the user."""
        return await self._durable.user(user_id)

    async def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user whose name or address has the canonical form *identifier*."""
        return await self._durable.user_by_identifier(identifier)

    async def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after*, by id."""
        return await self._durable.users(after, limit)

    # --- writing ---

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen, or fail closed; see the module.

        Raises:
            Conflict: Somebody was first. Nothing durable was written, and nothing was begun anywhere.
            StorageUnavailable: One of the two cannot be reached. Nothing is known to be whole.
            ValueError: A change is about nothing. Nothing was written anywhere.
        """
        refuse_nameless(changes)
        parts = divide(changes, self._kinds)
        if not parts.shared:
            await self._durable.commit(parts.durable)
        elif not parts.durable:
            await self._shared.commit(parts.shared)
        elif parts.decisive:
            await self._durable_decides(parts)
        else:
            await self._shared.commit(parts.shared)
            await self._durable.commit(parts.durable)

    async def _durable_decides(self, parts: Parts) -> None:
        if parts.to_check:
            await self._redis.prepare(parts.shared)
        try:
            await self._durable.commit(parts.durable)
        except Conflict:
            if parts.replays:
                await self._redis.give_back(parts.replays)
            raise
        if not parts.begun:
            return
        try:
            await self._shared.commit(parts.begun)
        except Conflict:
            # Between check and write somebody else was first. "Look again" would be a lie: the durable part is done.
            raise StorageUnavailable("What is kept in Redis changed meanwhile.") from None

    async def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Let the durable storage forget, where it must be told; Redis forgets by itself."""
        durable = forgetful(self._durable)
        return 0 if durable is None else await durable.cleanup(now, batch, limit)


class SplitStorage(BlockingStorage[Split]):
    """*kinds* in *shared*, everything else in *durable*; synchronous.

    *kinds* are of `codes`, `interactions`, `sessions`, `counters` and `replays`; the first three are chosen when
    nothing is said. Counters hold what locks accounts after failed sign-ins, which a loss of Redis would start afresh;
    replays are the marks of assertions and proofs, which a loss makes Redis refuse for a while.

    Raises `ValueError` for a kind that must not live in Redis alone, for codes and sessions beside a durable storage
    that cannot tell what ended them, and for storages that are not both synchronous.
    """

    tells_holders = False

    def __init__(self, durable: object, shared: RedisStorage, *, kinds: Iterable[str] = CHOSEN) -> None:
        if is_async(durable) or is_async(shared):
            raise ValueError("SplitStorage takes two synchronous storages; AsyncSplitStorage two asynchronous ones.")
        self._both = durable, shared
        self._kinds = checked(kinds)
        self.tells_holders = tells_holders(durable)
        super().__init__(Split(coat(durable), coat(shared), shared.operations, self._kinds, self.tells_holders))

    def __repr__(self) -> str:
        durable, shared = self._both
        return f"SplitStorage({durable!r}, {shared!r}, kinds={sorted(self._kinds)!r})"

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        """Let the durable storage forget, where it must be told; Redis forgets by itself."""
        return run(self._on.cleanup(now, batch, limit))

    def close(self) -> None:
        """Close both storages."""
        for storage in self._both:
            close = getattr(storage, "close", None)
            if callable(close):
                close()


class AsyncSplitStorage(Split):
    """*kinds* in *shared*, everything else in *durable*; asynchronous. See `SplitStorage`."""

    def __init__(self, durable: object, shared: AsyncRedisStorage, *, kinds: Iterable[str] = CHOSEN) -> None:
        if not (is_async(durable) and is_async(shared)):
            raise ValueError("AsyncSplitStorage takes two asynchronous storages; SplitStorage two synchronous ones.")
        super().__init__(coat(durable), coat(shared), shared, checked(kinds), tells_holders(durable))
        self._both = durable, shared

    def __repr__(self) -> str:
        durable, shared = self._both
        return f"AsyncSplitStorage({durable!r}, {shared!r}, kinds={sorted(self._kinds)!r})"

    async def aclose(self) -> None:
        """Close both storages."""
        for storage in self._both:
            close = getattr(storage, "aclose", None)
            if callable(close):
                await close()
