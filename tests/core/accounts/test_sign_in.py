"""Signing in: the form, the lock, and what it does not tell."""

from __future__ import annotations

import pytest

from authority_core.kernel.ports import Busy
from authority_core.kernel.records import Counter
from support.browser import action_of, hidden_fields
from support.checks import is_page
from support.server import PASSWORD, make_server


@pytest.fixture
def server():
    return make_server()


@pytest.mark.parametrize("who", ["alice", " ALICE ", "alice@example.com", "Alice@Example.Com"])
def test_either_name_signs_in(server, who):
    """User name or address, in any case, with blanks around."""
    browser = server.browser()

    response = browser.sign_in(who)

    assert (response.status, response.header("location")) == (303, "http://localhost:4000/profile")
    assert b"Alice" in browser.get("/profile").body
    assert [event.subject for event in server.told("user.login")] == ["u1"]


@pytest.mark.parametrize(("who", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("alice", PASSWORD + " ")])
def test_wrong_is_wrong(server, who, password):
    """A wrong password and an unknown name get the same page, and no session."""
    browser = server.browser()

    response = browser.sign_in(who, password)

    assert response.status == 401
    assert b"The user name or password is not right." in response.body
    assert "session_id" not in browser.cookies
    assert browser.get("/profile").header("location") == "http://localhost:4000/signin"
    assert [event.reason for event in server.told("user.login_failed")]


@pytest.mark.parametrize(("who", "password"), [("", PASSWORD), ("alice", ""), ("a" * 321, PASSWORD)])
def test_an_incomplete_form_is_not_judged(server, who, password):
    """It counts as no attempt."""
    response = server.browser().sign_in(who, password)

    assert response.status == 400
    assert server.told("user.login_failed") == []


@pytest.mark.parametrize("who", ["alice", "nobody"])
def test_five_failures_lock(server, who):
    """Known and unknown names alike: five are judged, then 423 with `Retry-After`, until half an hour has passed."""
    browser = server.browser()
    seen = [browser.sign_in(who, "wrong") for _ in range(7)]

    assert [response.status for response in seen] == [401] * 5 + [423] * 2
    assert [b"more" in response.body for response in seen[:5]] == [False, True, True, True, False]
    assert b"3 more tries" in seen[1].body
    assert b"1 more try" in seen[3].body
    assert seen[5].header("retry-after") == "1800"
    assert b"30 minutes" in seen[5].body
    assert browser.sign_in(who).status == 423  # even with the right password
    server.clock.wind(minutes=29, seconds=30)
    assert b"1 minute," in browser.sign_in(who).body
    server.clock.wind(seconds=30)
    assert browser.sign_in(who).status == (303 if who == "alice" else 401)


def test_both_names_of_an_account_share_one_count(server):
    """Whoever alternates between name and address gets no more attempts."""
    browser = server.browser()

    seen = [browser.sign_in(("alice", "alice@example.com")[turn % 2], "wrong").status for turn in range(6)]

    assert seen == [401] * 5 + [423]


def test_an_id_is_not_a_name(server):
    """Typing somebody's `sub` neither signs in nor locks the account."""
    browser = server.browser()
    for _ in range(6):
        browser.sign_in("u1", "wrong")

    assert browser.sign_in("u1").status == 423
    assert browser.sign_in("alice").status == 303


def test_success_forgives(server):
    """Four failures, a success, and the count starts anew."""
    browser = server.browser()
    for _ in range(2):
        assert [browser.sign_in("alice", "wrong").status for _ in range(4)] == [401] * 4
        assert browser.sign_in("alice").status == 303
        browser.sign_out()


def test_one_lock_is_not_anothers(server):
    """Bob is not held up by Alice's lock."""
    browser = server.browser()
    for _ in range(6):
        browser.sign_in("alice", "wrong")

    assert browser.sign_in("bob").status == 303


def test_a_count_that_was_not_seen_admits_nobody(server):
    """The count itself refuses the attempt above the threshold, however old the reads are: it is never judged."""
    server.authority.shell.storage.counter = _nothing  # type: ignore[method-assign]  # a read that lags behind
    browser = server.browser()

    assert [browser.sign_in("alice", "wrong").status for _ in range(5)] == [401] * 5
    assert browser.sign_in("alice").status == 503


async def _nothing(key: object) -> Counter | None:
    return None


@pytest.mark.parametrize("who", ["alice", "nobody"])
def test_an_attempt_that_nobody_had_time_for_is_not_counted(server, who):
    """A full pool turns sign-ins away and locks nobody out; what was judged before still counts."""
    pool = _Pool()
    server.authority.run_slow_work_in(pool)
    browser = server.browser()
    assert [browser.sign_in(who, "wrong").status for _ in range(3)] == [401] * 3
    pool.full = True
    turned_away = [browser.sign_in(who, "wrong") for _ in range(10)]
    pool.full = False

    assert {(answer.status, answer.header("retry-after")) for answer in turned_away} == {(503, "5")}
    assert [browser.sign_in(who, "wrong").status for _ in range(3)] == [401, 401, 423]


def test_a_full_pool_does_not_unlock(server):
    """Who is locked out stays so, and a count that has ended meanwhile leaves no tries behind."""
    pool = _Pool()
    server.authority.run_slow_work_in(pool)
    browser = server.browser()
    assert [browser.sign_in("alice", "wrong").status for _ in range(5)] == [401] * 5
    pool.full = True
    assert browser.sign_in("alice", "wrong").status == 423
    server.clock.wind(minutes=30)
    pool.meanwhile = lambda: server.clock.wind(minutes=30)
    assert [browser.sign_in("alice", "wrong").status for _ in range(3)] == [503] * 3
    pool.full = False

    assert [browser.sign_in("alice", "wrong").status for _ in range(6)] == [401] * 5 + [423]


class _Pool:
    """A pool that has no place while it is *full*; *meanwhile* happens while somebody asks for one."""

    def __init__(self) -> None:
        self.full = False
        self.meanwhile = lambda: None

    async def __call__(self, work):
        if self.full:
            self.meanwhile()
            raise Busy("too much is waiting")
        return work()


@pytest.mark.parametrize("changes", [{"active": False}, {"locked": True}])
def test_an_account_that_may_not_sign_in_is_told_so_after_the_password(server, changes):
    """Only who knows the password learns it; the others see what everybody sees."""
    if "locked" in changes:
        changes = {"locked_at": server.clock.now, "unlock_at": None}
    server.change_user("u1", **changes)
    browser = server.browser()

    assert browser.sign_in("alice", "wrong").status == 401
    assert browser.sign_in("alice").status == 403
    assert "session_id" not in browser.cookies


def test_a_lock_by_hand_ends_at_its_time(server):
    """`unlock_at` lets in again."""
    from datetime import timedelta

    server.change_user("u1", locked_at=server.clock.now, unlock_at=server.clock.now + timedelta(minutes=5))
    assert server.browser().sign_in("alice").status == 403
    server.clock.wind(minutes=5)
    assert server.browser().sign_in("alice").status == 303


def test_an_old_hash_is_renewed(server):
    """A sign-in moves the hash to today's parameters."""
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    server.change_user("u1", password_hash=old)

    assert server.browser().sign_in("alice").status == 303
    assert "t=1" in (server.storage.user("u1").password_hash or "")
    assert server.browser().sign_in("alice").status == 303


def test_a_password_changed_meanwhile_does_not_sign_in(server, monkeypatch):
    """Between the check and the session the account is looked at again."""
    real = type(server.authority.passwords).verify

    async def verify(self, password, known):
        found = await real(self, password, known)
        server.change_user("u1", password_hash=None)
        return found

    monkeypatch.setattr(type(server.authority.passwords), "verify", verify)

    assert server.browser().sign_in("alice").status == 401
    assert server.told("user.login") == []


def test_the_form_is_bound_to_its_browser(server):
    """No token, another browser's token, another site's form: 403, and nothing is judged."""
    browser, other = server.browser(), server.browser()
    page, stranger = browser.get("/signin"), other.get("/signin")
    form = {"username": "alice", "password": PASSWORD}
    token = hidden_fields(page)["csrf_token"]

    is_page(browser.post("/signin", form), 403)
    is_page(browser.post("/signin", {**form, "csrf_token": hidden_fields(stranger)["csrf_token"]}), 403)
    is_page(browser.post("/signin", {**form, "csrf_token": token + "A"}), 403)
    is_page(browser.post("/signin", {**form, "csrf_token": "ü"}), 403)
    is_page(server.browser().post("/signin", {**form, "csrf_token": token}), 403)
    for headers in (
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"},
        {"origin": "null"}, {"origin": "http://localhost:4001"}, {"referer": "https://evil.example/x"},
        {"referer": "http://localhost:4000.evil.example/"},
    ):  # fmt: skip
        is_page(browser.submit(page, headers, **form), 403)
    assert server.told("user.login_failed") == []
    own = {
        "origin": "http://localhost:4000",
        "sec-fetch-site": "same-origin",
        "referer": "http://localhost:4000/signin",
    }
    assert browser.submit(page, own, **form).status == 303


def test_tokens_are_masked_anew_for_every_page(server):
    """The same browser sees another text each time, and all of them are good."""
    browser = server.browser()
    pages = [browser.get("/signin") for _ in range(2)]

    assert hidden_fields(pages[0]) != hidden_fields(pages[1])
    assert browser.sign_in("alice", page=pages[0]).status == 303
    assert browser.sign_in("bob", page=pages[1]).status == 303


def test_who_is_signed_in_is_sent_home(server):
    """The form is shown to nobody who does not need it."""
    browser = server.browser()
    page = browser.get("/signin")
    assert action_of(page) == "http://localhost:4000/signin"
    browser.sign_in("alice", page=page)

    assert browser.get("/signin").header("location") == "http://localhost:4000/profile"
    assert browser.get("/signin?transaction=unknown").header("location") == "http://localhost:4000/profile"


def test_what_was_typed_comes_back_escaped(server):
    """The identifier is filled in again, as text."""
    response = server.browser().sign_in('"><script>alert(1)</script>', "wrong")

    assert b"<script>alert" not in response.body
    assert b"&gt;&lt;script&gt;" in response.body


def test_a_storage_that_conflicts_does_not_miss_a_count():
    """An attempt that cannot be counted is not judged: 503, never a free try."""
    from authority_core.kernel.changes import Conflict, Count

    class Refusing:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def commit(self, changes):
            if any(isinstance(change, Count) for change in changes):
                raise Conflict
            self.inner.commit(changes)

    server = make_server(wrapped=Refusing)

    is_page(server.browser().sign_in("alice"), 503)
