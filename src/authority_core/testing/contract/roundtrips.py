"""Round trips: what was stored comes back equal, with every value that databases get wrong.

Needs Hypothesis; a subclass may set `examples` for more or fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime, timezone
from itertools import count
from typing import Any, TypeVar, cast

from attrs import evolve

from ...kernel.changes import Change, Count, CutOff, Put, Replace, Revoke, Spend
from ...kernel.encoding import Digest
from ...kernel.ports import Storage
from ...kernel.records import (
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
    User,
)
from .samples import KEEP, a_grant, key_of
from .stage import Host, Stage, expect_same, on_stage

R = TypeVar("R")
_numbers = count()


def _fresh() -> tuple[str, Digest]:
    """Return a name and a key that no other example has."""
    number = next(_numbers)
    return f"{number}:", key_of(str(number), "example")


class RoundTrips:
    """Every record, hundreds of times."""

    examples = 40
    """Hypothesis examples per kind of record."""

    def test_grants_come_back(self) -> None:
        """A grant comes back equal: order, case, empty and missing values, every instant."""
        from .. import strategies

        async def play(storage: Storage, record: Grant) -> None:
            mine = evolve(record, grant_id=_fresh()[0] + record.grant_id)
            await storage.commit([Put(mine)])
            expect_same(await storage.grant(mine.grant_id), mine, "a grant comes back equal")

        self._all(strategies.grants(), play)

    def test_codes_come_back(self) -> None:
        """A code comes back equal, with the grant it carries."""
        from .. import strategies

        async def play(storage: Storage, record: AuthorizationCode) -> None:
            mine = evolve(record, key=_fresh()[1])
            await storage.commit([Put(mine)])
            found = await storage.code(mine.key)
            expect_same(found and found.record, mine, "a code comes back equal")
            expect_same(found and found.grant, mine.grant, "its grant is shown beside it")

        self._all(strategies.codes(), play)

    def test_refresh_tokens_come_back(self) -> None:
        """A refresh token comes back equal."""
        from .. import strategies

        async def play(storage: Storage, record: RefreshToken) -> None:
            name, key = _fresh()
            mine = evolve(record, key=key, grant_id=name + record.grant_id)
            grant = a_grant(mine.grant_id, None)
            await storage.commit([Put(mine), Put(grant)])
            found = await storage.refresh_token(key)
            expect_same(found and found.record, mine, "a refresh token comes back equal")
            expect_same(found and found.grant, grant, "with its grant")

        self._all(strategies.refresh_tokens(), play)

    def test_access_tokens_come_back(self) -> None:
        """An access token comes back equal."""
        from .. import strategies

        async def play(storage: Storage, record: AccessToken) -> None:
            mine = evolve(record, key=_fresh()[1])
            await storage.commit([Put(mine)])
            found = await storage.access_token(mine.key)
            expect_same(found and found.record, mine, "an access token comes back equal")

        self._all(strategies.access_tokens(), play)

    def test_interactions_come_back(self) -> None:
        """An authorization request comes back equal, repeated parameters in their order."""
        from .. import strategies

        async def play(storage: Storage, record: Interaction) -> None:
            mine = evolve(record, key=_fresh()[1])
            await storage.commit([Put(mine)])
            found = await storage.interaction(mine.key)
            expect_same(found and found.record, mine, "an interaction comes back equal")

        self._all(strategies.interactions(), play)

    def test_clients_come_back(self) -> None:
        """A client comes back equal, with the order of its URIs and both of its secrets."""
        from .. import strategies

        async def play(storage: Storage, record: Client) -> None:
            mine = evolve(record, client_id=_fresh()[0] + record.client_id)
            await storage.commit([Replace(mine)])
            found = await storage.client(mine.client_id)
            expect_same(found, evolve(mine, version=1), "a client comes back equal")

        self._all(strategies.clients(), play)

    def test_consents_come_back(self) -> None:
        """Consent comes back equal, revoked or not."""
        from .. import strategies

        async def play(storage: Storage, record: Consent) -> None:
            mine = evolve(record, subject=_fresh()[0] + record.subject)
            await storage.commit([Replace(mine)])
            found = await storage.consent(mine.subject, mine.client_id)
            expect_same(found, evolve(mine, version=1), "consent comes back equal")

        self._all(strategies.consents(), play)

    def test_signing_keys_come_back(self) -> None:
        """A signing key comes back equal, any bytes in it included."""
        from .. import strategies

        async def play(storage: Storage, record: SigningKey) -> None:
            mine = evolve(record, kid=_fresh()[0] + record.kid)
            await storage.commit([Replace(mine)])
            found = [key for key in await storage.signing_keys() if key.kid == mine.kid]
            expect_same(found, [evolve(mine, version=1)], "a signing key comes back equal")

        self._all(strategies.signing_keys(), play)

    def test_users_come_back(self) -> None:
        """An account comes back equal, name and address as they were written."""
        from .. import strategies

        async def play(storage: Storage, record: User) -> None:
            name, _ = _fresh()
            username = None if record.username is None else "u" + name + record.username
            email = None if record.email is None else "e" + name + record.email
            mine = evolve(record, user_id=name + record.user_id, username=username, email=email)
            await storage.commit([Replace(mine)])
            expect_same(await storage.user(mine.user_id), evolve(mine, version=1), "an account comes back equal")

        self._all(strategies.users(), play)

    def test_sessions_come_back(self) -> None:
        """A session comes back equal."""
        from .. import strategies

        async def play(storage: Storage, record: Session) -> None:
            name, key = _fresh()
            mine = evolve(record, session_id=name + record.session_id, user_id=name + record.user_id, key=key)
            await storage.commit([Replace(mine)])
            expect_same(await storage.session(key), evolve(mine, version=1), "a session comes back equal")
            expect_same(list(await storage.sessions(mine.user_id)), [evolve(mine, version=1)], "and in the list")

        self._all(strategies.sessions(), play)

    def test_audit_records_come_back(self) -> None:
        """A line of the audit trail comes back equal."""
        from .. import strategies
        from .samples import TICK

        async def play(storage: Storage, record: AuditRecord) -> None:
            mine = evolve(record, audit_id=_fresh()[0] + record.audit_id)
            await storage.commit([Put(mine)])
            found = [line for line in await storage.audit(mine.at + TICK, 1000) if line.audit_id == mine.audit_id]
            expect_same(found, [mine], "a line comes back equal")

        self._all(strategies.audit_records(), play)

    def test_spent_marks_come_back(self) -> None:
        """A spent mark comes back with its instant and any bytes of salt."""
        from .. import strategies

        async def play(storage: Storage, record: Spent) -> None:
            key = _fresh()[1]
            await storage.commit([Spend(key, record.at, KEEP, salt=record.salt)])
            expect_same(await storage.spent(key), record, "a spent mark comes back equal")

        self._all(strategies.spent_marks(), play)

    def test_counters_come_back(self) -> None:
        """A counter comes back with its end, however far, and with large numbers."""
        from .. import strategies

        async def play(storage: Storage, record: Counter) -> None:
            key = _fresh()[1]
            beginning = datetime.min.replace(tzinfo=timezone.utc)
            await storage.commit([Count(key, beginning, record.expires_at, by=record.value)])
            expect_same(await storage.counter(key), record, "a counter comes back equal")

        self._all(strategies.counters(), play)

    def test_marks_of_any_name_and_time(self) -> None:
        """A grant is ended by a mark of exactly its name, its session's, its subject's, at any instant."""
        from .. import strategies

        async def play(storage: Storage, record: Grant) -> None:
            name = _fresh()[0]
            mine = evolve(
                record,
                grant_id=name + record.grant_id,
                subject=name + record.subject,
                session_id=name + (record.session_id or ""),
            )
            near = evolve(mine, grant_id=mine.grant_id + " ", subject=mine.subject + "x", session_id=None)
            await storage.commit([Put(mine), Put(near)])
            at = mine.created_at
            ends: list[Change] = [
                CutOff(mine.subject, mine.client_id, at, KEEP),
                Revoke("grant", mine.grant_id, at, KEEP),
                Revoke("session", str(mine.session_id), at, KEEP),
                CutOff(mine.subject, None, at, KEEP),
            ]
            await storage.commit([ends[len(mine.scope) % len(ends)]])
            expect_same(await storage.grant(mine.grant_id), evolve(mine, revoked_at=at), "the mark ends the grant")
            expect_same(await storage.grant(near.grant_id), near, "a name that is nearly the same goes on")

        self._all(strategies.grants(), play)

    def _all(self, strategy: object, play: Callable[[Storage, Any], Coroutine[Any, Any, None]]) -> None:
        """Run *play* with many records of *strategy*, all on one storage."""
        from hypothesis import HealthCheck, given, settings
        from hypothesis.strategies import SearchStrategy

        def on(stage: Stage) -> None:
            @settings(max_examples=self.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(cast(SearchStrategy[object], strategy))
            def examples(record: object) -> None:
                stage.run(play(stage.storage, record))

            examples()

        on_stage(cast(Host, self), on)
