"""The storage itself: every read and every commit is one round trip. Written once, for both colours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from attrs import evolve

from authority_core.kernel.changes import Change, Conflict, Spend, StorageUnavailable
from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Holder,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    Spent,
    Stored,
    User,
)

from . import codec, names
from .codec import Codec, stamp, unstamp
from .links import Link
from .plan import MARGIN, Text, mark, plan

R = TypeVar("R")
_STAMP = 18
_POLICY = "noeviction"
_FORGETFUL = 2
_HOLDER = "holder"

logger = logging.getLogger("authority")


class Operations:
    """Every method of `authority_core.kernel.ports.Storage` over a *link* of either colour."""

    tells_holders = True

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix
        self._looked = False
        self._rehearsed = False

    # --- clients ---

    async def client(self, client_id: str) -> Client | None:
        """Return the client called exactly *client_id*."""
        return await self._record(codec.CLIENT, names.named("client", client_id))

    async def clients(self, after: str | None = None, limit: int = 100) -> Sequence[Client]:
        """Return up to *limit* clients with an id greater than *after* (by code point), by id."""
        return await self._page(codec.CLIENT, names.CLIENTS, limit, *_after(after))

    # --- grants and tokens ---

    async def grant(self, grant_id: str) -> Grant | None:
        """Return the grant, `revoked_at` computed."""
        found = await self._run("stored", [names.named("grant", grant_id)])
        return None if found is None else codec.GRANT.decode(found[0], revoked_at=_time(found[2]))

    async def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        """Return the code, its spent mark, the grant it carries and the holder."""
        found = await self._stored("code", key, _HOLDER)
        if found is None:
            return None
        record = codec.CODE.decode(found[0])
        grant = evolve(record.grant, revoked_at=_time(found[2]))
        return Stored(record, grant, _spent(found[3]), _holder(found[4]))

    async def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        """Return the refresh token with its grant, spent mark and holder."""
        found = await self._stored("refresh", key, _HOLDER)
        token = _with_grant(codec.REFRESH, found)
        return token if token is None or token.grant is None else evolve(token, holder=_holder(found[4]))

    async def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        """Return the opaque access token with its grant, if any, and the mark of its revocation."""
        return _with_grant(codec.ACCESS, await self._stored("access", key))

    async def spent(self, key: Digest) -> Spent | None:
        """Return the mark left by the `Spend` of *key*."""
        return _spent(await self._ask("GET", names.keyed("spent", key)))

    # --- interactions, consent, keys, audit ---

    async def interaction(self, key: Digest) -> Stored[Interaction] | None:
        """Return the interaction and its spent mark."""
        found = await self._stored("interaction", key)
        return None if found is None else Stored(record=codec.INTERACTION.decode(found[0]), spent=_spent(found[3]))

    async def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*, revoked or not."""
        return await self._record(codec.CONSENT, names.named("consent", subject, client_id))

    async def consents(self, subject: str) -> Sequence[Consent]:
        """Return everything *subject* has allowed, by client id."""
        start = names.order(subject)[:-2]
        return await self._page(codec.CONSENT, names.CONSENTS, None, b"[" + start + b"\0\1", b"(" + start + b"\0\2")

    async def all_consents(self, after: tuple[str, str] | None = None, limit: int = 100) -> Sequence[Consent]:
        """Return up to *limit* consents of everybody, by subject and client id, beyond that pair in *after*."""
        return await self._page(codec.CONSENT, names.CONSENTS, limit, *_after(*after or ()))

    async def signing_keys(self) -> Sequence[SigningKey]:
        """Return every signing key in every state, oldest first."""
        found = await self._run("listed", [names.KEYS])
        return sorted(map(codec.SIGNING_KEY.decode, found[::2]), key=attrgetter("created_at", "kid"))

    async def audit(self, before: datetime | None = None, limit: int = 100) -> Sequence[AuditRecord]:
        """Return up to *limit* records older than *before*, newest first."""
        end = "+" if before is None else f"({stamp(before)}"
        return [codec.AUDIT.decode(text) for text in await self._run("audit", [names.AUDIT], end, max(limit, 0))]

    # --- accounts ---

    async def user(self, user_id: str) -> User | None:
        """Return the user."""
        return await self._record(codec.USER, names.named("user", user_id))

    async def user_by_identifier(self, identifier: str) -> User | None:
        """Return the user whose name or address has the canonical form *identifier* (NFC, lower case)."""
        found = await self._run("held", [names.named("name", identifier)])
        return None if found is None else codec.USER.decode(found[0])

    async def users(self, after: str | None = None, limit: int = 100) -> Sequence[User]:
        """Return up to *limit* users with an id greater than *after* (by code point), by id."""
        return await self._page(codec.USER, names.USERS, limit, *_after(after))

    async def session(self, key: Digest) -> Session | None:
        """Return the session whose cookie has this digest, `revoked_at` computed."""
        found = await self._run("held", [names.keyed("cookie", key)])
        return None if found is None else codec.SESSION.decode(found[0], revoked_at=_time(found[1]))

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the user's sessions, newest first."""
        found = await self._run("listed", [names.named("sessions", user_id)])
        pairs = zip(found[::2], found[1::2], strict=True)
        mine = [codec.SESSION.decode(text, revoked_at=_time(ended)) for text, ended in pairs]
        return sorted(mine, key=attrgetter("created_at"), reverse=True)

    async def counter(self, key: Digest) -> Counter | None:
        """Return the counter, past its end or not."""
        value, till = await self._ask("HMGET", names.keyed("counter", key), "n", "till")
        return None if value is None else Counter(value=int(value), expires_at=unstamp(till))

    # --- writing ---

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make every change happen in one script, or none.

        Raises:
            Conflict: Somebody was first. Nothing was written.
            StorageUnavailable: Redis cannot be reached or refuses, or cannot know whether the `Spend` of what others
                made is the first. Nothing is known to be written.
        """
        await self._commit(changes, marks_only=False)

    async def prepare(self, changes: Sequence[Change]) -> None:
        """Check whether all *changes* could be made now, and make the marks among them.

        These are `Revoke`, `CutOff`, and `Spend` of what others made. Raises as `commit` does; then none was made.
        """
        await self._commit(changes, marks_only=True)

    async def give_back(self, spends: Sequence[Spend]) -> None:
        """Take away the marks of *spends*, which are the caller's own: what they were to go with was not written."""
        marks = [mark(spend) for spend in spends]
        keys = [self._prefix + suffix for suffix, _ in marks]
        await self._link.run("give_back", keys, (self._prefix, *(value for _, value in marks)), again=False)

    async def _commit(self, changes: Sequence[Change], *, marks_only: bool) -> None:
        call = plan(changes)
        if not call.keys:
            return
        if not self._rehearsed:
            await self.rehearse()
        keys = [self._prefix + key for key in call.keys]
        start: tuple[Text | int, ...] = (self._prefix, MARGIN, "1" if marks_only else "0")
        done = await self._link.run("commit", keys, (*start, *call.arguments), again=False)
        if done == _FORGETFUL:
            raise StorageUnavailable("Redis cannot know whether this was used before: it may have forgotten since.")
        if done != 1:
            raise Conflict("somebody was first")

    # --- how the server is set up ---

    async def rehearse(self) -> None:
        """Run every command of a commit on keys that mean nothing; before the first commit, this is done by itself.

        A script is not undone where it fails half way. Raises `StorageUnavailable` when this user may not do all of it.
        """
        if not self._looked:
            await self._look()
        keys = [f"{self._prefix}rehearsal:{kind}" for kind in ("text", "hash", "list")]
        await self._link.run("rehearse", keys, (self._prefix,), again=True)
        self._rehearsed = True

    async def advice(self) -> tuple[str, ...]:
        """Return what is wrong with the server's setup, a sentence each; nothing where the user may not ask."""
        policy = (await self._memory()).get("maxmemory_policy", _POLICY)
        if policy == _POLICY:
            return ()
        danger = f"Redis may evict what is still needed (maxmemory-policy {policy}): a session's end could be lost."
        return (f"{danger} Set maxmemory-policy {_POLICY}.",)

    async def refuses_replays(self) -> str | None:
        """Return why every `Spend` of what others made is refused here, as the script does it; `None` if not."""
        known = await self._memory()
        if not known:
            return "This user of Redis may not run INFO, so every replay mark is refused."
        if known.get("maxmemory") == 0 or known["maxmemory_policy"] == _POLICY:
            return None
        return f"Redis may evict (maxmemory is set), so every replay mark is refused: set maxmemory-policy {_POLICY}."

    async def _memory(self) -> dict[str, Any]:
        """Return what INFO says of the memory where our keys live; nothing where the user may not ask."""
        try:
            known = await self._link.ask("INFO", "memory", beside=self._prefix)
        except StorageUnavailable:
            return {}
        answers = [known, *known.values()] if isinstance(known, dict) else []  # a cluster's may stand under its node
        return next((one for one in answers if isinstance(one, dict) and "maxmemory_policy" in one), {})

    async def _look(self) -> None:
        """Warn of a setup that is not safe: once, with the first use."""
        self._looked = True
        for sentence in await self.advice():
            logger.warning(sentence)

    # --- reading ---

    async def _run(self, name: str, suffixes: Sequence[str], *arguments: Text | int) -> Any:
        if not self._looked:
            await self._look()
        keys = [self._prefix + suffix for suffix in suffixes]
        return await self._link.run(name, keys, (self._prefix, *arguments), again=True)

    async def _ask(self, command: str, suffix: str, *words: str) -> Any:
        if not self._looked:
            await self._look()
        return await self._link.ask(command, self._prefix + suffix, *words)

    async def _stored(self, family: str, key: Digest, *more: str) -> Any:
        return await self._run("stored", [names.keyed(family, key), names.keyed("spent", key)], *more)

    async def _page(self, kind: Codec[R], index: str, limit: int | None, start: bytes, end: bytes) -> list[R]:
        if limit is not None and limit <= 0:
            return []
        found = await self._run("page", [index], start, end, -1 if limit is None else limit)
        return [kind.decode(text) for text in found]

    async def _record(self, kind: Codec[R], suffix: str) -> R | None:
        found = await self._ask("HGET", suffix, "r")
        return None if found is None else kind.decode(found)


def _after(*texts: str | None) -> tuple[bytes, bytes]:
    """Return the bounds of a page beyond the record that *texts* name."""
    named = [text for text in texts if text is not None]
    return (b"(" + names.order(*named) + b"\xff" if named else b"-"), b"+"


def _time(found: bytes | None) -> datetime | None:
    return None if found is None else unstamp(found)


def _spent(found: bytes | None) -> Spent | None:
    return None if found is None else Spent(at=unstamp(found[:_STAMP]), salt=found[_STAMP:])


def _holder(found: bytes | None) -> Holder:
    return Holder(None if found is None else codec.USER.decode(found))


def _with_grant(kind: Codec[R], found: Any) -> Stored[R] | None:
    if found is None:
        return None
    grant = None if found[1] is None else codec.GRANT.decode(found[1], revoked_at=_time(found[2]))
    return Stored(record=kind.decode(found[0]), grant=grant, spent=_spent(found[3]))
