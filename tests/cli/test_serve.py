"""`authority serve`: for real use, under both servers; and what the command line says of what is not installed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from cli.running import PATIENCE, Browser, command, environment, running
from support.ports import free_port

SETTINGS = {"AUTHORITY_SECRET_KEY": "0123456789abcdef0123456789abcdef"}


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('serve')}/authority.db"
    assert command("migrate", "--database", url).returncode == 0
    return url


@pytest.mark.parametrize(("adapter", "workers"), [("starlette", 1), ("starlette", 2), ("flask", 1)])
def test_it_serves_and_ends_calmly(database, adapter, workers):
    """Ready under every server, below the issuer's path, and a signal is an orderly end."""
    port = free_port()
    settings = {**SETTINGS, "AUTHORITY_ISSUER": f"http://localhost:{port}/id", "AUTHORITY_DATABASE_URL": database}
    with running("serve", "--port", str(port), "--adapter", adapter, "--workers", str(workers), **settings) as server:
        ready = Browser().go("GET", f"http://127.0.0.1:{port}/id/health/ready")
        metadata = Browser().go("GET", f"http://127.0.0.1:{port}/id/.well-known/openid-configuration").json
        second = command("serve", "--port", str(port), "--adapter", adapter, **settings)
        code, rest, errors = server.stop(signal.SIGTERM)

    assert server.said["adapter"] == adapter
    assert ready.status == 200
    assert metadata["issuer"] == settings["AUTHORITY_ISSUER"]
    assert second.returncode == 1
    assert "is in use by another program" in second.stderr
    assert (code, rest) == (0, "")
    assert "Traceback" not in errors


@pytest.mark.parametrize("missing", ["click", "sqlalchemy", "uvicorn", "starlette", "flask", "jinja2"])
def test_a_missing_extra_is_one_sentence_with_the_line_that_installs_it(missing):
    """No trace, whatever is not there."""
    adapter = "flask" if missing == "flask" else "starlette"
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"sys.argv = ['authority', 'demo', '--json', '--port', '0', '--adapter', {adapter!r}]\n"
        "from authority_cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=PATIENCE
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'authority-idp[" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_is_fast_because_nothing_heavy_is_imported():
    """The program loads neither storage, frameworks nor cryptography to say what it can do."""
    code = (
        "import sys, json\nfrom authority_cli.program import authority\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=True
    )

    heavy = {
        "authority_core",
        "sqlalchemy",
        "alembic",
        "starlette",
        "flask",
        "uvicorn",
        "cryptography",
        "rich",
        "jinja2",
    }
    assert heavy & set(json.loads(done.stdout)) == set()
    assert "click" in done.stdout
