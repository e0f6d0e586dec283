"""Private Redis servers: on free loopback ports, in folders of their own, nothing on disk, stopped by process id."""

from __future__ import annotations

import atexit
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .ports import free_for_a_node, free_port
from .waiting import until

MISSING = "redis-server is missing: install Debian's package `redis-server`"


class RedisServer:
    """One server of Debian's Redis; *options* are those of its command line."""

    def __init__(self, *options: str, tls_port: bool = False, sentinel: str | None = None) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise RuntimeError(MISSING)
        self.port = free_for_a_node() if "--cluster-enabled" in options else free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="authority-redis-")
        ports = ["--port", "0", "--tls-port", str(self.port)] if tls_port else ["--port", str(self.port)]
        place = ["--bind", "127.0.0.1", "--dir", self.folder.name, "--unixsocket", str(self.socket)]
        self._command = [binary, *ports, *place, "--save", "", "--appendonly", "no", *options]
        if sentinel is not None:
            path = Path(self.folder.name, "sentinel.conf")
            listens = f"port 0\ntls-port {self.port}" if tls_port else f"port {self.port}"
            lines = listens, "bind 127.0.0.1", f"dir {self.folder.name}", f"unixsocket {self.socket}"
            path.write_text("\n".join((*lines, sentinel, "")))
            self._command = [binary, str(path), "--sentinel"]
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)  # whatever happens to the test
        self.start()

    @property
    def socket(self) -> Path:
        return Path(self.folder.name, "redis.sock")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: object) -> redis.Redis:
        """Return a client of the test's own, over the socket."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), retry=once, **options)  # type: ignore[arg-type]  # as the test likes

    def start(self) -> None:
        """Start the server, empty, and wait until it answers."""
        self.socket.unlink(missing_ok=True)
        log = Path(self.folder.name, "log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT)
        for _ in range(500):
            if self._process.poll() is not None:
                break
            try:
                with self.client() as client:
                    client.ping()
            except redis.AuthenticationError:
                return
            except (redis.ConnectionError, OSError):
                time.sleep(0.01)  # another process has no event to wait for
            else:
                return
        raise RuntimeError(f"redis-server did not start: {log.read_text()}")

    def flush(self) -> None:
        """Empty it."""
        with self.client() as client:
            client.flushall()

    def freeze(self) -> None:
        """Stop the process where it stands: connections stay open and nobody answers."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, with all that it held."""
        process = self._running()
        process.kill()
        process.wait(20)
        self._process = None

    def stop(self) -> None:
        """Put it away."""
        if self._process is not None:
            self.thaw()
            self.kill()
        self.folder.cleanup()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process

    def dump(self) -> bytes:
        """Return every key and value."""
        with self.client() as client:
            return b"".join(key + b" " + _value(client, key) + b"\n" for key in sorted(client.scan_iter()))


def _value(client: redis.Redis, key: bytes) -> bytes:
    match client.type(key):
        case b"string":
            return bytes(client.get(key) or b"")
        case b"hash":
            return b" ".join(part for pair in client.hgetall(key).items() for part in pair)
        case _:
            return b" ".join(client.zrange(key, 0, -1))


def trips(server: RedisServer, use: Callable[[], object]) -> list[str]:
    """Return the commands that *use* sends, without those that scripts make in the server."""
    with server.client() as client, client.monitor() as monitor:
        use()
        with server.client() as other:
            other.echo("that was it")
        seen = []
        for line in monitor.listen():
            if "that was it" in line["command"]:
                return [words.split()[0] for words in seen if not words.startswith("CLIENT")]
            if line["client_type"] == "tcp":
                seen.append(line["command"])
    raise AssertionError("the monitor broke off")


@cache
def shared() -> RedisServer:
    """Return the one server of this process that tests share; it ends with the process."""
    return RedisServer()


def emptied() -> RedisServer:
    """Return the shared server, empty."""
    server = shared()
    server.flush()
    return server


@cache
def cluster() -> tuple[RedisServer, ...]:
    """Return the three nodes of a cluster, which end with the process."""
    nodes = tuple(RedisServer("--cluster-enabled", "yes") for _ in range(3))
    cli = shutil.which("redis-cli")
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    subprocess.run(
        [str(cli), "--cluster", "create", *addresses, "--cluster-yes"], check=True, capture_output=True, timeout=60
    )
    for node in nodes:
        with node.client() as client:
            until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "the nodes do not meet")
    return nodes
