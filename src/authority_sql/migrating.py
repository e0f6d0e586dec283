"""Bringing a database to this version's tables: a new one at once, an older one revision by revision with Alembic.

Alembic is imported only here, and only when there is a revision to take or to name. A test proves that both ways end
with the same tables.

Safe when several processes do it at once: SQLite's write lock, or an advisory lock of PostgreSQL, lets one in; the
others find nothing left to do. All revisions run in one transaction, which sees what was committed while it waited,
whatever the database's default isolation. A database of a revision that is not known here was migrated by a newer
release, and is left alone.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from .engines import blocking_engine, in_memory, synchronous
from .errors import NewerDatabase, OccupiedDatabase
from .migrations import HEAD
from .schema import metadata_for
from .urls import OPTIONS

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "authority_alembic_version"
"""Ours alone, so that a host's own Alembic history is not touched."""
_LOCK = 0x61757468  # "auth"
_ISOLATION = "ISOLATION LEVEL READ COMMITTED"
"""Of PostgreSQL: a snapshot of the whole transaction would be older than the lock that was waited for."""

_OF_OPTIONS = """\
-- The options of the URL, such as its search_path, are not in this text: run it over a connection that has them.

"""


def migrate(url: str | URL, *, table_prefix: str = "", schema: str | None = None) -> list[str]:
    """Bring the database at *url* to the newest revision; does nothing where it is there already.

    Returns the revisions that this call has taken, oldest first; of a new database, which is made at once, the newest.
    Raises `NewerDatabase` where a newer release has been, and `OccupiedDatabase` where tables of the same names are
    there that `migrate` did not make: of a host that keeps `metadata` in a history of its own, or somebody else's.
    """
    engine = blocking_engine(synchronous(url))
    try:
        return upgrade(engine, table_prefix, schema)
    finally:
        engine.dispose()


def pending(url: str | URL, *, table_prefix: str = "", schema: str | None = None) -> list[str]:
    """Return the revisions that the database at *url* lacks, oldest first.

    Raises `NewerDatabase` and `OccupiedDatabase` as `migrate` does.
    """
    engine = blocking_engine(synchronous(url))
    try:
        with engine.connect() as connection:
            known = _version(connection, table_prefix, schema)
            if known is None:
                _refuse_occupied(connection, table_prefix, schema)
    finally:
        engine.dispose()
    return _missing(known)


def migration_sql(
    url: str | URL, *, since: str | None = None, table_prefix: str = "", schema: str | None = None
) -> str:
    """Return the SQL that `migrate` would run at *url*, which is not connected to.

    It is for an empty database, or for one that is at the revision *since*. Raises `ValueError` for a revision that is
    not known.
    """
    config = _config(table_prefix, schema, output=(text_of := io.StringIO()))
    from alembic import command

    known = _revisions()
    if since is not None and since not in known:
        raise ValueError(f"There is no revision {since!r}: known are {', '.join(known)}.")
    found = synchronous(url)
    config.attributes["dialect"] = name = found.get_backend_name()
    config.attributes["opening"] = f"SET TRANSACTION {_ISOLATION}" if name == "postgresql" else None
    command.upgrade(config, "head" if since is None else f"{since}:head", sql=True)
    return _OF_OPTIONS * (OPTIONS in found.query) + text_of.getvalue()


def upgrade(engine: Engine, table_prefix: str, schema: str | None) -> list[str]:
    """Bring the database of *engine* to the newest revision; return what `migrate` returns."""
    if engine.dialect.name == "sqlite" and not in_memory(engine.url):
        _prepare_file(engine)
    with engine.connect() as connection:
        return _upgrade(connection, table_prefix, schema)


async def upgrade_async(engine: AsyncEngine, table_prefix: str, schema: str | None) -> None:
    """Bring the database of *engine* to the newest revision."""
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, table_prefix, schema)


def _prepare_file(engine: Engine) -> None:
    # Whoever comes while another switches is told at once that the database is locked; the switch stays for all.
    with engine.connect() as connection, suppress(OperationalError):
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _upgrade(connection: Connection, table_prefix: str, schema: str | None) -> list[str]:
    sqlite = connection.dialect.name == "sqlite"
    # By hand, for the engines of storage are in autocommit: every revision in one transaction, under one lock.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else f"BEGIN {_ISOLATION}")
    try:
        if not sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        taken = _bring_up(connection, table_prefix, schema)
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    return taken


def _bring_up(connection: Connection, table_prefix: str, schema: str | None) -> list[str]:
    known = _version(connection, table_prefix, schema)
    if known is None:
        _refuse_occupied(connection, table_prefix, schema)
        create_at_head(connection, table_prefix, schema)
        return [HEAD]
    missing = _missing(known)
    if missing:
        take_revisions(connection, table_prefix, schema)
    return missing


def _missing(known: str | None) -> list[str]:
    """Return the revisions that come behind *known*. Raises `NewerDatabase` where it is none of them."""
    if known == HEAD:
        return []
    revisions = _revisions()
    if known and known not in revisions:
        raise NewerDatabase(known)
    return revisions[revisions.index(known) + 1 :] if known else revisions


def _revisions() -> list[str]:
    """Return every revision there is, oldest first."""
    config = _config("", None)
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def create_at_head(connection: Connection, table_prefix: str, schema: str | None) -> None:
    """Make every table as it is today in a database that has none, and note the revision this stands for."""
    metadata_for(table_prefix, schema).create_all(connection, checkfirst=False)
    versions = _versions(table_prefix, schema)
    versions.create(connection)
    connection.execute(versions.insert().values(version_num=HEAD))


def take_revisions(connection: Connection, table_prefix: str, schema: str | None, until: str = "head") -> None:
    """Take every revision that the database lacks, one after the other, *until* one of them."""
    config = _config(table_prefix, schema)
    from alembic import command

    config.attributes["connection"] = connection
    command.upgrade(config, until)


def _versions(table_prefix: str, schema: str | None) -> Table:
    """Return the version table as Alembic makes it."""
    name = table_prefix + VERSION_TABLE
    column = Column("version_num", String(32), nullable=False)
    return Table(name, MetaData(schema=schema), column, PrimaryKeyConstraint("version_num", name=f"{name}_pkc"))


def _version(connection: Connection, table_prefix: str, schema: str | None) -> str | None:
    """Return the revision the database is at, `""` for none; `None` when there is not even a table to tell."""
    versions = _versions(table_prefix, schema)
    if not inspect(connection).has_table(versions.name, schema=schema):
        return None
    return connection.execute(select(versions.c.version_num)).scalar() or ""


def _refuse_occupied(connection: Connection, table_prefix: str, schema: str | None) -> None:
    """Raise `OccupiedDatabase` where there are tables that would be ours, and none that says who made them."""
    ours = {table.name for table in metadata_for(table_prefix, schema).tables.values()}
    found = sorted(ours.intersection(inspect(connection).get_table_names(schema=schema)))
    if found:
        raise OccupiedDatabase(found)


def include_name(name: str | None, type_: str, parent_names: object) -> bool:
    """Tell whether a host's own Alembic may look at what is called *name*: at everything but our version table.

    For `include_name` of `context.configure`, beside `metadata` in `target_metadata`. Without it, autogenerate takes
    the version table, which no metadata describes, for one that is to be dropped.
    """
    return not (type_ == "table" and name is not None and name.endswith(VERSION_TABLE))


def _config(table_prefix: str, schema: str | None, output: io.StringIO | None = None) -> Config:
    try:
        from alembic.config import Config
    except ImportError as error:
        raise ImportError("Alembic is not installed: pip install 'authority-idp[sql]'") from error
    config = Config(output_buffer=output) if output is not None else Config()
    config.set_main_option("script_location", "authority_sql:migrations")
    config.attributes["where"] = {
        "version_table": table_prefix + VERSION_TABLE,
        "version_table_schema": schema,
        "target_metadata": metadata_for(table_prefix, schema),
        "table_prefix": table_prefix,
        "table_schema": schema,
    }
    return config
