"""A dry run says of every line what the import does with it, whatever the lines before were and whatever is there."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authority_core.kernel.changes import Remove, Replace
from authority_core.kernel.records import Consent
from support.server import Server, make_user
from transfer.lines import CLIENT, CONSENT, SECRET, USER, empty_server, file_of, imported

HASHES = (None, make_user("x", "x").password_hash, "pbkdf2_sha256$1$s$" + "A" * 43 + "=", "$5$bad")
EARLY, LATE = "2020-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
IDS = st.sampled_from(("1", "2", "3", "web"))


def mostly(*right: object, wrong: object) -> st.SearchStrategy[object]:
    """Return one of what is *right* nine times of ten or more."""
    return st.sampled_from((*right * (9 // len(right) + 1), wrong))


TIMES = mostly(EARLY, LATE, wrong="2020-01-01")
NAMES = mostly("ann", "Ann", "bob", "cat", None, wrong="a b")


def lines_of(kind: str, required: dict[str, object], optional: dict[str, object]) -> st.SearchStrategy[object]:
    """Return lines of a *kind* with members of which each has a few values, some of them wrong."""
    return st.fixed_dictionaries({"kind": st.just(kind), **required}, optional=optional)


CLIENTS = lines_of(
    "client",
    {"client_id": IDS, "name": st.sampled_from(("A", "B")), "redirect_uris": st.just(["https://app.example/cb"])},
    {
        "scopes": st.sampled_from((["openid"], ["openid", "email"])),
        "client_secret": mostly(SECRET, "old-shop-secret-1234", wrong="short"),
        "client_secret_hash": mostly(*HASHES[1:3], wrong=HASHES[3]),
        "token_endpoint_auth_method": mostly("client_secret_post", wrong="none"),
        "tokens_valid_after": st.sampled_from((None, EARLY, LATE)),
        "created_at": TIMES,
        "active": st.booleans(),
    },
)
USERS = lines_of(
    "user",
    {"username": NAMES},
    {
        "user_id": IDS,
        "email": st.sampled_from(("a@x.example", "A@x.example", "b@x.example", None)),
        "password_hash": mostly(*HASHES[:3], wrong=HASHES[3]),
        "password_changed_at": TIMES,
        "password_must_change": st.booleans(),
        "role": mostly("user", "admin", wrong="king"),
        "claims": mostly({"name": "X"}, {"name": "Y"}, wrong={"sub": "1"}),
        "active": st.booleans(),
        "created_at": TIMES,
    },
)
CONSENTS = lines_of(
    "consent",
    {"subject": IDS, "client_id": IDS, "scope": mostly(["openid"], ["openid", "email"], wrong=["no pe"])},
    {"granted_at": TIMES, "expires_at": TIMES, "revoked_at": TIMES},
)
LINES = st.lists(CLIENTS | USERS | USERS | CONSENTS, max_size=8)
STEPS = st.lists(LINES | st.tuples(IDS, IDS), max_size=3)
"""What was there before: files that were imported, and clients deleted whose consent is still there."""


def house(steps: list[object]) -> Server:
    """Return a server on which *steps* happened."""
    server = empty_server()
    for step in steps:
        if isinstance(step, list):
            imported(server, file_of(*step), update=True)
            continue
        subject, client_id = step
        client, consent = server.storage.client(client_id), server.storage.consent(subject, client_id)
        if client is not None:
            server.write(Remove(client))
        if consent is None:
            new = Consent(subject=subject, client_id=client_id, scope=frozenset(), granted_at=server.clock.now)
            server.write(Replace(new))
    return server


def judged(server: Server, lines: list[object], **how: bool) -> list[tuple[int, str, list[str]]]:
    """Return what is said of each of *lines*; ids that are made up are others each time."""
    reports = imported(server, file_of(*lines), **how)
    return [
        (one.number, one.outcome, [re.sub(r"account (of line )?\S+\.$", "account.", fault) for fault in one.faults])
        for one in reports
    ]


def renamed(user_id: str, name: str) -> dict[str, object]:
    return {"kind": "user", "user_id": user_id, "username": name}


ANN, BOB = renamed("1", "ann"), renamed("2", "bob")
ANONYMOUS = {"kind": "user", "username": "ann"}


@example([], [{**CLIENT, "client_id": "1042"}, renamed("1042", "ann")], False)
@example([], [renamed("1042", "ann"), {**CLIENT, "client_id": "1042"}], False)
@example([[ANN]], [renamed("1", "anna"), ANONYMOUS], True)
@example([[ANN, BOB]], [renamed("1", "anna"), renamed("2", "ann")], True)
@example([[ANN, BOB]], [renamed("1", "anna"), renamed("2", "ann"), renamed("1", "bob")], True)
@example([], [ANONYMOUS, {**ANONYMOUS, "email": "a@x.example"}], True)
@example([], [CLIENT, {**CLIENT, "name": "New"}], False)
@example([], [{**CLIENT, "token_endpoint_auth_method": "none"}, {**CLIENT, "client_secret": SECRET}], True)
@example([("7", "web")], [{**CLIENT, "created_at": EARLY, "tokens_valid_after": None}, CONSENT], False)
@given(STEPS, LINES, st.booleans())
@settings(max_examples=150)
def test_a_dry_run_foretells_the_import_line_by_line(steps, lines, update):
    """The same outcome and the same faults, and nothing is written."""
    server = house(steps)
    before = server.snapshot(without=())
    foretold = judged(server, lines, update=update, dry_run=True)

    assert server.snapshot(without=()) == before
    assert foretold == judged(server, lines, update=update)


@pytest.mark.parametrize("dry_run", [True, False])
def test_who_has_a_name_is_said(dry_run):
    """By the account's id; one that has none in the file is, in a dry run, that of its line."""
    server = empty_server()
    imported(server, file_of(USER))
    reports = imported(server, file_of({**USER, "user_id": "8"}, ANONYMOUS, BOB, renamed("2", "ann")), dry_run=dry_run)
    (last,) = reports[3].faults
    made_up = "of line 3" if dry_run else server.storage.user_by_identifier("ann").user_id

    assert reports[0].faults[0] == "This user name is taken by the account 7."
    assert last == f"This user name is taken by the account {made_up}."
