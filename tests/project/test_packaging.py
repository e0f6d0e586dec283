"""The distribution: one version, dependencies that say what the code imports, files that users look for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

import authority_core
from project.sources import CORE, PACKAGES, ROOT, SRC, modules, nodes, place

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FIRST_PARTY = {package.name for package in PACKAGES}

# What each package may import besides the core and the standard library (by import name).
ALLOWED = {
    "authority_core": {"attrs", "attr", "cryptography", "joserfc", "argon2", "bcrypt", "pyotp"},
    "authority_pages": {"attrs", "jinja2", "markupsafe", "babel", "segno"},
    "authority_sql": {"attrs", "sqlalchemy", "alembic"},
    "authority_redis": {"attrs", "redis"},
    "authority_starlette": {"attrs", "starlette", "anyio", "fastapi"},
    "authority_flask": {"attrs", "flask", "werkzeug", "click"},
}


def imported(path) -> set[str]:
    """Return the top-level names that the file at *path* imports from elsewhere."""
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"_typeshed"}  # which only type checkers know


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_packages_import_only_what_they_may(package: str):
    """Who may know whom is a closed list, also for distributions of others."""
    found = {
        place(path): foreign
        for path in modules(SRC / package)
        if not path.is_relative_to(CORE / "testing")
        if (foreign := imported(path) - ALLOWED[package] - FIRST_PARTY)
    }

    assert found == {}


def test_the_version_is_written_once():
    """The core says the version; the distribution takes it from there, and nothing else repeats it."""
    found = [
        place(path)
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.Constant) and node.value == authority_core.__version__
    ]

    assert found == ["src/authority_core/__init__.py"]
    assert "version" in PROJECT["project"]["dynamic"]
    assert metadata.version("authority-idp") == authority_core.__version__


def test_every_package_is_in_the_wheel():
    """No package is forgotten."""
    listed = {path.removeprefix("src/") for path in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}

    assert listed == FIRST_PARTY


def test_floors_only():
    """A cap would hold back security fixes of the application that uses the library."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(line for lines in extras for line in lines)]
    capped = [line for line in requirements if re.search(r"[<~]|==", line.split(";")[0])]

    assert capped == []


def test_all_is_every_extra():
    """`authority-idp[all]` means it."""
    extras = PROJECT["project"]["optional-dependencies"]
    (line,) = extras["all"]
    named = set(line.partition("[")[2].rstrip("]").split(","))

    assert named == set(extras) - {"all"}


@pytest.mark.parametrize("name", ["LICENSE", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md"])
def test_files_that_users_look_for(name: str):
    """They exist and say something."""
    assert len((ROOT / name).read_text(encoding="utf-8")) > 300


def test_the_readme_starts_with_two_lines():
    """The first block marked `sh` runs the demo, the second the tests; each is one line."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)

    assert blocks[0] == "make demo\n"
    assert blocks[1] == "make test\n"


def test_the_changelog_knows_the_version():
    """What is about to be released is described."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(rf"^## \[(Unreleased|{re.escape(authority_core.__version__)})\]", changelog, re.MULTILINE)


def test_importing_the_core_does_nothing_else():
    """The core brings no framework, driver or event loop into a process, and writes nothing."""
    program = (
        "import sys, importlib, pathlib, authority_core\n"
        "root = pathlib.Path(authority_core.__file__).parent\n"
        "for path in root.rglob('*.py'):\n"
        "    name = '.'.join(path.relative_to(root.parent).with_suffix('').parts).removesuffix('.__init__')\n"
        "    if not name.startswith('authority_core.testing'): importlib.import_module(name)\n"
        "unwanted = {'asyncio', 'anyio', 'starlette', 'flask', 'sqlalchemy', 'jinja2', 'click'} & set(sys.modules)\n"
        "print(sorted(unwanted))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert run.stderr == ""
    assert run.stdout == "[]\n"
