"""Counts of what clients send: written by servers in bulk, read by the doctor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from psycopg2.errors import QueryCanceled
from psycopg2.extensions import cursor

from radiusd.storage.database import Connection

KEPT_FOR = timedelta(days=7)


async def write_habits(
    txn: Connection, server: str, hour: datetime, counts: Mapping[int, Mapping[str, int]]
) -> None:
    """Write what *server* has counted of each client since *hour* began, in place of what it wrote before."""
    rows = [{"client_id": client_id, "counts": words} for client_id, words in counts.items()]
    await txn.run(
        """
        INSERT INTO client_habit (client_id, hour, server, counts)
        SELECT r.client_id, %s, %s, r.counts FROM json_to_recordset(%s) AS r (client_id bigint, counts jsonb)
        ON CONFLICT (client_id, hour, server) DO UPDATE SET counts = EXCLUDED.counts
        """,
        (hour, server, msgspec.json.encode(rows).decode()),
    )


async def forget_habits(txn: Connection, now: datetime) -> None:
    """Remove what was counted long ago."""
    await txn.run("DELETE FROM client_habit WHERE hour < %s", (now - KEPT_FOR,))


def habits_of(txn: cursor, client_id: int, since: datetime) -> Counter[str]:
    """Return what all servers have counted of a client in the hours from *since* on."""
    txn.execute(
        "SELECT counts FROM client_habit"
        " WHERE client_id = %s AND hour >= date_trunc('hour', %s::timestamptz)",
        (client_id, since),
    )
    found: Counter[str] = Counter()
    for (counts,) in txn.fetchall():
        found.update(counts)
    return found


def calls_closed_by_us(txn: cursor, client_id: int, since: datetime, limit_ms: int) -> tuple[int, int] | None:
    """
    Return how many calls of a client have ended since a moment, and how many of them without a Stop.

    None: to count them takes longer than *limit_ms*.
    """
    txn.execute("SET LOCAL statement_timeout = %s", (limit_ms,))
    txn.execute("SAVEPOINT counting")
    try:
        txn.execute(
            """
            SELECT count(*),
                count(*) FILTER (WHERE reason IN ('lease_over', 'grant_over', 'silent', 'too_long'))
            FROM (SELECT DISTINCT call_id, reason FROM cdr
                  WHERE client_id = %s AND started_at >= %s AND status = 'answered') AS ended
            """,
            (client_id, since),
        )
    except QueryCanceled:
        txn.execute("ROLLBACK TO SAVEPOINT counting")
        return None
    row = txn.fetchone()
    return None if row is None else (int(row[0]), int(row[1]))
