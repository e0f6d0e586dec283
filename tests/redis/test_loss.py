"""Redis lost, killed and frozen at every point of a sign-in: nothing but 503, nothing half done, all else works."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest

from authority_core import HttpResponse
from authority_core.kernel.abilities import METHODS
from authority_core.kernel.records import Grant
from authority_core.testing.memory import MemoryStorage
from authority_redis import RedisStorage, SplitStorage
from support.browser import Browser
from support.redis_servers import RedisServer
from support.relying_party import RelyingParty, json_of
from support.server import PASSWORD, Server, make_server
from support.transports import CoreTransport

_worlds = count()
NEW = "Another-Horse-22"
FINE = {200, 302, 303, 400, 401, 403, 503}


class Interrupted:
    """A storage with something to do before one of its calls."""

    def __init__(self, storage: object) -> None:
        self._storage = storage
        self.calls = 0
        self.at: int | None = None
        self.act: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> object:
        if name not in METHODS:
            raise AttributeError(name)
        method = getattr(self._storage, name)

        def call(*arguments: object) -> object:
            self.calls += 1
            if self.calls == self.at:
                self.act()
            return method(*arguments)

        return call


class Recorder:
    """A transport that remembers every status."""

    name = "recorder"

    def __init__(self, server: Server) -> None:
        self._inner = CoreTransport(server.authority)
        self.statuses: list[int] = []

    def send(self, method, target, headers=(), body=b""):
        response = self._inner.send(method, target, headers, body)
        self.statuses.append(response.status)
        return response


class World:
    """A server on a split storage, with its Redis."""

    def __init__(self, redis: RedisServer, timeout: float = 10.0) -> None:
        self.redis = redis
        self.server = make_server(wrapped=lambda memory: self._wrapped(memory, timeout))
        self.transport = Recorder(self.server)
        self.party = RelyingParty(self.server, transport=self.transport)

    def _wrapped(self, memory: MemoryStorage, timeout: float) -> Interrupted:
        # Chance repeats in tests: each world has keys of its own.
        shared = RedisStorage.from_url(self.redis.url, prefix=f"world {next(_worlds)}:", timeout=timeout)
        self.split = SplitStorage(memory, shared)
        self.storage = Interrupted(self.split)
        return self.storage

    def story(self) -> list[dict[str, object]]:
        """Sign in, consent, redeem, redeem again, refresh, sign out; return what the code gave, each time."""
        browser = Browser(self.transport, self.server.settings.issuer)
        given = []
        with suppress(AssertionError, KeyError):  # a page that is an error page leads no further
            code = self.party.code(browser)
            for _ in range(2):
                response = self.party.redeem(code)
                if response.status == 200:
                    given.append(json_of(response))
            if given:
                self.party.refresh(str(given[0]["refresh_token"]))
        with suppress(AssertionError, KeyError):
            browser.follow(browser.sign_out())
        return given

    def replay(self) -> str:
        """Return a code that was redeemed, a minute ago."""
        code = self.party.code()
        json_of(self.party.redeem(code))
        self.server.clock.wind(seconds=60)
        return code


@pytest.fixture(scope="module")
def redis():
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def world(redis: RedisServer):
    redis.flush()
    made = World(redis)
    yield made
    made.split.close()


def calls_of_a_story(redis: RedisServer) -> int:
    world = World(redis)
    assert len(world.story()) == 1
    assert set(world.transport.statuses) <= FINE - {503}
    world.split.close()
    return world.storage.calls


def live_grants(world: World) -> int:
    memory = world.server.storage
    grants = [memory.grant(str(key)) for key in memory._records[Grant]]
    return sum(grant is not None and grant.revoked_at is None for grant in grants)


def at_every_point(redis: RedisServer, act: Callable[[], None], mend: Callable[[], None]) -> int:
    """Play the story once for every call of storage, with *act* before it; return how many were spoilt."""
    spoilt = 0
    for at in range(1, calls_of_a_story(redis) + 1):
        world = World(redis)
        world.storage.at, world.storage.act = at, act
        given = world.story()
        spoilt += not given
        mend()

        assert set(world.transport.statuses) <= FINE, f"at call {at}: {world.transport.statuses}"
        assert len(given) <= 1
        assert live_grants(world) <= 1
        assert len(world.story()) == 1, f"after call {at} nobody can sign in any more"
        world.split.close()
    return spoilt


def test_redis_is_emptied_at_every_point(redis: RedisServer):
    """FLUSHALL before any call of storage: refusals and fresh starts, no error, never two grants of one code."""
    assert at_every_point(redis, redis.flush, lambda: None) > 3


def test_redis_is_killed_at_every_point(redis: RedisServer):
    """Redis dies before any call of storage: 503 and nothing worse, and with a new one everybody can sign in again."""
    assert at_every_point(redis, redis.kill, redis.start) > 3


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_redis_is_frozen(redis: RedisServer, fraction: float):
    """A Redis that hangs is given up in time; when it comes back it knows what it knew."""
    calls = calls_of_a_story(redis)
    world = World(redis, timeout=0.3)
    world.storage.at, world.storage.act = max(1, int(calls * fraction)), redis.freeze
    given = world.story()
    redis.thaw()

    assert set(world.transport.statuses) <= FINE
    assert len(given) <= 1
    assert live_grants(world) <= 1
    world.split.close()
    patient = World(redis)
    assert len(patient.story()) == 1
    patient.split.close()


def test_what_does_not_need_redis_goes_on_without(world: World, redis: RedisServer):
    """Without Redis clients get tokens, refresh, ask and revoke; people are told to come back; keys are served."""
    party = world.party
    tokens = party.tokens()
    code = party.code()
    browser = Browser(world.transport, world.server.settings.issuer)
    browser.sign_in("bob")
    redis.kill()
    try:
        assert party.credentials(scope="read").status == 200
        refreshed = json_of(party.refresh(tokens["refresh_token"]))
        assert party.alive(refreshed["access_token"])
        assert party.userinfo(refreshed["access_token"]).status == 200
        assert party.redeem(code).status == 503
        assert browser.get(party.url()).status == 503
        assert browser.get("/profile").status == 503
        assert browser.get("/.well-known/openid-configuration").status == 200
        assert party.revoke(refreshed["refresh_token"]).status == 200
        assert not party.alive(refreshed["access_token"])
    finally:
        redis.start()

    assert not party.alive(refreshed["access_token"])
    assert party.redeem(code).status == 400
    assert browser.get("/profile").header("location") == world.server.settings.issuer + "/signin"
    assert len(world.story()) == 1


def test_a_replay_after_a_loss_is_refused(world: World, redis: RedisServer):
    """A code that vanished is unknown; its tokens live on, for nobody proved that it leaked."""
    code = world.replay()
    redis.flush()

    assert world.party.redeem(code).status == 400
    assert live_grants(world) == 1


def test_a_replay_without_a_loss_revokes(world: World):
    """The control: while Redis remembers the code, a replay ends what it gave."""
    code = world.replay()

    assert world.party.redeem(code).status == 400
    assert live_grants(world) == 0


def test_a_loss_between_look_and_commit(world: World, redis: RedisServer):
    """Two redeem one code, and Redis is emptied while the second is about to commit: one has it."""
    code = world.party.code()
    outcomes = []

    def meanwhile() -> None:
        outcomes.append(world.party.redeem(code).status)
        redis.flush()

    before = world.storage.calls
    probe = World(redis)
    other = probe.party.code()
    start = probe.storage.calls
    probe.party.redeem(other)
    world.storage.at = before + probe.storage.calls - start  # the last call of a redemption is its commit
    world.storage.act = meanwhile
    outcomes.append(world.party.redeem(code).status)
    probe.split.close()

    assert sorted(outcomes) == [200, 400]
    assert live_grants(world) == 1


def _asked(world: World) -> tuple[Browser, HttpResponse]:
    """Return a browser with the page that asks bob for a new password."""
    world.server.change_user("u2", password_must_change=True)
    browser = Browser(world.transport, world.server.settings.issuer)
    return browser, browser.follow(browser.sign_in("bob"))


def test_redis_lost_at_any_call_of_a_new_password(redis: RedisServer):
    """Either the password is the old one and must still be changed, or it is the new one; each signs in at once."""
    redis.flush()
    for at in count(1):
        world = World(redis)
        browser, page = _asked(world)
        world.storage.calls, world.storage.at, world.storage.act = 0, at, redis.kill
        answer = browser.choose(page, NEW)
        struck, world.storage.at = world.storage.calls >= at, None
        if not struck:
            break
        redis.start()

        assert answer.status == 503
        assert "session_id" not in browser.cookies
        done = not world.server.storage.user("u2").password_must_change
        onward = Browser(world.transport, world.server.settings.issuer)
        assert onward.sign_in("bob", PASSWORD if done else NEW).status == 401
        signed_in = onward.sign_in("bob", NEW if done else PASSWORD)
        if not done:
            signed_in = onward.choose(onward.follow(signed_in), NEW)
        assert (signed_in.header("location") or "").endswith("/profile")
        assert onward.get("/profile").status == 200
        world.split.close()

    assert at > 5
    assert answer.status == 303
    assert browser.get("/profile").status == 200
    world.split.close()


def test_the_right_password_locks_nobody_out(world: World, redis: RedisServer):
    """Whoever signs in again and again while Redis is away has failed at nothing, and comes in when it is back."""
    browser = Browser(world.transport, world.server.settings.issuer)
    page = browser.get("/signin")
    redis.kill()
    try:
        refused = [browser.sign_in("alice", page=page).status for _ in range(10)]
    finally:
        redis.start()

    assert refused == [503] * 10
    assert browser.sign_in("alice").status == 303
