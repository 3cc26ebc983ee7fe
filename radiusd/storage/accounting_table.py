"""An accounting table in a switch's own PostgreSQL database, read by a column that grows."""

from __future__ import annotations

import io
from contextlib import closing
from typing import NamedTuple

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

CONNECT_LIMIT_S = 5
STATEMENT_LIMIT_MS = 30_000
MOST_ROWS = 10_000
LATE_ROWS = 1000
"""So many rows before the last one are read again: a row may be committed after one with a higher number."""


class NewRows(NamedTuple):
    """Rows as CSV with the names of their columns, the number of the last one, and whether it began anew."""

    csv: bytes
    last: int
    is_new_table: bool


def new_rows(dsn: str, table: str, column: str, after: int) -> NewRows | None:
    """
    Return rows of *table* whose *column* is greater than *after*, None when there are none.

    A table all of whose rows are below *after* was emptied or made again and counts from 1: it is read from
    its beginning. What was read before is known by its key.

    Raises:
        psycopg2.Error: The database is away, or there is no such table or column.
    """
    names = [sql.Identifier(part) for part in table.split(".")]
    found_in, by = sql.SQL(".").join(names), sql.Identifier(column)
    options = {
        "statement_timeout": STATEMENT_LIMIT_MS,
        "default_transaction_read_only": "on",
        "datestyle": "ISO",
    }
    connection = psycopg2.connect(
        dsn,
        connect_timeout=CONNECT_LIMIT_S,
        application_name="tollwire collector",
        options=" ".join(f"-c {name}={value}" for name, value in options.items()),
    )
    with closing(connection), connection, connection.cursor() as txn:
        txn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        last = _last(txn, found_in, by, after)
        is_new_table = last is None and _is_behind(txn, found_in, by, after)
        if is_new_table:
            after = 0
            last = _last(txn, found_in, by, after)
        if last is None:
            return None
        rows = sql.SQL("SELECT * FROM {0} WHERE {1} > {2} AND {1} <= {3} ORDER BY {1}").format(
            found_in, by, sql.Literal(after - LATE_ROWS), sql.Literal(last)
        )
        copied = io.BytesIO()
        txn.copy_expert(sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)").format(rows), copied)
    return NewRows(copied.getvalue(), last, is_new_table)


def _last(txn: Cursor, table: sql.Composable, by: sql.Identifier, after: int) -> int | None:
    """Return the number of the last row that is read this time, None when there is none behind *after*."""
    newest = sql.SQL("SELECT max({0}) FROM (SELECT {0} FROM {1} WHERE {0} > %s ORDER BY {0} LIMIT %s) AS new")
    txn.execute(newest.format(by, table), (after, MOST_ROWS))
    return _whole(txn)


def _is_behind(txn: Cursor, table: sql.Composable, by: sql.Identifier, after: int) -> bool:
    """Tell whether *table* has rows, and the greatest number among them is less than *after*."""
    txn.execute(sql.SQL("SELECT max({}) FROM {}").format(by, table))
    greatest = _whole(txn)
    return greatest is not None and greatest < after


def _whole(txn: Cursor) -> int | None:
    (value,) = txn.fetchone() or (None,)
    return None if value is None else int(value)
