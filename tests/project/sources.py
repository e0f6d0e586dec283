"""The source files as the tests of the project see them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
CORE = SRC / "authority_core"
PACKAGES = tuple(sorted(path.parent for path in SRC.glob("*/__init__.py")))


def modules(folder: Path = SRC) -> list[Path]:
    """Return every Python file below *folder*."""
    return sorted(folder.rglob("*.py"))


def place(path: Path, node: ast.AST | None = None) -> str:
    """Return where *node* is, as an editor opens it."""
    line = f":{node.lineno}" if node is not None and hasattr(node, "lineno") else ""
    return f"{path.relative_to(ROOT)}{line}"


def nodes(path: Path) -> Iterator[ast.AST]:
    """Walk the syntax tree of the file at *path*."""
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))


def module_name(path: Path) -> str:
    """Return the name by which the file at *path* is imported."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def dotted(node: ast.expr) -> str | None:
    """Return `a.b.c` for a name or a chain of attributes."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return None if left is None else f"{left}.{node.attr}"
    return None
