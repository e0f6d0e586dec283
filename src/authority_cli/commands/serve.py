"""`authority serve`: the server for real use, configured by the environment."""

from __future__ import annotations

import os
from collections.abc import Callable

import click

from ..environment import (
    ADAPTERS,
    PREFIX,
    administration,
    check_asynchronous,
    check_migrated,
    database_url,
    is_number,
    masked,
    variable,
)
from ..output import database_option
from ..storages import Beside, beside, check_awaited, check_redis
from ..troubles import Trouble

Announce = Callable[[], None]


@click.command()
@click.option("--adapter", type=click.Choice(ADAPTERS), help="What it runs on. [AUTHORITY_ADAPTER, starlette]")
@click.option("--host", metavar="ADDRESS", help="Where it listens. [AUTHORITY_HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="[AUTHORITY_PORT, 4000]")
@click.option("--workers", type=click.IntRange(1, 512), help="Processes. [AUTHORITY_WORKERS, 1]")
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line before serving.")
def serve(
    adapter: str | None, host: str | None, port: int | None, workers: int | None, database: str | None, as_json: bool
) -> None:
    """Serve the authority that the environment describes.

    Put a proxy that speaks https in front of it, and name the proxy in AUTHORITY_TRUSTED_PROXIES. The database must
    have been migrated. Ctrl-C and SIGTERM finish the requests under way.
    """
    from ..output import Output
    from ..serving.applications import configure_logging

    configure_logging()
    adapter = adapter or _adapter()
    host = host or variable("HOST") or "127.0.0.1"
    port = port or _number("PORT", 4000, 65535)
    workers = workers or _number("WORKERS", 1, 512)
    _need(adapter)
    url = database_url(database)
    os.environ[PREFIX + "DATABASE_URL"] = url  # where the workers look
    os.environ.pop(PREFIX + "DATABASE_URL_FILE", None)
    if adapter == "starlette":
        check_asynchronous(url)
    redis = beside()
    issuer = _prepared(url, redis, awaited=adapter == "starlette")
    where = {"issuer": issuer, "host": host, "port": port, "workers": workers, "adapter": adapter}
    source = masked(url) if redis is None else f"{masked(url)} with {redis.place} ({', '.join(redis.kinds)})"
    line = f"{issuer} is served on {host}, port {port}, by {workers} worker(s) ({adapter}), from {source}."
    beyond = {} if redis is None else {"redis": redis.place, "redis_kinds": redis.kinds}

    def announce() -> None:
        Output(as_json).show({**where, "database": masked(url), **beyond}, line)

    _run(adapter, host, port, workers, announce)


def _need(adapter: str) -> None:
    if adapter == "flask":
        from ..serving.under_gunicorn import need_gunicorn

        need_gunicorn()
    else:
        from ..serving.under_uvicorn import need_uvicorn

        need_uvicorn()


def _prepared(url: str, redis: Beside | None, *, awaited: bool) -> str:
    """Return the issuer of a storage that can be served.

    The database is migrated, its signing keys are made and opened, and the driver of the server and *redis* answer.
    """
    from authority_core.kernel.sync import run

    with administration(url) as admin:
        check_migrated(url)
        if awaited:
            check_awaited(url)
        if redis is not None:
            check_redis(redis)
        run(admin.authority.start())
        return admin.settings.issuer


def _run(adapter: str, host: str, port: int, workers: int, announce: Announce) -> None:
    from ..serving.sockets import listening, once_accepting

    listener = listening(host, port)
    if adapter == "flask":
        from ..serving import under_gunicorn

        announce()
        under_gunicorn.serve_workers(listener, workers)
        return
    from ..serving import under_uvicorn
    from ..serving.applications import asgi

    if workers == 1:
        under_uvicorn.serve_here(asgi(), [listener], announce)
    else:
        listener.close()  # uvicorn binds for its processes; this was to see that it can
        once_accepting(host, port, announce)
        under_uvicorn.serve_workers(host, port, workers)


def _adapter() -> str:
    given = variable("ADAPTER") or "starlette"
    if given not in ADAPTERS:
        raise Trouble(f"AUTHORITY_ADAPTER must be one of {', '.join(ADAPTERS)}.")
    return given


def _number(name: str, default: int, high: int) -> int:
    text = variable(name)
    if text is None:
        return default
    if not is_number(text, 1, high):
        raise Trouble(f"AUTHORITY_{name} must be a whole number from 1 to {high}.")
    return int(text)
