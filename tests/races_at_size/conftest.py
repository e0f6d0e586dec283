"""How many contests; and without PostgreSQL this folder fails in one line, it never skips."""

from __future__ import annotations

import pytest

from support.postgres import demand

USUAL, FULL = 2_000, 10_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help=f"{FULL} contested codes and tokens instead of {USUAL}")


@pytest.fixture(scope="session")
def contests(request: pytest.FixtureRequest) -> int:
    """How many codes and refresh tokens are fought over, all tests together."""
    return FULL if request.config.getoption("--full") else USUAL


def pytest_sessionstart(session: pytest.Session) -> None:
    demand()
