"""Storages that take one name, key or text for another, that forget too much, and that have limits of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve

from authority_core.kernel.changes import Change, CutOff, Revoke, refuse_nameless
from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import (
    AccessToken,
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
from authority_core.testing.memory import MemoryStorage


def _small(text: Any) -> Any:
    return text.casefold() if isinstance(text, str) else text


class FindsGrantsInAnyLetters(MemoryStorage):
    """Has a collation for the names of grants that knows no large letters."""

    def grant(self, grant_id: str) -> Grant | None:
        spelled = next((name for name in self._records[Grant] if _small(name) == _small(grant_id)), None)
        return super().grant(str(spelled))


class EndsInAnyLetters(MemoryStorage):
    """Has such a collation for one field of marks."""

    field: str

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._small(change) for change in changes])

    def _small(self, change: Change) -> Change:
        if not isinstance(change, Revoke | CutOff) or not hasattr(change, self.field):
            return change
        return evolve(change, **{self.field: _small(getattr(change, self.field))})

    def _alive(self, grant: Grant | None) -> Grant | None:
        if grant is None:
            return None
        fields = {"id": ("grant_id", "session_id")}.get(self.field, (self.field,))
        ended = super()._alive(evolve(grant, **{name: _small(getattr(grant, name)) for name in fields}))
        return evolve(grant, revoked_at=ended and ended.revoked_at)

    def _live_session(self, session: Session) -> Session:
        named = evolve(session, session_id=_small(session.session_id)) if self.field == "id" else session
        named = evolve(named, user_id=_small(named.user_id)) if self.field == "subject" else named
        return evolve(session, revoked_at=super()._live_session(named).revoked_at)


class EndsNamesInAnyLetters(EndsInAnyLetters):
    """The names of what is revoked."""

    field = "id"


class EndsSubjectsInAnyLetters(EndsInAnyLetters):
    """The subjects of cut-offs."""

    field = "subject"


class EndsClientsInAnyLetters(EndsInAnyLetters):
    """The clients of cut-offs."""

    field = "client_id"


class JoinsConsents(MemoryStorage):
    """Looks for a consent by one text of two names."""

    def consent(self, subject: str, client_id: str) -> Consent | None:
        return next(
            (one for one in self._all(Consent) if _joined(one.subject, one.client_id) == _joined(subject, client_id)),
            None,
        )


class JoinsCutOffs(MemoryStorage):
    """Keeps a cut-off under one text: of the subject, or of subject and client."""

    alone = False
    """Whether a cut-off for every client is among those of one."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit([self._joined(change) for change in changes])

    def _joined(self, change: Change) -> Change:
        if not isinstance(change, CutOff) or (change.client_id is None and not self.alone):
            return change
        name = change.subject if change.client_id is None else _joined(change.subject, change.client_id)
        return evolve(change, subject=name, client_id=None if self.alone else "joined")

    def _alive(self, grant: Grant | None) -> Grant | None:
        ended = super()._alive(grant)
        if grant is None or ended is None or ended.revoked_at is not None:
            return ended
        mark = self._cut_off.get((_joined(grant.subject, grant.client_id), None if self.alone else "joined"))
        return evolve(grant, revoked_at=mark[0]) if mark is not None and grant.created_at <= mark[0] else grant


class JoinsEveryCutOff(JoinsCutOffs):
    """Keeps those for every client there too."""

    alone = True


def _joined(*names: str) -> str:
    return ":".join(names)


class CutsKeysOfMarks(MemoryStorage):
    """Has a column of sixteen bytes for what was spent."""

    def spent(self, key: Digest) -> Spent | None:
        return super().spent(_known(self._spent, key))


class CutsKeysOfCounters(MemoryStorage):
    """Has one for counters."""

    def counter(self, key: Digest) -> Counter | None:
        return super().counter(_known(self._counters, key))


def _cut(kind: type, read: str) -> type[MemoryStorage]:
    class Cuts(MemoryStorage):
        """Has a column of sixteen bytes for the keys of one kind."""

    def found(self: MemoryStorage, key: Digest) -> object:
        return getattr(MemoryStorage, read)(self, _known(self._records[kind], key))

    setattr(Cuts, read, found)
    Cuts.__name__ = f"CutsKeysOf{kind.__name__}s"
    return Cuts


def _known(table: Any, key: Digest) -> Digest:
    return next((known for known in table if known[:16] == key[:16]), key)


CUT = [
    _cut(AuthorizationCode, "code"),
    _cut(RefreshToken, "refresh_token"),
    _cut(AccessToken, "access_token"),
    _cut(Interaction, "interaction"),
    CutsKeysOfMarks,
    CutsKeysOfCounters,
]


class NoneIsAnybody(MemoryStorage):
    """Leaves out of a query what is `None`."""

    read: str

    def consents(self, subject: str) -> Sequence[Consent]:
        return self._all(Consent) if subject is None and self.read == "consents" else super().consents(subject)

    def sessions(self, user_id: str) -> Sequence[Session]:
        return self._all(Session) if user_id is None and self.read == "sessions" else super().sessions(user_id)

    def grant(self, grant_id: str) -> Grant | None:
        return self._all(Grant)[0] if grant_id is None and self.read == "grant" else super().grant(grant_id)

    def session(self, key: Digest) -> Session | None:
        return self._all(Session)[0] if key is None and self.read == "session" else super().session(key)

    def user_by_identifier(self, identifier: str) -> User | None:
        nameless = (user for user in self._all(User) if user.username is None)
        asked = identifier is None and self.read == "user_by_identifier"
        return next(nameless) if asked else super().user_by_identifier(identifier)


NOBODY = [
    type(f"NoneIsAnybodyIn_{read}", (NoneIsAnybody,), {"read": read})
    for read in ("consents", "sessions", "grant", "session", "user_by_identifier")
]


class ObjectsAreOperators(MemoryStorage):
    """Hands on to a document database what it was asked for."""

    def client(self, client_id: str) -> Client | None:
        return self._all(Client)[0] if isinstance(client_id, dict) else super().client(client_id)


class ForgetsAccounts(MemoryStorage):
    """Takes what has no end for something that is over."""

    def cleanup(self, now: datetime, batch: int = 1000, limit: int | None = None) -> int:
        self._records[Client].clear()
        self._records[User].clear()
        return super().cleanup(now, batch, limit)


class TwentySessions(MemoryStorage):
    """Returns a page of them."""

    def sessions(self, user_id: str) -> Sequence[Session]:
        return super().sessions(user_id)[:20]


class TenConsents(MemoryStorage):
    """Returns a page of them."""

    def consents(self, subject: str) -> Sequence[Consent]:
        return super().consents(subject)[:10]


class AHundredKeys(MemoryStorage):
    """Returns a page of them."""

    def signing_keys(self) -> Sequence[SigningKey]:
        return super().signing_keys()[:100]


class TwentyFiveAtOnce(MemoryStorage):
    """Writes so many changes in one transaction, and the rest in the next."""

    most = 25

    def commit(self, changes: Sequence[Change]) -> None:
        refuse_nameless(changes)
        for start in range(0, len(changes), self.most):
            super().commit(changes[start : start + self.most])


class AHundredAtOnce(TwentyFiveAtOnce):
    """Has a larger one."""

    most = 100


class CutsSalts(MemoryStorage):
    """Has a column of 32 bytes for them."""

    def spent(self, key: Digest) -> Spent | None:
        found = super().spent(key)
        return found and evolve(found, salt=found.salt[:32])


class ForgetsWhatWasSpent(MemoryStorage):
    """Looks for the mark of an interaction under another key."""

    def interaction(self, key: Digest) -> Stored[Interaction] | None:
        found = super().interaction(key)
        return found and evolve(found, spent=next(map(super().spent, self._spent), None))
