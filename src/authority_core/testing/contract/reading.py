"""Reads: what is unknown, what is kept apart, and in which order lists come."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from ...kernel.abilities import marking, tells_holders
from ...kernel.changes import Put, Replace, Spend
from ...kernel.encoding import Digest
from ...kernel.ports import Storage
from ...kernel.records import Insertable, Mutable, Standing, User
from .samples import (
    KEEP,
    NOW,
    SPENDABLE,
    a_client,
    a_code,
    a_consent,
    a_grant,
    a_refresh_token,
    a_session,
    a_signing_key,
    a_user,
    an_access_token,
    an_audit_record,
    an_interaction,
    key_of,
)
from .stage import Stage, expect, expect_same, promise

STRANGE = (
    "",
    " ",
    "'; DROP TABLE clients; --",
    "%",
    "_",
    "*",
    "{}",
    '{"$gt": ""}',
    "CLIENT",
    "client ",
    " client",
    "client\x00",
    "cl\ud800ient",
    "ｃlient",
    "../client",
    "x" * 10_000,
)
"""Names that are not `client`, `user`, `alice` or `grant`, whatever a database makes of them."""


async def by_digest(storage: Storage, key: Digest) -> list[object]:
    """Return what every read by digest finds."""
    return [
        await storage.code(key),
        await storage.refresh_token(key),
        await storage.access_token(key),
        await storage.interaction(key),
        await storage.spent(key),
        await storage.session(key),
        await storage.counter(key),
    ]


async def by_name(storage: Storage, name: str) -> list[object]:
    """Return what every read by name finds."""
    return [
        await storage.client(name),
        await storage.grant(name),
        await storage.consent(name, "client"),
        await storage.consent("subject", name),
        await storage.user(name),
        await storage.user_by_identifier(name),
        *await storage.consents(name),
        *await storage.sessions(name),
    ]


async def furnish(storage: Storage) -> None:
    """Store one record of every sort."""
    grant = a_grant()
    puts: list[Insertable] = [
        grant,
        a_code(grant),
        a_refresh_token(),
        an_access_token(),
        an_interaction(),
        an_audit_record(),
    ]
    mutable: list[Mutable] = [a_client(), a_consent(), a_signing_key(), a_user(), a_session()]
    await storage.commit([*map(Put, puts), *map(Replace, mutable), Spend(key_of("spent"), NOW, KEEP)])


class Reading:
    """Reads find exactly what they are asked for."""

    @promise
    async def test_an_empty_storage_is_empty(self, stage: Stage) -> None:
        """Everything is unknown, every list is empty, nothing is raised."""
        storage = stage.storage
        found = [*await by_digest(storage, key_of("any")), *await by_name(storage, "client")]
        lists = [await storage.clients(), await storage.signing_keys(), await storage.audit()]

        expect(not any(found), "what was never stored is None")
        expect_same([list(one) for one in lists], [[], [], []], "lists are empty")

    @promise
    async def test_strange_names_find_nothing(self, stage: Stage) -> None:
        """Empty, foreign, overlong and unspeakable names are unknown: no record, no error."""
        await furnish(stage.storage)
        for name in STRANGE:
            expect(not any(await by_name(stage.storage, name)), f"{name[:20]!r} finds nothing")

        expect(await stage.storage.client("client") is not None, "the right name finds its record")

    @promise
    async def test_a_digest_of_another_length_finds_nothing(self, stage: Stage) -> None:
        """Empty, short and long digests are unknown, also those that begin like a stored one."""
        await furnish(stage.storage)
        key = a_refresh_token().key
        for wrong in (b"", key[:31], key[:16], key + b"\x00", key * 2, bytes(32), b"\xff" * 32):
            expect(not any(await by_digest(stage.storage, Digest(wrong))), f"{len(wrong)} bytes find nothing")

        expect(await stage.storage.refresh_token(key) is not None, "the right digest finds its record")

    @promise
    async def test_kinds_do_not_collide(self, stage: Stage) -> None:
        """One secret under two kinds is two keys: a code is no token, and spending the one spares the other."""
        storage = stage.storage
        await furnish(storage)
        keys = [key_of("same", kind) for kind in SPENDABLE]
        for at, key in enumerate(keys):
            await storage.commit([Spend(key, NOW, KEEP)])
            unspent = [await storage.spent(other) for other in keys[at + 1 :]]
            expect(not any(unspent), "spending one kind spares the others")

        found = await by_digest(storage, a_refresh_token().key)
        expect_same(sum(one is not None for one in found), 1, "a refresh token is a refresh token and nothing else")

    @promise
    async def test_a_holder_is_the_account_of_the_subject(self, stage: Stage) -> None:
        """Told along with a code or refresh token is the account's state now, or that there is none.

        Storage whose class says `tells_holders` tells it always; `marked`, where there is such a method, as `code`.
        """
        storage, asked, code = stage.storage, marking(stage.storage), a_code(a_grant())
        until = NOW + timedelta(minutes=5)
        await storage.commit([Put(a_grant()), Put(code), Put(a_refresh_token())])

        async def told() -> list[tuple[object, ...] | None]:
            found = [await storage.code(code.key), await storage.refresh_token(a_refresh_token().key)]
            if asked is not None:
                found.append(await asked.marked(code))
            holders = [one.holder for one in found if one is not None and one.holder is not None]
            accounts = [holder.account for holder in holders]
            return [None if one is None else state_of(one) for one in accounts]

        def state_of(one: Standing | User) -> tuple[object, ...]:
            return one.active, one.locked_at, one.unlock_at, one.password_must_change

        telling = len(await told())
        if tells_holders(stage.raw):
            expect_same(telling, 2 if asked is None else 3, "a storage that tells holders tells every one")
        user = evolve(a_user("subject"), active=True, locked_at=None, unlock_at=None, password_must_change=False)
        states: list[tuple[User | None, tuple[object, ...] | None]] = [
            (None, None),
            (user, (True, None, None, False)),
            (evolve(user, version=1, active=False), (False, None, None, False)),
            (evolve(user, version=2, locked_at=NOW, unlock_at=until), (True, NOW, until, False)),
            (evolve(user, version=3, password_must_change=True), (True, None, None, True)),
        ]
        for written, state in states:
            if written is not None:
                await storage.commit([Replace(written)])
            expect_same(await told(), [state] * telling, "the holder is the account as it is now")

    @promise
    async def test_clients_come_in_pages(self, stage: Stage) -> None:
        """`clients` goes through all by id, in order of code points, each once, whatever the page's size."""
        storage = stage.storage
        names = sorted(["B", "a", "b", "Z", "_", "é", "e", "ab", "a b", "a-b", "aB", "日本", "🦊", "10", "9"])
        await storage.commit([Replace(a_client(name)) for name in reversed(names)])
        for limit in (1, 4, len(names), 100):
            seen: list[str] = []
            while page := await storage.clients(seen[-1] if seen else None, limit):
                expect(len(page) <= limit, "a page is not longer than asked for")
                seen += [client.client_id for client in page]
            expect_same(seen, names, f"pages of {limit} show every client once, in order")

    @promise
    async def test_users_come_in_pages(self, stage: Stage) -> None:
        """`users` goes through all by id, in order of code points, each once, whatever the page's size."""
        storage = stage.storage
        names = sorted(["B", "a", "b", "Z", "_", "é", "ab", "a-b", "aB", "日本", "🦊", "\uffee", "10", "9"])
        await storage.commit([Replace(a_user(name, None, f"{at}@mail.example")) for at, name in enumerate(names)])
        for limit in (1, 4, len(names), 100):
            seen: list[str] = []
            while page := await storage.users(seen[-1] if seen else None, limit):
                expect(len(page) <= limit, "a page is not longer than asked for")
                seen += [user.user_id for user in page]
            expect_same(seen, names, f"pages of {limit} show every user once, in order")

    @promise
    async def test_consents_of_everybody_come_in_pages(self, stage: Stage) -> None:
        """`all_consents` goes through all by subject and then client, each once, whatever the page's size."""
        storage = stage.storage
        pairs = sorted((subject, client) for subject in ("a", "b", "B", "é", "🦊") for client in ("x", "y", "Z"))
        await storage.commit([Replace(a_consent(*pair)) for pair in reversed(pairs)])
        for limit in (1, 4, len(pairs), 100):
            seen: list[tuple[str, str]] = []
            while page := await storage.all_consents(seen[-1] if seen else None, limit):
                expect(len(page) <= limit, "a page is not longer than asked for")
                seen += [(consent.subject, consent.client_id) for consent in page]
            expect_same(seen, pairs, f"pages of {limit} show every consent once, in order")

        beyond = await storage.all_consents(("b", ""), 1)
        expect_same([(one.subject, one.client_id) for one in beyond], [("b", "Z")], "after a pair that is not there")

    @promise
    async def test_lists_come_in_order(self, stage: Stage) -> None:
        """Consents by client, sessions newest first, keys oldest first; nobody else's are among them."""
        storage = stage.storage
        times = {name: NOW + timedelta(seconds=at) for at, name in enumerate(("c", "a", "b"))}
        for name, at in times.items():
            await storage.commit([
                Replace(a_consent("subject", name)),
                Replace(a_consent(f"not {name}", "client")),
                Replace(evolve(a_session(name), created_at=at)),
                Replace(a_session(f"not {name}", "other")),
                Replace(evolve(a_signing_key(name), created_at=at)),
            ])  # fmt: skip

        expect_same([one.client_id for one in await storage.consents("subject")], ["a", "b", "c"], "by client")
        expect_same([one.session_id for one in await storage.sessions("subject")], ["b", "a", "c"], "newest first")
        expect_same([one.kid for one in await storage.signing_keys()], ["c", "a", "b"], "oldest first")

    @promise
    async def test_the_audit_trail_is_read_backwards(self, stage: Stage) -> None:
        """`audit` gives the newest first, at most *limit*, strictly before the given time."""
        storage = stage.storage
        times = [NOW + timedelta(seconds=second) for second in (3, 1, 4, 0, 2)]
        await storage.commit([Put(an_audit_record(f"{at:%S}", at)) for at in times])

        async def names(before: int | None, limit: int) -> list[str]:
            end = None if before is None else NOW + timedelta(seconds=before)
            return [record.audit_id for record in await storage.audit(end, limit)]

        expect_same(await names(None, 100), ["04", "03", "02", "01", "00"], "newest first")
        expect_same(await names(None, 2), ["04", "03"], "no more than asked for")
        expect_same(await names(3, 2), ["02", "01"], "before, not at, the time")
        expect_same(await names(0, 5), [], "nothing is older than the oldest")
