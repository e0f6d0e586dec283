"""`export`, `import`, `secret rotate` and `cleanup` on the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest

from authority_core.kernel.changes import Spend
from authority_sql import SqlStorage
from transfer.lines import CLIENT, CONSENT, SECRET, USER, file_of

BOB = {"kind": "user", "user_id": "8", "username": "bob"}


@pytest.fixture
def file(tmp_path):
    """A file with three records."""
    path = tmp_path / "people.jsonl"
    path.write_bytes(file_of({**CLIENT, "client_secret": SECRET}, USER, CONSENT))
    return path


def database(terminal) -> SqlStorage:
    return SqlStorage.from_url(terminal.environ["AUTHORITY_DATABASE_URL"])


def another(terminal, tmp_path):
    """Return the same terminal with a fresh database."""
    environ = {**terminal.environ, "AUTHORITY_DATABASE_URL": f"sqlite:///{tmp_path}/copy.db"}
    copy = type(terminal)(environ)
    assert copy("migrate").exit_code == 0
    return copy


def test_import_and_export_are_a_round_trip(terminal, file, tmp_path):
    """What was exported goes into another database and comes out as the same bytes; only its owner may read it."""
    assert terminal.json("import", str(file))["created"] == 3
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    done = terminal("export", str(first))
    copy = another(terminal, tmp_path)

    assert (done.exit_code, done.stdout) == (0, "Exported 1 client, 1 user, 1 consent.\n")
    assert "password hashes" in done.stderr
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert copy.json("import", str(first))["created"] == 3
    assert copy.json("export", str(second))["users"] == 1
    assert second.read_bytes() == first.read_bytes()
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_standard_output_and_input(terminal, file, tmp_path):
    """A dash is a pipe; the warning does not get into the data."""
    terminal("import", str(file))
    done = terminal("export", "-")
    copy = another(terminal, tmp_path)
    back = copy("import", "-", input=done.stdout)

    assert done.stdout.startswith('{"kind":"authority-export","version":1}\n')
    assert "password hashes" in done.stderr
    assert (back.exit_code, back.stdout) == (0, "3 created, 0 updated, 0 unchanged, 0 in conflict, 0 refused.\n")
    assert terminal("export", "-", "--json").exit_code == 2


def test_an_export_replaces_nothing_unasked(terminal, tmp_path):
    """A file that is there stays, whole, unless it is to be overwritten; then it is the owner's alone."""
    path = tmp_path / "kept.jsonl"
    path.write_text("mine")
    path.chmod(0o644)
    refused = terminal("export", str(path))

    assert (refused.exit_code, path.read_text()) == (1, "mine")
    assert "--overwrite" in refused.stderr
    assert terminal("export", str(path), "--overwrite").exit_code == 0
    assert path.read_text().startswith('{"kind"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert terminal("export", str(tmp_path / "no" / "folder.jsonl")).exit_code == 1


def test_a_dry_run_says_what_would_happen(terminal, file):
    """And writes nothing."""
    done = terminal("import", str(file), "--dry-run")

    assert done.stdout.startswith("Nothing was written; it would be: 3 created, 0 updated, 0 unchanged, 0 in conflict")
    assert database(terminal).clients() == []
    assert terminal.json("import", str(file))["created"] == 3
    assert terminal.json("import", str(file), "--dry-run")["unchanged"] == 3


def test_faulty_lines_are_listed_by_number(terminal, tmp_path):
    """All their faults; exit code 1; the other lines are in, and the corrected file goes in as a whole."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(file_of({**CLIENT, "client_secret": "hunter2"}, BOB, {**USER, "username": "a b", "role": "x"}))
    done = terminal("import", str(path))

    assert done.exit_code == 1
    assert re.findall(r"^line (\d+): (client|user) (\w+): ", done.stderr, re.MULTILINE) == [
        ("2", "client", "web"),
        ("4", "user", "7"),
    ]
    assert "hunter2" not in done.output
    assert done.stdout.startswith("1 created, 0 updated, 0 unchanged, 0 in conflict, 2 refused.\n")
    path.write_bytes(file_of({**CLIENT, "client_secret": SECRET}, BOB, USER))
    assert terminal("import", str(path)).stdout.startswith("2 created, 0 updated, 1 unchanged")


def test_conflicts_wait_for_update(terminal, file, tmp_path):
    """Nothing is overwritten by chance."""
    terminal("import", str(file))
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(file_of({**CLIENT, "name": "New name"}))
    done = terminal("import", str(changed))

    assert (done.exit_code, database(terminal).client("web").name) == (1, "Web")
    assert "line 2: client web: It exists and differs in name." in done.stderr
    assert "--update" in done.stdout
    assert terminal.json("import", str(changed), "--update")["updated"] == 1
    assert database(terminal).client("web").name == "New name"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("missing.jsonl", None, "No such file"),
        ("empty.jsonl", b"", "file is empty"),
        ("other.csv", b"name,email\n", "not JSON"),
        ("bom.jsonl", b"\xef\xbb\xbf{}\n", "byte-order mark"),
        ("foreign.jsonl", b'{"kind":"client"}\n', "first line must be"),
        ("new.jsonl", b'{"kind":"authority-export","version":9}\n', "another version"),
    ],
)
def test_what_is_no_transfer_file_is_refused(terminal, tmp_path, name, data, words):
    """In one sentence, with exit code 1."""
    if data is not None:
        (tmp_path / name).write_bytes(data)
    done = terminal("import", str(tmp_path / name))

    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert "should not have happened" not in done.output


def test_a_folder_is_no_file(terminal, tmp_path):
    """And says so."""
    assert "directory" in terminal("import", str(tmp_path)).stderr


def test_a_run_that_was_killed_goes_on_where_it_was(terminal, tmp_path):
    """`kill -9` in the middle: no line is half there, `--resume` skips what was done, and the note goes at the end."""
    path, count = tmp_path / "many.jsonl", 6000
    path.write_bytes(file_of(*({"kind": "user", "user_id": f"u{at}", "username": f"n{at}"} for at in range(count))))
    note = tmp_path / "many.jsonl.import-state"
    gone = {name: value for name, value in os.environ.items() if not name.startswith("AUTHORITY_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "authority_cli", "import", str(path)],
        env={**gone, **terminal.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(6000):
            if note.exists() or process.poll() is not None:
                break
            time.sleep(0.01)  # another process has no event to wait for
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    done_before = json.loads(note.read_text())["line"]
    resumed = terminal.json("import", str(path), "--resume")

    assert 1000 <= done_before < count
    assert resumed["lines"] == count + 1 - done_before
    assert resumed["created"] + resumed["unchanged"] == resumed["lines"]
    assert not note.exists()
    assert terminal.json("import", str(path))["unchanged"] == count


def test_resuming_in_another_file_is_refused(terminal, file):
    """A note that does not fit is no reason to skip lines."""
    note = file.with_name(file.name + ".import-state")
    note.write_text(json.dumps({"line": 2, "offset": 60, "left": 0, "head": "00"}))
    for text in (note.read_text(), "nonsense", "[]", "{}"):
        note.write_text(text)
        assert terminal("import", str(file), "--resume").exit_code == 1
    note.unlink()
    assert terminal.json("import", str(file), "--resume")["created"] == 3
    assert terminal("import", "-", "--resume").exit_code == 2
    assert terminal("import", str(file), "--resume", "--dry-run").exit_code == 2


def test_a_broken_database_stops_and_says_how_to_go_on(terminal, file):
    """A run that cannot write keeps its place."""
    terminal("import", str(file))
    path = terminal.environ["AUTHORITY_DATABASE_URL"].removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE users RENAME TO hidden")
    connection.commit()
    done = terminal("import", str(file))

    assert done.exit_code == 1
    assert "--resume" in done.stderr
    assert "Traceback" not in done.output
    connection.execute("ALTER TABLE hidden RENAME TO users")
    connection.commit()
    connection.close()
    assert terminal.json("import", str(file), "--resume")["lines"] == 2


def test_what_was_refused_before_it_stopped_is_not_forgotten(terminal, tmp_path):
    """A run that goes on says that lines before its beginning were left out, and fails for them."""
    path = tmp_path / "people.jsonl"
    path.write_bytes(file_of({"kind": "user", "username": "a b"}, CLIENT, CONSENT, BOB))
    with closing(sqlite3.connect(terminal.environ["AUTHORITY_DATABASE_URL"].removeprefix("sqlite:///"))) as connection:
        connection.execute("ALTER TABLE authorizations RENAME TO hidden")
        stopped = terminal("import", str(path))
        connection.execute("ALTER TABLE hidden RENAME TO authorizations")
    resumed = terminal("import", str(path), "--resume")

    assert "line 2: user a b" in stopped.stderr
    assert "left 1 line out: run it without --resume to see which." in resumed.stdout
    assert (stopped.exit_code, resumed.exit_code) == (1, 1)
    assert json.loads(terminal("import", str(path), "--resume", "--json").stdout)["left_before"] == 0


# --- the master secret ---

NEW = "f" * 40


def test_rotating_the_secret(terminal):
    """The new one alone serves afterwards, and the command says when the old one may go."""
    old = terminal.environ["AUTHORITY_SECRET_KEY"]
    terminal("seed", AUTHORITY_ADMIN_USERNAME="root", AUTHORITY_ADMIN_PASSWORD="Correct-Horse-Battery-1")
    without = terminal("secret", "rotate", AUTHORITY_SECRET_KEY=NEW)
    done = terminal("secret", "rotate", AUTHORITY_SECRET_KEY=NEW, AUTHORITY_SECRET_KEY_PREVIOUS=old)
    again = terminal.json("secret", "rotate", AUTHORITY_SECRET_KEY=NEW, AUTHORITY_SECRET_KEY_PREVIOUS=old)
    alone = terminal.json("secret", "rotate", AUTHORITY_SECRET_KEY=NEW)

    assert without.exit_code == 1
    assert "open under no secret" in without.stderr
    assert done.exit_code == 0, done.output
    assert re.search(r"[1-9] records were moved", done.stdout)
    assert "may be emptied" in done.stdout
    assert (again["moved"], again["unreadable"], again["previous_may_be_emptied"]) == (0, 0, True)
    assert (alone["moved"], alone["previous_may_be_emptied"]) == (0, False)
    assert terminal("keys", "list", AUTHORITY_SECRET_KEY=NEW).exit_code == 0
    assert NEW not in done.output + without.output
    assert old not in done.output + without.output


# --- forgetting ---


def test_cleanup_deletes_what_has_ended(terminal):
    """As much as was asked for, and says whether there is more."""
    now = datetime.now(timezone.utc)
    storage = database(terminal)
    storage.commit([Spend(bytes([at]) * 32, now, now - timedelta(days=1)) for at in range(30)])
    storage.commit([Spend(b"k" * 32, now, now + timedelta(days=1))])
    some = terminal("cleanup", "--batch", "4", "--limit", "10")

    assert some.stdout == "10 rows were deleted.\nThat was the limit; there may be more.\n"
    assert terminal.json("cleanup") == {"deleted": 20, "limit_reached": False}
    assert terminal.json("cleanup")["deleted"] == 0
    assert storage.spent(b"k" * 32) is not None
    assert terminal("cleanup", "--batch", "0").exit_code == 2
