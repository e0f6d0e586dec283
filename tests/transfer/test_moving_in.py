"""Moving in from another system: what people allowed there counts here, and nothing of a deleted client does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from attrs import evolve

from authority_core.kernel.changes import Remove, Replace
from authority_core.kernel.records import Consent
from support.browser import answer_of
from support.relying_party import RelyingParty, error_of
from support.server import Server, make_client, make_server, secret_of
from transfer.lines import exported, file_of, imported

LONG_AGO, LATER = "2022-03-01T08:00:00Z", "2023-05-01T08:00:00Z"
WEB = {
    "kind": "client", "client_id": "web", "name": "Web", "redirect_uris": ["https://app.example/cb"],
    "client_secret": secret_of("web"), "grant_types": ["authorization_code", "refresh_token"],
    "scopes": ["email", "offline_access", "openid"],
}  # fmt: skip
ALLOWED = {"kind": "consent", "subject": "u1", "client_id": "web", "scope": ["openid"], "granted_at": LATER}
BEGINNINGS = [
    {},
    {"created_at": LONG_AGO},
    {"tokens_valid_after": None},
    {"created_at": LONG_AGO, "tokens_valid_after": None},
    {"created_at": LONG_AGO, "tokens_valid_after": LONG_AGO},
]
"""What the line of a client may say of its past."""


def house() -> Server:
    """Return a server with people and without the client `web`."""
    server = make_server()
    server.write(Remove(server.storage.client("web")))
    return server


def silent(server: Server, scope: str = "openid") -> dict[str, str]:
    """Return what `web` gets for Alice, who signs in, when nothing may be asked of her."""
    browser = server.browser()
    browser.sign_in("alice")
    return answer_of(browser.get(RelyingParty(server).url(scope=scope, prompt="none")))


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_what_was_allowed_elsewhere_counts(beginning):
    """Nobody is asked again, whatever the lines say of times; what was not allowed is asked."""
    server = house()
    reports = imported(server, file_of({**WEB, **beginning}, ALLOWED))

    assert [one.outcome for one in reports] == ["created", "created"]
    assert "code" in silent(server)
    assert silent(server, "openid email")["error"] == "consent_required"


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_moving_in_again_changes_nothing(beginning):
    """The same file a day later, also as a dry run and with updating, and also when the clock has gone back."""
    server, data = house(), file_of({**WEB, **beginning}, ALLOWED)
    imported(server, data)
    before = server.snapshot()
    for days in (1, -2):
        server.clock.wind(days=days)
        for how in ({}, {"dry_run": True}, {"update": True}):
            assert {one.outcome for one in imported(server, data, **how)} == {"unchanged"}

    assert server.snapshot() == before


def test_a_consent_keeps_its_time_where_the_client_is_said_to_be_as_old():
    """Otherwise it has the time at which its client came."""
    kept, moved = house(), house()
    imported(kept, file_of({**WEB, "created_at": LONG_AGO, "tokens_valid_after": LONG_AGO}, ALLOWED))
    imported(moved, file_of({**WEB, "created_at": LONG_AGO}, ALLOWED))
    came = moved.clock.now.replace(microsecond=0)

    assert kept.storage.consent("u1", "web").granted_at == datetime(2023, 5, 1, 8, tzinfo=timezone.utc)
    assert moved.storage.consent("u1", "web").granted_at == came


def test_what_was_withdrawn_or_has_run_out_does_not_count():
    """Coming later makes nothing of it valid."""
    server = house()
    gone = [{**ALLOWED, "revoked_at": LATER}, {**ALLOWED, "expires_at": LATER}]

    for line in gone:
        imported(server, file_of(WEB, line), update=True)
        assert silent(server)["error"] == "consent_required"


@pytest.mark.parametrize("beginning", BEGINNINGS[:2])
def test_nothing_of_a_deleted_client_comes_alive(beginning):
    """The id may have had another owner here: its tokens and what people allowed it stay dead; new ones live."""
    server = make_server()
    party = RelyingParty(server)
    tokens = party.tokens(scope="openid email offline_access")
    assert "code" in silent(server, "openid email")
    server.write(Remove(server.storage.client("web")))
    server.clock.wind(seconds=5)
    imported(server, file_of({**WEB, **beginning}))

    assert silent(server)["error"] == "consent_required"
    assert error_of(party.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert party.introspect(tokens["access_token"]) == {"active": False}
    fresh = party.tokens(scope="openid offline_access")
    assert party.refresh(fresh["refresh_token"]).status == 200


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("beginning", BEGINNINGS[:2])
def test_what_a_deleted_client_was_allowed_is_no_base(beginning, late):
    """A line for its successor is as one of somebody new, says the dry run too, and takes nothing over."""
    server = make_server()
    RelyingParty(server).tokens(scope="openid email")
    server.write(Remove(server.storage.client("web")))
    old = server.storage.consent("u1", "web")
    server.write(Replace(evolve(old, revoked_at=server.clock.now, expires_at=server.clock.now)))
    server.clock.wind(seconds=5)
    data = file_of({**WEB, **beginning}, ALLOWED)
    foretold = imported(server, data, dry_run=True)
    if late:  # written by somebody who had read it before it was taken away
        imported(server, file_of({**WEB, **beginning}))
        server.write(Replace(evolve(old, version=0)))
    reports = imported(server, data)

    assert [one.outcome for one in foretold] == ["created", "created"]
    assert [one.outcome for one in reports] == ["unchanged" if late else "created", "created"]
    assert "code" in silent(server)
    assert silent(server, "openid email")["error"] == "consent_required"
    assert [one.outcome for one in imported(server, data)] == ["unchanged", "unchanged"]


def test_what_a_deleted_client_was_allowed_is_not_exported():
    """It would count in another database, where nothing tells that the client was another one."""
    server = make_server()
    server.write(Replace(Consent(subject="u1", client_id="web", scope=frozenset(), granted_at=server.clock.now)))
    server.write(Remove(server.storage.client("web")))
    server.clock.wind(seconds=5)
    imported(server, file_of({**WEB, "created_at": LONG_AGO}))
    server.write(Replace(Consent(subject="u2", client_id="web", scope=frozenset(), granted_at=server.clock.now)))

    assert exported(server.storage).count(b'"kind":"consent"') == 1
    assert b'"subject":"u2"' in exported(server.storage)


NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
INSTANT = timedelta.resolution


@pytest.mark.parametrize(
    ("after", "begins"),
    [
        (None, NOW),
        (NOW - INSTANT, NOW),
        (NOW, NOW + INSTANT),
        (NOW + timedelta(days=1), NOW + timedelta(days=1) + INSTANT),
        (datetime.max.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)),
    ],
)
def test_a_client_begins_when_it_was_made_or_its_tokens_became_valid(after, begins):
    """Whichever is later; `tokens_valid_after` itself is still before."""
    assert make_client("web", created_at=NOW, tokens_valid_after=after).begins == begins
