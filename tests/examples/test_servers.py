"""Every example server starts, signs a real person in, and answers with tokens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.ports import free_port
from support.walk import Person, python, running, tokens

SERVERS = {
    "starlette": ("-m", "uvicorn", "examples.starlette_server.app:app", "--port"),
    "fastapi": ("-m", "uvicorn", "examples.fastapi_server.app:app", "--port"),
    "flask": ("-m", "flask", "--app", "examples.flask_server.app", "run", "--port"),
    "host_users": ("-m", "uvicorn", "examples.host_users.app:app", "--port"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_person_signs_in_through_the_example(name: str, tmp_path: Path):
    """A stranger who starts the example gets tokens that UserInfo accepts."""
    port = free_port()
    issuer = f"http://localhost:{port}"
    with running(python(*SERVERS[name], str(port)), port, tmp_path) as printed:
        said = printed.read_text()
        secret = re.search(r"secret ([\w-]{43})", said)
        person = re.search(r"(alice|mina), password (\S+)", said)
        answer = tokens(issuer, ("example-web", secret[1]), (person[1], person[2]), "openid profile")
        bearer = f"Bearer {answer['access_token']}"
        status, _, text = Person(issuer).send(f"{issuer}/userinfo", Authorization=bearer)
        own = {"fastapi": "/hello", "flask": "/"}.get(name)
        home = Person(issuer).send(issuer + own)[2] if own else ""

    assert status == 200
    assert json.loads(text)["name"] in ("Alice Example", "Mina Host")
    assert "id_token" in answer
    assert own is None or ("world" in home or "application" in home)


def test_an_example_remembers_across_starts(tmp_path: Path):
    """Stopped and started again, a server opens its database and knows its user."""
    port = free_port()
    issuer = f"http://localhost:{port}"
    command = python(*SERVERS["starlette"], str(port))
    with running(command, port, tmp_path) as printed:
        said = printed.read_text()
    with running(command, port, tmp_path) as printed:
        again = printed.read_text()
        secret, password = re.search(r"secret ([\w-]{43})", said)[1], re.search(r"alice, password (\S+)", said)[1]
        answer = tokens(issuer, ("example-web", secret), ("alice", password), "openid offline_access")

    assert "example-web, secret" not in again
    assert "refresh_token" in answer
