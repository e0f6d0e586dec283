"""`authority serve` with Redis beside SQLite, as an operator runs it: what lives where, and what ends it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cli.running import Browser, command, running
from support import redis_servers
from support.ports import free_port

PASSWORD = "Correct-Horse-Battery-1"
PREFIX = "house:"
FAST = {"AUTHORITY_ARGON2_TIME": "1", "AUTHORITY_ARGON2_MEMORY_KIB": "8", "AUTHORITY_ARGON2_PARALLELISM": "1"}
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def environment(folder: Path, redis: str, port: int) -> dict[str, str]:
    return {
        "AUTHORITY_ISSUER": f"http://localhost:{port}",
        "AUTHORITY_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "AUTHORITY_DATABASE_URL": f"sqlite:///{folder}/authority.db",
        "AUTHORITY_REDIS_URL": redis,
        "AUTHORITY_CACHE_KEY_PREFIX": PREFIX,
        **FAST,
    }


def people(folder: Path, password: str) -> str:
    """Return a file with one person whose password this is."""
    user = {"kind": "user", "user_id": "7", "username": "carol", "password_hash": HASHER.hash(password)}
    path = folder / "people.jsonl"
    path.write_text("\n".join(map(json.dumps, ({"kind": "authority-export", "version": 1}, user))) + "\n")
    return str(path)


def sign_in(issuer: str) -> Browser:
    """Sign in as a browser does."""
    browser = Browser()
    page = browser.go("GET", f"{issuer}/signin").body.decode()
    fields = re.findall(r'<input[^>]*type="?hidden"?[^>]*>', page)
    hidden = {re.search(r'name="?([^" >]+)', one)[1]: re.search(r'value="?([^" >]*)', one)[1] for one in fields}
    answer = browser.go("POST", f"{issuer}/signin", {**hidden, "username": "carol", "password": PASSWORD})
    assert answer.status in (302, 303), answer.body
    return browser


def keys(server: redis_servers.RedisServer) -> list[bytes]:
    with server.client() as client:
        return sorted(client.scan_iter())


@pytest.mark.parametrize(("adapter", "workers"), [("starlette", 1), ("starlette", 2), ("flask", 2)])
def test_sessions_live_in_redis_and_end_when_an_import_changes_the_password(tmp_path, adapter, workers):
    """Of all workers, whichever signed the browser in; the same hash imported again ends nothing."""
    server, port = redis_servers.emptied(), free_port()
    settings = environment(tmp_path, server.url, port)
    assert command("migrate", **settings).returncode == 0
    same = people(tmp_path, PASSWORD)
    assert command("import", same, **settings).returncode == 0
    assert keys(server) == []

    with running("serve", "--port", str(port), "--adapter", adapter, "--workers", str(workers), **settings) as served:
        assert served.said["redis"] == server.url
        assert served.said["redis_kinds"] == ["codes", "interactions", "sessions"]
        browser = sign_in(served.issuer)
        names = keys(server)
        assert names
        assert all(name.startswith(PREFIX.encode()) for name in names)
        assert any(b"cookie" in name for name in names)

        assert command("import", same, "--update", **settings).returncode == 0
        for _ in range(4 * workers):
            assert browser.go("GET", f"{served.issuer}/profile").status == 200
        done = command("import", people(tmp_path, "Another-" + PASSWORD), "--update", **settings)
        assert (done.returncode, done.stdout[:20]) == (0, "0 created, 1 updated")
        for _ in range(4 * workers):
            assert browser.go("GET", f"{served.issuer}/profile").status != 200


def test_what_is_not_chosen_stays_in_the_database(tmp_path):
    """With codes alone in Redis, a sign-in leaves nothing there."""
    server, port = redis_servers.emptied(), free_port()
    settings = {**environment(tmp_path, server.url, port), "AUTHORITY_REDIS_KINDS": "Codes"}
    assert command("migrate", **settings).returncode == 0
    assert command("import", people(tmp_path, PASSWORD), **settings).returncode == 0

    with running("serve", "--port", str(port), **settings) as served:
        browser = sign_in(served.issuer)
        assert browser.go("GET", f"{served.issuer}/profile").status == 200
        assert keys(server) == []


@pytest.mark.parametrize("words", [("serve",), ("config", "check")])
def test_a_database_that_redis_does_not_have_is_named(tmp_path, words):
    """A number that is too high, of a server that answers; database 15, the last that it has, is the control."""
    server, port = redis_servers.emptied(), free_port()
    settings = environment(tmp_path, server.url.removesuffix("0") + "16", port)
    assert command("migrate", **settings).returncode == 0
    done = command(*words, **settings)

    assert done.returncode == 1
    assert "Redis has no database of the number in its URL" in done.stderr
    assert "Traceback" not in done.stderr
    last = {**settings, "AUTHORITY_REDIS_URL": server.url.removesuffix("0") + "15"}
    assert command("config", "check", **last).returncode == 0


def test_a_user_without_the_rights_is_refused_at_the_start(tmp_path):
    """Scripts and the prefix are tried, not only the connection; with them, the same user is let in."""
    server, port = redis_servers.emptied(), free_port()
    settings = environment(tmp_path, server.url.replace("//", "//app:word@"), port)
    assert command("migrate", **settings).returncode == 0
    rights = ["+@connection", "+@hash", "+@string", "+@sortedset", "+@keyspace", "-@dangerous", "+eval", "+evalsha"]
    more, ours = ["+time", "+info"], f"~{PREFIX}*"
    scripts, unlisted = rights[-2:], [*rights[-2:], "-zadd"]
    try:
        for pattern, last, code in (("~other:*", scripts, 1), (ours, [], 1), (ours, unlisted, 1), (ours, scripts, 0)):
            with server.client() as client:
                allowed = pattern, *rights[:-2], *last, *more
                client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">word", *allowed)
            done = command("config", "check", **settings)

            assert done.returncode == code, done.stderr
            assert ("Redis refuses this user" in done.stderr) == bool(code)
    finally:
        with server.client() as client:
            client.execute_command("ACL", "DELUSER", "app")


def test_a_redis_that_takes_no_replays_is_said_to_take_none(tmp_path):
    """Where Redis may evict, `config check` ends with what is refused then; elsewhere, or without replays, not."""
    server, port = redis_servers.emptied(), free_port()
    settings = environment(tmp_path, server.url, port)
    assert command("migrate", **settings).returncode == 0
    whole = "The configuration can be used."

    def checked(kinds: str) -> tuple[int, str]:
        done = command("config", "check", **{**settings, "AUTHORITY_REDIS_KINDS": kinds})
        return done.returncode, done.stderr.splitlines()[-1]

    with server.client() as client:
        try:
            client.config_set("maxmemory-policy", "volatile-lru")
            assert checked("codes,replays") == (0, whole)
            client.config_set("maxmemory", "1gb")
            code, said = checked("codes,replays")
            assert checked("codes") == (0, whole)
        finally:
            client.config_set("maxmemory", "0")
            client.config_set("maxmemory-policy", "noeviction")

    assert (code, said.startswith("The configuration can be used, but"), "(replays)" in said) == (0, True, True)
