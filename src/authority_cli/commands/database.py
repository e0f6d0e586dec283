"""`authority migrate` and `authority seed`: a database's tables, and the first things in it."""

from __future__ import annotations

import click

from ..environment import (
    administration,
    database_url,
    masked,
    need_sql,
    refuse_memory,
    refuse_missing_file,
    synchronous,
)
from ..output import Output, database_option, json_option
from ..troubles import Trouble


@click.command()
@database_option
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when something is to be done.")
@click.option("--sql", is_flag=True, help="Change nothing; print the SQL for an empty database.")
@click.option("--since", metavar="REVISION", help="With --sql: print it for a database that is at REVISION.")
@json_option
def migrate(database: str | None, check: bool, sql: bool, since: str | None, as_json: bool) -> None:
    """Bring the database to this version's tables."""
    need_sql()
    from authority_sql import migrate as run
    from authority_sql import migration_sql

    url = database_url(database)
    output = Output(as_json)
    synchronous(url)
    if since is not None and not sql:
        raise click.UsageError("--since goes with --sql.")
    if sql:
        try:
            text = migration_sql(url, since=since)
        except ValueError as unknown:
            raise Trouble(str(unknown)) from unknown
        output.show({"sql": text}, text.rstrip())
        return
    refuse_memory(url)
    revisions = _pending(url) if check else run(url)
    done = {"database": masked(url), "pending" if check else "applied": revisions}
    if not revisions:
        output.show(done, f"{masked(url)} is up to date.")
    elif check:
        output.show(done, f"{masked(url)} lacks {len(revisions)} revision(s): run `authority migrate`.")
        click.get_current_context().exit(1)
    else:
        output.show(done, f"{masked(url)} now has the tables of this version ({', '.join(revisions)}).")


def _pending(url: str) -> list[str]:
    """Return what `migrate` would apply, without making a SQLite file that is not there."""
    from authority_sql import pending

    refuse_missing_file(url)
    return list(pending(url))


@click.command()
@database_option
@json_option
def seed(database: str | None, as_json: bool) -> None:
    """Make the signing keys and the first administrator.

    The administrator comes from AUTHORITY_ADMIN_USERNAME, AUTHORITY_ADMIN_EMAIL, AUTHORITY_ADMIN_NAME and
    AUTHORITY_ADMIN_PASSWORD. Without a password a random one is made and printed once. Doing it again changes nothing.
    """
    from authority_core.kernel.sync import run

    from ..people import first_administrator

    output = Output(as_json)
    with administration(database) as admin:
        run(admin.authority.start())
        user, password = first_administrator(admin.authority)
        records = run(admin.authority.keys.records())
    value = {
        "administrator": {"user_id": user.user_id, "username": user.username, "email": user.email},
        "created": password is not None,
        "password": password.shown if password else None,
        "signing_keys": [record.kid for record in records],
    }
    name = user.username or user.email
    lines = [f"{len(records)} signing keys are there."]
    if password is None:
        lines.append(f"The administrator {name} exists already; nothing was changed.")
    else:
        lines.append(f"The administrator {name} was created.")
        if password.shown:
            lines.append(f"Password, shown this once and to be changed at first sign-in: {password.shown}")
    output.show(value, *lines)
