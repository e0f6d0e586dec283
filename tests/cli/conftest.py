"""Commands inside this process, on a database of their own."""

from __future__ import annotations

import json
import os

import pytest
from attrs import frozen
from click.testing import CliRunner, Result

KEY = "0123456789abcdef0123456789abcdef"


@frozen(eq=False)
class Terminal:
    """Runs commands with the settings given."""

    environ: dict[str, str]

    def __call__(self, *arguments: str, input: str | None = None, **more: str) -> Result:  # noqa: A002
        from authority_cli.program import authority

        gone = {name: None for name in os.environ if name.startswith("AUTHORITY_")}
        runner = CliRunner(env={**gone, **self.environ, **more})
        return runner.invoke(authority, arguments, input=input, prog_name="authority")

    def json(self, *arguments: str, **more: str) -> dict:
        """Return the one JSON document that a command which succeeds prints."""
        done = self(*arguments, "--json", **more)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def unmigrated(tmp_path) -> Terminal:
    """Settings that name a database which is not there yet."""
    return Terminal(
        {
            "AUTHORITY_ISSUER": "http://localhost:4000",
            "AUTHORITY_SECRET_KEY": KEY,
            "AUTHORITY_DATABASE_URL": f"sqlite:///{tmp_path}/authority.db",
            "AUTHORITY_ARGON2_TIME": "1",
            "AUTHORITY_ARGON2_MEMORY_KIB": "8",
            "AUTHORITY_ARGON2_PARALLELISM": "1",
        }
    )


@pytest.fixture
def terminal(unmigrated) -> Terminal:
    """Settings and a migrated database."""
    assert unmigrated("migrate").exit_code == 0
    return unmigrated
