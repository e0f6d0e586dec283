"""How far a long command has come: a bar on a terminal, a line now and then elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from attrs import frozen

_EVERY = 5.0
"""Seconds between two lines where nobody watches."""


@frozen
class Steps:
    """What a command calls: *at* (units done, things done) moves on, *say* writes a line above the bar."""

    at: Callable[[int, int], None]
    say: Callable[[str], None]


@contextmanager
def progress(
    what: str, things: str, total: int | None = None, *, now: Callable[[], float] = time.monotonic
) -> Iterator[Steps]:
    """Show that *what* goes on, and how many *things* are done; *total* units make a whole bar.

    *now* tells seconds from any beginning.
    """
    if sys.stderr.isatty():
        try:
            import rich as _rich  # noqa: F401 - its bar is a comfort, not a need
        except ImportError:
            pass
        else:
            with _bar(what, things, total) as steps:
                yield steps
            return
    yield _lines(what, things, total, now)


def _lines(what: str, things: str, total: int | None, now: Callable[[], float]) -> Steps:
    said = now()

    def at(units: int, count: int) -> None:
        nonlocal said
        if now() >= said + _EVERY:
            said = now()
            share = f" ({min(100 * units // total, 100)} %)" if total else ""
            click.echo(f"{what}: {count} {things}{share}", err=True)

    return Steps(at, lambda line: click.echo(line, err=True))


@contextmanager
def _bar(what: str, things: str, total: int | None) -> Iterator[Steps]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]:,} " + things)]
    if total is not None:
        columns += [TaskProgressColumn(), TimeRemainingColumn()]
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total, count=0)

        def at(units: int, count: int) -> None:
            bar.update(task, completed=units if total is not None else None, count=count)

        yield Steps(at, lambda line: console.print(Text(line), soft_wrap=True))
