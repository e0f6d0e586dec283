"""What a driver's error means to the core: look again, or storage is not there.

Messages name the driver's class and code, never a value: an error of PostgreSQL quotes the row it refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

from authority_core.kernel.changes import Conflict, StorageUnavailable

AGAIN = frozenset({"23505", "40001", "40P01"})
"""unique_violation, serialization_failure, deadlock_detected."""
_UNMIGRATED = frozenset({"42P01", "42703", "3F000"})
"""undefined_table, undefined_column, invalid_schema_name."""
_CONSTRAINT_KEYS = frozenset({1555, 2067, 2579})
"""SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID."""
_BUSY = 5
MIGRATE = "The database does not have the tables of this version: run `authority migrate`."


class NewerDatabase(Exception):
    """The database is at a revision that this release does not know: a newer one has migrated it."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is of a newer release, at revision {ascii(revision)[1:-1]}: "
            "install that release, or restore a backup from before it was migrated."
        )
        self.revision = revision


class OccupiedDatabase(Exception):
    """Tables of the names of ours are there, and `migrate` did not make them: it leaves them alone."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(
            f"The database has tables that `authority migrate` did not make, such as {', '.join(tables[:3])}. Where a "
            "host application's own Alembic keeps them, migrate there; where they are somebody else's, name another "
            "database or schema, or a table prefix."
        )


def conflict() -> Conflict:
    """Return the refusal of a commit that came second."""
    return Conflict("somebody was first")


def crowded() -> StorageUnavailable:
    """Return the refusal of a writer whose turn did not come."""
    return StorageUnavailable("Too many writers are waiting for the database file.")


def translated(error: Exception) -> Exception:
    """Return what *error*, raised by a driver or by SQLAlchemy's pool, means; a mistake of ours returns itself."""
    original = getattr(error, "orig", None) or error
    module = type(original).__module__.partition(".")[0]
    if isinstance(original, Conflict | StorageUnavailable):
        return original
    if module == "sqlite3":
        return _sqlite(original)
    if getattr(original, "sqlstate", None) is not None or getattr(original, "pgcode", None) is not None:
        return _postgres(original)
    if isinstance(original, OSError | EOFError) or module in {"psycopg", "psycopg_pool", "psycopg2", "asyncpg"}:
        # Without a code there is no row to quote: this is about hosts, sockets and refused connections.
        return StorageUnavailable(f"The database cannot be reached or broke off: {_first_line(original)}")
    if module == "sqlalchemy":
        return StorageUnavailable(f"No connection to the database ({type(original).__name__}).")
    if isinstance(original, UnicodeEncodeError):
        return StorageUnavailable("A text with a lone surrogate cannot be stored.")
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _sqlite(error: BaseException) -> Exception:
    code = int(getattr(error, "sqlite_errorcode", 0) or 0)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    text = str(error)
    if code in _CONSTRAINT_KEYS:
        return conflict()
    if text.startswith(("no such table", "no such column")):
        return StorageUnavailable(MIGRATE)
    if code & 0xFF == _BUSY:
        return StorageUnavailable("The database file stayed locked by another process (SQLITE_BUSY).")
    return StorageUnavailable(f"The database failed ({name}).")


def _postgres(error: BaseException) -> Exception:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state in AGAIN:
        return conflict()
    if state in _UNMIGRATED:
        return StorageUnavailable(MIGRATE)
    return StorageUnavailable(f"The database failed ({type(error).__name__}, SQLSTATE {state}).")
