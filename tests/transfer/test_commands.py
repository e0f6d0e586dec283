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
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone

import pytest

from authority_cli.environment import place_of
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

    assert done.stdout.startswith('{"kind":"authority-export","version":1,"end":true}\n')
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


def test_where_an_export_cannot_be_written_its_own_name_is_said(terminal, tmp_path):
    """Not the one that the file has until it is whole."""
    (tmp_path / "plain").write_text("")
    told = {
        name: terminal("export", str(tmp_path / name), "--overwrite").stderr
        for name in ("no/x.jsonl", "plain/x.jsonl", ".")
    }

    assert told["no/x.jsonl"] == f"Error: There is no folder {tmp_path}/no: make it, or name a file elsewhere.\n"
    assert told["plain/x.jsonl"] == f"Error: The system refused {tmp_path}/plain/x.jsonl: Not a directory.\n"
    assert told["."] == f"Error: {tmp_path} is a folder: name a file in it.\n"


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended_goes_on_where_it_was(terminal, tmp_path, number):
    """By ctrl-C or `kill -9`: no line is half there, `--resume` skips what was done, and the note goes at the end."""
    path, count = tmp_path / "many.jsonl", 6000
    path.write_bytes(file_of(*({"kind": "user", "user_id": f"u{at}", "username": f"n{at}"} for at in range(count))))
    note = tmp_path / "many.jsonl.import-state"
    gone = {name: value for name, value in os.environ.items() if not name.startswith("AUTHORITY_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "authority_cli", "import", str(path)],
        env={**gone, **terminal.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip
    try:
        for _ in range(6000):
            if note.exists() or process.poll() is not None:
                break
            time.sleep(0.01)  # another process has no event to wait for
    finally:
        process.send_signal(number)
        said = process.communicate(timeout=20)[1]
    done_before = json.loads(note.read_text())["line"]
    resumed = terminal.json("import", str(path), "--resume")

    assert 1000 <= done_before < count
    assert (f"It stopped behind line {done_before}: run it again with --resume" in said) == (number == signal.SIGINT)
    assert resumed["lines"] == count + 1 - done_before
    assert resumed["created"] + resumed["unchanged"] == resumed["lines"]
    assert not note.exists()
    assert terminal.json("import", str(path))["unchanged"] == count


PEOPLE = [
    {"kind": "user", "user_id": f"u{at}", "username": f"n{at}", "claims": {"name": "x" * 500}} for at in range(200)
]
"""Some hundred kilobytes of lines."""


@contextmanager
def no_consents(terminal):
    """While this lasts, the database takes no consent."""
    with closing(sqlite3.connect(terminal.environ["AUTHORITY_DATABASE_URL"].removeprefix("sqlite:///"))) as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON authorizations BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
        yield
        connection.execute("DROP TRIGGER broken")


def broken_off(terminal, path, *records) -> None:
    """Import a file of *records* and one consent more, before which the run breaks off."""
    path.write_bytes(file_of(CLIENT, *records, CONSENT))
    with no_consents(terminal):
        assert "--resume" in terminal("import", str(path)).stderr


def test_a_run_that_leaves_no_note_says_how_to_go_on(terminal, tmp_path):
    """Where the folder takes none, and with standard input, the whole is read again."""
    path = tmp_path / "people.jsonl"
    path.write_bytes(file_of(CLIENT, USER, CONSENT))
    (tmp_path / "people.jsonl.import-state.new").mkdir()
    with no_consents(terminal):
        stopped = terminal("import", str(path)), terminal("import", "-", input=path.read_text())
        foretold = terminal("import", str(path), "--dry-run")

    for one in stopped:
        assert one.exit_code == 1
        assert "It stopped behind line 3: run it again from the beginning, which passes over" in one.stderr
    assert (foretold.exit_code, foretold.stderr) == (0, "")
    assert terminal.json("import", str(path))["unchanged"] == 2


def test_to_resume_without_a_note_begins_at_the_first_line(terminal, file):
    """And says so; of a pipe nothing can be passed over."""
    done = terminal("import", str(file), "--resume")
    os.mkfifo(file.with_name("pipe"))
    with os.fdopen(os.open(file.with_name("pipe"), os.O_RDWR), "wb"):
        piped = terminal("import", str(file.with_name("pipe")), "--resume")

    assert f"There is no note of a run that broke off, {file}.import-state: beginning at the first" in done.stderr
    assert done.stdout.startswith("3 created")
    assert "is no plain file" in piped.stderr
    assert piped.exit_code == 1


def is_refused_and_loses_nothing(terminal, path, words) -> None:
    """Assert that the file is not resumed, in one sentence, and goes in as a whole as the sentence says."""
    refused = terminal("import", str(path), "--resume")
    whole = terminal.json("import", str(path))

    assert refused.exit_code == 1
    assert words in refused.stderr
    assert "run without --resume" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert (whole["refused"], whole["conflict"]) == (0, 0)
    assert len(database(terminal).users(limit=1000)) == path.read_bytes().count(b'"user_id"')
    assert database(terminal).consent("7", "web") is not None


def test_a_run_is_resumed_in_its_own_database_only(terminal, tmp_path):
    """Another one has none of the lines that would be skipped: all of them go in, or none and it says why."""
    path = tmp_path / "people.jsonl"
    broken_off(terminal, path, *PEOPLE)
    copy = another(terminal, tmp_path)

    is_refused_and_loses_nothing(copy, path, f"sqlite:///{tmp_path}/authority.db, not into sqlite:///{tmp_path}/copy.db")


def test_a_database_that_was_made_anew_is_another_one(terminal, tmp_path):
    """Under the same name: the line that the run had come to is not in it."""
    path = tmp_path / "people.jsonl"
    broken_off(terminal, path, *PEOPLE)
    for file in tmp_path.glob("authority.db*"):
        file.unlink()
    terminal("migrate")

    is_refused_and_loses_nothing(terminal, path, "Line 202, which the run that broke off had done, is not in sqlite:")


def test_a_file_that_was_changed_is_another_one(terminal, tmp_path):
    """Wherever in what was read, to the same length and with the time of the file set back."""
    path = tmp_path / "people.jsonl"
    broken_off(terminal, path, *PEOPLE)
    before, whole = path.stat(), path.read_bytes()
    path.write_bytes(whole.replace(b'"u190"', b'"z190"').replace(b'"n190"', b'"y190"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused = terminal("import", str(path), "--resume")

    assert whole.index(b'"u190"') > 65_536
    assert path.stat().st_size == before.st_size
    assert refused.exit_code == 1
    assert "people.jsonl was changed since" in refused.stderr
    assert "run without --resume" in refused.stderr
    assert terminal.json("import", str(path))["created"] == 2
    assert database(terminal).user("z190") is not None


def test_what_was_not_read_may_be_corrected(terminal, tmp_path):
    """A line behind the place, and what was added since, are read as they are now."""
    path = tmp_path / "people.jsonl"
    broken_off(terminal, path, USER)
    path.write_bytes(path.read_bytes().replace(b'["openid"]', b'["email"]') + file_of(BOB, header=None))

    assert terminal.json("import", str(path), "--resume")["created"] == 2
    assert database(terminal).consent("7", "web").scope == {"email"}
    assert database(terminal).user("8") is not None


def test_what_became_of_a_record_since_does_not_matter(terminal, tmp_path):
    """Servers go on: the last line's account may have signed in or been renamed, and the database be spelled anew."""
    path = tmp_path / "people.jsonl"
    broken_off(terminal, path, USER)
    with closing(sqlite3.connect(tmp_path / "authority.db")) as connection:
        connection.execute("UPDATE users SET username = 'caroline'")
        connection.commit()
    spelled = f"sqlite+pysqlite:///{tmp_path}/../{tmp_path.name}/authority.db"

    assert terminal.json("import", str(path), "--resume", "--database", spelled)["lines"] == 1


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@db/x?sslpassword=hunter3&options=-csearch_path%3Dauth"])
def test_a_note_names_the_database_without_its_secrets(url):
    """Server, name and schema say which one it is."""
    assert place_of(url) == "postgresql://db/x?options=-csearch_path%3Dauth"
    assert place_of(url.replace("postgresql:", "postgresql+asyncpg:").replace("u:hunter2", "w")) == place_of(url)
    assert place_of(url.replace("/x", "/y")) != place_of(url)


def test_a_note_that_is_none_is_refused(terminal, file):
    """It is no reason to skip lines; without one, a run begins at the first."""
    note = file.with_name(file.name + ".import-state")
    old = {"line": 2, "offset": 60, "left": 0, "head": "00"}
    here = place_of(terminal.environ["AUTHORITY_DATABASE_URL"])
    short = {"line": 0, "offset": 0, "left": 0, "there": None, "content": "00", "database": here, "extent": {}}
    for text in (json.dumps(old), json.dumps(short), "nonsense", "[]", "{}"):
        note.write_text(text)
        assert terminal("import", str(file), "--resume").exit_code == 1
    note.unlink()
    assert terminal.json("import", str(file), "--resume")["created"] == 3
    misused = terminal("import", "-", "--resume"), terminal("import", str(file), "--resume", "--dry-run")
    assert [one.exit_code for one in misused] == [2, 2]
    assert "--resume needs a file" in misused[0].stderr
    assert "--resume does not go with --dry-run" in misused[1].stderr


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
    assert terminal("cleanup", "--batch", "10001").exit_code == 2  # more than storage deletes at once
