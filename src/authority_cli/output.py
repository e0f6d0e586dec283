"""What commands print: tables for people, JSON for machines, plain columns for pipes. It knows no command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import click
from attrs import frozen

F = TypeVar("F", bound=Callable[..., object])


def json_option(command: F) -> F:
    """Give *command* the option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")(command)


def yes_option(command: F) -> F:
    """Give *command*, which destroys something, the option `--yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def database_option(command: F) -> F:
    """Give *command* the option `--database`."""
    return click.option("--database", metavar="URL", help="Database URL. [AUTHORITY_DATABASE_URL]")(command)


@frozen
class Output:
    """Prints the result of one command on standard output; everything else goes to standard error."""

    as_json: bool

    def show(self, value: Mapping[str, object], *lines: str) -> None:
        """Print *value* as JSON, or the *lines* for a person."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=False, default=_plain))
            return
        for line in lines:
            click.echo(line)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]], empty: str) -> None:
        """Print *rows* as a table, or as JSON under *name*; *empty* is said when there are none."""
        if self.as_json:
            click.echo(json.dumps({name: rows}, ensure_ascii=False, default=_plain))
        elif not rows:
            click.echo(empty)
        else:
            texts = [[text(row.get(column)) for column in columns] for row in rows]
            _print_table([column.replace("_", " ") for column in columns], texts)

    def note(self, line: str) -> None:
        """Say something to the person, not to the machine."""
        click.echo(line, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; raises `Trouble` when nobody is there to answer, `Abort` at a no."""
    from .troubles import Trouble

    if yes:
        return
    if not sys.stdin.isatty():
        raise Trouble("This destroys something and nobody is there to be asked: add --yes to do it.")
    click.confirm(question, abort=True, err=True)


def text(value: object) -> str:
    """Return *value* as a cell of a table."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence | frozenset):
        return " ".join(str(one) for one in value) or "-"
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if sys.stdout.isatty():
        try:
            from rich.box import SIMPLE_HEAD
            from rich.console import Console
            from rich.table import Table
        except ImportError:
            pass
        else:
            table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
            for row in rows:
                table.add_row(*(_unmarked(cell) for cell in row))
            Console().print(table)
            return
    widths = [max(len(cells[index]) for cells in (columns, *rows)) for index in range(len(columns))]
    for cells in (columns, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _unmarked(cell: str) -> str:
    return cell.replace("[", "\\[")
