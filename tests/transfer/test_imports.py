"""Import: the same validators as administration, every fault of every line, and nothing half done."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma

import pytest

from authority_core.admin.imports import NotTransferable
from authority_core.admin.transfer_lines import LONGEST_LINE, entries
from authority_core.kernel.changes import Remove, Replace
from authority_core.kernel.consents import KEPT
from authority_core.kernel.encoding import digest
from authority_core.kernel.records import Consent
from support.browser import FORM
from support.relying_party import basic
from support.server import PASSWORD, Server, make_server, make_user
from support.transports import CoreTransport
from transfer.lines import CLIENT, CONSENT, HEADER, SECRET, USER, empty_server, exported, file_of, imported

HASH = make_user("x", "x").password_hash
ENTRY = {"secret_id": "1", "hint": "", "created_at": "2026-01-31T12:00:00Z"}


def test_records_of_every_kind_arrive():
    """A client with a secret known elsewhere, a person with a hash, and what the one allowed the other."""
    server = empty_server()
    user = {**USER, "username": " Carol ", "password_hash": HASH, "claims": {"name": "Carol"}, "role": "admin"}
    reports = imported(server, file_of({**CLIENT, "client_secret": SECRET}, user, CONSENT))

    assert [(one.number, one.outcome) for one in reports] == [(2, "created"), (3, "created"), (4, "created")]
    client = server.storage.client("web")
    assert [one.digest for one in client.secrets] == [digest("client_secret", SECRET)]
    assert (client.version, client.tokens_valid_after < server.clock.now) == (1, True)
    carol = server.storage.user("7")
    assert (carol.username, carol.role, carol.claims) == ("carol", "admin", {"name": "Carol"})
    assert server.storage.consent("7", "web").scope == {"openid"}
    assert server.browser().sign_in("carol", PASSWORD).status == 303
    assert [server.told(name)[0].reason for name in ("client.created", "user.created")] == ["import", "import"]


LEGACY = "x9Tq4-Wm~7pLb.2VdRk8sYzA0cJfHgNu"
"""A secret as another system makes them, of fewer bits than ours."""


def test_a_secret_of_another_system_is_kept_as_a_slow_hash_and_works():
    """It is not ours to choose: its clients go on, and who steals the database has argon2id to break."""
    server = empty_server()
    line = {**CLIENT, "client_secret": LEGACY, "grant_types": ["client_credentials"], "redirect_uris": []}

    assert imported(server, file_of(line))[0].outcome == "created"
    (kept,) = server.storage.client("web").secrets
    assert (kept.digest, kept.hint) == (None, "")
    assert kept.secret_hash.startswith("$argon2id$")
    assert LEGACY not in repr(server.storage.client("web"))
    assert imported(server, file_of(line))[0].outcome == "unchanged"
    assert imported(server, file_of(line), dry_run=True)[0].outcome == "unchanged"
    assert imported(server, file_of({**line, "client_secret": LEGACY[::-1]}))[0].outcome == "conflict"
    assert token_status(server, LEGACY) == 200
    assert token_status(server, LEGACY[::-1]) == 401


def test_a_secret_of_which_a_hash_is_known_works():
    """As Hydra, Django OAuth Toolkit and others keep them."""
    server = empty_server()
    known = f"pbkdf2_sha256$1000$salt${hashed(LEGACY)}"
    line = {**CLIENT, "client_secret_hash": known, "grant_types": ["client_credentials"], "redirect_uris": []}

    assert imported(server, file_of(line))[0].outcome == "created"
    assert imported(server, file_of(line))[0].outcome == "unchanged"
    assert exported(server.storage).count(known.encode()) == 1
    assert token_status(server, LEGACY[::-1]) == 401
    assert token_status(server, LEGACY) == 200


def test_what_a_proof_has_made_better_stays_when_the_file_comes_again():
    """Running an import again is harmless, also with updating: the secret is the one that came as this hash."""
    server = empty_server()
    for secret in (LEGACY, SECRET):
        known = f"pbkdf2_sha256$1000$salt${hashed(secret)}"
        line = {**CLIENT, "client_id": secret[:5], "client_secret_hash": known, "grant_types": ["client_credentials"]}
        imported(server, file_of(line))
        assert token_status(server, secret, secret[:5]) == 200
        better = server.storage.client(secret[:5])

        assert known not in exported(server.storage).decode()
        assert imported(server, file_of(line))[0].outcome == "unchanged"
        assert imported(server, file_of(line), update=True)[0].outcome == "unchanged"
        assert server.storage.client(secret[:5]) == better


def test_words_are_never_kept_as_a_digest():
    """Long as it may be: a digest protects what is random, and argon2id what people have thought up."""
    server = empty_server()
    words = "correct-horse-battery-staple-correct-horse-batt"
    imported(server, file_of({**CLIENT, "client_secret": words}, {**CLIENT, "client_id": "b", "client_secret": SECRET}))

    assert server.storage.client("web").secrets[0].secret_hash.startswith("$argon2id$")
    assert server.storage.client("b").secrets[0].digest == digest("client_secret", SECRET)


def hashed(secret: str) -> str:
    return base64.b64encode(hashlib.pbkdf2_hmac("sha256", secret.encode(), b"salt", 1000)).decode()


def token_status(server: Server, secret: str, client_id: str = "web") -> int:
    form = {"content-type": FORM, **basic(client_id, secret)}
    sent = CoreTransport(server.authority).send("POST", "/token", tuple(form.items()), b"grant_type=client_credentials")
    return sent.status


def test_importing_again_changes_nothing():
    """What is there and equal is passed over; nothing is written, not even an event."""
    server = empty_server()
    data = file_of({**CLIENT, "client_secret": SECRET}, {**USER, "password_hash": HASH}, CONSENT)
    imported(server, data)
    before, audited = server.snapshot(), len(server.audited())
    server.clock.wind(days=1)

    assert {one.outcome for one in imported(server, data)} == {"unchanged"}
    assert (server.snapshot(), len(server.audited())) == (before, audited)


def test_what_differs_is_a_conflict_and_stays():
    """Unless updating was asked for; the report names the fields and never their values."""
    server = empty_server()
    imported(server, file_of({**CLIENT, "first_party": True}, USER, CONSENT))
    before = server.snapshot()
    changed = file_of({**CLIENT, "name": "New"}, {**USER, "password_hash": HASH}, {**CONSENT, "scope": ["email"]})
    reports = imported(server, changed)

    assert [one.outcome for one in reports] == ["conflict"] * 3
    assert reports[0].faults == ("It exists and differs in name.",)
    assert server.snapshot() == before
    assert [one.outcome for one in imported(server, changed, update=True)] == ["updated"] * 3
    assert (server.storage.client("web").name, server.storage.client("web").first_party) == ("New", True)
    assert server.storage.consent("7", "web").scope == {"email"}
    assert HASH not in "".join(fault for one in reports for fault in one.faults)


@pytest.mark.parametrize("change", [{"active": False}, {"password_hash": HASH}])
def test_updating_an_account_ends_what_it_had_open(change):
    """Another password or no right to sign in any more ends sessions, as it does in administration."""
    server = make_server()
    browser = server.browser()
    browser.sign_in("alice")
    line = {"kind": "user", "user_id": "u1", "username": "alice", "email": "alice@example.com", **change}
    if "password_hash" in change:
        server.change_user("u1", password_hash=HASH.replace("$argon2id$", "$argon2i$"))

    assert browser.get("/profile").status == 200
    assert imported(server, file_of(line), update=True)[0].outcome == "updated"
    assert browser.get("/profile").status != 200


def test_an_account_without_an_id_is_known_by_its_name():
    """Systems whose ids mean nothing here leave them out; a second run finds the account by its name or address."""
    server = empty_server()
    line = {"kind": "user", "username": "dave", "email": "dave@example.com"}

    assert imported(server, file_of(line))[0].outcome == "created"
    assert len(server.storage.user_by_identifier("dave").user_id) == 22
    assert imported(server, file_of(line))[0].outcome == "unchanged"
    assert imported(server, file_of({**line, "claims": {"name": "Dave"}}))[0].outcome == "conflict"


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"username": "mallory"}, "has the other name of this line, and another user name"),
        ({"email": "else@example.com"}, "has the other name of this line, and another e-mail address"),
    ],
)
def test_two_people_of_one_name_do_not_become_one(change, fault, dry_run):
    """Without an id nobody is renamed, whatever was asked for: another's password would open the first's account."""
    server = empty_server()
    dave = {"kind": "user", "username": "dave", "email": "Dave@example.com", "password_hash": HASH}
    line = {**dave, "password_hash": HASH.replace("$argon2id$", "$argon2i$"), **change}
    reports = imported(server, file_of(dave, line), update=True, dry_run=dry_run)

    assert [report.outcome for report in reports] == ["created", "refused"]
    assert fault in reports[1].faults[0]
    assert "line 2" in reports[1].faults[0] or not dry_run
    if not dry_run:
        known = server.storage.user_by_identifier("dave")
        named = {**line, "user_id": known.user_id}
        assert known.password_hash == HASH
        assert imported(server, file_of(named), update=True)[0].outcome == "updated"


def test_a_name_that_is_missing_may_come_later():
    """An account that was found by one name gets the other from a line without an id, where it has none."""
    server = empty_server()
    imported(server, file_of({"kind": "user", "email": "eve@example.com"}))
    line = {"kind": "user", "email": "EVE@example.com", "username": "eve"}

    assert imported(server, file_of(line), update=True)[0].outcome == "updated"
    assert server.storage.user_by_identifier("eve").email == "eve@example.com"


SOON = "2026-01-02T12:00:01Z"
"""More than a day from now, which is at noon of the day before."""
FAULTY = [
    ({**CLIENT, "redirect_uris": ["http://e.example/cb"], "scopes": ["x"], "grant_types": ["magic"]}, 3, "scopes"),
    ({**CLIENT, "redirect_uris": "https://app.example/cb", "first_party": "yes", "nmae": "x"}, 4, "nmae"),
    ({"kind": "client"}, 3, "client_id is missing"),
    ({**CLIENT, "client_id": "a b", "name": "\u202eevil"}, 2, "client id"),
    ({**CLIENT, "client_secret": "hunter2"}, 1, "client_secret is too easy to guess"),
    ({**CLIENT, "client_secret": "ab" * 20}, 1, "client_secret is too easy to guess"),
    ({**CLIENT, "client_secret": "a" * 43}, 1, "client_secret is too easy to guess"),
    ({**CLIENT, "client_secret": "letmein-é" * 8}, 1, "printable characters"),
    ({**CLIENT, "client_secret": ""}, 1, "printable characters"),
    ({**CLIENT, "client_secret": SECRET, "secrets": []}, 1, "Give one of secrets, client_secret."),
    ({**CLIENT, "client_secret": SECRET, "client_secret_hash": HASH}, 1, "one of client_secret, client_secret_hash"),
    ({**CLIENT, "client_secret_hash": "hunter2"}, 1, "client_secret_hash: The password hash is of no known form"),
    ({**CLIENT, "client_secret_hash": "$2b$31$" + "a" * 53}, 1, "costs too much"),
    ({**CLIENT, "token_endpoint_auth_method": "none", "client_secret_hash": HASH}, 1, "public client"),
    ({**CLIENT, "secrets": [ENTRY]}, 1, "either digest or secret_hash"),
    ({**CLIENT, "secrets": [{**ENTRY, "digest": "0" * 64, "secret_hash": HASH}]}, 1, "either digest or secret_hash"),
    ({**CLIENT, "secrets": [{**ENTRY, "secret_hash": "md5$x"}]}, 1, "secrets: The password hash is of no known form"),
    ({**CLIENT, "token_endpoint_auth_method": "none", "client_secret": SECRET}, 1, "public client"),
    ({**CLIENT, "secrets": [{"digest": "00"}]}, 1, "secret_id is missing"),
    ({**CLIENT, "created_at": "yesterday", "tokens_valid_after": "2026-01-01"}, 2, "must be a time with its zone"),
    ({**CLIENT, "created_at": SOON, "tokens_valid_after": SOON}, 2, "tokens_valid_after is more than a day from now"),
    ({**USER, "created_at": SOON, "last_login_at": SOON, "locked_at": SOON}, 3, "locked_at is more than a day"),
    ({**CONSENT, "client_id": "a", "granted_at": SOON, "revoked_at": SOON}, 2, "granted_at is more than a day"),
    ({**CLIENT, "name": "a\x00b"}, 1, "NUL"),
    ({"kind": "user"}, 1, "needs a user name"),
    ({**USER, "username": "c d", "email": "carol", "role": "god", "claims": {"sub": "x"}}, 4, "user name"),
    ({**USER, "role": "admin"}, 1, "needs a password"),
    ({**USER, "password_hash": "hunter2"}, 1, "no known form"),
    ({**USER, "password": "hunter2"}, 1, "'password' is not a member"),
    ({**USER, "user_id": "a b"}, 1, "user_id has 1 to 255"),
    ({**USER, "user_id": 7}, 1, "must be a text"),
    ({**USER, "claims": {"address": {"formatted": "\ud800"}}}, 1, "claims 'address' holds '\\ud800' alone"),
    ({**USER, "claims": {"name": "a\x00b"}}, 1, "claims 'name' holds NUL"),
    ({**CLIENT, "contacts": ["\ud83d"]}, 1, "contacts holds '\\ud83d' alone, half a character"),
    ({**CONSENT, "client_id": "nobody"}, 1, "no client"),
    ({"kind": "consent", "subject": "é", "client_id": "web", "scope": ['"']}, 3, "scope"),
    ({"kind": "token"}, 1, "kind must be one of"),
    ({"kind": ["client"]}, 1, "kind must be one of"),
    ({}, 1, "kind must be one of"),
]


@pytest.mark.parametrize(("line", "count", "words"), FAULTY, ids=range(len(FAULTY)))
def test_a_faulty_line_is_refused_with_all_its_faults(line, count, words):
    """By its number, without a secret in any sentence; the lines around it are imported."""
    server = empty_server()
    first, faulty, last = imported(server, file_of({**CLIENT, "client_id": "a"}, line, {**CLIENT, "client_id": "z"}))

    assert (first.outcome, last.outcome) == ("created", "created")
    assert (faulty.number, faulty.outcome, len(faulty.faults)) == (3, "refused", count), faulty.faults
    assert words in " ".join(faulty.faults)
    assert "hunter2" not in repr(faulty)
    assert SECRET not in repr(faulty)
    assert [client.client_id for client in server.storage.clients()] == ["a", "z"]
    assert server.storage.users() == []


def test_what_ends_may_be_yet_to_come():
    """And what has happened may be so a day ahead, for clocks differ."""
    server, tomorrow = empty_server(), "2026-01-02T12:00:00Z"
    user = {**USER, "created_at": tomorrow, "locked_at": tomorrow, "unlock_at": "2099-01-01T00:00:00Z"}
    data = file_of(CLIENT, user, {**CONSENT, "granted_at": tomorrow, "expires_at": "2099-01-01T00:00:00Z"})

    assert [one.outcome for one in imported(server, data)] == ["created"] * 3


def test_consent_that_has_ended_is_kept_as_long_as_any():
    """The file says when it ends, and the import until when it is kept; one that is there hears of its end."""
    server = empty_server()
    revoked, expires = "2025-12-31T12:00:00Z", "2026-03-01T00:00:00Z"
    imported(server, file_of(CLIENT, {**CONSENT, "expires_at": expires}, {**CONSENT, "subject": "8"}))
    (first, second) = server.storage.all_consents()
    lines = {**CONSENT, "expires_at": expires}, {**CONSENT, "revoked_at": revoked}
    again = imported(server, file_of(*lines), update=True)

    assert (first.keep_until, second.keep_until) == (first.expires_at + KEPT, None)
    assert [one.outcome for one in again] == ["unchanged", "updated"]
    (first, second) = server.storage.all_consents()
    assert first.keep_until == first.revoked_at + KEPT
    assert first.revoked_at < first.expires_at


def test_a_client_of_a_file_inherits_nothing():
    """Where a deletion broke off, a client of that id that says it is older finds nothing that was allowed before."""
    server = make_server()
    for client_id in ("web", "other"):
        consent = Consent(subject="u1", client_id=client_id, scope=frozenset(), granted_at=server.clock.now)
        server.write(Replace(consent))
    server.write(Remove(server.storage.client("web")))
    line = {**CLIENT, "created_at": "2001-01-01T00:00:00Z"}

    assert [one.outcome for one in imported(server, file_of(line), dry_run=True)] == ["created"]
    assert server.storage.consent("u1", "web") is not None
    assert [one.outcome for one in imported(server, file_of(line))] == ["created"]
    assert [one.client_id for one in server.storage.all_consents()] == ["other"]


def test_names_that_others_have_are_refused():
    """One name, one account: whether it is a user name or an address."""
    server = make_server()
    line = {"kind": "user", "user_id": "new", "username": "ALICE", "email": "Bob@example.com"}

    (report,) = imported(server, file_of(line))
    assert report.faults == (
        "This user name is taken by the account u1.",
        "This e-mail address is taken by the account u2.",
    )
    assert server.storage.user("new") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf" + file_of(CLIENT), "byte-order mark"),
        (file_of(CLIENT, header=None), "first line must be"),
        (file_of(header={**HEADER, "version": 2}), "another version"),
        (file_of(header={**HEADER, "version": True}), "another version"),
        (file_of(header={**HEADER, "made_by": "me"}), "In the first line, 'made_by' is not a member"),
        (file_of(header={**HEADER, "end": "yes"}), "end must be true or false"),
        (file_of(header=[]), "no object.*first line must be"),
        (b"PK\x03\x04\xff\xfe\n", "The file is compressed"),
        (b"Name\xff\n", "not UTF-8, from byte 5 on.*first line must be"),
        ('{"kind"'.encode("utf-16"), "The file is UTF-16: save it as UTF-8"),
        ('{"kind"'.encode("utf-16-le"), "The file is UTF-16"),
        ('{"kind"'.encode("utf-16-be"), "The file is UTF-16"),
        (gzip.compress(file_of(CLIENT), mtime=0), r"zcat FILE \| authority import -`\.$"),
        (b"\x1f\x8b" + b"x" * (LONGEST_LINE + 10), "zcat"),
        (bz2.compress(file_of(CLIENT)), "The file is compressed: unpack it first"),
        (lzma.compress(file_of(CLIENT)), "The file is compressed"),
        (file_of(CLIENT).replace(b"\n", b"\r"), "The lines end in carriage returns alone"),
        (b"x" * (LONGEST_LINE + 10), "longer than.*first line must be"),
        (b"name,email\n", "not JSON, from column 1 on.*first line must be"),
        (b"[" + file_of(CLIENT), "not JSON.*first line must be"),
    ],
)
def test_another_kind_of_file_is_refused_as_a_whole(data, words):
    """A file that is none of ours stops at its first line."""
    server = empty_server()
    with pytest.raises(NotTransferable, match=words):
        imported(server, data)

    assert exported(server.storage) == exported(empty_server().storage)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{\n", "not JSON"),
        (b"\xff\n", "UTF-8"),
        (b'{"kind":"user","kind":"client"}\n', "has the member 'kind' twice"),
        (b'{"kind":"user","claims":{"name":"A","x":{},"name":"B"}}\n', "has the member 'name' twice"),
        (b'{"a":NaN}\n', "has no NaN: give null"),
        (b'{"a":-Infinity}\n', "has no -Infinity: give null"),
        (b'{"a":1e999}\n', "a number that is too large"),
        (b"[" * 100_000 + b"\n", "nests lists and objects too deeply"),
        (b'{"a":' * 100_000 + b"\n", "nests lists and objects too deeply"),
        (b"9" * 5000 + b"\n", "a number that is too large"),
        (b'"' + b"x" * (LONGEST_LINE + 10) + b'"\n', "longer than"),
        (b"null\n", "no object"),
        (b'\xef\xbb\xbf{"kind":"user"}\n', "begins with a byte-order mark, as where two files were joined"),
    ],
    ids=range(13),
)
def test_a_line_that_is_no_record_is_refused_alone(line, words):
    """Whatever it holds, the next line is read where it begins."""
    server = empty_server()
    faulty, last = imported(server, file_of(line, CLIENT))

    assert (faulty.number, faulty.outcome, last.number, last.outcome) == (2, "refused", 3, "created")
    assert words in faulty.faults[0]


def test_a_file_that_was_cut_short_says_so():
    """In the middle of its last line; a last line that only lacks its end is read."""
    server = empty_server()
    whole = file_of(CLIENT, USER)

    assert imported(server, whole[:-10])[-1].faults == (
        "The file ends in the middle of this line: it was cut short.",
    )
    assert server.storage.user("7") is None
    assert imported(server, whole[:-1])[-1].outcome == "created"


def test_blank_lines_and_foreign_line_ends_do_no_harm():
    """Numbers stay those of the file."""
    data = file_of(CLIENT, b"\r\n", b"  \n", USER).replace(b"}\n", b"}\r\n")

    assert [(one.number, one.outcome) for one in imported(empty_server(), data)] == [(2, "created"), (5, "created")]


def test_long_lines_are_not_loaded():
    """A line of any length is passed over in pieces."""

    class Endless(io.RawIOBase):
        asked = 0

        def readline(self, size=-1):
            assert 0 < size <= LONGEST_LINE + 1
            self.asked += 1
            return b"x" * size if self.asked < 50 else b""

    (entry,) = list(entries(Endless()))
    assert entry.fault.startswith("The line is longer")


def test_entries_say_where_they_end():
    """So that a run can begin again behind the last line that was done."""
    data = file_of(CLIENT, b"\n", USER, CONSENT)
    found = list(entries(io.BytesIO(data)))
    stream = io.BytesIO(data)
    stream.seek(found[1].end)

    assert list(entries(stream, found[1].number, found[1].end)) == found[2:]
    assert found[-1].end == len(data)


# --- dry runs ---

SECOND = {**CLIENT, "client_id": "second"}
FILES = {
    "new": [CLIENT, USER, CONSENT],
    "repeated": [CLIENT, CLIENT, USER, USER, CONSENT, CONSENT],
    "differing": [CLIENT, {**CLIENT, "name": "New"}, USER, {**USER, "email": "new@example.com"}],
    "names taken": [USER, {**USER, "user_id": "8"}, {**USER, "user_id": "9", "username": "else"}],
    "known by name": [{"kind": "user", "username": "x"}, {"kind": "user", "username": "x"}],
    "consent before its client": [CONSENT, CLIENT],
    "there already": [
        {"kind": "user", "user_id": "u1", "username": "alice", "email": "alice@example.com"},
        {"kind": "client", "client_id": "other", "name": "New", "redirect_uris": ["https://app.example/cb"]},
    ],
    "faulty": [{**CLIENT, "name": ""}, CONSENT, b"{\n", SECOND],
}


@pytest.mark.parametrize("update", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_a_dry_run_writes_nothing_and_foretells_the_real_one(name, update):
    """Also where one line depends on another of the same file."""
    data = file_of(*FILES[name])
    server = make_server()
    if name != "there already":
        server = empty_server()
    before = server.snapshot(without=())
    foretold = [(one.number, one.outcome) for one in imported(server, data, update=update, dry_run=True)]

    assert server.snapshot(without=()) == before
    assert foretold == [(one.number, one.outcome) for one in imported(server, data, update=update)]


def test_no_fault_shows_what_a_line_held():
    """Faults name members; a secret that was misplaced is not repeated."""
    lines = [{**CLIENT, name: {"x": "hunter2"}} for name in CLIENT if name != "kind"]
    lines += [{**USER, name: ["hunter2"]} for name in (*USER, "claims", "password_hash", "role") if name != "kind"]
    lines += [{**CLIENT, "secrets": [{"digest": "hunter2", "secret_id": 1, "hint": 2, "created_at": "hunter2"}]}]
    reports = imported(empty_server(), file_of(*lines))

    assert {one.outcome for one in reports} == {"refused"}
    assert "hunter2" not in json.dumps([one.faults for one in reports])


def test_a_hint_is_no_place_for_a_secret():
    """It has four characters."""
    secret = {"secret_id": "1", "digest": "00" * 32, "hint": "hunter2", "created_at": "2026-01-01T00:00:00Z"}

    for hint, outcome in (("hunter2", "refused"), ("ter2", "created")):
        data = file_of({**CLIENT, "secrets": [{**secret, "hint": hint}]})
        assert imported(empty_server(), data)[0].outcome == outcome
