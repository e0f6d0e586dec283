"""Without PostgreSQL or Redis this folder fails in one line; it never skips."""

from __future__ import annotations

import shutil

import pytest

from support.postgres import demand
from support.redis_servers import MISSING


def pytest_sessionstart(session: pytest.Session) -> None:
    if shutil.which("redis-server") is None:
        pytest.exit(MISSING, returncode=1)
    demand()
