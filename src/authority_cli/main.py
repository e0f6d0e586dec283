"""The entry point: says in one sentence when the command line's own extra is missing. It knows no command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the `authority` command and leave the process with its exit code: 0 done, 1 refused or failed, 2 misused."""
    try:
        import click as _click  # noqa: F401 - only to say in one sentence what is missing
    except ImportError:
        print("Error: The command line needs an extra: pip install 'authority-idp[cli]'", file=sys.stderr)
        sys.exit(1)
    from .program import authority

    authority(prog_name="authority")
