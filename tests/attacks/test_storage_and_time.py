"""Attacks on storage, clocks and races: any call may fail, nothing is honoured twice, time only ends things."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve

from authority_core.kernel.abilities import METHODS
from authority_core.kernel.changes import Conflict, Count, Put, Replace, Spend
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import AccessToken, AuthorizationCode, Client, Interaction, RefreshToken
from authority_core.kernel.sync import run
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START
from authority_sql import NewerDatabase, SqlStorage, contents, migrate
from support.browser import answer_of, hidden_fields
from support.checks import is_page, is_refusal
from support.next_release import the_next
from support.relying_party import RelyingParty, claims_of, json_of
from support.server import make_client, make_server, make_user

__all__ = ["the_next"]


@pytest.mark.parametrize("kind", ["code", "interaction", "new password", "opaque revocation"])
def test_a298_one_time_objects(kind):
    """Of twenty at once one wins; none is a 5xx. Refresh tokens have a test of their own among the token attacks."""
    server = make_server()
    party = RelyingParty(server)
    browser = server.browser()
    if kind == "code":
        code = party.code(browser)
        work = lambda _: party.redeem(code).status  # noqa: E731 - three of a kind
        expected = (200, 400)
    elif kind == "interaction":
        page = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(party.url()))))
        work = lambda _: browser.approve(page).status  # noqa: E731
        expected = (303, 400)
    elif kind == "new password":
        server.change_user("u1", password_must_change=True)
        page = browser.follow(browser.sign_in("alice"))
        work = lambda at: browser.choose(page, f"Another-Horse-{at}").status  # noqa: E731
        expected = (303, 400)
    else:
        token = party.tokens()["access_token"]
        work = lambda _: party.revoke(token).status  # noqa: E731
        expected = (200, 200)
    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(work, range(20)))

    assert set(answers) <= set(expected)
    if expected[0] != expected[1]:
        assert answers.count(expected[0]) == 1


def test_a299_namespaces():
    """One secret as two kinds has two keys: spending one leaves the other."""
    kinds = (
        "authorization_code",
        "refresh_token",
        "access_token",
        "interaction",
        "pending_sign_in",
        "session",
        "browser",
        "client_secret",
        "revoked_jwt",
    )
    assert len({digest(kind, "same") for kind in kinds}) == len(kinds)
    storage = MemoryStorage()
    storage.commit([Spend(digest("authorization_code", "same"), START, START)])
    storage.commit([Spend(digest("refresh_token", "same"), START, START)])
    with pytest.raises(Conflict):
        storage.commit([Spend(digest("refresh_token", "same"), START, START)])


class Faulty:
    """Fails at the call with the number *at*, and counts."""

    def __init__(self, inner: MemoryStorage) -> None:
        self.calls, self.at, self.error = 0, -1, OSError("disk")
        for name in METHODS:
            setattr(self, name, self._wrapped(getattr(inner, name)))

    def _wrapped(self, method):
        def wrapped(*arguments):
            self.calls += 1
            if self.calls == self.at:
                raise self.error
            return method(*arguments)

        return wrapped


FLOWS = {
    "redeem": lambda party, given: party.redeem(given["code"]),
    "refresh": lambda party, given: party.refresh(given["refresh"]),
    "credentials": lambda party, given: party.credentials(scope="read"),
    "revoke": lambda party, given: party.revoke(given["access"]),
    "introspect": lambda party, given: party.post("/token/introspect", {"token": given["access"]}),
    "userinfo": lambda party, given: party.userinfo(given["access"]),
    "authorize": lambda party, given: given["browser"].get(party.url(prompt="none")),
    "begin": lambda party, given: party.server.browser().get(party.url()),
    "sign in": lambda party, given: given["stranger"].sign_in("bob", page=given["page"]),
    "newcomer": lambda party, given: given["newcomer"].sign_in("carol", page=given["newcomers page"]),
    "choose": lambda party, given: given["chooser"].choose(given["choice"], "Another-Horse-22"),
    "approve": lambda party, given: given["browser"].approve(given["consent"]),
    "sign out": lambda party, given: given["browser"].submit(given["sign out"]),
}


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a300_storage_errors(flow, form):
    """Raised at every call of every flow in turn: 503, nothing issued, nothing written; the next try succeeds."""
    faulty: list[Faulty] = []

    def wrap(inner):
        faulty.append(Faulty(inner))
        return faulty[0]

    server = make_server(wrapped=wrap, access_token_format=form)
    party, browser, stranger = RelyingParty(server), server.browser(), server.browser()
    tokens = party.tokens(browser=browser)
    newcomer, chooser = server.browser(), server.browser()
    server.write(*(Replace(make_user(name, name, password_must_change=True)) for name in ("carol", "dave")))
    given = {
        "newcomer": newcomer,
        "newcomers page": newcomer.get("/signin"),
        "chooser": chooser,
        "choice": chooser.follow(chooser.sign_in("dave")),
        "code": party.code(browser),
        "refresh": tokens["refresh_token"],
        "access": tokens["access_token"],
        "browser": browser,
        "stranger": stranger,
        "page": stranger.get("/signin"),
        "consent": browser.follow(browser.get(party.url(prompt="consent"))),
        "sign out": browser.get("/signout"),
    }
    for at in range(1, 40):
        faulty[0].calls, faulty[0].at = 0, at
        before = server.snapshot(without=("AuditRecord",))
        response = FLOWS[flow](party, given)
        if faulty[0].calls < at:
            break
        assert response.status == 503
        assert response.header("retry-after")
        assert response.header("location") is None
        assert server.snapshot(without=("AuditRecord",)) == before
    else:
        raise AssertionError("more calls than expected")

    assert at > 1
    assert response.status in (200, 302, 303)
    assert "error=" not in (response.header("location") or "")


def test_a301_a_crash_between_steps():
    """Whatever was written before the process died: a retry is refused or has the same result, never a second grant."""

    class Dies(BaseException):
        pass

    class Dying:
        """Dies right before or right after the commit that matters."""

        def __init__(self, inner):
            self.inner, self.when = inner, ""

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def commit(self, changes):
            if any(isinstance(change, Spend) for change in changes):
                if self.when == "before":
                    raise Dies
                self.inner.commit(changes)
                if self.when == "after":
                    raise Dies
                return
            self.inner.commit(changes)

    for when, again in (("before", 200), ("after", 400)):
        kept: list[Dying] = []
        server = make_server(wrapped=lambda inner, kept=kept: kept.append(Dying(inner)) or kept[0])
        party = RelyingParty(server)
        code, token = party.code(), party.tokens(browser=server.browser())["refresh_token"]
        kept[0].when = when
        for request in (lambda p, code=code: p.redeem(code), lambda p, token=token: p.refresh(token)):
            with pytest.raises(Dies):
                request(party)
        restarted = make_server(storage=server.storage)
        party = RelyingParty(restarted)
        assert party.redeem(code).status == again
        assert party.refresh(token).status == 200  # the same successor, derived again
        live = [one for one in server.storage._all(RefreshToken) if server.storage.spent(one.key) is None]
        assert len({one.grant_id for one in live}) == len(live)


@pytest.mark.parametrize("text", ["", "null", "0", "None", "%00"])
def test_a302_empty_selectors(world, text):
    """An empty or null-like value finds nothing, also when rows hold nothing in the same place."""
    nobody = make_user("u9", "x", email=None, password_hash=None)
    world.server.write(Replace(evolve(nobody, username=None)))
    party = world.party()

    assert party.redeem(text).status == 400
    assert party.refresh(text).status == 400
    assert party.userinfo(text).status == 401
    assert party.post("/token/introspect", {"token": text}).status == 400 or party.introspect(text) == {"active": False}
    assert world.browser().sign_in(text, "x").status in (400, 401)
    assert world.browser().sign_in("None", "None").status == 401
    is_page(world.browser().get(f"/authorize?client_id={text}"))
    browser = world.browser()
    browser.cookies["session_id"] = text
    assert browser.get("/profile").status in (302, 400)


def test_a303_equality_weaker_than_bytes(door):
    """Secrets are whole and exact; names have one canonical form."""
    world = door(access_token_format="opaque")
    party = world.party()
    tokens = party.tokens()
    for name in ("access_token", "refresh_token"):
        text = tokens[name]
        for wrong in (
            text.upper(),
            text.lower(),
            text + " ",
            text[:-1],
            text + "\t",
            text[:20],
            "%" + text[1:],
            "_" * len(text),
        ):
            assert wrong == text or not party.alive(wrong)
        assert party.alive(text)
    for client_id in ("WEB", "web ", "Web", "web\t"):
        assert world.party().redeem("x").status == 400
        is_page(world.browser().get(party.url(client_id=client_id)))
    assert world.browser().sign_in(" ALICE ").status == 303


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a304_edges(offset):
    """Ended at its end, for every kind of thing; a clock set back revives nothing that was spent or revoked."""
    ended = offset >= 0
    server = make_server(access_token_format="opaque")
    party, browser = RelyingParty(server), server.browser()
    tokens, code = party.tokens(browser=browser), party.code(browser)
    server.clock.wind(seconds=60 + offset)
    assert (party.redeem(code).status == 400) is ended
    server.clock.wind(seconds=3540)
    assert (not party.alive(tokens["access_token"])) is ended
    server.clock.wind(days=30, hours=-1)
    assert (party.refresh(tokens["refresh_token"]).status == 400) is ended


def test_a304_a_clock_set_back():
    """Used codes, used refresh tokens and revoked grants stay what they are."""
    server = make_server(refresh_token_reuse_interval=0)
    party, browser = RelyingParty(server), server.browser()
    code = party.code(browser)
    tokens = json_of(party.redeem(code))
    newer = json_of(party.refresh(tokens["refresh_token"]))
    server.clock.wind(seconds=-30)

    is_refusal(party.redeem(code), 400, "invalid_grant")
    is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    is_refusal(party.refresh(newer["refresh_token"]), 400, "invalid_grant")
    assert not party.alive(newer["access_token"])


@pytest.mark.parametrize("field", ["zero", "negative"])
def test_a304_ends_that_are_no_ends(field):
    """An end at or before the epoch has passed."""
    server = make_server(access_token_format="opaque")
    party = RelyingParty(server)
    tokens, code = party.tokens(), party.code()
    end = START - timedelta(days=40_000 if field == "negative" else 20_454)
    for kind, text in (
        (AccessToken, tokens["access_token"]),
        (RefreshToken, tokens["refresh_token"]),
        (AuthorizationCode, code),
    ):
        table = server.storage._table(kind)
        name = {AccessToken: "access_token", RefreshToken: "refresh_token", AuthorizationCode: "authorization_code"}[
            kind
        ]
        table[digest(name, text)] = evolve(table[digest(name, text)], expires_at=end)

    assert not party.alive(tokens["access_token"])
    is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    is_refusal(party.redeem(code), 400, "invalid_grant")


def test_a305_marks_dropped_too_early():
    """Purging at any time revives nothing: a mark outlives what it marks."""
    server = make_server()
    party, browser = RelyingParty(server), server.browser()
    code = party.code(browser)
    tokens = json_of(party.redeem(code))
    party.revoke(tokens["access_token"])
    newer = json_of(party.refresh(tokens["refresh_token"]))
    for _ in range(40):
        server.storage.cleanup(server.clock.now)
        assert not party.alive(tokens["access_token"])
        is_refusal(party.redeem(code), 400, "invalid_grant") if server.clock.now > START + timedelta(hours=2) else None
        server.clock.wind(minutes=7)
    is_refusal(party.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    is_refusal(party.refresh(newer["refresh_token"]), 400, "invalid_grant")


def test_a306_uniqueness():
    """Of many who take one name at once, one has it."""
    storage = MemoryStorage()

    def take(number: int) -> bool:
        try:
            storage.commit([Replace(make_user(f"u{number}", "dora"))])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(20))) == 1
    with pytest.raises(Conflict):
        storage.commit([Replace(make_user("x", "DORA", email=None))])
    storage.commit([Replace(make_client("c"))])
    with pytest.raises(Conflict):
        storage.commit([Replace(make_client("c"))])


def test_a307_counters():
    """A hundred at once are a hundred; and twenty wrong passwords at once are judged five times at most."""
    storage, key = MemoryStorage(), digest("test", "counter")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: storage.commit([Count(key, START, START + timedelta(hours=1))]), range(100)))
    assert storage.counter(key).value == 100

    server = make_server()
    browser = server.browser()
    page = browser.get("/signin")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.sign_in("alice", "wrong", page=page).status, range(20)))
    assert answers.count(401) <= 5
    assert set(answers) == {401, 423}


def test_a308_cache_keys():
    """Neither another issuer's keys nor a removed key outlive five seconds in any process."""
    from authority_core.kernel.sync import run

    server = make_server()
    elsewhere = make_server(storage=server.storage)
    token = json_of(RelyingParty(server).credentials(scope="read"))["access_token"]
    assert RelyingParty(elsewhere).alive(token)
    kid = next(key.kid for key in server.storage.signing_keys() if key.alg == "ES256")
    run(server.authority.keys.compromise(kid))
    elsewhere.clock.wind(seconds=5)

    assert not RelyingParty(elsewhere).alive(token)


def test_a309_public_ids(world):
    """Random, and knowing one grants nothing."""
    party = world.party()
    seen = [claims_of(party.tokens(browser=world.browser())["access_token"]) for _ in range(3)]

    for name in ("jti", "gid", "sid"):
        values = [claims[name] for claims in seen]
        assert len(set(values)) == 3
        assert all(len(value) >= 22 for value in values)
        for value in values:
            assert party.introspect(value) == {"active": False}
            is_refusal(party.refresh(value), 400, "invalid_grant")
            is_page(world.browser().get(f"/authorize?transaction={value}"))


def test_a310_upgrade_opens_a_hole(the_next, tmp_path):
    """What was dead before an upgrade is dead after it, what lived lives on, and no old release comes back to it."""
    url = f"sqlite:///{tmp_path}/authority.db"
    migrate(url)
    storage, memory = SqlStorage.from_url(url), make_server(access_token_format="opaque")
    for record in (*memory.storage.clients(), *memory.storage.users(), *memory.storage.signing_keys()):
        storage.commit([Replace(evolve(record, version=0))])
    server = make_server(storage=memory.storage, settings=memory.settings, wrapped=lambda _: storage)
    web, other, spa = (RelyingParty(server, name) for name in ("web", "other", "spa"))
    browser, code = server.browser(), web.code()
    web.redeem(code)
    living, given_back, bobs, gone = web.tokens(browser=browser), web.tokens(), web.tokens("bob"), other.tokens()
    rotated = json_of(spa.refresh(old := spa.tokens()["refresh_token"]))
    web.revoke(given_back["refresh_token"])
    run(server.authority.users.deactivate("u2"))
    run(server.authority.clients.delete("other"))
    spa.code(withdrawn := server.browser())
    assert "code" in answer_of(withdrawn.get(spa.url(prompt="none")))
    storage.commit([Replace(evolve(storage.consent("u1", "spa"), revoked_at=server.clock.now))])
    server.clock.wind(seconds=30)
    before = contents(url)
    assert spa.refresh(rotated["refresh_token"]).status == 200
    the_next.migrate(url)

    assert {client.client_id for client in before.all(Client)} == {client.client_id for client in storage.clients()}
    for dead in (given_back, bobs):
        is_refusal(web.refresh(dead["refresh_token"]), 400, "invalid_grant")
        assert web.introspect(dead["access_token"]) == {"active": False}
    is_refusal(other.refresh(gone["refresh_token"]), 401, "invalid_client")
    is_refusal(spa.refresh(old), 400, "invalid_grant")
    assert answer_of(withdrawn.get(spa.url(prompt="none")))["error"] == "consent_required"
    assert [server.browser().sign_in(name).status == 303 for name in ("alice", "bob")] == [True, False]
    assert web.introspect(living["access_token"])["active"] is True
    assert "code" in answer_of(browser.get(web.url(prompt="none")))
    assert web.refresh(living["refresh_token"]).status == 200
    is_refusal(web.redeem(code), 400, "invalid_grant")
    with pytest.raises(NewerDatabase):
        migrate(url)
    storage.close()


def test_interactions_are_kept_by_digest():
    """The transaction that a page carries is nowhere in storage, nor is the browser's cookie or a code."""
    server = make_server()
    party, browser = RelyingParty(server), server.browser()
    page = browser.follow(browser.get(party.url()))
    answer = browser.approve(browser.follow(browser.sign_in("alice", page=page)))
    stored = repr(server.storage._records) + repr(server.storage._spent)

    assert server.storage._all(Interaction)
    for secret in (hidden_fields(page)["transaction"], browser.cookies["authority_browser"], answer_of(answer)["code"]):
        assert secret not in stored
    with pytest.raises(Conflict):
        server.write(Put(server.storage._all(Interaction)[0]))
