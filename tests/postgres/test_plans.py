"""Every statement of a request is served by an index, however many rows there are.

A million rows in the tables that a token request joins (grants, refresh tokens, marks); 100,000 in the others, whose
statements are no different. Signing keys are read as a whole on purpose: there is a handful of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, LargeBinary, Table

from authority_sql import migrate
from authority_sql.prepared import Prepared
from authority_sql.schema import metadata
from authority_sql.statements import Statements, statements_for
from support.postgres import private

MANY, SOME = 1_000_000, 100_000
GROWING = {"grants", "refresh_tokens", "spent_keys"}
WHOLE = {"signing_keys"}
"""Reads of everything there is."""


class _Dialect:
    """asyncpg's spelling, `$1`, is the one that PREPARE takes."""

    name, driver = "postgresql", "asyncpg"


def _value(table: Table, column: Any) -> str:
    """Return SQL for the value of *column* in row i: distinct where it identifies, short where it does not."""
    if isinstance(column.type, Boolean):
        return "false"
    if isinstance(column.type, BigInteger):
        return "i"
    if isinstance(column.type, LargeBinary):
        return "decode(md5(i::text) || md5(i::text), 'hex')" if column.name == "key" else "''::bytea"
    identifies = column.primary_key or column.name.endswith("_id") or column.name in ("id", "subject", "identifier")
    return f"'{column.name}' || i" if identifies else "''"


def _fill(connection: psycopg.Connection[Any], table: Table) -> None:
    rows = MANY if table.name in GROWING else SOME
    names = ", ".join(f'"{column.name}"' for column in table.c)
    values = ", ".join(_value(table, column) for column in table.c)
    indexes = [index for index in table.indexes if index.name is not None]
    connection.execute(f"ALTER TABLE {table.name} SET UNLOGGED")
    for index in indexes:
        connection.execute(f"DROP INDEX {index.name}")
    connection.execute(f"INSERT INTO {table.name} ({names}) SELECT {values} FROM generate_series(1, {rows}) i")
    for index in indexes:
        columns = ", ".join(f'"{column.name}"' for column in index.columns)
        unique = "UNIQUE " if index.unique else ""
        connection.execute(f"CREATE {unique}INDEX {index.name} ON {table.name} ({columns})")
    connection.execute(f"ANALYZE {table.name}")


@pytest.fixture(scope="module")
def full() -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database that has been in use for years."""
    url = private().database()
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '256MB'")
        for table in metadata.sorted_tables:
            _fill(connection, table)
        yield connection


def _statements() -> Statements:
    return statements_for("", None, _Dialect())  # type: ignore[arg-type]  # all that is asked of a dialect


def _hot() -> dict[str, Prepared]:
    made = _statements()
    found = {name: read for name, read in made.reads.items() if name not in WHOLE}
    for kind, writes in made.writes.items():
        found |= {f"update {kind.__name__}": writes.update, f"remove {kind.__name__}": writes.remove}
    found |= {"unname_user": made.unname_user, "uncount": made.uncount}
    return found


def _cold() -> dict[str, Prepared]:
    return {f"cleanup {at} {one.sql.split()[2]}": one for at, one in enumerate(_statements().cleanup)}


def _literal(kind: str) -> str:
    return {"BYTEA": "sha256('x')", "BIGINT": "10", "INTEGER": "10", "BOOLEAN": "false"}.get(kind.upper(), "'x17'")


def plan(connection: psycopg.Connection[Any], statement: Prepared, mode: str) -> list[dict[str, Any]]:
    """Return all nodes of the plan of *statement*: planned for its values (`custom`), or for any (`generic`)."""
    kinds = dict(re.findall(r"\$(\d+)::(\w+)", statement.sql))
    count = max([0, *map(int, re.findall(r"\$(\d+)", statement.sql))])
    values = ", ".join(_literal(kinds.get(str(at), "VARCHAR")) for at in range(1, count + 1))
    connection.execute(f"SET plan_cache_mode = force_{mode}_plan")
    connection.execute(f"PREPARE asked AS {statement.sql}")
    try:
        row = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked{f'({values})' if values else ''}").fetchone()
    finally:
        connection.execute("DEALLOCATE asked")

    assert row is not None
    found = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(_nodes(found[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def scanned(nodes: list[dict[str, Any]]) -> list[str]:
    """Return the tables that are read from end to end, or sorted."""
    whole = [f"{node['Node Type']} of {node.get('Relation Name')}" for node in nodes if "Seq Scan" in node["Node Type"]]
    return whole + ["Sort" for node in nodes if node["Node Type"] == "Sort" and node["Plan Rows"] > 1000]


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("name", _hot())
def test_requests_are_served_by_indexes(full: psycopg.Connection[Any], name: str, mode: str):
    """No read or write of a request looks at a table from end to end, planned for its values or for any."""
    nodes = plan(full, _hot()[name], mode)

    assert scanned(nodes) == []
    assert any("Index" in node["Node Type"] for node in nodes)


@pytest.mark.parametrize("name", _cold())
def test_forgetting_is_served_by_indexes(full: psycopg.Connection[Any], name: str):
    """What is over is found by its end, a batch at a time, and taken away by its key."""
    assert scanned(plan(full, _cold()[name], "custom")) == []


def test_a_sequential_scan_would_be_seen(full: psycopg.Connection[Any]):
    """The control: a question that no index answers is told apart."""
    assert scanned(plan(full, Prepared("SELECT * FROM grants WHERE scope = $1::VARCHAR"), "custom")) != []
