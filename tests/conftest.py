"""What every test shares: the event loop, Hypothesis profiles, and which folders wait to be named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
SLOW = ("races", "browser", "interop", "examples", "redis", "bench", "postgres", "real_faults", "races_at_size")
"""Folders with a nox session of their own: collected only when they, or something in them, are named."""
UNRUN = ("typing",)
"""Folders that are checked by a type checker and never run."""

# The default run gives one verdict for one tree; the thorough one looks for what is new.
settings.register_profile("default", deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "thorough",
    deadline=None,
    derandomize=True,  # a gate must say the same twice; the next profile goes hunting
    max_examples=1000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("fresh", settings.get_profile("thorough"), derandomize=False)
settings.load_profile("default")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asyncio: SQLAlchemy and the servers know no other loop."""
    return "asyncio"


def _folder(path: Path) -> str | None:
    return path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) and path != TESTS else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    folder = _folder(collection_path)
    if folder in UNRUN:
        return True
    if folder not in SLOW:
        return None
    named = (Path(config.invocation_params.dir, argument.split("::")[0]).resolve() for argument in config.args)
    return None if any(_folder(path) == folder for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = _folder(item.path)
        if folder in SLOW:
            item.add_marker(folder)
