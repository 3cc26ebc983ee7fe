"""
SQL that writes rows which come as JSON: one argument for all rows of a table.

The JSON is made, sent, read twice and taken apart: it may leave out what has its default value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from radiusd.calls.rows import Row

_SPECIAL_TYPES = {
    "call_key": "bytea",
    "call_id": "uuid",
    "id": "uuid",
    "flags": "text[]",
    "accounts": "bigint[]",
    "held_buckets": "json",
    "match": "json",
    "rating": "json",
    "cost": "json",
    "gauges": "json",
}
_TYPES = {int: "bigint", str: "text", bool: "boolean", datetime: "timestamptz"}
_IN_PARTS = ("cdr",)


def columns_of(row: type[Row]) -> dict[str, str]:
    """Return the columns of a row class with their types in PostgreSQL."""
    columns = {}
    for field in msgspec.structs.fields(row):
        plain = getattr(field.type, "__args__", (field.type,))[0]
        columns[field.name] = _SPECIAL_TYPES.get(field.name) or _TYPES[plain]
    return columns


def definitions(row: type[Row]) -> str:
    """Return the columns of a row class as the definition of a table."""
    return ", ".join(f"{name} {kind}" for name, kind in columns_of(row).items())


def inserting(table: str, row: type[Row], place: int, key: Sequence[str] = ()) -> str:
    """Return an INSERT of all columns; with *key*, a row that is there already is replaced."""
    told = _told(row)
    names, values = ", ".join(told), ", ".join(told.values())
    sql = f"INSERT INTO {table} ({names}) SELECT {values} FROM {_records(row, place)}"
    if key:
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in told if name not in key)
        sql += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    return sql


def deleting(table: str, row: type[Row], place: int, key: Sequence[str]) -> str:
    """Return a DELETE of the rows that have the same *key*."""
    return f"DELETE FROM {table} t USING {_records(row, place)} {standing_in(table, key)}"


def updating(table: str, row: type[Row], place: int, key: Sequence[str], columns: Sequence[str]) -> str:
    """Return an UPDATE of *columns* of the rows that have the same *key*."""
    told = _told(row)
    changes = ", ".join(f"{name} = {told[name]}" for name in columns)
    return f"UPDATE {table} t SET {changes} FROM {_records(row, place)} {standing_in(table, key)}"


def standing_in(table: str, key: Sequence[str]) -> str:
    """
    Return the rest of a FROM and the WHERE that lead from each row of ``r`` to its row of *table*, ``t``.

    By its place, which is looked up by *key*: where a table had few rows when the statement was planned, a
    join by the key reads the whole table, however many rows it has got since.
    """
    if table in _IN_PARTS:  # a place is of a part; and parts that have rows keep a join from reading all
        return "WHERE " + " AND ".join(f"t.{name} = r.{name}" for name in key)
    same = " AND ".join(f"s.{name} = r.{name}" for name in key)
    lookup = f"SELECT s.ctid AS place FROM {table} s WHERE {same} LIMIT 1"
    return f"CROSS JOIN LATERAL ({lookup}) AS found WHERE t.ctid = found.place"


def _records(row: type[Row], place: int) -> str:
    """Return the rows in the JSON argument at *place* as a table ``r``."""
    return f"json_to_recordset(${place}) AS r({definitions(row)})"


def _told(row: type[Row]) -> dict[str, str]:
    """Return each column with what it is in SQL, given a row ``r``: its default where it was left out."""
    told = {}
    for field in msgspec.structs.fields(row):
        told[field.name] = value = f"r.{field.name}"
        if field.default is not msgspec.NODEFAULT and field.default is not None:
            told[field.name] = f"coalesce({value}, {_literal(field.default)})"
    return told


def _literal(value: object) -> str:
    """Return a default value in SQL: a text, a number, true or false."""
    assert isinstance(value, str | int), f"{value!r} has no literal here"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
