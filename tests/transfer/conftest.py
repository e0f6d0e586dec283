"""The command line's terminal, shared with its own tests."""

from cli.conftest import terminal, unmigrated

__all__ = ["terminal", "unmigrated"]
