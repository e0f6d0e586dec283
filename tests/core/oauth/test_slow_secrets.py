"""Client secrets kept as slow hashes: proved once a process, off the event loop, and hopeless to guess."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from attrs import evolve

from authority_core.kernel.changes import Remove, Replace
from authority_core.kernel.encoding import base64url, digest
from authority_core.kernel.ports import Busy
from authority_core.kernel.records import ClientSecret
from authority_core.kernel.sync import run
from authority_core.oauth.client_auth import slow_secrets
from authority_core.testing.moments import START
from support.browser import FORM
from support.checks import is_refusal
from support.relying_party import basic, json_of
from support.server import Server, make_server
from support.transports import CoreTransport

SECRET = "a secret of people, not of ours"
WRONG = "another that people thought up"
GENERATED = base64url(hashlib.sha256(b"as ours are").digest())
OURS = ClientSecret(secret_id="2", digest=digest("client_secret", GENERATED), hint="", created_at=START)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def pbkdf2(secret: str) -> str:
    """Return a hash as passlib writes it."""
    hashed = hashlib.pbkdf2_hmac("sha256", secret.encode(), b"0123456789", 1000)
    return f"$pbkdf2-sha256$1000$MDEyMzQ1Njc4OQ${base64url(hashed).replace('-', '.').replace('_', '/')}"


def kept(secret_hash: str, **changes: object) -> ClientSecret:
    return ClientSecret(secret_id="1", secret_hash=secret_hash, hint="", created_at=START, **changes)  # type: ignore[arg-type]  # tests pass what they like


class Work:
    """Where slow work runs here: it is counted, or refused."""

    def __init__(self) -> None:
        self.done, self.full = 0, False

    async def __call__(self, work: Callable[[], object]) -> object:
        if self.full:
            raise Busy("too much is waiting")
        self.done += 1
        return work()


def world(*secrets: ClientSecret) -> tuple[Server, Work]:
    """Return a server whose client `web` has *secrets*, and its slow work."""
    server, work = make_server(), Work()
    server.authority.run_slow_work_in(work)
    server.change_client("web", secrets=secrets)
    return server, work


def ask(server: Server, secret: str, path: str = "/token", peer: str | None = "192.0.2.1"):
    headers = {"content-type": FORM, **basic("web", secret)}
    body = b"grant_type=client_credentials&token=x"
    return run(server.authority.handle(server.authority.receive("POST", path, b"", headers, body, peer)))


@pytest.mark.parametrize("path", ["/token", "/token/introspect", "/token/revoke"])
def test_it_proves_the_client_everywhere(path):
    """At every endpoint that clients authenticate at; a wrong one has the answer of all wrong ones."""
    server, _ = world(kept(CHEAP.hash(SECRET)))

    assert ask(server, SECRET, path).status == 200
    is_refusal(ask(server, WRONG, path), 401, "invalid_client")
    assert [event.reason for event in server.told("client.auth_failed")] == ["wrong secret"]


def test_it_is_proved_once_a_process():
    """The second request does no slow work, whatever the time; a wrong one never profits; a new process begins anew."""
    server, work = world(kept(CHEAP.hash(SECRET)))
    assert ask(server, SECRET).status == 200
    once = work.done
    server.clock.wind(days=30)

    assert {ask(server, SECRET).status for _ in range(5)} == {200}
    assert work.done == once
    assert ask(server, WRONG).status == 401
    assert ask(server, WRONG).status == 401
    assert work.done == once + 2

    other = make_server(storage=server.storage)
    assert {ask(other, SECRET).status for _ in range(2)} == {200}


def test_digests_need_none_of_it():
    """The control: the usual client proves itself, or fails, without slow work, also beside a secret that needs it."""
    server, work = world(ClientSecret(secret_id="1", digest=digest("client_secret", SECRET), hint="", created_at=START))
    assert (ask(server, SECRET).status, ask(server, WRONG).status, work.done) == (200, 401, 0)

    server, work = world(OURS, kept(CHEAP.hash(SECRET)))
    assert (ask(server, GENERATED).status, work.done) == (200, 0)
    assert ask(server, SECRET).status == 200


@pytest.mark.parametrize("beside", [(), (OURS,)])
@pytest.mark.parametrize("before", [True, False])
def test_an_ended_secret_proves_nothing(before, beside):
    """Neither one that was proved while it lived nor one that never was, beside another or alone; no work is done."""
    server, work = world(kept(CHEAP.hash(SECRET), expires_at=START + timedelta(hours=1)), *beside)
    if before:
        assert ask(server, SECRET).status == 200
    done = work.done
    server.clock.wind(hours=1)

    is_refusal(ask(server, SECRET), 401, "invalid_client")
    assert work.done == done


@pytest.mark.parametrize("change", [{"active": False}, {"token_endpoint_auth_method": "client_secret_post"}])
def test_no_work_for_who_fails_anyway(change):
    """A client that is disabled, or registered for another method."""
    server, work = world(kept(CHEAP.hash(SECRET)))
    server.change_client("web", **change)

    is_refusal(ask(server, SECRET), 401, "invalid_client")
    assert work.done == 0


def test_a_secret_that_is_changed_is_not_known_again():
    """What was proved belongs to the hash: another one asks for another proof."""
    server, _ = world(kept(CHEAP.hash(SECRET)))
    assert ask(server, SECRET).status == 200
    server.change_client("web", secrets=(kept(CHEAP.hash(WRONG)),))

    assert ask(server, SECRET).status == 401
    assert ask(server, WRONG).status == 200


def test_a_proof_is_the_clients_own():
    """One secret of two clients is proved twice."""
    server, work = world(kept(CHEAP.hash(SECRET)))
    server.change_client("other", secrets=server.storage.client("web").secrets)
    assert ask(server, SECRET).status == 200
    done = work.done

    headers = (("content-type", FORM), *basic("other", SECRET).items())
    sent = CoreTransport(server.authority).send("POST", "/token", headers, b"grant_type=client_credentials")
    assert sent.status == 200
    assert work.done > done


def test_guessing_is_hopeless(caplog):
    """After ten wrong ones no more of that address are looked at for a minute; others are, and nobody is locked out."""
    server, work = world(kept(CHEAP.hash(SECRET)))
    assert {ask(server, f"{WRONG} {at}").status for at in range(slow_secrets.MOST_WRONG)} == {401}
    done = work.done

    with caplog.at_level(logging.ERROR):
        refused = ask(server, SECRET)
    is_refusal(refused, 503, "temporarily_unavailable")
    assert refused.header("retry-after")
    assert SECRET not in caplog.text
    assert work.done == done
    assert ask(server, SECRET, peer="192.0.2.2").status == 200
    assert ask(server, SECRET).status == 200, "who was proved is known from everywhere"

    server.clock.wind(minutes=1)
    assert ask(server, WRONG).status == 401


def test_too_much_slow_work_is_an_answer():
    """503 and when to come again; nothing is noted against the client."""
    server, work = world(kept(CHEAP.hash(SECRET)))
    work.full = True
    for _ in range(slow_secrets.MOST_WRONG + 1):
        refused = ask(server, SECRET)

    is_refusal(refused, 503, "temporarily_unavailable")
    assert refused.header("retry-after")
    assert server.told("client.auth_failed") == []

    work.full = False
    assert ask(server, SECRET).status == 200


@pytest.mark.parametrize("broken_off", [Busy, asyncio.CancelledError])
def test_a_look_that_was_made_is_counted(broken_off: type[BaseException]):
    """Whether there was no time for the second secret, or nobody waited for the answer: the first was looked at."""
    server, work = world(kept(CHEAP.hash("another secret, also kept")), kept(CHEAP.hash(SECRET)))
    slow, client = server.authority.oauth.secrets, server.storage.client("web")

    async def breaking_off(look: Callable[[], object]) -> object:
        if work.done % 2:
            work.done += 1
            raise broken_off
        return await work(look)

    slow._offload = breaking_off
    for at in range(slow_secrets.MOST_WRONG + 5):
        with pytest.raises((Busy, asyncio.CancelledError)):
            run(slow.prove(client, f"{WRONG} {at}", "192.0.2.1", START))

    assert work.done == 2 * slow_secrets.MOST_WRONG


def test_many_at_once_do_the_work_once():
    """Requests that wait for their turn find the secret proved when it comes."""
    server, _ = world(kept(CHEAP.hash(SECRET)))
    slow, client = server.authority.oauth.secrets, server.storage.client("web")
    tried: list[str] = []
    waiting: list[Callable[[], object]] = []

    async def hold(work: Callable[[], object]) -> object:
        waiting.append(work)
        return False

    slow._offload = hold  # type: ignore[assignment]  # where the work waits
    for _ in range(3):
        run(slow.prove(client, SECRET, None, server.clock.now))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slow_secrets, "verify", lambda known, secret: tried.append(secret) or True)
        assert [work() for work in waiting] == [True] * 3

    assert tried == [SECRET]


@pytest.mark.parametrize("hashed", [CHEAP.hash, pbkdf2])
def test_a_generated_secret_becomes_a_digest(hashed):
    """From the first proof on nothing of it is slow, in any process; everything else of the client stays."""
    server, _ = world(kept(hashed(GENERATED), expires_at=START + timedelta(days=1)))
    assert ask(server, GENERATED).status == 200

    (now,) = server.storage.client("web").secrets
    assert (now.digest, now.secret_hash) == (digest("client_secret", GENERATED), None)
    assert (now.secret_id, now.expires_at) == ("1", START + timedelta(days=1))
    assert ask(server, GENERATED).status == 200
    assert ask(server, WRONG).status == 401


def test_a_hash_of_another_system_becomes_argon2id():
    """As a person's does at sign-in; the secret stays proved."""
    server, work = world(kept(pbkdf2(SECRET)))
    server.authority.run_slow_work_in(work)
    assert ask(server, SECRET).status == 200
    done = work.done

    (now,) = server.storage.client("web").secrets
    assert now.secret_hash.startswith("$argon2id$")
    assert ask(server, SECRET).status == 200
    assert work.done == done
    assert ask(make_server(storage=server.storage), SECRET).status == 200


def test_who_changes_the_client_meanwhile_wins():
    """A better hash is a favour: when somebody else wrote the client just now, theirs stays and the proof counts."""
    server, _ = world(kept(pbkdf2(SECRET)))
    work = Work()

    async def meanwhile(task: Callable[[], object]) -> object:
        server.change_client("web", name="Renamed")
        return await work(task)

    server.authority.run_slow_work_in(meanwhile)
    assert ask(server, SECRET).status == 200
    assert server.storage.client("web").name == "Renamed"


@pytest.mark.parametrize("at_once", [1, slow_secrets.MOST_WRONG * 3])
def test_many_guesses_at_once_are_counted_all(at_once):
    """A look is counted before it is made: of so many in flight no more than the limit are looked at."""
    server, _ = world(kept(CHEAP.hash(SECRET)))
    slow, client = server.authority.oauth.secrets, server.storage.client("web")
    looked: list[str] = []

    async def crowd() -> list[object]:
        async def later(work: Callable[[], object]) -> object:
            await asyncio.sleep(0)
            looked.append("one")
            return work()

        slow._offload = later  # type: ignore[assignment]  # where the work waits
        guesses = [slow.prove(client, f"{WRONG} {at}", "192.0.2.1", server.clock.now) for at in range(60)]
        return [one for start in range(0, 60, at_once) for one in await in_flight(guesses[start : start + at_once])]

    async def in_flight(some: list[Coroutine[object, object, bool]]) -> list[object]:
        return list(await asyncio.gather(*some, return_exceptions=True))

    answers = asyncio.run(crowd())
    assert len(looked) == slow_secrets.MOST_WRONG
    assert [one for one in answers if one is not False and not isinstance(one, Busy)] == []


def test_a_site_is_counted_as_one():
    """Whoever has one IPv6 network has more addresses than anybody can count."""
    server, _ = world(kept(CHEAP.hash(SECRET)))
    statuses = {ask(server, WRONG, peer=f"2001:db8:0:1::{at:x}").status for at in range(slow_secrets.MOST_WRONG)}

    assert statuses == {401}
    assert ask(server, SECRET, peer="2001:db8:0:1:ffff::1").status == 503
    assert ask(server, SECRET, peer="2001:db8:0:2::1").status == 200


def test_a_client_that_was_made_anew_is_left_alone():
    """Deleted and registered again after a leak: the old secret, proved at that moment, changes nothing of the new."""
    server, _ = world()
    old = evolve(server.storage.client("web"), version=0, secrets=(kept(pbkdf2(SECRET)),))
    server.write(Remove(server.storage.client("web")))
    server.write(Replace(old))

    async def meanwhile(task: Callable[[], object]) -> object:
        server.write(Remove(server.storage.client("web")))
        server.write(Replace(evolve(old, secrets=(OURS,))))
        return task()

    server.authority.run_slow_work_in(meanwhile)
    ask(server, SECRET)
    assert server.storage.client("web").secrets == (OURS,)


def test_what_another_process_remembers_is_not_written():
    """A process that still knows the client of before takes its secret for a moment, and writes nothing of it."""
    server, _ = world(kept(pbkdf2(SECRET)))
    other = make_server(storage=server.storage, client_cache_ttl=60)
    web = server.storage.client("web")
    run(other.authority.shell.clients.find("web"))
    server.write(Remove(web))
    server.write(Replace(evolve(web, version=0, secrets=(OURS,))))

    assert ask(other, SECRET).status == 200
    assert server.storage.client("web").secrets == (OURS,)
    assert ask(server, GENERATED).status == 200


def test_a_favour_that_fails_is_no_failure():
    """The client is proved; that no better hash can be made or written just now is a line in the log."""
    server, work = world(kept(pbkdf2(SECRET)))
    turns = iter([False, True])

    async def full_after_one(task: Callable[[], object]) -> object:
        work.full = next(turns, True)
        return await work(task)

    server.authority.run_slow_work_in(full_after_one)
    assert ask(server, SECRET).status == 200
    assert server.storage.client("web").secrets[0].secret_hash.startswith("$pbkdf2")


def test_nothing_is_made_of_what_bcrypt_passes_over():
    """It looks at 72 bytes: whatever is typed behind them fits, so the hash stays what it is."""
    bcrypt = pytest.importorskip("bcrypt")
    long = "x" * 40 + "Long enough for bcrypt to pass over what comes behind it"
    server, _ = world(kept(bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()))

    assert ask(server, long[:80] + " mistyped").status == 200
    assert ask(server, long).status == 200
    assert server.storage.client("web").secrets[0].secret_hash.startswith("$2b$")


def test_what_is_known_again_is_bounded(monkeypatch):
    """The oldest proofs go; they are made again when needed. Addresses are not collected for ever either."""
    monkeypatch.setattr(slow_secrets, "MOST_PROVED", 2)
    monkeypatch.setattr(slow_secrets, "_MOST_NETWORKS", 3)
    secrets = [f"{SECRET} {at}" for at in range(slow_secrets.MOST_WRONG + 2)]
    server, _ = world()
    for secret in secrets:
        server.change_client("web", secrets=(kept(CHEAP.hash(secret)),))
        assert ask(server, secret).status == 200
    for at in range(5):
        assert ask(server, WRONG, peer=f"192.0.2.{at}").status == 401

    slow = server.authority.oauth.secrets
    assert len(slow._proved) + len(slow._proved_before) <= 4
    assert len(slow._looks) <= 3


def test_nothing_of_it_is_shown():
    """Neither hash nor key in `repr`."""
    server, _ = world(kept(CHEAP.hash(SECRET)))
    ask(server, SECRET)
    shown = repr(server.authority.oauth.secrets) + repr(server.storage.client("web"))

    assert "argon2id" not in shown
    assert repr(server.authority.oauth.secrets._key) not in shown
    assert SECRET not in shown


def test_a_token_comes_of_it():
    """The control of all of this: what is given is a token of that client."""
    server, _ = world(kept(CHEAP.hash(SECRET)))

    assert json_of(ask(server, SECRET))["access_token"]
