"""The tables of months: which there are, and tables made for months whose rows lie in none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.errors import Conflict
from radiusd.storage.traffic_sums import begin_anew

RELATIONS = ("cdr", "posting")
TIMES = {"cdr": "started_at", "posting": "posted_at"}

LOCK_WAIT = "400ms"  # calls wait behind us that long at most
TRIES = 20
"""How often a lock is tried for that calls hold; between the tries they go on."""


def make_month(connection: Connection, month: date) -> list[tuple[str, int]]:
    """
    Make the tables of *month*, and move its rows there from where those of no month lie.

    Records of a time before the database was made come there, and hold up all months that are to leave.
    Sums of reports are begun anew. Nobody sees the rows in neither table, or in both.

    Returns:
        The tables that were made, and how many rows were moved into each.

    Raises:
        Conflict: It has its tables already, has left the books, or calls held the lock all the time.
    """
    try:
        with connection, connection.cursor() as txn:
            return _make_missing(txn, month)
    except psycopg2.errors.LockNotAvailable as error:
        raise Conflict("calls held the tables all the time: try again in a calmer hour") from error


def _make_missing(txn: Cursor, month: date) -> list[tuple[str, int]]:
    txn.execute("SELECT FROM retained_month WHERE month = %s AND detached_at IS NOT NULL", (month,))
    if txn.fetchone() is not None:
        raise Conflict(f"{month:%Y-%m} has left the books; rows that came later stay where they are")
    missing = [relation for relation in RELATIONS if month not in dict(partitions(txn, relation))]
    if not missing:
        raise Conflict(f"{month:%Y-%m} has its tables already")
    begin_anew(txn)  # what notes the removal of old records does not see where they go
    return [(partition_name(relation, month), _make(txn, relation, month)) for relation in missing]


def _make(txn: Cursor, relation: str, month: date) -> int:
    name = partition_name(relation, month)
    start, end = bounds(month)
    txn.execute(f"CREATE TABLE {name} (LIKE {relation} INCLUDING ALL)")
    moved = _move(txn, relation, name, start, end)
    _lock(txn, f"{relation}_default")
    moved += _move(txn, relation, name, start, end)  # what came meanwhile
    txn.execute(
        f"ALTER TABLE {relation} ATTACH PARTITION {name}"
        f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}');"
        f" COMMENT ON TABLE {name} IS 'hot: account_id; one month of {relation}'"
    )
    return moved


def _move(txn: Cursor, relation: str, name: str, start: datetime, end: datetime) -> int:
    time = TIMES[relation]
    txn.execute(
        f"WITH moved AS (DELETE FROM {relation}_default WHERE {time} >= %s AND {time} < %s RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM moved",
        (start, end),
    )
    return txn.rowcount


def _lock(txn: Cursor, table: str) -> None:
    """Lock *table* as soon as calls leave a moment for it. Raises LockNotAvailable when they do not."""
    txn.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
    for tries_left in reversed(range(TRIES)):
        txn.execute("SAVEPOINT before_lock")
        try:
            txn.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            return
        except psycopg2.errors.LockNotAvailable:
            txn.execute("ROLLBACK TO SAVEPOINT before_lock")
            if not tries_left:
                raise


def partitions(txn: Cursor, relation: str) -> Sequence[tuple[date, str]]:
    """Return the months of *relation* that have a table of their own, with its name."""
    txn.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
        " WHERE inhparent = %s::regclass AND relname ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY relname",
        (relation,),
    )
    return [(date(int(name[-7:-3]), int(name[-2:]), 1), name) for (name,) in txn.fetchall()]


def partition_name(relation: str, month: date) -> str:
    """Return the name of a month's table."""
    return f"{relation}_{month:%Y_%m}"


def bounds(month: date) -> tuple[datetime, datetime]:
    """Return when *month* begins, and the next one."""
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    return start, (start + timedelta(days=32)).replace(day=1)
