"""Run by the packaging session where nothing but the wheel is installed: `installed.py bare|full`.

*full* has every extra and imports every module. *bare* has none: all of the core imports, and of every other package
what it offers by name; where an extra is missing, one sentence says which line installs it.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from importlib import metadata
from pathlib import Path

FILES = [file for file in metadata.files("authority-idp") or () if file.suffix == ".py"]
PACKAGES = sorted({file.parts[0] for file in FILES if file.parts[0].startswith("authority_")})


def everything(package: str) -> list[str]:
    """Import *package* with all its modules and return their names."""
    found = importlib.import_module(package)
    names = [module.name for module in pkgutil.walk_packages(found.__path__, f"{package}.")]
    for name in names:
        # Alembic runs revisions and their env.py by path; a module named __main__ is a program
        if not {"versions", "env", "__main__", "testing"} & set(name.split(".")):
            importlib.import_module(name)
    return names


def offered(package: str) -> list[str]:
    """Import *package* and what it offers by name; return the names."""
    found = importlib.import_module(package)
    names = list(getattr(found, "__all__", ()))
    for name in names:
        getattr(found, name)
    return names


def main(environment: str) -> None:
    """Check the distribution; raises `SystemExit` with what is wrong."""
    told, written = metadata.version("authority-idp"), importlib.import_module("authority_core").__version__
    if told != written:
        raise SystemExit(f"the wheel says {told}, the package {written}")
    for package in PACKAGES:
        where = Path(importlib.util.find_spec(package).origin)
        if "site-packages" not in where.parts:
            raise SystemExit(f"{package} came from {where}, not from the wheel")
        if not where.with_name("py.typed").is_file():
            raise SystemExit(f"{package} ships no py.typed")
        try:
            whole = environment == "full" or package == "authority_core"
            names = everything(package) if whole else offered(package)
        except ImportError as error:
            if environment == "full" or package == "authority_core" or "authority-idp[" not in str(error):
                raise
            print(f"{package}: {error}")
        else:
            print(f"{package}: {len(names)} {'modules' if whole else 'names'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
