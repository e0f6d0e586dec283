"""What a new connection to PostgreSQL is asked and told, in one round trip: who is at the other end, and how to plan.

Before that, the server's greeting has said how the database keeps texts; that costs nothing.

A connection to PostgreSQL itself knows the id of the process that serves it; behind a pooler such as pgbouncer it knows
an id that the pooler made up. There, a statement prepared under a name may meet somebody else's of that name and answer
wrongly, and switches would be handed to somebody else with the connection. So nothing is prepared, nothing switched.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL

from .urls import ALWAYS_PREPARES, NOT_PASSED_ON, OPTIONS, POOLED, PREPARING, UrlFault, pooled

_SWITCHES = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
"""Every statement looks up keys, whatever the values and however small the table is while it is planned.

Left alone, PostgreSQL plans joins of small tables anew each time, for a quarter of the price of the read; and a plan
that was made for a table of one page, which it reads from end to end, would be kept while a million rows come.
"""


def refuse_encoding(connection: Any) -> None:
    """Raise `UrlFault` where the new *connection* is to a database that cannot keep every text."""
    driver = getattr(connection, "driver_connection", connection)
    if hasattr(driver, "get_settings"):  # asyncpg
        encoding = getattr(driver.get_settings(), "server_encoding", None)
    else:
        encoding = driver.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        raise UrlFault(
            f"The database's encoding is {encoding}, in which not every name can be kept: make another one with "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and name it in the URL."
        )


def greet(connection: Any, url: URL) -> None:
    """Ask who serves the new *connection* of SQLAlchemy's to *url*, and switch what may be switched.

    Raises `UrlFault` where a pooler does, and the driver always prepares or the *url* has `options`. A *url* that says
    `pgbouncer=true` or `pgbouncer=false` is believed.
    """
    if pooled(url):
        return
    driver = getattr(connection, "driver_connection", connection)
    served_by = "pg_backend_pid()" if POOLED in url.query else _served_by(driver)
    switched = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SWITCHES.items())
    if _finds(connection, f"SELECT {switched} WHERE {served_by} = pg_backend_pid()"):
        return
    if OPTIONS in url.query:
        raise UrlFault(NOT_PASSED_ON)
    if hasattr(driver, "prepare_threshold"):  # psycopg
        driver.prepare_threshold = None
    elif url.get_driver_name() == ALWAYS_PREPARES:
        raise UrlFault(PREPARING)


def _served_by(driver: Any) -> str:
    """Return the id of the process at the other end, as the server told the *driver* when it connected."""
    if hasattr(driver, "get_server_pid"):  # asyncpg
        return str(int(driver.get_server_pid()))
    return str(int(driver.info.backend_pid))


def _finds(connection: Any, sql: str) -> bool:
    """Tell whether *sql* finds a row; nothing is prepared for it."""
    if hasattr(getattr(connection, "driver_connection", None), "get_server_pid"):  # its cursors prepare everything
        tag: str = connection.run_async(lambda asyncpg: asyncpg.execute(sql))
        return tag != "SELECT 0"
    cursor = connection.cursor()
    cursor.execute(sql)
    found = cursor.fetchone() is not None
    cursor.close()
    return found
