"""Whoever may not act gets no tokens, whether storage told of the account along with the grant or is asked for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from authority_core.kernel.changes import Remove
from authority_core.kernel.records import User
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START
from support.relying_party import RelyingParty, json_of
from support.server import make_server


class Reading:
    """Storage that notes what is read; with *silent* it does not look for the holder of a grant."""

    tells_holders = True

    def __init__(self, inner: object, silent: bool) -> None:
        self.inner, self.silent, self.read = inner, silent, []

    def __getattr__(self, name: str) -> object:
        method = getattr(self.inner, name)

        def reading(*arguments: object) -> object:
            self.read.append(name)
            found = method(*arguments)
            told = self.silent and name in ("code", "refresh_token") and found is not None
            return evolve(found, holder=None) if told else found

        return reading if callable(method) else method


def world(silent: bool):
    kept: list[Reading] = []

    def wrap(inner: object) -> Reading:
        kept.append(Reading(inner, silent))
        return kept[0]

    server = make_server(wrapped=wrap)
    return server, kept[0], RelyingParty(server)


STATES = {
    "inactive": {"active": False},
    "locked": {"locked_at": START},
    "must change the password": {"password_must_change": True},
    "locked for a while": {"locked_at": START, "unlock_at": START + timedelta(minutes=5)},
}


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("how", [*STATES, "gone"])
def test_who_may_not_act_gets_no_tokens(how, silent):
    """Not for a code and not for a refresh token, though nobody cut the grants off; nothing is spent by trying."""
    server, _, party = world(silent)
    tokens, code = party.tokens(), party.code()
    known = server.storage.user("u1")
    if how == "gone":
        server.write(Remove(known))
    else:
        server.change_user("u1", **STATES[how])

    assert party.redeem(code).status == 400
    assert party.refresh(tokens["refresh_token"]).status == 400

    if how != "gone":
        server.change_user("u1", active=True, locked_at=None, unlock_at=None, password_must_change=False)
        assert party.redeem(code).status == 200
        assert party.refresh(tokens["refresh_token"]).status == 200


@pytest.mark.parametrize("silent", [False, True])
def test_a_lock_ends_by_itself(silent):
    """At the instant it was to end, and not before."""
    server, _, party = world(silent)
    tokens = party.tokens()
    server.change_user("u1", **STATES["locked for a while"])

    server.clock.wind(minutes=4, seconds=59)
    assert party.refresh(tokens["refresh_token"]).status == 400

    server.clock.wind(seconds=1)
    assert party.refresh(tokens["refresh_token"]).status == 200


@pytest.mark.parametrize(
    ("silent", "for_a_code", "for_a_refresh"),
    [
        (False, ["client", "code"], ["client", "refresh_token"]),
        (True, ["client", "code", "user"], ["client", "refresh_token", "user"]),
    ],
)
def test_two_reads_are_enough(silent, for_a_code, for_a_refresh):
    """The client, and the code or token with its grant and holder; a storage that is silent is asked once more."""
    _, storage, party = world(silent)
    party.tokens()  # loads the signing keys
    code = party.code()

    storage.read.clear()
    tokens = json_of(party.redeem(code))
    assert storage.read == [*for_a_code, "commit"]

    storage.read.clear()
    assert party.refresh(tokens["refresh_token"]).status == 200
    assert storage.read == [*for_a_refresh, "commit"]


@pytest.mark.parametrize(("caller", "clients"), [("web", 1), ("api", 2)])
def test_a_caller_is_read_once(caller, clients):
    """Introspecting and revoking a token of its own takes no second look at the client; a token of another's does."""
    server, storage, party = world(False)
    server.change_client("api", protects=frozenset({server.settings.audience}))
    tokens = party.tokens()

    storage.read.clear()
    assert RelyingParty(server, caller).alive(tokens["access_token"])
    assert storage.read.count("client") == clients

    storage.read.clear()
    assert party.revoke(tokens["refresh_token"]).status == 200
    assert storage.read.count("client") == 1


class Judging:
    """A wrapper that judges people itself, and says nothing of holders."""

    def __init__(self, inner: object) -> None:
        self.inner, self.banned = inner, set()

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def user(self, user_id: str) -> object:
        found = self.inner.user(user_id)  # type: ignore[attr-defined]  # storage
        return None if user_id in self.banned else found


class JudgingMemory(MemoryStorage):
    """A subclass with a `user` of its own."""

    banned: set[str] = frozenset()  # type: ignore[assignment]  # replaced below

    def user(self, user_id: str) -> User | None:
        return None if user_id in self.banned else super().user(user_id)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_storage_that_judges_people_itself_is_obeyed(wrapped):
    """Whom its own `user` denies gets no tokens, whatever the storage within or below it tells; others do."""
    kept: list[object] = []

    def wrap(inner: MemoryStorage) -> object:
        kept.append(Judging(inner) if wrapped else JudgingMemory())
        if not wrapped:
            kept[0].__dict__.update(vars(inner))
        return kept[0]

    server = make_server(wrapped=wrap)
    party = RelyingParty(server)
    tokens, code, other = party.tokens(), party.code(), party.code(who="bob")
    kept[0].banned = {"u1"}  # type: ignore[attr-defined]  # either of the two

    assert party.redeem(code).status == 400
    assert party.refresh(tokens["refresh_token"]).status == 400
    assert party.redeem(other).status == 200
