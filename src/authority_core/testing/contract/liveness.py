"""Liveness on every path: whatever is read, and by whichever mark it ended, the answer is the same."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve

from ...kernel.changes import Change, CutOff, Put, Remove, Replace, Revoke
from ...kernel.ports import Storage
from .samples import (
    KEEP,
    LATER,
    NOW,
    a_code,
    a_grant,
    a_refresh_token,
    a_session,
    an_access_token,
    key_of,
)
from .stage import Stage, expect_same, promise

_HOUR = timedelta(hours=1)
_GRANTS = {"alive": None, "grant": LATER, "session": LATER, "subject": LATER, "client": LATER, "several": LATER}
_GRANTS |= {"others": None}
"""When the grant of each way has ended."""
_SESSIONS = _GRANTS | {"grant": None, "client": None}
_ALIVE = dict.fromkeys(_GRANTS)


def _records(way: str) -> list[Change]:
    grant = evolve(a_grant(f"grant {way}", f"session {way}"), subject=f"subject {way}")
    tokens = a_refresh_token(grant.grant_id, way), an_access_token(grant.grant_id, way)
    session = a_session(f"session {way}", f"subject {way}")
    return [Put(grant), Put(a_code(grant, way)), *(Put(token) for token in tokens), Replace(session)]


def _marks() -> list[Change]:
    several, others, before = "subject several", "subject others", NOW - _HOUR
    return [
        Revoke("grant", "grant grant", LATER, KEEP),
        Revoke("session", "session session", LATER, KEEP),
        CutOff("subject subject", None, LATER, KEEP),
        CutOff("subject client", "client", LATER, KEEP),
        Revoke("grant", "grant several", LATER + _HOUR, KEEP),
        Revoke("session", "session several", LATER, KEEP),
        CutOff(several, None, LATER + 3 * _HOUR, KEEP),
        CutOff(several, "client", LATER + 2 * _HOUR, KEEP),
        Revoke("grant", "session others", LATER, KEEP),
        Revoke("session", "grant others", LATER, KEEP),
        CutOff(others, "another client", LATER, KEEP),
        CutOff(others, "client", before, KEEP),
        CutOff(others, None, before, KEEP),
    ]


async def _ends(storage: Storage) -> dict[str, dict[str, object]]:
    """Return, for every read, when what it finds of each way has ended."""
    found: dict[str, dict[str, object]] = {}

    def note(path: str, way: str, one: object) -> None:
        found.setdefault(path, {})[way] = getattr(one, "revoked_at", "missing")

    for way in _GRANTS:
        code, refresh = await storage.code(key_of(way, "code")), await storage.refresh_token(key_of(way, "refresh"))
        access = await storage.access_token(key_of(way, "access"))
        note("grant", way, await storage.grant(f"grant {way}"))
        note("code", way, code and code.grant)
        note("refresh_token", way, refresh and refresh.grant)
        note("access_token", way, access and access.grant)
        note("session", way, await storage.session(key_of(f"session {way}", "session")))
        for session in await storage.sessions(f"subject {way}"):
            note("sessions", way, session)
    return found


class Liveness:
    """Marks as seen from every record that they end."""

    @promise
    async def test_every_read_tells_every_end(self, stage: Stage) -> None:
        """A grant, its code, its tokens, its session: each is ended by each mark that says so, as of the earliest."""
        storage = stage.storage
        for way in _GRANTS:
            await storage.commit(_records(way))
        for path, ends in (await _ends(storage)).items():
            expect_same(ends, _ALIVE, f"{path}: without marks it lives")
        await storage.commit(_marks())

        for path, ends in (await _ends(storage)).items():
            expected = _SESSIONS if path.startswith("session") else _GRANTS
            expect_same(ends, expected, f"{path}: it ends by its marks, as of the earliest, and by no others")

    @promise
    async def test_an_ended_session_never_lives_again(self, stage: Stage) -> None:
        """What a session's mark has ended stays so, whatever is written over it, and when it is removed and returns."""
        storage = stage.storage
        sessions = a_session("revoked", "one"), a_session("cut off", "two")
        await storage.commit([Replace(session) for session in sessions])
        await storage.commit([Revoke("session", "revoked", LATER, KEEP), CutOff("two", None, LATER, KEEP)])

        async def over(what: str) -> None:
            for session in sessions:
                found, listed = await storage.session(session.key), await storage.sessions(session.user_id)
                expect_same(found and found.revoked_at, LATER, f"{what} it is over")
                expect_same([one.revoked_at for one in listed], [LATER], f"{what} the list says so")

        await over("after its mark")
        await storage.commit([Replace(evolve(one, version=1, last_activity=LATER)) for one in sessions])
        await over("written over")
        await storage.commit([Remove(evolve(one, version=2)) for one in sessions])
        await storage.commit([Replace(one) for one in sessions])
        await over("removed and there again")

    @promise
    async def test_cut_offs_of_one_subject_are_kept_apart(self, stage: Stage) -> None:
        """A client's `CutOff` takes no place of that for all clients, nor of another client's, whichever came first."""
        storage = stage.storage
        subjects = ("all", "mine", "yours")
        reaching = [CutOff(one, None if one == "all" else "client", LATER, KEEP) for one in subjects]
        clients = zip(subjects, ("client", None, "other"), strict=True)
        short = [CutOff(one, client_id, NOW, KEEP) for one, client_id in clients]
        for marks, order in (((reaching, short), "first"), ((short, reaching), "last")):
            for some in marks:
                await storage.commit([evolve(mark, subject=f"{mark.subject} {order}") for mark in some])
            ended: dict[str, list[datetime | None]] = {}
            for subject in subjects:
                ended[subject] = await _young(storage, f"{subject} {order}")

            expect_same(ended["all"], [LATER, LATER, LATER], f"that for all clients came {order}: all end")
            expect_same(ended["mine"], [LATER, None, None], f"a client's own came {order}: its grant ends")
            expect_same(ended["yours"], [LATER, None, None], f"it came {order} of two clients': its grant ends")


async def _young(storage: Storage, subject: str) -> list[datetime | None]:
    """Return when two grants of *subject*, of two clients, and a session that began `LATER`, have ended."""
    mine = evolve(a_grant(f"mine of {subject}", None), subject=subject, created_at=LATER)
    other = evolve(mine, grant_id=f"other of {subject}", client_id="other")
    session = evolve(a_session(subject, subject), created_at=LATER)
    await storage.commit([Put(mine), Put(other), Replace(session)])
    found = await storage.grant(mine.grant_id), await storage.grant(other.grant_id), await storage.session(session.key)
    return [one.revoked_at if one is not None else None for one in found]
