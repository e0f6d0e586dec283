"""Without PostgreSQL this folder fails in one line; it never skips."""

from __future__ import annotations

import pytest

from support.postgres import demand


def pytest_sessionstart(session: pytest.Session) -> None:
    demand()
