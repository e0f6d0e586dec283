"""`kill -9` of `authority cleanup` half way: what is still needed is there, and another run finishes."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from attrs import evolve

from authority_core.kernel.changes import Change, CutOff, Put, Revoke, Spend
from authority_core.testing.contract.samples import a_code, a_grant, a_refresh_token
from authority_core.testing.invariants import Contents, check
from authority_sql import SqlStorage, contents, metadata, migrate
from cli.running import command, environment
from support.waiting import PATIENCE, until

MANY = 1500
KILLS = 4
NOW = datetime.now(timezone.utc)
PAST, FUTURE = NOW - timedelta(days=1), NOW + timedelta(days=90)
SETTINGS = {
    "AUTHORITY_ISSUER": "https://id.example.com",
    "AUTHORITY_SECRET_KEY": "a-secret-of-thirty-two-characters-and-more",
}


def redemption(at: int) -> list[Change]:
    """Return a code, redeemed and refreshed once: over, alive, or with only the beginning over.

    The last of every ten grants is revoked too.
    """
    begun, ends = [(PAST, PAST), (FUTURE, FUTURE), (PAST, FUTURE)][at % 3]
    grant = evolve(a_grant(f"{at}"), created_at=PAST - timedelta(days=1), expires_at=ends, keep_until=ends)
    code = evolve(a_code(grant, f"{at}"), expires_at=begun, keep_until=begun)
    first = evolve(a_refresh_token(f"{at}", f"first {at}"), expires_at=begun, keep_until=begun)
    second = evolve(a_refresh_token(f"{at}", f"second {at}"), generation=1, expires_at=ends, keep_until=ends)
    changes: list[Change] = [Spend(one.key, PAST, one.keep_until) for one in (code, first)]
    if at % 10 == 9:
        changes.append(Revoke("grant", f"{at}", PAST, ends))
    changes.append(CutOff(f"somebody {at}", None, PAST, ends))
    return [*changes, *map(Put, (code, grant, first, second))]


def stored(path: Path) -> int:
    """Return how many rows there are."""
    with sqlite3.connect(path) as connection:
        found = sum(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in metadata.tables)
    connection.close()
    return found


def killed_at(path: Path, rows: int) -> int:
    """Clean up row by row until no more than *rows* are left, and kill it there; return how it ended."""
    run = [sys.executable, "-m", "authority_cli", "cleanup", "--batch", "1", "--database", f"sqlite:///{path}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(run, env=environment(**SETTINGS), stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            until(lambda: stored(path) <= rows or process.poll() is not None, "nothing was deleted")
        finally:
            process.kill()
        return process.wait(PATIENCE)


def needed(found: Contents) -> tuple[set[object], set[object], set[object], set[object]]:
    """Return what may not be forgotten yet: records, and the names of marks."""
    marks = found.spent, found.revoked, found.cut_off
    records = {repr(one) for one in found.records if one.keep_until > NOW}
    return records, *({name for name, mark in each.items() if mark.keep_until > NOW} for each in marks)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of a few thousand rows, most of which may go."""
    path = tmp_path / "authority.db"
    migrate(f"sqlite:///{path}")
    storage = SqlStorage.from_url(f"sqlite:///{path}")
    for at in range(MANY):
        storage.commit(redemption(at))
    storage.close()
    return path


def test_a_killed_cleanup_is_finished_by_another(path: Path):
    """Wherever it was killed, all that is needed is there and sound; the next run deletes the rest."""
    url, chance = f"sqlite:///{path}", random.Random(1)
    before = contents(url)
    check(before, now=NOW)
    keep = needed(before)
    for _ in range(KILLS):
        rows = stored(path)

        assert killed_at(path, rows - chance.randint(50, 400)) == -signal.SIGKILL
        assert 0 < stored(path) < rows
        found = contents(url)
        check(found, now=NOW)
        assert needed(found) == keep
    half = stored(path)
    finished = command("cleanup", "--json", "--database", url, **SETTINGS)
    found = contents(url)
    again = command("cleanup", "--json", "--database", url, **SETTINGS)

    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["deleted"] == half - stored(path) > 0
    assert json.loads(again.stdout)["deleted"] == 0
    check(found, now=NOW)
    assert needed(found) == keep
    marks = [*found.spent.values(), *found.revoked.values(), *found.cut_off.values()]
    assert all(one.keep_until > NOW for one in [*found.records, *marks])
