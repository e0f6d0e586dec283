"""From an error to one sentence for a person: what, why, what to do. Secrets and traces stay out of it."""

from __future__ import annotations

import logging

import click

logger = logging.getLogger("authority.cli")

_OF_POSTGRESQL = ("psycopg", "psycopg2", "asyncpg")
_PATIENCE = "give the role more time (statement_timeout, lock_timeout), or try again when less is going on"
_REMEDIES = {
    "25006": "name a server that is no replica, and see that default_transaction_read_only is off",
    "3F000": "make the schema first, or give the role a search_path with one that is there",
    "42501": "connect as a role that may do this; the tables' owner migrates them",
    "55P03": _PATIENCE,
    "57014": _PATIENCE,
}
"""By SQLSTATE: read_only_sql_transaction, invalid_schema_name, insufficient_privilege, lock_not_available,
query_canceled."""


class Trouble(click.ClickException):
    """A command could not do what was asked; the message says why and what to do. Exit code 1."""

    exit_code = 1


def sentence(error: Exception) -> str:
    """Return what to tell a person of *error*."""
    from authority_core.admin.refusals import Invalid, Unknown
    from authority_core.kernel.changes import StorageUnavailable
    from authority_core.kernel.problems import ConfigurationError
    from authority_core.kernel.vault import Damaged, UnderNoKey
    from authority_sql.errors import NewerDatabase, OccupiedDatabase

    logger.debug("the command failed", exc_info=error)
    if isinstance(error, ConfigurationError):
        return listed("The settings cannot be used", error.faults)
    if isinstance(error, Invalid):
        return listed("This was refused", error.faults)
    if isinstance(error, Damaged):
        return (
            "A signing key in the database is damaged or was moved from another record, so no secret opens it: restore "
            "it from a backup, or withdraw it with `authority keys compromise`. `authority secret rotate` names it."
        )
    if isinstance(error, UnderNoKey):
        return (
            "The database was made with another secret key, so its signing keys cannot be opened: give the old one as "
            "AUTHORITY_SECRET_KEY, or list it in AUTHORITY_SECRET_KEY_PREVIOUS."
        )
    if isinstance(error, StorageUnavailable):
        return _of_storage(error)
    if isinstance(error, Unknown | ImportError | NewerDatabase | OccupiedDatabase):
        return str(error)
    if _of_url(error):
        return str(error)
    if type(error).__module__.partition(".")[0] in ("sqlalchemy", "alembic", "sqlite3", "psycopg"):
        return of_database(error)
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        return f"The system refused{where}: {error.strerror or error}."
    return (
        f"This should not have happened ({type(error).__name__}: {_first_line(error)}). "
        "Set AUTHORITY_LOG_LEVEL=debug to see where, and please report it."
    )


def listed(opening: str, faults: tuple[str, ...]) -> str:
    """Return *faults* as one sentence, or as a list when there are several."""
    if len(faults) == 1:
        return f"{opening}: {faults[0]}"
    return f"{opening}:\n" + "\n".join(f"  - {fault}" for fault in faults)


def of_database(error: Exception) -> str:
    """Return what to tell a person of an error of SQLAlchemy or a driver, without the statement or its values."""
    original = getattr(error, "orig", None) or error
    name = type(error).__name__
    if name == "ArgumentError":
        return "The database URL cannot be read: give something like sqlite:///authority.db or postgresql://user@host/name."
    return f"The database cannot be used ({_first_line(original)}): {_what_to_do(original)}."


def _what_to_do(error: BaseException) -> str:
    """Return what helps against *error* of a driver, as far as one can tell."""
    if type(error).__module__.partition(".")[0] not in _OF_POSTGRESQL:
        return "check the URL, the folder's rights and the server"
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return _REMEDIES.get(state or "", "check the URL and the server")


def _of_storage(error: Exception) -> str:
    text = str(error)
    cause = error.__cause__
    if "migrate" in text:
        return text
    if text.startswith(("Redis ", "This Redis ")):
        return f"{text} Look at that server and at AUTHORITY_REDIS_URL."
    if cause is not None and _of_url(cause):
        return str(cause)
    if isinstance(cause, Exception):
        return f"The database cannot be used ({_first_line(cause)})."
    return text if text.endswith(".") else f"The database cannot be used ({text})."


def _of_url(error: BaseException) -> bool:
    """Tell whether *error* is a fault of the database's URL, said in a sentence."""
    return type(error).__module__ == "authority_sql.urls"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
