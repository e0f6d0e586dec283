"""Without PostgreSQL and pgbouncer this folder fails in one line; it never skips."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from support.postgres import NotInstalled, binaries, bouncer, database, demand, private


def pytest_report_header() -> str:
    try:
        return subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True).stdout.strip()
    except NotInstalled as missing:
        return str(missing)


def pytest_sessionstart(session: pytest.Session) -> None:
    demand(pooler=True)


@pytest.fixture(scope="module")
def pooled() -> Iterator[str]:
    """The URL of the database behind pgbouncer, which hands out three server connections by transaction."""
    cluster = private()
    with bouncer(cluster) as port:
        yield database().replace(f":{cluster.port}/", f":{port}/") + "?pgbouncer=true"
