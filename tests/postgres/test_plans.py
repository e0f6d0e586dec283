"""Every statement of a request is served by an index, however many rows there are.

A million rows in every table. Signing keys are read as a whole on purpose: there is a handful of them. Ends lie in no
order, as in tables that were cleaned up and filled again for years.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, LargeBinary, Table

from authority_core.kernel.sync import run
from authority_core.testing.contract.samples import key_of
from authority_sql import SqlStorage, migrate
from authority_sql.prepared import Prepared
from authority_sql.schema import metadata
from authority_sql.statements import Statements, statements_for
from support.postgres import private

MANY = 1_000_000
WHOLE = {"signing_keys"}
"""Reads of everything there is."""
ENDS = ("keep_until", "expires_at")
OVER, BATCH = 20_000, 1000
"""How many rows of a table may be forgotten, and how many of them go at once."""


class _Dialect:
    """asyncpg's spelling, `$1`, is the one that PREPARE takes."""

    name, driver = "postgresql", "asyncpg"


def _value(table: Table, column: Any) -> str:
    """Return SQL for the value of *column* in row i: distinct where it identifies, short where it does not."""
    if isinstance(column.type, Boolean):
        return "false"
    if column.name in ENDS:
        return f"i::bigint * 7919 % {MANY}"
    if isinstance(column.type, BigInteger):
        return "i"
    if isinstance(column.type, LargeBinary):
        return "decode(md5(i::text) || md5(i::text), 'hex')" if column.name == "key" else "''::bytea"
    identifies = column.primary_key or column.name.endswith("_id") or column.name in ("id", "subject", "identifier")
    return f"'{column.name}' || i" if identifies else "''"


def _fill(connection: psycopg.Connection[Any], table: Table, rows: int = MANY) -> None:
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


def _literal(kind: str, at: int) -> str:
    number = OVER - 1 if at == 1 else BATCH
    return {"BYTEA": "sha256('x')", "BIGINT": f"{number}", "BOOLEAN": "false"}.get(kind.upper(), "'x17'")


def plan(connection: psycopg.Connection[Any], statement: Prepared, mode: str, how: str = "") -> list[dict[str, Any]]:
    """Return all nodes of the plan of *statement*: planned for its values (`custom`), or for any (`generic`).

    With *how* EXPLAIN does more, and what that writes is taken back.
    """
    kinds = dict(re.findall(r"\$(\d+)::(\w+)", statement.sql))
    count = max([0, *map(int, re.findall(r"\$(\d+)", statement.sql))])
    values = ", ".join(_literal(kinds.get(str(at), "VARCHAR"), at) for at in range(1, count + 1))
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
        connection.execute(f"PREPARE asked AS {statement.sql}")
        explain = f"EXPLAIN (FORMAT JSON{how}) EXECUTE asked{f'({values})' if values else ''}"
        row = connection.execute(explain).fetchone()
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


def rows_read(nodes: list[dict[str, Any]]) -> int:
    """Return how many rows of tables were read by a plan that was carried out."""
    reads = [node for node in nodes if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
    return sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in reads)


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("name", _hot())
def test_requests_are_served_by_indexes(full: psycopg.Connection[Any], name: str, mode: str):
    """No read or write of a request looks at a table from end to end, planned for its values or for any."""
    nodes = plan(full, _hot()[name], mode)

    assert scanned(nodes) == []
    assert any("Index" in node["Node Type"] for node in nodes)


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("name", _cold())
def test_forgetting_is_served_by_indexes(full: psycopg.Connection[Any], name: str, mode: str):
    """What is over is found by its end, a batch at a time, and taken away where it lies, planned either way."""
    nodes = plan(full, _cold()[name], mode)

    assert scanned(nodes) == []
    assert {"Index Scan", "Tid Scan"} <= {node["Node Type"] for node in nodes}


@pytest.mark.parametrize("memory", ["4GB", "8MB"])
@pytest.mark.parametrize("name", _cold())
def test_a_batch_reads_what_it_deletes(full: psycopg.Connection[Any], name: str, memory: str):
    """The rows of one batch are read twice, once by each index, and no others are; also where memory is small."""
    with full.transaction(force_rollback=True):
        full.execute(f"SET LOCAL effective_cache_size = '{memory}'")

        assert rows_read(plan(full, _cold()[name], "generic", ", ANALYZE, TIMING OFF")) == 2 * BATCH


def test_forgetting_by_key_would_be_seen(full: psycopg.Connection[Any]):
    """The control: planned for any values, rows that are found again by their keys are looked for in all there are."""
    old = "SELECT key FROM spent_keys WHERE keep_until <= $1::BIGINT ORDER BY keep_until LIMIT $2::BIGINT"
    by_key = Prepared(f"DELETE FROM spent_keys WHERE key IN ({old})")

    assert scanned(plan(full, by_key, "custom")) == []
    assert scanned(plan(full, by_key, "generic")) != []
    assert rows_read(plan(full, by_key, "generic", ", ANALYZE, TIMING OFF")) == MANY + BATCH


def test_a_sequential_scan_would_be_seen(full: psycopg.Connection[Any]):
    """The control: a question that no index answers is told apart."""
    assert scanned(plan(full, Prepared("SELECT * FROM grants WHERE scope = $1::VARCHAR"), "custom")) != []


@pytest.mark.parametrize("rows", [0, 3])
def test_a_plan_made_for_a_small_table_serves_a_big_one(rows: int):
    """What a connection prepares while there is next to nothing uses indexes, and so goes on when there is much."""
    url = private().database()
    migrate(url)
    if rows:
        with psycopg.connect(url, autocommit=True) as connection:
            for table in metadata.sorted_tables:
                _fill(connection, table, rows)
                connection.execute(f"VACUUM ANALYZE {table.name}")
    by_key = ("code", "refresh_token", "access_token", "interaction", "session", "counter")
    by_name = ("client", "user", "user_by_identifier", "grant", "sessions", "consents")
    with closing(SqlStorage.from_url(url)) as storage:
        for _ in range(7):  # prepared by now
            for name in by_key:
                getattr(storage, name)(key_of("nobody"))
            for name in by_name:
                getattr(storage, name)("nobody")
            storage.consent("nobody", "nothing")

        def asked(text: str) -> list[Any]:
            return run(storage._on._connector.fetch(text, ()))

        prepared = "SELECT name, cardinality(parameter_types), statement FROM pg_prepared_statements"
        found = {
            sql: asked(f'EXPLAIN EXECUTE "{name}" ({", ".join(["NULL"] * parameters)})')
            for name, parameters, sql in asked(prepared)
        }

    assert len(found) == len((*by_key, *by_name, "consent"))
    assert {sql: lines for sql, lines in found.items() if "Seq Scan" in str(lines)} == {}
