"""How many contests; and without PostgreSQL this folder fails in one line, it never skips."""

from __future__ import annotations

import pytest

from support.postgres import demand

USUAL, FULL = 1_000, 10_000


def pytest_addoption(parser: pytest.Parser) -> None:
    told = f"{FULL} contested codes and tokens on each database instead of {USUAL}"
    parser.addoption("--full", action="store_true", help=told)


@pytest.fixture(scope="session")
def contests(request: pytest.FixtureRequest) -> int:
    """How many codes and refresh tokens are fought over on each database at least, all its tests together."""
    return FULL if request.config.getoption("--full") else USUAL


def pytest_sessionstart(session: pytest.Session) -> None:
    demand()
