"""A file that was cut off is known, wherever the cut is, and what came of it is imported all the same."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing

import pytest

from authority_core.admin.exports import Export
from authority_core.admin.imports import Import
from authority_core.admin.transfer_lines import entries
from authority_core.kernel.changes import Remove, Replace
from authority_core.kernel.records import Consent
from authority_core.kernel.sync import coat, run
from support.server import Server
from transfer.lines import CLIENT, CONSENT, HEADER, USER, empty_server, exported, file_of, imported

EXPORT = {**HEADER, "end": True}
RECORDS = (CLIENT, USER, {**USER, "user_id": "8", "username": "bob", "email": None}, CONSENT)


def an_export() -> bytes:
    """Return an export of a few records."""
    server = empty_server()
    imported(server, file_of(*RECORDS))
    return exported(server.storage)


def missing(data: bytes, server: Server | None = None, *, dry_run: bool = False) -> str | None:
    """Import *data* and return why the file is not whole."""
    authority = (server or empty_server()).authority
    taker = Import(authority.shell, frozenset(authority.oauth.grants), dry_run=dry_run)
    for entry in entries(io.BytesIO(data)):
        run(taker.take(entry))
    return taker.extent.missing


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("lines", range(1, 6))
def test_an_export_that_was_cut_off_at_a_line_end_is_known(lines, dry_run):
    """Behind which line it stops and what to do is said, by a dry run too; the lines that came are imported."""
    server, data = empty_server(), b"".join(an_export().splitlines(keepends=True)[:lines])
    said = missing(data, server, dry_run=dry_run)

    assert said.startswith(f"The export stops here, behind line {lines}, ")
    assert "make the export again" in said
    assert len(server.storage.clients()) == (lines > 1 and not dry_run)


def test_a_whole_export_is_whole():
    """So are two, one behind the other, and one whose last line lacks its end."""
    data = an_export()

    assert missing(data) is None
    assert missing(data + data) is None
    assert missing(data[:-1]) is None
    assert missing(exported(empty_server().storage)) is None


def test_a_file_that_promises_no_last_line_needs_none():
    """Those that people write by hand, and exports of before."""
    assert missing(file_of(*RECORDS)) is None
    assert missing(file_of(*RECORDS, header={**HEADER, "end": False})) is None


def test_a_line_that_is_missing_in_the_middle_is_known():
    """The last line says how many there were of each kind."""
    lines = an_export().splitlines(keepends=True)

    assert missing(b"".join(lines[:2] + lines[3:])) == (
        "Line 5 says that 1 clients, 2 users, 1 consents come before it, and there are 1 clients, 1 users, 1 consents: "
        "lines are missing, or were added; make the export again and import that. Whoever changed the file on purpose "
        'takes this line out, and "end" out of the first.'
    )
    assert missing(b"".join([*lines[:3], lines[2], *lines[3:]])) is not None
    assert missing(b"".join(lines[:-1] + lines)) is not None


def test_a_line_that_cannot_be_read_is_not_missing():
    """It is refused by its number, and that is enough."""
    lines = an_export().splitlines(keepends=True)

    assert missing(b"".join([*lines[:2], b"{\n", *lines[3:]])) is None
    assert missing(b"".join([*lines[:2], b'{"kind":"user","username":"a b"}\n', *lines[3:]])) is None


@pytest.mark.parametrize("line", [{}, {"clients": 1, "users": True, "consents": 0}, {"clients": "1", "users": 0}])
def test_a_last_line_that_says_nothing_is_no_last_line(line):
    """What it should say may have been more."""
    assert "is no last line of an export" in missing(file_of(CLIENT, {"kind": "end", **line}, header=EXPORT))


def test_the_command_fails_for_a_file_that_was_cut_off(terminal, tmp_path):
    """Exit code 1, with and without `--dry-run`, and for programs a member of its own."""
    path = tmp_path / "people.jsonl"
    path.write_bytes(b"".join(an_export().splitlines(keepends=True)[:3]))
    foretold, done = terminal("import", str(path), "--dry-run"), terminal("import", str(path))

    assert (foretold.exit_code, done.exit_code) == (1, 1)
    assert done.stdout.startswith("2 created, 0 updated, 0 unchanged, 0 in conflict, 0 refused.\n")
    for one in (foretold, done):
        assert "The export stops here, behind line 3, before its last line" in one.stderr
        assert "The file is not whole" in one.stdout
    assert json.loads(terminal("import", str(path), "--json").stdout)["whole"] is False
    path.write_bytes(an_export())
    assert terminal.json("import", str(path))["whole"] is True


@pytest.mark.parametrize("cut", [False, True])
def test_a_run_that_goes_on_knows_what_came_before(terminal, tmp_path, cut):
    """With `--resume` the last line is judged by all lines, not by those of this run."""
    path, lines = tmp_path / "people.jsonl", an_export().splitlines(keepends=True)
    path.write_bytes(b"".join(lines))
    with closing(sqlite3.connect(terminal.environ["AUTHORITY_DATABASE_URL"].removeprefix("sqlite:///"))) as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON authorizations BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
        assert "--resume" in terminal("import", str(path)).stderr
        connection.execute("DROP TRIGGER broken")
    path.write_bytes(b"".join(lines[:-1] if cut else lines))
    done = terminal("import", str(path), "--resume")

    assert done.exit_code == cut
    assert done.stdout.startswith("1 created")


# --- while the server works ---


def exported_while(server: Server, happens: object) -> bytes:
    """Export what *server* holds, and call *happens* when the clients and accounts are written."""
    export, lines = Export(coat(server.storage)), []
    while page := run(export.next_lines()):
        lines += page
        if any(b'"kind":"user"' in line for line in page):
            happens()
    return b"".join(lines)


def allow(server: Server, client_id: str) -> None:
    """Let somebody allow the client something."""
    new = Consent(subject="7", client_id=client_id, scope=frozenset({"openid"}), granted_at=server.clock.now)
    server.write(Replace(new))


def test_what_is_allowed_to_a_client_that_came_meanwhile_stays_behind():
    """Its line is not in the file, and an import would refuse those that name it."""
    server = empty_server()
    imported(server, file_of(CLIENT, USER, CONSENT))

    def happens() -> None:
        imported(server, file_of({**CLIENT, "client_id": "late"}))
        allow(server, "late")

    data = exported_while(server, happens)

    assert [one.outcome for one in imported(empty_server(), data)] == ["created"] * 3
    assert missing(data) is None
    assert exported(server.storage).count(b'"late"') == 2


def test_what_is_allowed_to_a_successor_is_not_said_of_the_client_before():
    """The file has the line of the one that was deleted meanwhile; what people allow the next one is not for it."""
    server = empty_server()
    imported(server, file_of(CLIENT, USER))

    def happens() -> None:
        server.write(Remove(server.storage.client("web")))
        server.clock.wind(seconds=5)
        imported(server, file_of(CLIENT))
        allow(server, "web")

    assert b'"kind":"consent"' not in exported_while(server, happens)
    assert b'"kind":"consent"' in exported(server.storage)
