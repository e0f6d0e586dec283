"""Without PostgreSQL and pgbouncer this folder fails in one line; it never skips."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.postgres import bouncer, database, demand, private


def pytest_sessionstart(session: pytest.Session) -> None:
    demand(pooler=True)


@pytest.fixture(scope="module")
def pooled() -> Iterator[str]:
    """The URL of the database behind pgbouncer, which hands out three server connections by transaction."""
    cluster = private()
    with bouncer(cluster) as port:
        yield database().replace(f":{cluster.port}/", f":{port}/") + "?pgbouncer=true"
