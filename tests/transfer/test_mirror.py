"""Export is the mirror of import: what left comes back, byte for byte."""

from __future__ import annotations

import json
import tempfile

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from authority_core.admin.transfer_records import HAPPENED, line_of, parsed
from authority_core.kernel.changes import Remove, Replace
from authority_core.kernel.encoding import decode_json_object
from authority_core.kernel.records import Client, Consent, User
from authority_core.testing import strategies
from authority_sql import SqlStorage, migrate
from support.server import PASSWORD, make_server
from transfer.lines import empty_server, exported, imported

ANY = strategies.clients() | strategies.users() | strategies.consents().map(lambda one: evolve(one, keep_until=None))
"""Records that were never written; how long a consent is kept follows from its ends and does not travel."""


@given(ANY)
def test_every_record_survives_its_line(record):
    """Whatever it holds: one line of ASCII, of which the same record is read."""
    line = line_of(record)
    read = parsed(decode_json_object(line[:-1]))
    fields = {name: value for name, value in read.given.items() if name != "client_secret"}

    assert line.isascii()
    assert line.count(b"\n") == 1
    assert read.faults == ()
    assert evolve(type(record)(**fields), version=record.version) == record


IDS = st.text("abcABC019._~-", min_size=1, max_size=5)
NAMES = st.text("abcdefxyz019_-", min_size=1, max_size=6)
TITLES = st.text(st.characters(categories=("L", "N", "S")), min_size=1, max_size=20).map(lambda text: f"n{text}n")
WORDS = st.frozensets(st.sampled_from(("openid", "profile", "email", "read", "write")), max_size=4)
HASHES = st.sampled_from((None, make_server().storage.user("u1").password_hash, "pbkdf2_sha256$1$s$" + "A" * 43 + "="))
CLAIMS = st.dictionaries(st.text("abcé", min_size=1, max_size=4), strategies.json_objects() | st.text("aé", max_size=9))


@st.composite
def clients(draw) -> Client:
    """Clients that administration would take, with times, digests and flags as they come."""
    drawn, scopes = draw(strategies.clients()), draw(WORDS)
    public = drawn.token_endpoint_auth_method == "none"
    hashed = draw(HASHES.filter(bool))
    secrets = tuple(
        evolve(one, hint=one.hint[:4], secret_hash=None if one.secret_hash is None else hashed) for one in drawn.secrets
    )
    return evolve(
        drawn,
        client_id=draw(IDS),
        name=draw(TITLES),
        secrets=() if public else secrets,
        redirect_uris=("https://app.example/cb?x=%C3%A9", "https://app.example/"),
        post_logout_redirect_uris=(),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=scopes,
        default_scopes=frozenset(sorted(scopes)[:1]),
        audiences=frozenset({"https://api.example", "urn:x:y"}),
        protects=frozenset(),
        application_type="web",
        id_token_signed_response_alg=draw(st.sampled_from((None, "RS256", "ES256"))),
        client_uri=draw(st.sampled_from((None, "https://app.example"))),
        logo_uri=None,
        policy_uri=None,
        tos_uri=None,
        contacts=draw(st.sampled_from(((), ("a@b.example",)))),
    )


@st.composite
def people(draw) -> list[User]:
    """Accounts whose names nobody else has."""
    found: dict[str, User] = {}
    for drawn in draw(st.lists(strategies.users(), max_size=3)):
        name, user_id = draw(NAMES), draw(IDS)
        hashed = draw(HASHES)
        found[name] = evolve(
            drawn,
            user_id=f"{user_id}.{name}",
            username=name,
            email=draw(st.sampled_from((None, f"{name}@mail.example"))),
            password_hash=hashed,
            role=drawn.role if hashed else "user",
            claims=draw(CLAIMS),
        )
    return list(found.values())


@st.composite
def databases(draw) -> list[object]:
    """Records of every kind; some consents are of clients that are gone."""
    found = {client.client_id: client for client in draw(st.lists(clients(), max_size=3))}
    users = draw(people())
    consents = {}
    for consent in draw(st.lists(strategies.consents(), max_size=3)):
        client_id = draw(st.sampled_from([*found, "gone"]))
        subject = draw(st.sampled_from([*(user.user_id for user in users), "of-another-system"]))
        consents[subject, client_id] = evolve(consent, subject=subject, client_id=client_id, scope=draw(WORDS))
    return [*found.values(), *users, *consents.values()]


def happened(record: Client | User | Consent) -> Client | User | Consent:
    """Return *record* with everything in the past that has happened."""
    now = make_server().clock.now
    times = {name: getattr(record, name, None) for name in HAPPENED}
    return evolve(record, **{name: min(time, now) for name, time in times.items() if time is not None})


@given(databases().map(lambda records: list(map(happened, records))))
@settings(max_examples=50)
def test_what_left_comes_back_byte_for_byte(records):
    """An export, imported into an empty database and exported again, is the same file; and twice is once."""
    server = empty_server()
    for record in records:
        server.write(Replace(record))
    data = exported(server.storage)
    fresh = empty_server()
    reports = imported(fresh, data)

    assert [(one.number, one.faults) for one in reports if one.outcome != "created"] == []
    assert exported(fresh.storage) == data
    assert {one.outcome for one in imported(fresh, data)} <= {"unchanged"}
    assert [one.version for one in fresh.storage.clients()] == [1] * len(fresh.storage.clients())


def test_an_export_of_memory_and_of_sqlite_is_the_same_file():
    """Pages begin and end where they will; a person signs in to the copy with the old password."""
    server = make_server()
    for at in range(450):
        server.write(Replace(User(user_id=f"{at}", username=f"u{at}", email=None, created_at=server.clock.now,
                                  updated_at=server.clock.now)))  # fmt: skip
        server.write(Replace(Consent(subject=f"{at}", client_id="web", scope=frozenset(), granted_at=server.clock.now)))
    data = exported(server.storage)
    fresh = empty_server()
    imported(fresh, data)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/a.db"
        migrate(url)
        storage = SqlStorage.from_url(url)
        copy = make_server(storage=fresh.storage, wrapped=lambda _: storage)
        assert {one.outcome for one in imported(copy, data)} == {"created"}
        assert exported(storage) == data
        storage.close()

    assert data.count(b'"kind":"user"') == 452
    assert exported(fresh.storage) == data
    assert fresh.browser().sign_in("alice", PASSWORD).status == 303


def test_what_was_allowed_to_a_client_that_is_gone_stays_behind():
    """A client of the same id, made later, must not find it."""
    server = make_server()
    server.write(Replace(Consent(subject="u1", client_id="web", scope=frozenset(), granted_at=server.clock.now)))

    assert b'"kind":"consent"' in exported(server.storage)
    server.write(Remove(server.storage.client("web")))
    assert b'"kind":"consent"' not in exported(server.storage)


def test_the_format_is_the_documented_one():
    """Members in their order, sets sorted, times in UTC: a file that programs and people compare line by line."""
    server = make_server()
    lines = [json.loads(line) for line in exported(server.storage).splitlines()]

    assert lines[0] == {"kind": "authority-export", "version": 1, "end": True}
    assert lines[-1] == {"kind": "end", "clients": 7, "users": 2, "consents": 0}
    alice = next(line for line in lines if line.get("user_id") == "u1")
    assert list(alice)[:5] == ["kind", "user_id", "username", "email", "email_verified"]
    assert alice["created_at"] == "2026-01-01T12:00:00Z"
    web = next(line for line in lines if line.get("client_id") == "web")
    assert web["scopes"] == sorted(web["scopes"])
    assert len(web["secrets"][0]["digest"]) == 64


@pytest.mark.parametrize("kind", [Client, User, Consent])
def test_no_field_is_forgotten(kind):
    """A field that a record gains is written, or left out on purpose."""
    from attrs import fields

    from authority_core.admin.transfer_records import CLIENT, CONSENT, USER

    members = {Client: CLIENT, User: USER, Consent: CONSENT}[kind]

    assert {member.name for member in members} == {one.name for one in fields(kind)} - {"version", "keep_until"}
