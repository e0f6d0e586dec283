"""Storages that do not see every end, or not on every read; wrong in one way each."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from authority_core.kernel.changes import Change, CutOff, Remove, Replace
from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import (
    AccessToken,
    AuthorizationCode,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    Stored,
)
from authority_core.testing.memory import MemoryStorage


class _Reading(MemoryStorage):
    """Reads right, but for the grants that some reads find."""

    def _revocation(self, what: str, name: str | None) -> datetime | None:
        mark = self._revoked.get((what, name or ""))
        return None if mark is None else mark[0]

    def _seen(self, grant: Grant) -> datetime | None:
        """Return the only end that is seen."""
        return self._revocation("grant", grant.grant_id)

    def _blind(self, found: Stored | None) -> Stored | None:
        if found is None or found.grant is None:
            return found
        return evolve(found, grant=evolve(found.grant, revoked_at=self._seen(found.grant)))


class RefreshTokensOfRevokedGrants(_Reading):
    """Refresh tokens mind the mark of their grant only."""

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        return self._blind(super().refresh_token(key))


class RefreshTokensUncut(RefreshTokensOfRevokedGrants):
    """Refresh tokens mind the marks of their grant and of its session, and no cut-off."""

    def _seen(self, grant: Grant) -> datetime | None:
        return super()._seen(grant) or self._revocation("session", grant.session_id)


class AccessTokensOfRevokedGrants(_Reading):
    """Access tokens mind the mark of their grant only."""

    def access_token(self, key: Digest) -> Stored[AccessToken] | None:
        return self._blind(super().access_token(key))


class CodesOfRevokedGrants(_Reading):
    """Codes mind the mark of their grant only."""

    def code(self, key: Digest) -> Stored[AuthorizationCode] | None:
        return self._blind(super().code(key))


class RefreshTokensOfAnyClient(_Reading):
    """Refresh tokens mind every mark but a client's cut-off."""

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        found = super().refresh_token(key)
        if found is None or found.grant is None:
            return found
        stored = evolve(found.grant, client_id="", revoked_at=None)
        alive = self._alive(stored)
        return evolve(found, grant=evolve(found.grant, revoked_at=alive and alive.revoked_at))


class RemembersTokens(MemoryStorage):
    """Keeps what it has read of refresh tokens."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[Digest, Stored[RefreshToken] | None] = {}

    def refresh_token(self, key: Digest) -> Stored[RefreshToken] | None:
        return self._read.setdefault(key, super().refresh_token(key))


class SessionsUncut(_Reading):
    """The session of a cookie minds `Revoke` only; the list of an account's sessions minds all."""

    def session(self, key: Digest) -> Session | None:
        found = super().session(key)
        return found and evolve(found, revoked_at=self._revocation("session", found.session_id))


class ListsSessionsUncut(_Reading):
    """The list of an account's sessions minds `Revoke` only."""

    def sessions(self, user_id: str) -> list[Session]:
        return [
            evolve(one, revoked_at=self._revocation("session", one.session_id)) for one in super().sessions(user_id)
        ]


class TheLatestMarkDecides(MemoryStorage):
    """Of several ends it tells the last."""

    def _alive(self, grant: Grant | None) -> Grant | None:
        found = super()._alive(grant)
        if found is None or found.revoked_at is None:
            return found
        revoked = self._revoked.get(("grant", found.grant_id)), self._revoked.get(("session", found.session_id or ""))
        cut = self._cut_off.get((found.subject, None)), self._cut_off.get((found.subject, found.client_id))
        times = [mark[0] for mark in revoked if mark]
        times += [mark[0] for mark in cut if mark and found.created_at <= mark[0]]
        return evolve(found, revoked_at=max(times))


class KeepsEndsInSessions(MemoryStorage):
    """Writes the end of a session into its record, over which the next `Replace` writes."""

    def _apply(self, change: Change) -> None:
        super()._apply(change)
        if isinstance(change, Replace) and isinstance(change.record, Session) and change.record.version:
            self._revoked.pop(("session", change.record.session_id), None)
            self._cut_off.pop((change.record.user_id, None), None)


class ForgetsEndsWithSessions(MemoryStorage):
    """Removes the mark of a session along with it."""

    def _apply(self, change: Change) -> None:
        super()._apply(change)
        if isinstance(change, Remove) and isinstance(change.record, Session):
            self._revoked.pop(("session", change.record.session_id), None)


class InteractionsAreNeverSpent(MemoryStorage):
    """Shows an interaction without its mark."""

    def interaction(self, key: Digest) -> Stored[Interaction] | None:
        found = super().interaction(key)
        return found and evolve(found, spent=None)


class TheFirstCutOffOfAClientStays(MemoryStorage):
    """Takes a second cut-off of a client for a repetition."""

    def _apply(self, change: Change) -> None:
        if isinstance(change, CutOff) and change.client_id and (change.subject, change.client_id) in self._cut_off:
            return
        super()._apply(change)


class TheLastCutOffOfAClientStays(MemoryStorage):
    """Writes a client's cut-off over a later one."""

    def _apply(self, change: Change) -> None:
        if isinstance(change, CutOff) and change.client_id:
            self._cut_off.pop((change.subject, change.client_id), None)
        super()._apply(change)


class OneCutOffOfASubject(MemoryStorage):
    """Has one row for each subject, whichever client it is about."""

    def _apply(self, change: Change) -> None:
        if isinstance(change, CutOff):
            for subject, client_id in list(self._cut_off):
                if subject == change.subject and client_id != change.client_id:
                    del self._cut_off[subject, client_id]
        super()._apply(change)


class OneCutOffOfAnyClient(MemoryStorage):
    """Has one row for all clients of a subject, and one for the client that was cut off last."""

    def _apply(self, change: Change) -> None:
        if isinstance(change, CutOff) and change.client_id:
            for subject, client_id in list(self._cut_off):
                if subject == change.subject and client_id not in (None, change.client_id):
                    del self._cut_off[subject, client_id]
        super()._apply(change)
