"""`authority config check`: what the settings are, what is wrong with them, what to think about."""

from __future__ import annotations

import click

from ..output import Output, database_option, json_option


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@database_option
@json_option
def check(database: str | None, as_json: bool) -> None:
    """Print every setting in effect, secrets masked, and every fault at once; exit code 1 when there is one."""
    from ..configuration import examine

    found = examine(database)
    output = Output(as_json)
    if as_json:
        rows = [{"name": row.name, "value": row.value, "source": row.source} for row in found.rows]
        ok = not found.faults
        output.show({"ok": ok, "settings": rows, "faults": found.faults, "warnings": found.warnings})
    else:
        rows = [{"name": row.name, "value": row.value, "source": row.source} for row in found.rows]
        output.table("settings", ("name", "value", "source"), rows, "")
        for fault in found.faults:
            click.echo(f"Fault: {fault}", err=True)
        for warning in found.warnings:
            click.echo(f"Warning: {warning}", err=True)
        if not found.faults:
            but = ", but whoever brings what is used once (replays) is refused" if found.replays_refused else ""
            click.echo(f"The configuration can be used{but}.", err=True)
    if found.faults:
        click.get_current_context().exit(1)
