"""`authority demo`: a whole server in one command."""

from __future__ import annotations

import json
import signal
import sys

import click

from ..environment import ADAPTERS


@click.command()
@click.option("--adapter", type=click.Choice(ADAPTERS), default="starlette", show_default=True, help="What it runs on.")
@click.option("--port", type=click.IntRange(0, 65535), default=4000, show_default=True, help="0 takes a free one.")
@click.option("--database", metavar="URL", help="Keep the data here; without it they end with the demo.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line once the server accepts connections.")
def demo(adapter: str, port: int, database: str | None, as_json: bool) -> None:
    """Start a server with a demo user and three clients, on this machine only.

    It prints what to click and what to type. Ctrl-C stops it.
    """
    from ..demo import announcement, starting
    from ..serving.applications import configure_logging
    from ..serving.sockets import loopback_sockets

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))  # until the server has handlers of its own
    configure_logging()
    starting.need(adapter)
    chosen, sockets = loopback_sockets(port)
    with starting.database(database) as (url, credentials):
        ready = starting.prepare(f"http://localhost:{chosen}", url, credentials, temporary=database is None)

        def announce() -> None:
            if as_json:
                sys.stdout.write(json.dumps(announcement.as_json(ready), ensure_ascii=False) + "\n")
                sys.stdout.flush()
            else:
                announcement.for_people(ready)

        starting.serve(ready, adapter, sockets, announce)
