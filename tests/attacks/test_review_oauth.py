"""Attacks on consent, claims, audiences and subjects, each with what an honest party gets in the same place."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from authority_core.admin.client_metadata import ClientMetadata
from authority_core.admin.imports import Import
from authority_core.admin.refusals import Invalid
from authority_core.admin.transfer_lines import entries
from authority_core.kernel.changes import Change, CutOff, Replace, Revoke
from authority_core.kernel.pages import Person
from authority_core.kernel.ports import Authentication
from authority_core.kernel.requests import HttpRequest
from authority_core.kernel.sync import run
from authority_core.kernel.values import Secret
from authority_core.testing.memory import MemoryStorage
from support.browser import answer_of
from support.relying_party import RelyingParty, claims_of, error_of, json_of
from support.server import API, CALLBACK, make_client, make_server


def _userinfo(relying_party: RelyingParty, token: str) -> tuple[int, dict[str, object]]:
    answer = relying_party.transport.send("GET", "/userinfo", (("authorization", f"Bearer {token}"),))
    return answer.status, json.loads(answer.body)


# --- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "username"),
    [
        ("openid", None),
        ("read", None),
        ("openid email", "alice@example.com"),
        ("openid profile", "alice"),
        ("openid profile email", "alice@example.com"),
    ],
)
def test_introspection_names_a_person_only_as_far_as_was_allowed(scope: str, username: str | None) -> None:
    """A client learns the address or name of a person from introspection only with the scope that releases it."""
    client = RelyingParty(make_server())
    token = client.tokens(scope=scope)["access_token"]

    answer = client.introspect(token)

    assert answer["active"] is True
    assert answer.get("username") == username
    assert b"alice" not in json.dumps({**answer, "username": None}).encode()


class _Talkative:
    """A host's people: whatever is asked, it tells everything."""

    async def current(self, request: HttpRequest) -> Authentication | None:
        return Authentication(subject="u1", auth_time=self.now, acr="x", amr=("pwd",), person=Person(display_name="A"))

    def address(self, transaction: str) -> str:
        return "http://localhost:4000/login"

    async def claims(self, subject: str, wanted: frozenset[str]) -> Mapping[str, object] | None:
        return {"name": "A", "email": "a@example.com", "password_hash": "$argon2id$…", "sub": "u2"}


def test_userinfo_tells_what_scope_releases_however_much_a_host_knows() -> None:
    """Claims that nobody asked for stay with the server when a host's own source answers with all it has."""
    people = _Talkative()
    server = make_server(parts={"sign_in": people, "claims": people})
    people.now = server.clock.now
    server.change_client("web", first_party=True)
    client = RelyingParty(server)
    code = answer_of(server.browser().get(client.url(scope="openid profile")))["code"]

    status, told = _userinfo(client, json_of(client.redeem(code))["access_token"])

    assert (status, told) == (200, {"name": "A", "sub": "u1"})


# --- audience --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_a_token_for_an_api_opens_no_userinfo(kind: str) -> None:
    """An API that was handed a token meant for itself cannot read the person's claims with it (RFC 9700 §2.3)."""
    server = make_server(access_token_format=kind)
    client = RelyingParty(server)

    handed = client.tokens(scope="openid email", resource=API)
    own = client.tokens(scope="openid email")

    assert _userinfo(client, handed["access_token"])[0] == 401
    assert _userinfo(client, own["access_token"])[1]["email"] == "alice@example.com"


# --- consent ---------------------------------------------------------------------------------------------------------


def test_a_client_that_took_over_an_id_does_not_inherit_consent() -> None:
    """What people allowed a deleted client is not allowed to whoever is registered under its id later."""
    server = make_server()
    browser = server.browser()
    before = RelyingParty(server)
    before.tokens(browser=browser, scope="openid profile")
    again = browser.get(before.url(scope="openid profile", prompt="none"))
    assert "code" in answer_of(again)

    run(server.authority.clients.delete("web"))
    server.clock.wind(seconds=5)
    metadata = ClientMetadata(
        name="Somebody else",
        redirect_uris=("https://evil.example/cb",),
        scopes=frozenset({"openid", "profile", "email"}),
    )
    run(server.authority.clients.register(metadata, client_id="web"))
    silent = browser.get(before.url(scope="openid", prompt="none", redirect_uri="https://evil.example/cb"))

    assert answer_of(silent)["error"] == "consent_required"


def test_consent_given_to_a_successor_does_not_revive_what_its_predecessor_had() -> None:
    """Allowing the new client one scope allows it none of those that the deleted client of its id had."""
    server = make_server()
    browser = server.browser()
    client = RelyingParty(server)
    client.tokens(browser=browser, scope="openid email")
    run(server.authority.clients.delete("web"))
    server.clock.wind(seconds=5)
    metadata = ClientMetadata(name="New", redirect_uris=(CALLBACK,), scopes=frozenset({"openid", "profile", "email"}))
    run(server.authority.clients.register(metadata, client_id="web"))

    browser.go_through(client.url(scope="openid"))
    silent = browser.get(client.url(scope="openid email", prompt="none"))
    same = browser.get(client.url(scope="openid", prompt="none"))

    assert answer_of(silent)["error"] == "consent_required"
    assert "code" in answer_of(same)


def test_consent_that_ran_out_is_not_revived_by_consent_to_less() -> None:
    """Allowing `openid` after everything ran out allows `openid` alone."""
    server = make_server(consent_ttl_days=1, idle_timeout_minutes=0)
    browser, client = server.browser(), RelyingParty(server)
    browser.go_through(client.url(scope="openid email"))
    server.clock.wind(days=2)

    browser.go_through(client.url(scope="openid"))
    silent = browser.get(client.url(scope="openid email", prompt="none"))
    same = browser.get(client.url(scope="openid", prompt="none"))

    assert answer_of(silent)["error"] == "consent_required"
    assert "code" in answer_of(same)


def test_a_first_party_client_may_ask_for_consent_time_and_again() -> None:
    """`prompt=consent` of a client whose consent is implied is answered with a code every time, never with 503."""
    server = make_server()
    server.change_client("web", first_party=True)
    client, browser = RelyingParty(server), server.browser()

    for _ in range(3):
        assert "code" in answer_of(browser.go_through(client.url(prompt="consent")))


def test_what_is_granted_is_what_was_shown() -> None:
    """A client whose default scopes grow while a person reads gets nothing that was not on the page."""
    server = make_server()
    server.change_client("web", default_scopes=frozenset({"openid"}))
    client, browser = RelyingParty(server), server.browser()
    page = browser.follow(browser.sign_in("alice", page=browser.follow(browser.get(client.url(scope=None)))))
    server.change_client("web", default_scopes=frozenset({"openid", "email"}))

    again = browser.follow(browser.approve(page))
    code = answer_of(browser.approve(again))["code"]

    assert b"e-mail address" not in page.body
    assert b"e-mail address" in again.body
    assert json_of(client.redeem(code))["scope"] == "email openid"


# --- subjects --------------------------------------------------------------------------------------------------------


def test_no_client_takes_the_subject_of_a_person() -> None:
    """A client whose own tokens would carry a person's `sub` is not registered (RFC 9068 §5)."""
    server = make_server()
    metadata = ClientMetadata(name="Impostor", grant_types=frozenset({"client_credentials"}))

    with pytest.raises(Invalid):
        run(server.authority.clients.register(metadata, client_id="u1"))

    assert run(server.authority.clients.register(metadata, client_id="u3")).client.client_id == "u3"


def test_a_client_named_like_a_person_is_nobody_at_userinfo() -> None:
    """Even if storage holds such a client, its own token reads no claims and names no user when introspected."""
    server = make_server()
    server.write(Replace(make_client("u1", grant_types=frozenset({"client_credentials"}))))
    client = RelyingParty(server, "u1")
    token = json_of(client.credentials(scope="read profile email"))["access_token"]

    assert _userinfo(client, token)[0] == 401
    assert "username" not in client.introspect(token)


# --- liveness --------------------------------------------------------------------------------------------------------


def test_a_token_minted_while_its_client_was_cut_off_is_dead() -> None:
    """A refresh that crossed the cutting off of its client, with a later `iat`, brings a token that is not alive."""
    server = make_server()
    client = RelyingParty(server)
    server.clock.wind(seconds=10)
    cut = server.clock.now
    tokens = client.tokens()
    later = make_server(storage=server.storage)
    later.clock.now = cut + timedelta(seconds=5)
    crossed = RelyingParty(later)
    fresh = json_of(crossed.refresh(tokens["refresh_token"]))["access_token"]
    assert crossed.introspect(fresh)["active"] is True
    server.change_client("web", tokens_valid_after=cut)

    assert crossed.introspect(fresh) == {"active": False}


def test_what_was_ended_stays_ended_after_forgetting_under_shorter_lifetimes() -> None:
    """Marks kept by today's shorter lifetimes do not let grants of longer days come alive when they are forgotten."""
    long = make_server(refresh_token_ttl=31_536_000, refresh_token_absolute_ttl=31_536_000)
    browser = long.browser()
    tokens = RelyingParty(long).tokens(browser=browser)
    short = make_server(storage=long.storage, refresh_token_ttl=3600, refresh_token_absolute_ttl=3600)
    short.clock.now = long.clock.now + timedelta(minutes=5)
    leaving = short.browser()
    leaving.cookies = browser.cookies
    leaving.sign_out()
    client = RelyingParty(short)
    assert error_of(client.refresh(tokens["refresh_token"])) == (400, "invalid_grant")

    short.clock.wind(days=40)
    short.storage.cleanup(short.clock.now)

    assert error_of(client.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert client.introspect(tokens["refresh_token"]) == {"active": False}


@pytest.mark.parametrize("mark", ["revoke", "cut off"])
def test_the_later_end_of_two_marks_is_kept(mark: str) -> None:
    """A mark that is made again may be forgotten only after the later of its two ends."""
    server = make_server()
    client = RelyingParty(server)
    tokens = client.tokens()
    grant_id, now = str(claims_of(tokens["access_token"])["gid"]), server.clock.now
    spans = timedelta(days=1), timedelta(days=400)
    if mark == "revoke":
        server.write(*(Revoke("grant", grant_id, now, now + span) for span in spans))
    else:
        server.write(*(CutOff("u1", None, now + timedelta(seconds=1) / span.days, now + span) for span in spans))

    server.clock.wind(days=2)
    server.storage.cleanup(server.clock.now)

    assert client.introspect(tokens["refresh_token"]) == {"active": False}


class _Slow:
    """Storage whose commits of a new password take a while, in which somebody else gets in."""

    def __init__(self, inner: MemoryStorage) -> None:
        self._inner = inner
        self.meanwhile: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, changes: Sequence[Change]) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None and any(isinstance(change, CutOff) for change in changes):
            meanwhile()
        self._inner.commit(changes)


def test_no_grant_slips_in_while_a_password_is_being_set() -> None:
    """A stolen session that asks for a code between the decision and the commit of a new password has nothing after."""
    stores: list[_Slow] = []

    def wrapped(inner: MemoryStorage) -> object:
        stores.append(_Slow(inner))
        return stores[0]

    server = make_server(wrapped=wrapped)
    thief, client = server.browser(), RelyingParty(server)
    client.tokens(browser=thief)
    codes: list[str] = []

    def ask() -> None:
        server.clock.wind(seconds=0.002)
        codes.append(answer_of(thief.get(client.url(prompt="none")))["code"])
        server.clock.wind(seconds=0.002)

    assert error_of(client.redeem("no code")) == (400, "invalid_grant")
    stores[0].meanwhile = ask
    run(server.authority.users.set_password("u1", Secret("Another-Horse-22")))

    assert len(codes) == 1
    assert error_of(client.redeem(codes[0])) == (400, "invalid_grant")
    server.clock.wind(seconds=1)
    owner = server.browser()
    assert owner.sign_in("alice", "Another-Horse-22").status == 303
    assert client.redeem(client.code(owner)).status == 200


def test_no_import_gives_a_client_and_a_person_one_subject() -> None:
    """Whichever line comes second is refused when a client and a person would be one and the same `sub`."""
    header = b'{"kind":"authority-export","version":1}\n'
    client = {"kind": "client", "client_id": "42", "name": "S", "grant_types": ["client_credentials"]}
    user = {"kind": "user", "user_id": "42", "username": "carol"}
    for lines in ((client, user), (user, client), (client, {**user, "user_id": "43"})):
        server = make_server()
        data = header + b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        taking = Import(server.authority.shell, frozenset(server.authority.oauth.grants))
        reports = [run(taking.take(entry)) for entry in entries(io.BytesIO(data))]
        outcomes = [report.outcome for report in reports if report is not None]

        assert outcomes == ["created", "created" if lines[1].get("user_id") == "43" else "refused"]
