"""Without Redis or PostgreSQL this folder fails in one line; it never skips."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support.postgres import demand
from support.redis_servers import MISSING


def pytest_report_header() -> str:
    program = shutil.which("redis-server")
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip() if program else MISSING


def pytest_sessionstart(session: pytest.Session) -> None:
    if shutil.which("redis-server") is None:
        pytest.exit(MISSING, returncode=1)
    demand()
