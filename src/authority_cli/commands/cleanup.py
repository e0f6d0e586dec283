"""`authority cleanup`: forgets what may be forgotten."""

from __future__ import annotations

import click

from ..environment import administration
from ..output import Output, database_option, json_option
from ..progress import progress


@click.command()
@click.option("--batch", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="Rows a transaction.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after so many rows.")
@database_option
@json_option
def cleanup(batch: int, limit: int | None, database: str | None, as_json: bool) -> None:
    """Delete what has ended, such as codes, tokens and old audit lines.

    It deletes in small transactions and holds nobody up. Nothing depends on it but the size of the database: run it
    every hour or every day.
    """
    from authority_core.admin.housekeeping import cleanup as forget
    from authority_core.kernel.sync import run

    with administration(database) as admin, progress("Forgetting", "rows") as steps:
        shell = admin.authority.shell
        gone = run(
            forget(shell.storage, shell.moment, batch=batch, limit=limit, told=lambda count: steps.at(count, count))
        )
    lines = [f"{gone} row{'s were' if gone != 1 else ' was'} deleted."]
    if gone == limit:
        lines.append("That was the limit; there may be more.")
    Output(as_json).show({"deleted": gone, "limit_reached": gone == limit}, *lines)
