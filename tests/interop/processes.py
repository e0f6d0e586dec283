"""Servers as processes: started on a socket that listens already, so nobody waits for a port; stopped by process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from attrs import frozen

from authority_sql import SqlStorage, migrate
from interop.house import inhabitants

TESTS = Path(__file__).parents[1]
PROGRAM = Path(__file__).with_name("serve.py")
PATIENCE = 15
"""Seconds a server has to stop."""


@frozen
class Served:
    """A server that runs, with *settings* other than usual. *log* is what it wrote to standard error."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    settings: dict[str, object]


def database(folder: Path, *callbacks: str) -> str:
    """Return the URL of a new database file in *folder* where everybody lives."""
    url = f"sqlite:///{folder / 'authority.db'}"
    migrate(url)
    storage = SqlStorage.from_url(url)
    storage.commit(inhabitants(datetime.now(timezone.utc), *callbacks))
    storage.close()
    return url


def listener() -> socket.socket:
    """Return a socket that listens on a free port of this machine."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(256)
    return sock


@contextmanager
def serving(
    adapter: str, url: str, processes: int = 1, host: str = "127.0.0.1", **settings: object
) -> Iterator[list[Served]]:
    """Yield *processes* servers on one database *url*, all of the issuer that the first one's address is."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener()) for _ in range(processes)]
        issuer = f"http://{host}:{sockets[0].getsockname()[1]}"
        told = {"adapter": adapter, "database": url, "issuer": issuer, "settings": settings}
        yield [stack.enter_context(_process(told, sock, host)) for sock in sockets]


@contextmanager
def _process(told: dict[str, Any], sock: socket.socket, host: str) -> Iterator[Served]:
    port, fd = sock.getsockname()[1], sock.fileno()
    paths = [str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with NamedTemporaryFile(prefix="authority-server-", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps({**told, "fd": fd})],
            pass_fds=[fd],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        sock.close()  # the child has it: when the child dies, clients are refused instead of waiting
        try:
            yield Served(f"http://{host}:{port}", port, process, Path(log.name), told["settings"])
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)
