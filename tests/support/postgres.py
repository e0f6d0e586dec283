"""PostgreSQL of our own: a private cluster in a temporary folder on a free loopback port, stopped by process id.

Root cannot run PostgreSQL, so root lets the user `postgres` do it. `private()` gives one cluster per process.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from authority_sql import metadata, migrate

from .ports import free_port

INSTALL = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
INSTALL_BOUNCER = "pgbouncer is not installed; on Debian: apt-get install pgbouncer"
PATIENCE = 60
USER = "authority"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "deadlock_timeout": "100ms",  # contenders that meet in opposite orders are told sooner
}


class NotInstalled(RuntimeError):
    """A program is missing; the message is one line that says what to install."""


def binaries() -> Path:
    """Return the folder of the newest PostgreSQL's programs. Raises `NotInstalled`."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not versions:
        raise NotInstalled(INSTALL)
    return versions[-1].parent


def demand(*, pooler: bool = False) -> None:
    """End the test run, in one line that says what to install, where PostgreSQL (or the *pooler*) is missing."""
    try:
        binaries()
        unprivileged([])
        if pooler:
            bouncer_program()
    except NotInstalled as missing:
        pytest.exit(str(missing), returncode=1)


def bouncer_program() -> str:
    """Return where pgbouncer is. Raises `NotInstalled`."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NotInstalled(INSTALL_BOUNCER)
    return program


def unprivileged(command: list[str]) -> list[str]:
    """Return *command* as a user who may run PostgreSQL."""
    if os.geteuid() != 0:
        return command
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise NotInstalled(INSTALL) from None
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *command]


def own(folder: Path) -> None:
    """Let whoever runs PostgreSQL write into *folder*."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        for parent in folder.parents:
            if parent == Path(tempfile.gettempdir()):
                break
            parent.chmod(parent.stat().st_mode | 0o011)


class Cluster:
    """One running PostgreSQL, of which `authority` is the superuser without a password."""

    def __init__(self, folder: Path, *, durable: bool = False, **settings: str) -> None:
        self._bin = binaries()
        self._folder = folder
        self._data = folder / "data"
        self.port = free_port()
        self._names = itertools.count(1)
        own(folder)
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        chosen = {**SETTINGS, "port": str(self.port), "fsync": "on" if durable else "off", **settings}
        self._options = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in chosen.items())
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = unprivileged([str(self._bin / program), *arguments])
        done = subprocess.run(
            command, cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
        )
        if done.returncode != 0:
            log = self._folder / "log"
            raise RuntimeError(f"{program}: {done.stderr}{done.stdout}{log.read_text() if log.exists() else ''}")

    def _control(self, *arguments: str) -> None:
        # Output goes to a file: pg_ctl's child would hold a pipe open for ever.
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", str(PATIENCE), *arguments)

    def start(self) -> None:
        """Start; return when connections are accepted."""
        self._control("-l", str(self._folder / "log"), "-o", self._options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop: `fast`, or `immediate` as a crash does."""
        self._control("-m", mode, "stop")

    def restart(self, mode: str = "immediate") -> None:
        """Stop and start again."""
        self.stop(mode)
        self.start()

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def url(self, database: str = "postgres") -> str:
        """Return the URL of *database*."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """Make an empty database; return its URL."""
        name = f"test{next(self._names)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Run *statements* outside of a transaction, as superuser."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]  # texts of the tests themselves

    def end(self) -> None:
        """Stop without ceremony, for good."""
        try:
            pid = self.pid
        except (OSError, ValueError, IndexError):
            return
        os.kill(pid, signal.SIGQUIT)
        for _ in range(PATIENCE * 20):
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.05)  # a process that is not our child cannot be waited for


@contextmanager
def cluster(*, durable: bool = False, **settings: str) -> Iterator[Cluster]:
    """Yield a fresh cluster. With *durable*, a commit survives a crash of the machine too."""
    folder = Path(tempfile.mkdtemp(prefix="authority-pg-"))
    made = None
    try:
        made = Cluster(folder, durable=durable, **settings)
        yield made
    finally:
        if made is not None:
            made.end()
        shutil.rmtree(folder, ignore_errors=True)


@cache
def private() -> Cluster:
    """Return this process's own cluster, started at the first call and stopped when the process ends."""
    lasting = cluster()
    made = lasting.__enter__()
    atexit.register(lasting.__exit__, None, None, None)
    return made


@cache
def database() -> str:
    """Return the URL of this process's shared database, migrated."""
    url = private().database()
    migrate(url)
    return url


def emptied() -> str:
    """Return the URL of the shared database, empty."""
    # Whole tables at once are slower to truncate than a few rows are to delete.
    statements = [f"DELETE FROM {name}" for name in metadata.tables]
    private().sql(*statements, database=database().rpartition("/")[2])
    return database()


@contextmanager
def bouncer(behind: Cluster) -> Iterator[int]:
    """Yield the port of a pgbouncer in transaction mode before *behind*."""
    program, port = bouncer_program(), free_port()
    with tempfile.TemporaryDirectory(prefix="authority-bouncer-") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{USER}" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={behind.port} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\nauth_file = {folder}/users\n"
            f"pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\nlogfile = {folder}/log\n"
            f"ignore_startup_parameters = extra_float_digits, options\n"
        )
        own(folder)
        process = subprocess.Popen(
            unprivileged([program, "-q", str(folder / "pgbouncer.ini")]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _listens(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _listens(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(PATIENCE * 20):
        if process.poll() is not None:
            raise RuntimeError(f"pgbouncer ended with {process.returncode}")
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # a program that is not ours has no event to wait for
    raise RuntimeError("pgbouncer does not listen")
