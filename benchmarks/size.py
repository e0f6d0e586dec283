"""How long the core takes to import, the demo to start, and how much memory the demo holds."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .goals import Goal
from .server import ROOT

# CPU time, which is all the time an import takes on a machine with nothing else to do
_IMPORT = "import time; start = time.process_time(); import authority_core; print(time.process_time() - start)"


def measure(rounds: int) -> list[Goal]:
    """Return the goals of the import and of the demo."""
    with tempfile.TemporaryDirectory() as cache:  # compiled once, as an installed package is
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", ""))),
            "PYTHONPYCACHEPREFIX": cache,
            "PYTHONDONTWRITEBYTECODE": "",
        }
        _imported(environment)
        imports = [_imported(environment) for _ in range(rounds)]
        _demo(environment)
        demos = [_demo(environment) for _ in range(max(1, rounds // 2))]
    starts, sizes = zip(*demos, strict=True)
    return [
        Goal("import of authority_core", statistics.median(imports), 150, "ms", held=400, note=_best(imports)),
        Goal("start of the demo until it answers", statistics.median(starts), 2, "s", held=6, note=_best(starts)),
        Goal("resident memory of the demo", statistics.median(sizes), 100, "MB"),
    ]


def _best(figures: list[float]) -> str:
    return f"best {min(figures):.2f}"


def _imported(environment: dict[str, str]) -> float:
    """Import the core in a new process; return the milliseconds of CPU time it took."""
    done = subprocess.run([sys.executable, "-c", _IMPORT], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e3


def _demo(environment: dict[str, str]) -> tuple[float, float]:
    """Start the demo; return the seconds until it accepts connections, and its resident memory in megabytes."""
    start = time.perf_counter()
    demo = subprocess.Popen(
        [sys.executable, "-m", "authority_cli", "demo", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = demo.stdout.readline() if demo.stdout else ""
        taken = time.perf_counter() - start
        json.loads(line)
        pages = int(Path(f"/proc/{demo.pid}/statm").read_text().split()[1])
        return taken, pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    finally:
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(10)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()
