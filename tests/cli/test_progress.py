"""How far a long command has come: drawn on a terminal, told in plain lines elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from datetime import datetime, timedelta, timezone

import pytest

from authority_cli.progress import progress
from authority_core.kernel.changes import Spend
from authority_core.kernel.encoding import digest
from authority_sql import SqlStorage
from cli.running import PATIENCE, command, environment
from transfer.lines import CLIENT, USER, file_of

MANY = 10_001
"""More than is forgotten at once."""
FAULTY = {"kind": "user", "username": "a b"}
COMMANDS = {
    "import": (["import", "{folder}/people.jsonl"], "Importing", "4 lines"),
    "dry run": (["import", "{folder}/people.jsonl", "--dry-run"], "Checking", "4 lines"),
    "export": (["export", "{folder}/out.jsonl"], "Exporting", "0 records"),
    "rotation": (["secret", "rotate"], "Encrypting", "2 records"),
    "cleanup": (["cleanup"], "Forgetting", "10,001 rows"),
}
"""Each command that takes its time, what it says that goes on, and how many things are done at the end."""


@pytest.fixture
def place(terminal, tmp_path):
    """A database with something to do for each command, and a file to be imported."""
    assert terminal("keys", "list").exit_code == 0
    (tmp_path / "people.jsonl").write_bytes(file_of(CLIENT, FAULTY, USER))
    now = datetime.now(timezone.utc)
    storage = SqlStorage.from_url(terminal.environ["AUTHORITY_DATABASE_URL"])
    storage.commit([Spend(digest("any", f"{at}"), now, now - timedelta(days=1)) for at in range(MANY)])
    storage.close()
    return terminal.environ


def watched(arguments: list[str], settings: dict[str, str]) -> tuple[int, str, str]:
    """Run a command whose standard error is a terminal; return its exit code, its output, and what the terminal got."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    kept = {name: value for name, value in environment(**settings).items() if name not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "authority_cli", *arguments],
        env={**kept, "TERM": "xterm-256color"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    try:
        while True:
            try:
                piece = os.read(master, 65_536)
            except OSError:  # Linux says so when the last writer has gone
                break
            if not piece:
                break
            seen += piece
        said = process.communicate(timeout=PATIENCE)[0]
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return process.returncode, said.decode(), seen.decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_shows_a_bar(place, tmp_path, name):
    """It says what goes on and how many things are done, is taken away at the end, and is nowhere in the output."""
    arguments, what, done = COMMANDS[name]
    code, said, seen = watched([one.format(folder=tmp_path) for one in arguments], place)
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)

    assert code == (1 if "import" in arguments else 0)
    assert re.search(rf"{what} ━+.* {done}", drawn), drawn
    assert seen.rindex("\x1b[2K") > seen.rindex(what)  # the line is taken away
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")  # the cursor is back
    assert said
    assert "\x1b" not in said
    assert what not in said


def test_what_is_said_meanwhile_stands_above_the_bar(place, tmp_path):
    """A refused line can be read as a whole when all is done."""
    seen = watched(["import", str(tmp_path / "people.jsonl")], place)[2]

    assert "line 3: user a b: A user name has 1 to 64 letters, digits, _ or -." in seen


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_gets_plain_lines(place, tmp_path, name):
    """No bar and no control character gets into a log; what takes no time is not spoken of."""
    arguments, what, _ = COMMANDS[name]
    done = command(*[one.format(folder=tmp_path) for one in arguments], **place, TERM="xterm-256color")
    both = done.stdout + done.stderr
    lines = re.findall(rf"^{what}.*$", both, re.MULTILINE)

    assert done.returncode == (1 if "import" in arguments else 0)
    assert not re.search(r"[^\n\x20-\x7e]", both)
    assert [line for line in lines if not re.fullmatch(rf"{what}: \d+ [a-z]+( \(\d+ %\))?", line)] == []


@pytest.mark.parametrize(
    ("total", "said"),
    [
        (1000, ["Importing: 50 lines (5 %)", "Importing: 100 lines (10 %)", "Importing: 1010 lines (100 %)"]),
        (None, ["Importing: 50 lines", "Importing: 100 lines", "Importing: 1010 lines"]),
        (0, ["Importing: 50 lines", "Importing: 100 lines", "Importing: 1010 lines"]),
    ],
)
def test_what_takes_its_time_is_spoken_of_every_few_seconds(capsys, total, said):
    """However slow the things are that are done: nobody need ask whether it hangs, and no log is filled."""
    seconds = 0.0
    with progress("Importing", "lines", total, now=lambda: seconds) as steps:
        for count in (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110):
            seconds += 1
            steps.at(count, count)
        seconds += 3600
        steps.at(1010, 1010)
        steps.at(1011, 1011)

    assert capsys.readouterr().err.splitlines() == said
