"""A server in a process group of its own: pinned to one core, asked for its CPU time, ended by its id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """Return a port that is free on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def uvicorn(app: str) -> list[str]:
    """Return the command for one uvicorn worker with uvloop and httptools; *app* is a factory."""
    return [
        *(sys.executable, "-m", "uvicorn", "--factory", app, "--host", "127.0.0.1", "--port", "$PORT"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ]


def gunicorn(app: str) -> list[str]:
    """Return the command for one gunicorn worker with four threads; *app* is a factory."""
    return [
        *(sys.executable, "-m", "gunicorn", app + "()", "-b", "127.0.0.1:$PORT", "--log-level", "error"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "4"),
    ]


class Server:
    """A running server; leaving the context ends it.

    Args:
        command: What to run; `$PORT` is replaced.
        core: Where it runs; anywhere when `None`.
        environment: More variables.
    """

    def __init__(self, command: list[str], core: int | None, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        if core is not None and shutil.which("taskset"):
            command = ["taskset", "-c", str(core), *command]
        paths = os.pathsep.join((str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
        self._process = subprocess.Popen(
            [part.replace("$PORT", str(self.port)) for part in command],
            env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Server:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        self.__exit__(None, None, None)
        raise RuntimeError("a server of the benchmark did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)  # the group that this class started
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def cpu(self) -> float:
        """Return the seconds of CPU time that all its processes have used."""
        fields = [self._fields(process) for process in self._processes()]
        return sum(int(one[11]) + int(one[12]) for one in fields if one) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the resident memory of all its processes, in megabytes; what they share counts in each."""
        fields = [self._fields(process) for process in self._processes()]
        return sum(int(one[21]) for one in fields if one) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _processes(self) -> list[Path]:
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                fields = self._fields(process)
                if fields and int(fields[2]) == self._process.pid:
                    found.append(process)
        return found

    @staticmethod
    def _fields(process: Path) -> list[str]:
        """Return the fields of `stat` after the name (proc(5)): 2 is the group, 11 and 12 CPU ticks, 21 pages."""
        try:
            return (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return []
