"""Insert and update one row of the catalogue by the names of its columns."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor


def insert(txn: Cursor, table: str, values: Mapping[str, object]) -> int:
    """Insert *values* into *table* and return the new row's id."""
    txn.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
        ),
        tuple(values.values()),
    )
    return number(txn)


def update(txn: Cursor, table: str, row_id: int, values: Mapping[str, object]) -> None:
    """Set *values* in the row *row_id* of *table*."""
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder()) for column in values]
    txn.execute(
        sql.SQL("UPDATE {} SET {} WHERE id = %s").format(
            sql.Identifier(table), sql.SQL(", ").join(assignments)
        ),
        (*values.values(), row_id),
    )


def save(txn: Cursor, table: str, row_id: int | None, values: Mapping[str, object]) -> int:
    """Insert *values*, or update the row *row_id* when there is one; return the row's id."""
    if row_id is None:
        return insert(txn, table, values)
    update(txn, table, row_id, values)
    return row_id


def number(txn: Cursor) -> int:
    """Return the whole number that the last statement returned."""
    row = txn.fetchone()
    assert row is not None
    return int(row[0])
