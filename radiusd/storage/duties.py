"""Periodic work on rows: who does it, partitions of coming months, channel counters against live calls."""

from __future__ import annotations

from datetime import datetime

from radiusd.storage.database import BlockingConnection, Connection, finish

MONTHS_AHEAD = 3

PARTITIONED = ("cdr", "posting")


async def hold_duty(txn: Connection, name: str, owner: str, now: datetime, until: datetime) -> bool:
    """Take or keep the duty *name* until that moment; False while another node has it."""
    rows = await txn.run(
        """
        INSERT INTO duty VALUES (%s, %s, %s)
        ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until
            WHERE duty.owner = EXCLUDED.owner OR duty.until < %s
        RETURNING 1
        """,
        (name, owner, until, now),
    )
    return bool(rows)


async def make_partitions(txn: Connection, now: datetime) -> list[str]:
    """Make the partitions of this month and the next ones that are missing; return their names."""
    rows = await txn.run("SELECT relname FROM pg_class WHERE relispartition")
    there = {name for (name,) in rows}
    made = []
    for table in PARTITIONED:
        for month in range(MONTHS_AHEAD + 1):
            start, end = _month(now, month), _month(now, month + 1)
            name = f"{table}_{start:%Y_%m}"
            if name in there or await _default_holds(txn, table, start, end):
                continue
            # Names and moments are ours: no text of anybody's goes into this statement.
            await txn.run(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table}"
                f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}');"
                f" COMMENT ON TABLE {name} IS 'hot: account_id; one month of {table}'"
            )
            made.append(name)
    return made


def make_partitions_now(dsn: str, now: datetime) -> list[str]:
    """Make the partitions before anything is written: rows in the default one keep their month in it."""
    connection = BlockingConnection(dsn)
    try:
        return finish(make_partitions(connection, now))
    finally:
        connection.close()


async def _default_holds(txn: Connection, table: str, start: datetime, end: datetime) -> bool:
    """Tell whether the default partition has rows of that month: then a partition cannot be made for it."""
    column = "started_at" if table == "cdr" else "posted_at"
    rows = await txn.run(
        f"SELECT EXISTS (SELECT FROM {table}_default WHERE {column} >= %s AND {column} < %s)", (start, end)
    )
    return bool(rows[0][0])


def _month(now: datetime, ahead: int) -> datetime:
    years, month = divmod(now.month - 1 + ahead, 12)
    return now.replace(
        year=now.year + years, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )


async def mend_channels(txn: Connection) -> list[tuple[int, int, int, int]]:
    """
    Set channel counters to the count of their sessions where they differ.

    Returns:
        account, service (0: the account's own), what the counter said, how many calls there are.
    """
    # One statement sees one moment: no batch that commits meanwhile looks like a difference.
    differing = await txn.run(
        """
        SELECT account_id, service_id, used, calls FROM (
            SELECT c.account_id, c.service_id, c.used, count(s.call_id)::integer AS calls
            FROM channel c LEFT JOIN session s
                ON s.account_id = c.account_id AND s.channel_service_id = c.service_id
            GROUP BY c.account_id, c.service_id, c.used
            UNION ALL
            SELECT b.account_id, 0, b.channels, count(s.call_id)::integer
            FROM balance b LEFT JOIN session s ON s.account_id = b.account_id AND s.role <> 'none'
            GROUP BY b.account_id, b.channels
        ) AS counted WHERE used <> calls
        """
    )
    for account_id in {row[0] for row in differing}:
        # Under the account's lock, and in one string: nothing of others gets between.
        await txn.run(
            """
            BEGIN; SELECT 1 FROM balance WHERE account_id = %s FOR UPDATE;
            UPDATE channel c SET used = (
                SELECT count(*) FROM session s
                WHERE s.account_id = c.account_id AND s.channel_service_id = c.service_id
            ) WHERE c.account_id = %s;
            UPDATE balance b SET channels = (
                SELECT count(*) FROM session s WHERE s.account_id = b.account_id AND s.role <> 'none'
            ) WHERE b.account_id = %s;
            COMMIT
            """,
            (account_id, account_id, account_id),
        )
    return [(account_id, service_id, used, calls) for account_id, service_id, used, calls in differing]
