"""Redis beside the database of the command line: what the environment says of it, without a server that answers."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from authority_cli.storages import KINDS, beside, blocking_storage
from authority_cli.troubles import Trouble
from authority_redis import SplitStorage
from authority_sql import SqlStorage
from cli.running import PATIENCE, command, environment

SECRET = "hunter2"
AWAY = "redis://127.0.0.1:1/0"
URL = f"redis://me:{SECRET}@127.0.0.1:1/2"
SERVE = ("serve", "--port", "4000")
PERSON = {"kind": "user", "user_id": "7", "username": "carol"}
HASH = "$argon2id$v=19$m=19456,t=2,p=1$YWFhYWFhYWE$"


@pytest.fixture
def described(monkeypatch):
    """Sets variables of the environment; returns the Redis that they describe."""

    def describe(**settings: str):
        for name in ("URL", "URL_FILE", "KINDS"):
            monkeypatch.delenv(f"AUTHORITY_REDIS_{name}", raising=False)
        monkeypatch.delenv("AUTHORITY_CACHE_KEY_PREFIX", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(f"AUTHORITY_{name}", value)
        return beside()

    return describe


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (None, {"codes", "interactions", "sessions"}),
        ("sessions", {"sessions"}),
        ("Sessions, CODES", {"codes", "sessions"}),
        (" replays counters,interactions\tsessions,codes codes,", set(KINDS)),
    ],
)
def test_kinds_may_be_named_in_any_order_and_case(described, said, kinds):
    """Nothing said is the three that are safe to lose."""
    found = described(REDIS_URL=URL, **({} if said is None else {"REDIS_KINDS": said}))

    assert set(found.kinds) == kinds
    assert found.prefix == "authority:"


def test_the_prefix_is_taken(described):
    """Also one with a hash tag of one's own."""
    assert described(REDIS_URL=URL, CACHE_KEY_PREFIX="{mine}:").prefix == "{mine}:"


def test_without_redis_storage_is_the_database(described, tmp_path):
    """Both as the environment says, in one place for every command; nothing is opened for it."""
    url = f"sqlite:///{tmp_path}/authority.db"
    assert described() is None
    assert isinstance(blocking_storage(url), SqlStorage)

    described(REDIS_URL=URL, REDIS_KINDS="sessions", CACHE_KEY_PREFIX="mine:")
    storage = blocking_storage(url)
    assert isinstance(storage, SplitStorage)
    assert "redis://127.0.0.1:1/2" in repr(storage)
    assert "prefix='mine:'" in repr(storage)
    assert "kinds=['sessions']" in repr(storage)
    storage.close()


FAULTS = [
    ({"REDIS_URL": f"http://:{SECRET}@host"}, "AUTHORITY_REDIS_URL cannot be used: A Redis URL looks like"),
    ({"REDIS_URL": f"redis://:{SECRET}@host/1?db=2"}, "AUTHORITY_REDIS_URL cannot be used: A Redis URL names one"),
    ({"REDIS_URL": f"rediss://:{SECRET}@host?ssl_certfile=/nowhere.pem"},
     "The file that ssl_certfile of the Redis URL names cannot be read: No such file or directory."),
    ({"REDIS_URL_FILE": "/nowhere"}, "AUTHORITY_REDIS_URL_FILE: the file it names cannot be read"),
    ({"REDIS_URL": URL, "REDIS_KINDS": "codes,refresh_tokens"},
     "AUTHORITY_REDIS_KINDS takes some of codes, counters, interactions, replays, sessions, not 'refresh_tokens'."),
    ({"REDIS_URL": URL, "REDIS_KINDS": " , "}, "AUTHORITY_REDIS_KINDS takes some of codes,"),
    ({"REDIS_KINDS": "codes"}, "AUTHORITY_REDIS_KINDS is set without AUTHORITY_REDIS_URL: set both, or neither."),
    ({"CACHE_KEY_PREFIX": "x:"}, "AUTHORITY_CACHE_KEY_PREFIX is set without AUTHORITY_REDIS_URL"),
    ({"REDIS_URL": URL, "CACHE_KEY_PREFIX": "my keys:"}, "AUTHORITY_CACHE_KEY_PREFIX must be 1 to 64 visible"),
    ({"REDIS_URL": URL, "CACHE_KEY_PREFIX": "{mine:"}, "AUTHORITY_CACHE_KEY_PREFIX must be 1 to 64 visible"),
    ({"REDIS_URL": URL, "CACHE_KEY_PREFIX": "x" * 65}, "AUTHORITY_CACHE_KEY_PREFIX must be 1 to 64 visible"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "sentence"), FAULTS)
def test_a_fault_of_the_environment_is_a_sentence(described, terminal, settings, sentence):
    """The same for a command that serves, one that reads, and the check of the configuration."""
    with pytest.raises(Trouble) as trouble:
        described(**settings)
    assert sentence in trouble.value.message

    more = {f"AUTHORITY_{name}": value for name, value in settings.items()}
    for arguments in (SERVE, ("client", "list"), ("config", "check")):
        done = terminal(*arguments, **more)

        assert done.exit_code == 1
        assert done.stderr.count(sentence) == 1
        assert SECRET not in done.output + done.stderr
        assert "Traceback" not in done.stderr


def test_every_fault_is_told_at_once(terminal):
    """A deployment is mended in one go."""
    wrong = {"AUTHORITY_REDIS_URL": "x", "AUTHORITY_REDIS_KINDS": "y", "AUTHORITY_CACHE_KEY_PREFIX": "z z"}
    found = json.loads(terminal("config", "check", "--json", **wrong).stdout)

    assert [fault.split()[0] for fault in found["faults"]] == list(wrong)
    assert terminal(*SERVE, **wrong).stderr.count("\n  - ") == 3


def test_the_url_is_shown_without_user_and_password(terminal, tmp_path):
    """By `config check`, from the environment and from a file, of which nothing is shown."""
    path = tmp_path / "url"
    path.write_text(URL + "\n")

    def rows(**settings: str) -> dict[str, tuple[str, str]]:
        found = json.loads(terminal("config", "check", "--json", **settings).stdout)
        assert SECRET not in json.dumps(found)
        return {row["name"].removeprefix("AUTHORITY_"): (row["value"], row["source"]) for row in found["settings"]}

    assert rows()["REDIS_URL"] == ("-", "default")
    assert rows()["REDIS_KINDS"] == ("-", "default")
    named = rows(AUTHORITY_REDIS_URL=URL)
    assert named["REDIS_URL"] == ("redis://127.0.0.1:1/2", "environment")
    assert named["REDIS_KINDS"] == ("codes interactions sessions", "default")
    assert named["CACHE_KEY_PREFIX"] == ("authority:", "default")
    assert rows(AUTHORITY_REDIS_URL_FILE=str(path))["REDIS_URL"] == ("***", "file")
    assert rows(AUTHORITY_REDIS_URL=SECRET)["REDIS_URL"] == ("***", "environment")


@pytest.mark.parametrize("adapter", ["starlette", "flask"])
def test_nothing_is_served_while_redis_is_away(terminal, adapter):
    """As while the database is: one sentence, and no port is opened. The check says the same."""
    serve, check = (
        command(*words, **{**terminal.environ, "AUTHORITY_REDIS_URL": AWAY})
        for words in ((*SERVE, "--adapter", adapter), ("config", "check"))
    )

    for done in (serve, check):
        assert done.returncode == 1
        assert "Redis cannot be reached or broke off (ConnectionError). Look at that server" in done.stderr
        assert "AUTHORITY_REDIS_URL" in done.stderr
        assert "Traceback" not in done.stderr
    assert len(serve.stderr.splitlines()) == 1
    assert terminal("config", "check").exit_code == 0


def test_what_ends_sessions_needs_no_redis(terminal, tmp_path):
    """While Redis is away passwords can be replaced, and sessions end with them: their marks are durable."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    for path, text in ((first, "YWFh" * 10 + "YWE"), (second, "YmJi" * 10 + "YmI")):
        lines = [{"kind": "authority-export", "version": 1}, {**PERSON, "password_hash": HASH + text}]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert terminal.json("import", str(first))["created"] == 1
    assert terminal("import", str(second), "--update", AUTHORITY_REDIS_URL=AWAY).exit_code == 0
    with closing(sqlite3.connect(terminal.environ["AUTHORITY_DATABASE_URL"].removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT count(*) FROM cut_offs").fetchone() == (1,)

    for words in (("client", "list"), ("keys", "list"), ("cleanup",)):
        assert terminal(*words, AUTHORITY_REDIS_URL=AWAY).exit_code == 0


@pytest.mark.parametrize("words", [["serve"], ["client", "list"], ["config", "check"]])
def test_a_missing_extra_is_one_sentence_with_the_line_that_installs_it(terminal, words):
    """And only where Redis is named."""
    code = (
        "import sys; sys.modules['redis'] = None\n"
        f"sys.argv = ['authority', *{words!r}]\n"
        "from authority_cli.main import main; main()"
    )
    for url, missing in ((URL, True), ("", False)):
        more = environment(**terminal.environ, AUTHORITY_REDIS_URL=url)
        if not missing and words == ["serve"]:
            continue
        done = subprocess.run([sys.executable, "-c", code], env=more, capture_output=True, text=True, timeout=PATIENCE)

        assert (done.returncode == 1) == missing
        assert ("AUTHORITY_REDIS_URL needs an extra: pip install 'authority-idp[redis]'" in done.stderr) == missing
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
