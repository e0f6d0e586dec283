"""openid-client and oauth4webapi, two strict clients from npm, log in unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interop.house import CALLBACK, SECRET
from interop.processes import Served
from interop.walk import Person

HERE = Path(__file__).with_name("node")
PATIENCE = 120


@pytest.fixture(scope="session")
def modules() -> Path:
    """The two packages, installed as the lock file says."""
    if not (HERE / "node_modules" / "openid-client").is_dir():
        if shutil.which("npm") is None:
            pytest.fail("npm is missing; on Debian: apt-get install nodejs npm", pytrace=False)
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, cwd=HERE, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    return HERE


@contextmanager
def program(name: str, told: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["node", str(HERE / name), json.dumps(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
@pytest.mark.parametrize("name", ["openid-client.mjs", "oauth4webapi.mjs"])
def test_it_logs_in_and_checks_everything(modules: Path, served: Served, name: str, method: str) -> None:
    """Discovery, code with PKCE and nonce, `iss`, userinfo, refresh, introspection, revocation, client credentials."""
    client = {"client_secret_basic": "web", "client_secret_post": "post", "none": "spa"}[method]
    told = {
        "issuer": served.url,
        "client": client,
        "secret": SECRET,
        "method": method,
        "callback": CALLBACK,
        "algorithm": str(served.settings.get("jwt_algorithm", "RS256")),
    }
    with program(name, told) as process:
        address = process.stdout.readline().strip()
        assert address.startswith(served.url), process.stderr.read()
        answered, complaint = process.communicate(Person().authorize(address) + "\n", timeout=PATIENCE)

    assert process.returncode == 0, complaint
    assert json.loads(answered) == {
        "sub": "u-alice",
        "nonce": True,
        "email": "alice@example.com",
        "service": None if method == "none" else "read",
    }
