"""The commands: what they do, what they print for people and machines, and how they refuse."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import click
import pytest

from authority_cli.environment import masked
from authority_cli.program import authority
from cli.running import command
from support.ports import free_port
from transfer.lines import USER, file_of


def leaves(group: click.Group = authority, path: tuple[str, ...] = ()):
    """Return the path and command of every command that is no group."""
    for name, one in sorted(group.commands.items()):
        if isinstance(one, click.Group):
            yield from leaves(one, (*path, name))
        else:
            yield (*path, name), one


@pytest.mark.parametrize(
    ("path", "command"), [*leaves()], ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_has_json_and_help(terminal, path, command):
    """Machines read every command; people are told what each does."""
    assert "--json" in {option for one in command.params for option in one.opts}
    assert command.help
    assert terminal(*path, "--help").exit_code == 0


@pytest.mark.parametrize("path", [("client", "delete"), ("keys", "compromise")])
def test_what_destroys_asks_or_is_told_yes(path):
    """The control is in the tests of the commands below."""
    command = dict(leaves())[path]

    assert "--yes" in {option for one in command.params for option in one.opts}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("demo", "--nope"),
        ("demo", "--adapter", "django"),
        ("demo", "--port", "99999"),
        ("serve", "--workers", "0"),
        ("client", "create"),
        ("client", "create", "--name", "x", "--public", "--secret-in-body"),
        ("client", "show"),
        ("create-admin",),
        ("create-admin", "--username", "x", "--password-stdin", "--generate-password"),
        ("keys", "rotate", "--algorithm", "none"),
    ],
)
def test_misuse_is_exit_code_two(terminal, arguments):
    """What was typed wrongly is told apart from what was refused."""
    done = terminal(*arguments)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("migrate", "--check"),
        ("seed",),
        ("serve",),
        ("client", "list"),
        ("keys", "list"),
        ("create-admin", "--username", "x", "--generate-password"),
        ("config", "check"),
    ],
)
def test_a_database_that_is_not_there_is_not_made_in_passing(unmigrated, arguments, tmp_path):
    """Only `migrate` makes one; everything else says so in a sentence."""
    done = unmigrated(*arguments)

    assert done.exit_code == 1
    assert "authority migrate" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("seed",), ("serve",), ("client", "list"), ("keys", "list")])
def test_a_database_without_our_tables_is_refused(unmigrated, arguments, tmp_path):
    """An empty file is not a migrated database."""
    (tmp_path / "authority.db").touch()
    done = unmigrated(*arguments)

    assert done.exit_code == 1
    assert "run `authority migrate`" in done.stderr


TOUCHING = {
    "cleanup": (), "client create": ("--name", "x", "--redirect-uri", "https://app.example/cb"),
    "client delete": ("x", "--yes"), "client list": (), "client rotate-secret": ("x",), "client show": ("x",),
    "config check": (), "create-admin": ("--username", "x", "--generate-password"),
    "export": ("-",), "import": ("{folder}/people.jsonl",), "keys compromise": ("x", "--yes"), "keys list": (),
    "keys rotate": (), "migrate": (), "secret rotate": (), "seed": (), "serve": (),
}  # fmt: skip
"""Every command, with arguments that make it use the database."""


@pytest.mark.parametrize("name", [*TOUCHING, "migrate --check"])
def test_a_database_of_a_newer_release_is_left_alone(terminal, tmp_path, name):
    """What its tables mean is not known here: each command says so in one sentence and changes nothing."""
    url, lines = terminal.environ["AUTHORITY_DATABASE_URL"], file_of(USER)
    (tmp_path / "people.jsonl").write_bytes(lines)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE authority_alembic_version SET version_num = 'next'")
        connection.commit()
        before = list(connection.iterdump())
        arguments = [one.format(url=url, folder=tmp_path) for one in TOUCHING.get(name, ())]
        done = terminal(*name.split(), *arguments)

        assert list(connection.iterdump()) == before
    assert (done.exit_code, done.stdout if name != "config check" else "") == (1, "")
    assert done.stderr.count("of a newer release, at revision next: install that release, or restore a backup") == 1
    assert "authority migrate" not in done.stderr


def test_a_demo_on_a_database_of_a_newer_release_says_so_too(terminal):
    """In a process of its own, which ends."""
    url = terminal.environ["AUTHORITY_DATABASE_URL"]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE authority_alembic_version SET version_num = 'next'")
        connection.commit()
    done = command("demo", "--port", str(free_port()), "--database", url)

    assert done.returncode == 1
    assert "of a newer release, at revision next" in done.stderr


def test_every_command_is_tried_on_a_newer_database():
    """The control: none is forgotten above."""
    assert {" ".join(path) for path, _ in leaves()} == {*TOUCHING, "demo"}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@host/name",
        "x",
        "sqlite://",
        "sqlite:////proc/nowhere/x.db",
        "postgresql://u:hunter2@127.0.0.1:1/x",
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence_without_its_password(terminal, url):
    """Unknown, unreadable, in memory, unwritable, unreachable."""
    done = terminal("migrate", "--database", url)

    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


POSTGRES = "postgresql://u:hunter2@127.0.0.1:1/x"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///{file}?durability=maybe", "durability in the database's URL is normal or full"),
        ("sqlite:///{file}?max_pool_size=3", "max_pool_size in the database's URL is for PostgreSQL"),
        ("sqlite:///{file}?colour=blue", "SQLite has no option colour"),
        ("sqlite:///{file}?timeout=long", "The driver pysqlite cannot use the database's URL"),
        (f"{POSTGRES}?pgbouncer=yes", "pgbouncer in the database's URL is true or false"),
        (f"{POSTGRES}?max_pool_size=0", "max_pool_size in the database's URL is a whole number"),
        (f"{POSTGRES}?checkout_timeout=soon", "checkout_timeout in the database's URL is a number of seconds"),
        (f"{POSTGRES}?initial_pool_size=10", "initial_pool_size in the database's URL means nothing here"),
        (f"{POSTGRES}?durability=full", "durability in the database's URL is for SQLite"),
        ("postgresql://u:1@hunter2:hunter2/x", "The database's URL cannot be read"),
        ("postgresql+asyncpg://u:hunter2@127.0.0.1:1/x?max_pool_size=0", "max_pool_size in the database's"),
    ],
)
def test_a_mistake_in_the_databases_url_is_a_sentence_in_every_command(terminal, tmp_path, url, sentence):
    """It names the option, shows no password, and asks nobody to report it."""
    url = url.format(file=tmp_path / "authority.db")
    (tmp_path / "none.jsonl").touch()
    for words in (
        ("migrate",),
        ("migrate", "--check"),
        ("seed",),
        ("serve",),
        ("serve", "--adapter", "flask"),
        ("client", "list"),
        ("keys", "list"),
        ("secret", "rotate"),
        ("cleanup",),
        ("export", "-"),
        ("import", str(tmp_path / "none.jsonl")),
        ("create-admin", "--username", "x", "--generate-password"),
        ("config", "check"),
    ):
        done = terminal(*words, "--database", url)

        assert done.exit_code == 1
        assert sentence in done.stderr
        assert "report it" not in done.stderr
        assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("serve",), ("config", "check")])
def test_what_a_servers_driver_cannot_do_is_said_before_it_serves(terminal, words):
    """The commands themselves speak through psycopg; the Flask server does too, and comes as far as the connection."""
    url = "postgresql+asyncpg://u:hunter2@127.0.0.1:1/x?pgbouncer=true"
    awaited = terminal(*words, AUTHORITY_DATABASE_URL=url)
    blocking = terminal(*words, AUTHORITY_DATABASE_URL=url, AUTHORITY_ADAPTER="flask")

    assert "asyncpg always prepares statements: behind pgbouncer use psycopg" in awaited.stderr
    assert "asyncpg always prepares" not in blocking.stderr
    for done in (awaited, blocking):
        assert done.exit_code == 1
        assert "report it" not in done.stderr
        assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:12/hunter2@host/x", "postgresql://u:12?hunter2@host/x", "postgresql://u:12#hunter2@host/x"],
)
def test_a_password_that_was_not_encoded_is_not_shown(url):
    """What stands behind the first `/`, `?` or `#` of a password is no path; the control is a path."""
    assert "hunter2" not in masked(url)
    assert masked("postgresql://u:12@host/hunter2") == "postgresql://u:***@host/hunter2"


@pytest.mark.parametrize("text", ["²", "٣", "0", "65536", "9" * 5000, "+1"])
def test_a_number_that_is_none_is_a_sentence(terminal, text):
    """Whatever Python would make of the digits."""
    for words in (("serve",), ("config", "check")):
        done = terminal(*words, AUTHORITY_PORT=text)

        assert done.exit_code == 1
        assert "AUTHORITY_PORT must be a whole number from 1 to 65535" in done.stderr


def test_settings_tell_every_fault(terminal):
    """Two missing settings are two lines of one refusal."""
    done = terminal("client", "list", AUTHORITY_ISSUER="", AUTHORITY_SECRET_KEY="")

    assert done.exit_code == 1
    assert "AUTHORITY_ISSUER is not set" in done.stderr
    assert "AUTHORITY_SECRET_KEY is not set" in done.stderr


def test_another_secret_key_is_one_sentence(terminal):
    """The signing keys of the database do not open."""
    terminal.json("keys", "list")
    done = terminal("keys", "list", AUTHORITY_SECRET_KEY="another-secret-key-of-32-bytes-!!")

    assert done.exit_code == 1
    assert "another secret key" in done.stderr


def test_migrate_says_what_it_did_and_does_it_once(unmigrated, tmp_path):
    """Check, migrate, check; the SQL can be read beforehand."""
    sql = unmigrated.json("migrate", "--sql")["sql"]
    assert "CREATE TABLE" in sql
    assert list(tmp_path.iterdir()) == []

    first = unmigrated.json("migrate")
    second = unmigrated.json("migrate")

    newest = first["applied"][-1]
    assert "CREATE TABLE" not in unmigrated.json("migrate", "--sql", "--since", newest)["sql"]
    assert "There is no revision 'other'" in unmigrated("migrate", "--sql", "--since", "other").stderr
    assert unmigrated("migrate", "--since", newest).exit_code == 2

    assert first["applied"]
    assert second["applied"] == []
    assert unmigrated.json("migrate", "--check")["pending"] == []


def test_seed_makes_an_administrator_once(terminal):
    """A random password is printed once; the second time nothing is changed."""
    first = terminal.json("seed")
    second = terminal.json("seed")

    assert first["administrator"]["username"] == "admin"
    assert len(first["password"]) == 24
    assert len(first["signing_keys"]) == 2
    assert (second["created"], second["password"]) == (False, None)
    assert second["signing_keys"] == first["signing_keys"]


def test_seed_takes_the_administrator_from_the_environment(terminal):
    """A given password is not printed."""
    named = {"AUTHORITY_ADMIN_EMAIL": "boss@example.com", "AUTHORITY_ADMIN_PASSWORD": "Correct-Horse-Battery-1"}
    done = terminal("seed", **named)

    assert done.exit_code == 0, done.stderr
    assert "boss@example.com" in done.stdout
    assert "Correct-Horse" not in done.stdout + done.stderr


def test_create_admin_wants_sixteen_characters(terminal):
    """The policy of administrators, with its control."""
    refused = terminal("create-admin", "--username", "boss", "--password-stdin", input="Correct-Horse-1\n")
    accepted = terminal(
        "create-admin", "--username", "boss", "--password-stdin", "--super", input="Correct-Horse-Battery-1\n"
    )
    again = terminal("create-admin", "--username", "BOSS", "--generate-password")

    assert (refused.exit_code, accepted.exit_code, again.exit_code) == (1, 0, 1)
    assert "at least 16 characters" in refused.stderr
    assert "super_admin" in accepted.stdout
    assert "taken" in again.stderr


def test_create_admin_without_a_password_says_how_to_give_one(terminal):
    """Nobody is there to be asked."""
    done = terminal("create-admin", "--username", "boss")

    assert done.exit_code == 1
    assert "--password-stdin" in done.stderr


@pytest.mark.parametrize("dashed", ["-" + "h" * 21, "--" + "y" * 41, "-_" + "9" * 20])
@pytest.mark.parametrize(
    "words",
    [("client", "show"), ("client", "rotate-secret"), ("client", "delete", "--yes"), ("keys", "compromise", "--yes")],
)
def test_an_id_may_begin_with_a_dash(terminal, words, dashed):
    """One in sixty-four does: it is looked for, and not taken for options, wherever it stands; a short one still is."""
    for given in ((*words, dashed), (*words[:2], dashed, *words[2:]), (*words, "--", dashed)):
        done = terminal(*given)

        assert done.exit_code == 1
        assert dashed in done.stderr

    assert terminal(*words, "-x").exit_code == 2


def test_a_clients_life(terminal):
    """Create, list, show, rotate, delete; the secret is printed twice in all, never again."""
    made = terminal.json(
        "client",
        "create",
        "--name",
        "Shop",
        "--redirect-uri",
        "https://shop.example/cb",
        "--grant",
        "authorization_code",
        "--grant",
        "refresh_token",
        "--scope",
        "openid profile",
    )
    client_id = made["client_id"]
    listed = terminal.json("client", "list")["clients"]
    shown = terminal("client", "show", client_id)
    rotated = terminal.json("client", "rotate-secret", client_id)

    assert len(made["client_secret"]) == 43
    assert [one["client_id"] for one in listed] == [client_id]
    assert made["client_secret"] not in shown.stdout + json.dumps(listed)
    assert "openid profile" in shown.stdout
    assert rotated["client_secret"] != made["client_secret"]
    assert len(rotated["secrets"]) == 2
    assert terminal("client", "delete", client_id).exit_code == 1
    assert terminal("client", "delete", client_id, "--yes").exit_code == 0
    assert terminal("client", "show", client_id).exit_code == 1
    assert "no clients yet" in terminal("client", "list").stdout


def test_a_wrong_client_is_refused_with_every_reason(terminal):
    """And nothing is stored."""
    done = terminal(
        "client", "create", "--name", "Sh\u202eop", "--redirect-uri", "https://*.example/cb", "--scope", "nope"
    )

    assert done.exit_code == 1
    assert done.stderr.count("\n  - ") == 3
    assert terminal.json("client", "list")["clients"] == []


def test_keys_rotate_and_are_withdrawn(terminal):
    """Pending first, active with --now, gone when compromised; private halves are never printed."""
    before = terminal.json("keys", "list")["keys"]
    pending = terminal.json("keys", "rotate")["keys"]
    active = terminal.json("keys", "rotate", "--now", "--algorithm", "ES256")["keys"]
    refused = terminal("keys", "compromise", active[0]["kid"])
    gone = terminal.json("keys", "compromise", active[0]["kid"], "--yes")

    assert {one["state"] for one in before} == {"active"}
    assert {one["state"] for one in pending} == {"pending"}
    assert [(one["alg"], one["state"]) for one in active] == [("ES256", "active")]
    assert refused.exit_code == 1
    states = {one["kid"]: one["state"] for one in gone["keys"]}
    assert states[active[0]["kid"]] == "compromised"
    assert "active" in {one["state"] for one in gone["keys"] if one["alg"] == "ES256"}
    assert set(before[0]) == {"kid", "alg", "state", "created_at", "activated_at", "retired_at"}
    assert terminal("keys", "compromise", "nobody", "--yes").exit_code == 1


def test_config_check_masks_secrets_and_tells_every_fault(terminal, tmp_path):
    """Good settings pass with warnings; bad ones show all that is wrong and exit with 1."""
    good = terminal("config", "check")
    bad = terminal(
        "config",
        "check",
        "--json",
        AUTHORITY_PORT="x",
        AUTHORITY_ISSUR="y",
        AUTHORITY_CODE_TTL="9999",
        AUTHORITY_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x",
        AUTHORITY_ADAPTER="django",
    )
    found = json.loads(bad.stdout)

    assert good.exit_code == 0, good.stderr
    assert "0123456789abcdef" not in good.stdout + good.stderr
    assert "Warning: AUTHORITY_ENV is not production" in good.stderr
    assert bad.exit_code == 1
    assert found["ok"] is False
    assert len(found["faults"]) == 5
    assert "hunter2" not in bad.stdout
    assert {row["name"]: row["source"] for row in found["settings"]}["AUTHORITY_PORT"] == "environment"


def test_a_variable_may_be_a_file(terminal, tmp_path):
    """`_FILE` works for the database too; a file that is not there is a sentence."""
    path = tmp_path / "url"
    path.write_text(terminal.environ["AUTHORITY_DATABASE_URL"] + "\n")
    done = terminal("keys", "list", AUTHORITY_DATABASE_URL="", AUTHORITY_DATABASE_URL_FILE=str(path))
    missing = terminal("keys", "list", AUTHORITY_DATABASE_URL="", AUTHORITY_DATABASE_URL_FILE=str(path) + "x")

    assert done.exit_code == 0, done.stderr
    assert missing.exit_code == 1
    assert "cannot be read" in missing.stderr


def test_an_unexpected_error_is_a_sentence_too(terminal, monkeypatch):
    """Even our own mistakes show no trace."""

    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("authority_core.admin.clients.Clients.all", broken)
    done = terminal("client", "list")

    assert done.exit_code == 1
    assert "should not have happened (RuntimeError: boom)" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_the_librarys(terminal):
    """One version for all packages."""
    from authority_core import __version__

    assert terminal("--version").stdout == f"authority {__version__}\n"
