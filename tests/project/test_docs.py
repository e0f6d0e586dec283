"""Documentation that runs: every Python block of every page, and every doctest of the source."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
from attrs import frozen

from project.sources import ROOT, module_name, modules

PAGES = sorted([*(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts), ROOT / "README.md"])
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>python|py|pycon)[ \t]*\n(?P<code>.*?)^(?P=indent)```[ \t]*$"
    r"(?:\n\s*<!-- norun: (?P<reason>.*?) -->)?",
    re.MULTILINE | re.DOTALL,
)
MOST_UNRUN = 12
"""Blocks in all pages together that may say why they are not run; raise it only with a good reason."""


@frozen
class Block:
    """One fenced block: its *code*, the *line* it begins on, and why it is not run, if it is not."""

    kind: str
    code: str
    line: int
    reason: str | None


def blocks(page: str) -> list[Block]:
    """Return the Python blocks of the text *page*."""
    return [
        Block(
            found["kind"],
            textwrap.dedent(found["code"]),
            page.count("\n", 0, found.start("code")) + 1,
            found["reason"],
        )
        for found in FENCE.finditer(page)
    ]


def play(page: Path, found: list[Block]) -> None:
    """Run the blocks of *page* one after the other in one namespace, as a reader would type them."""
    name = "page_" + re.sub(r"\W", "_", str(page.relative_to(ROOT)))
    module = sys.modules[name] = ModuleType(name)
    try:
        for block in found:
            if block.kind == "pycon":
                test = doctest.DocTestParser().get_doctest(block.code, vars(module), name, str(page), block.line - 1)
                runner = doctest.DebugRunner(verbose=False, optionflags=doctest.ELLIPSIS)
                runner.run(test, clear_globs=False)
            else:
                padded = "\n" * (block.line - 1) + block.code  # so that a traceback names the line of the page
                # optimize=0: the asserts of a page are what it promises, also under `python -O`
                exec(compile(padded, str(page), "exec", optimize=0), vars(module))
    finally:
        del sys.modules[name]


def with_code() -> list[Path]:
    return [page for page in PAGES if any(block.reason is None for block in blocks(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", with_code(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A reader who types the page's code gets what the page says."""
    monkeypatch.chdir(tmp_path)

    play(page, [block for block in blocks(page.read_text(encoding="utf-8")) if block.reason is None])


def test_blocks_that_are_not_run_are_few_and_say_why():
    """Showing code that is not run is an exception with a reason."""
    unrun = [
        (page.name, block.line, block.reason)
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.reason is not None
    ]

    assert len(unrun) <= MOST_UNRUN
    assert [where for where in unrun if len(where[2].split()) < 3] == []


def test_no_block_hides_from_being_run():
    """Python is shown in fences that the tests see, not in directives that they would miss."""
    hidden = re.compile(
        r"^ *[`~:]{3,}\s*(\{(code-block|code|sourcecode)\}\s*(python|py|pycon)|python[^\n\w]\S|Python)", re.MULTILINE
    )
    found = [str(page.relative_to(ROOT)) for page in PAGES if hidden.search(page.read_text(encoding="utf-8"))]

    assert found == []


def test_the_collector_sees_blocks():
    """The control: fences are found with their lines, reasons and indentation, and failures come through."""
    page = (
        "text\n```python\nx = 1\n```\n\n- item\n  ```python\n  assert x == 2\n  ```\n\n"
        "```python\nboom()\n```\n<!-- norun: not a program -->\n"
    )
    found = blocks(page)

    assert [(block.line, block.code, block.reason) for block in found] == [
        (3, "x = 1\n", None),
        (8, "assert x == 2\n", None),
        (12, "boom()\n", "not a program"),
    ]
    with pytest.raises(AssertionError):
        play(ROOT / "docs" / "nowhere.md", found[:2])


def documented() -> list[str]:
    """Return the modules whose text holds a doctest."""
    return [module_name(path) for path in modules() if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", documented())
def test_doctests(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Every example in a docstring gives what it shows."""
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert result.attempted > 0
    assert result.failed == 0
