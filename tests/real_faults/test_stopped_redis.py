"""Redis killed and frozen under load: 503 where it is needed, all else goes on, and no code gives two grants.

Two server processes share a database and a Redis with codes, interactions and sessions. People go all the way from the
authorization request to the end of their session, each code is brought to both processes at once, and whoever is sent
away starts again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import pytest
from attrs import define, evolve, field, frozen

from authority_core import HttpResponse
from authority_core.kernel.changes import Put, Replace, Spend
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import Grant, RefreshToken
from authority_core.testing.invariants import Contents, InvariantBroken, check
from authority_sql import SqlStorage, contents
from faults.flows import UNAVAILABLE, word
from interop.house import CALLBACK, CHALLENGE, PASSWORD, SECRET
from support.browser import FORM, Browser, answer_of
from support.crowd import CREDENTIALS, HttpTransport, Workers, redemption, refreshing, settle, workers
from support.postgres import private
from support.redis_servers import RedisServer
from support.relying_party import basic, json_of
from support.waiting import until

CLIENTS = 5
PEOPLE = 400
STOPS = 2
"""How often Redis is killed, and how often it is frozen."""
BETWEEN = 15
"""People who go all the way before the next stop."""
REFUSED = 12
"""Answers with 503 before Redis is back."""
AFTER = 4
"""People of every client, after the last stop, who go all the way at the first attempt."""
ATTEMPTS = 600
"""How often a request is sent while the answer is 503."""
AUTHORIZE = "/authorize?" + urlencode({
    "response_type": "code", "client_id": "web", "redirect_uri": CALLBACK, "scope": "openid offline_access read",
    "code_challenge": CHALLENGE, "code_challenge_method": "S256",
})  # fmt: skip


@frozen
class Step:
    """What a step is answered with: as *usual*, when Redis has *lost* its state, and with 503 if it *needs* Redis."""

    usual: frozenset[str] = field(converter=frozenset)
    lost: frozenset[str] = field(converter=frozenset, default=())
    needs: bool = True

    @property
    def documented(self) -> frozenset[str]:
        return self.usual | self.lost | ({UNAVAILABLE} if self.needs else set())


STEPS: Mapping[str, Step] = {
    "request": Step(["/signin"]),
    "sign-in page": Step(["page 200"]),
    "sign-in": Step(["/authorize"], ["/profile"]),
    "signed in": Step(["/consent", "code"], ["page 400", "/signin"]),  # consent is remembered, the code may be lost
    "consent page": Step(["page 200"], ["page 400", "/signin"]),
    "consent": Step(["code"], ["page 400", "page 403"]),
    "code": Step(["tokens", "invalid_grant"]),
    "profile": Step(["page 200"], ["/signin"]),
    "sign-out page": Step(["page 200"], ["/signed-out"]),
    "sign-out": Step(["/signed-out"]),
    "refresh": Step(["tokens"], needs=False),
    "introspection": Step(["active"], needs=False),
    "userinfo": Step(["claims"], needs=False),
    "client credentials": Step(["tokens"], needs=False),
    "revocation": Step(["200"], needs=False),
}


class Undone(Exception):
    """Redis has lost what a step needs: the person starts again."""


@define
class Story:
    """What everybody was told, the codes that each person's client received, and how often each was redeemed."""

    told: Counter[tuple[str, str]] = field(factory=Counter)
    codes: dict[str, list[str]] = field(factory=dict)
    won: Counter[str] = field(factory=Counter)
    finished: int = 0
    _lock: threading.Lock = field(factory=threading.Lock)

    def note(self, step: str, response: HttpResponse) -> str:
        """Note an answer, which must be a documented one; return it in a word."""
        heard = word(response)
        with self._lock:
            self.told[step, heard] += 1

        assert heard in STEPS[step].documented, (step, heard, response)
        return heard

    def received(self, who: str, code: str) -> None:
        self.codes.setdefault(who, []).append(code)

    def redeemed(self, code: str, times: int) -> None:
        with self._lock:
            self.won[code] += times

    def finish(self) -> None:
        with self._lock:
            self.finished += 1

    def times(self, wanted: str) -> int:
        """Return how often *wanted* was answered, at any step."""
        with self._lock:
            return sum(times for (_, heard), times in self.told.items() if heard == wanted)


class Visitor:
    """A client of both processes, and the people who come to it."""

    def __init__(self, servers: Workers, story: Story) -> None:
        self._issuer, self._story = servers.issuer, story
        self._ways = [HttpTransport(port) for port in servers.ports]
        self._basic = (("content-type", FORM), *basic("web", SECRET).items())
        self._turn, self._pause = 0, threading.Event()

    def all_the_way(self, who: str) -> None:
        """Let *who* sign in, consent and sign out, and the client use what it gets. Raises `Undone`."""
        browser = self._browser()
        self.go_on(self.tokens(who, browser))
        self._step("profile", lambda: browser.get("/profile"))
        page = self._step("sign-out page", lambda: browser.get("/signout"))
        self._step("sign-out", lambda: browser.submit(page))
        self._story.finish()

    def tokens(self, who: str, browser: Browser | None = None) -> str:
        """Let *who* sign in and consent; return the refresh token that the client gets for it. Raises `Undone`."""
        code = self._code(browser or self._browser(), who)
        self._story.received(who, code)
        return self._redeemed(code)

    def _browser(self) -> Browser:
        self._turn += 1
        return Browser(self._ways[self._turn % len(self._ways)], self._issuer)

    def _code(self, browser: Browser, who: str) -> str:
        def next_page(step: str, after: HttpResponse) -> HttpResponse:
            return self._step(step, lambda: browser.get(after.header("location") or ""))

        page = next_page("sign-in page", self._step("request", lambda: browser.get(AUTHORIZE)))
        answer = next_page("signed in", self._step("sign-in", lambda: browser.sign_in(who, PASSWORD, page=page)))
        if word(answer) != "code":
            asked = next_page("consent page", answer)
            answer = self._step("consent", lambda: browser.approve(asked))
        return answer_of(answer)["code"]

    def _redeemed(self, code: str) -> str:
        """Bring *code* to both processes at once, and once more; return the refresh token that it gave."""

        def bring(way: HttpTransport) -> HttpResponse:
            return self._step("code", lambda: self._post(way, "/token", redemption(code)))

        with ThreadPoolExecutor(len(self._ways)) as pool:
            answers = [*pool.map(bring, self._ways), bring(self._ways[0])]
        given = [json_of(answer)["refresh_token"] for answer in answers if answer.status == 200]
        self._story.redeemed(code, len(given))
        if not given:
            raise Undone("code")
        return str(given[0])

    def go_on(self, token: str, *, revoke: bool = True) -> str:
        """Do what needs no Redis with a refresh *token*; return its successor."""
        one, other = self._ways
        first, second = (json_of(self._asked("refresh", way, "/token", refreshing(token))) for way in (one, other))

        assert first["refresh_token"] == second["refresh_token"]
        access, successor = str(second["access_token"]), str(second["refresh_token"])
        self._asked("introspection", one, "/token/introspect", {"token": access})
        bearer = (("authorization", f"Bearer {access}"),)
        self._step("userinfo", lambda: other.send("GET", "/userinfo", bearer))
        self._asked("client credentials", other, "/token", CREDENTIALS)
        if revoke:
            self._asked("revocation", one, "/token/revoke", {"token": successor})
        return successor

    def _asked(self, step: str, way: HttpTransport, path: str, form: Mapping[str, str]) -> HttpResponse:
        return self._step(step, lambda: self._post(way, path, form))

    def _post(self, way: HttpTransport, path: str, form: Mapping[str, str]) -> HttpResponse:
        return way.send("POST", path, self._basic, urlencode(form).encode())

    def _step(self, step: str, send: Callable[[], HttpResponse]) -> HttpResponse:
        """Send a request again and again while the answer is 503. Raises `Undone` when Redis has lost what it needs."""
        for _ in range(ATTEMPTS):
            response = send()
            heard = self._story.note(step, response)
            if heard in STEPS[step].usual:
                return response
            if heard != UNAVAILABLE:
                raise Undone(step)
            self._pause.wait(0.05)  # a person takes longer
        raise AssertionError(f"503 without end: {step}")


def people(url: str) -> list[str]:
    """Let many move in beside alice, each with her password; return their names."""
    storage = SqlStorage.from_url(url)
    (alice,) = (user for user in storage.users() if user.username == "alice")
    names = [f"person{at:04}" for at in range(PEOPLE)]
    alike = evolve(alice, email=None, version=0)
    storage.commit([Replace(evolve(alike, user_id=f"u-{name}", username=name)) for name in names])
    storage.close()
    return names


@contextmanager
def served(database: str, adapter: str, folder: Path) -> Iterator[tuple[Workers, str, RedisServer]]:
    """Two processes on a *database* and a Redis of their own, and the database's URL."""
    url = f"sqlite:///{folder / 'authority.db'}" if database == "sqlite" else private().database()
    redis = RedisServer()
    try:
        with workers(folder, adapter, 2, each=True) as servers:
            settle(url, servers.issuer)
            servers.start(url, redis.url)
            yield servers, url, redis
    finally:
        redis.stop()


def look(found: Contents, story: Story) -> None:
    """Look at everything stored: it is sound, and every person has one grant for each spent code, and none else."""
    check(found, audited=True)
    grants = Counter(grant.subject for grant in found.all(Grant))
    spent = {
        f"u-{who}": sum(digest("authorization_code", code) in found.spent for code in codes)
        for who, codes in story.codes.items()
    }

    assert grants == Counter(spent)
    assert max(story.won.values()) == 1
    assert sum(story.won.values()) == grants.total()


def come(visitor: Visitor, names: Sequence[str], over: threading.Event) -> int:
    """Let one after the other go all the way, starting again when sent away; return how many did when it was over."""
    served = 0
    for who in names:
        last = over.is_set()
        while True:
            try:
                visitor.all_the_way(who)
                break
            except Undone:
                assert not last, f"{who} is sent away, and Redis is back"
        served += last
        if served == AFTER:
            break
    return served


def goes_on(visitor: Visitor, token: str, over: threading.Event) -> int:
    """Do without Redis what can be done, again and again; return how often."""
    for times in count(1):
        token = visitor.go_on(token, revoke=False)
        if over.is_set():
            return times
    raise AssertionError


def stops(redis: RedisServer, story: Story, working: Sequence[Future[int]]) -> None:
    """Kill and freeze *redis* in turn while people come and go, each time until many have been refused."""

    def passed(counted: Callable[[], int], many: int, what: str) -> None:
        before = counted()
        until(lambda: any(one.done() for one in working) or counted() >= before + many, what)

    for stop, mend in ((redis.kill, redis.start), (redis.freeze, redis.thaw)) * STOPS:
        passed(lambda: story.finished, BETWEEN, "nobody goes all the way")
        stop()
        try:
            passed(lambda: story.times(UNAVAILABLE), REFUSED, "nobody is refused")
        finally:
            mend()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("adapter", ["starlette", "flask"])
def test_a_redis_that_is_stopped_is_answered_with_503_and_outlived(database: str, adapter: str, tmp_path: Path) -> None:
    """Killed and frozen, twice each, in the middle of work: documented answers, one grant a code, and service again."""
    story, over = Story(), threading.Event()
    with served(database, adapter, tmp_path) as (servers, url, redis):
        first, *names = people(url)
        pids = [process.pid for process in servers.processes]
        needless = Visitor(servers, story)
        token = needless.tokens(first)
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            steady = pool.submit(goes_on, needless, token, over)
            shares = [names[at::CLIENTS] for at in range(CLIENTS)]
            coming = [pool.submit(come, Visitor(servers, story), share, over) for share in shares]
            try:
                stops(redis, story, [steady, *coming])
            finally:
                over.set()
            served_after = [one.result() for one in coming]
            print(f"{database}, {adapter}: {story.finished} people, {steady.result()} rounds without Redis")
        lost = sum(times for (step, heard), times in story.told.items() if heard in STEPS[step].lost)
        print(f"{dict(story.told)} {Counter(servers.log().splitlines())}")

        assert lost > 0
        assert served_after == [AFTER] * CLIENTS
        assert servers.alive
        assert [process.pid for process in servers.processes] == pids
        look(contents(url), story)


def test_what_must_never_be_is_seen(tmp_path: Path) -> None:
    """The control: with Redis there nobody is refused, and a second grant, or a second live token of one, is found."""
    story = Story()
    with served("sqlite", "starlette", tmp_path) as (servers, url, _):
        first, second, *_ = people(url)
        visitor = Visitor(servers, story)
        visitor.all_the_way(first)
        visitor.tokens(second)
        found = contents(url)
        look(found, story)
        grant = next(one for one in found.all(Grant) if one.subject == f"u-{second}")
        (token,) = (one for one in found.all(RefreshToken) if one.grant_id == grant.grant_id)
        storage = SqlStorage.from_url(url)

        assert {heard for step, heard in story.told} <= {heard for step in STEPS.values() for heard in step.usual}
        storage.commit([Put(evolve(token, key=digest("refresh_token", "planted")))])
        with pytest.raises(InvariantBroken, match="2 unspent refresh tokens"):
            look(contents(url), story)
        storage.commit([Spend(token.key, token.expires_at, token.keep_until)])
        storage.commit([Put(evolve(grant, grant_id="planted"))])
        with pytest.raises(InvariantBroken, match="does not know how the grant planted came about"):
            look(contents(url), story)
        planted = contents(url)
        grants = [one for one in planted.records if not isinstance(one, RefreshToken)]
        storage.close()
        with pytest.raises(AssertionError, match="planted"):
            look(evolve(planted, records=grants), story)
