"""How many calls each trunk carried at once at most: counted by hours in the background."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import cursor as Cursor

from radiusd.storage.time_steps import ceiling, floor

DAY = timedelta(days=1)
Change = tuple[int, datetime, datetime]
"""A trunk's id, and when a call on it began and ended, before or after a change of its record."""

BEFORE = timedelta(days=31)
"""Calls that began so long before a time are not looked at, though they may still have been up."""

# A call is one more at its beginning and one less at its end; the highest running sum is the peak. Where one
# call ends in the very instant in which another begins, they were not up at once: -1 goes first.
_PEAKS = """
    WITH carried AS (
        SELECT DISTINCT call_id, channel_service_id AS trunk_id, started_at, ended_at FROM cdr
        WHERE channel_service_id IS NOT NULL AND status IN ('answered', 'failed') AND ended_at > started_at
          AND started_at >= %(low)s - %(before)s AND started_at < %(high)s AND ended_at > %(low)s
          AND (%(trunks)s::bigint[] IS NULL OR channel_service_id = ANY (%(trunks)s::bigint[]))
    ), parts AS ({parts}), steps AS (
        SELECT trunk_id, begins, up AS at, 1 AS step FROM parts
        UNION ALL SELECT trunk_id, begins, down, -1 FROM parts
    ), sums AS (
        SELECT trunk_id, begins, at,
            sum(step) OVER (PARTITION BY trunk_id, begins ORDER BY at, step) AS channels
        FROM steps
    )
    SELECT DISTINCT ON (trunk_id, begins) begins, trunk_id, channels, at FROM sums
    ORDER BY trunk_id, begins, channels DESC, at
"""
_BY_HOUR = _PEAKS.format(
    parts="""
        SELECT trunk_id, begins, greatest(started_at, begins) AS up, ended_at AS down FROM carried
        CROSS JOIN LATERAL generate_series(
            date_trunc('hour', greatest(started_at, %(low)s), 'UTC'),
            least(ended_at, %(high)s) - interval '1 microsecond', interval '1 hour'
        ) AS begins
    """
)
_WHOLE = _PEAKS.format(
    parts="""
        SELECT trunk_id, %(low)s AS begins, greatest(started_at, %(low)s) AS up, ended_at AS down FROM carried
    """
)


def count_peaks(txn: Cursor, since: datetime, until: datetime) -> None:
    """Count the hours from *since* up to *until*, which have not been counted yet."""
    if since < until:
        txn.execute(
            f"INSERT INTO trunk_peak (begins, trunk_id, channels, at) {_BY_HOUR}",
            {"low": since, "high": until, "before": BEFORE, "trunks": None},
        )


def count_again(txn: Cursor, changed: Iterable[Change], until: datetime) -> None:
    """Count the hours before *until* that *changed* calls are in again, a day at a time."""
    days: dict[datetime, list[tuple[int, datetime, datetime]]] = {}
    for trunk_id, begin, end in changed:
        end = min(end, begin + BEFORE, until)
        while begin < end:
            day = floor(begin, 1440)
            days.setdefault(day, []).append((trunk_id, begin, min(end, day + DAY)))
            begin = day + DAY
    for calls in days.values():
        low = floor(min(begin for _, begin, _ in calls), 60)
        high = ceiling(max(end for *_, end in calls), 60)
        trunks = sorted({trunk_id for trunk_id, *_ in calls})
        values = {"low": low, "high": high, "before": BEFORE, "trunks": trunks}
        txn.execute(
            "DELETE FROM trunk_peak"
            " WHERE begins >= %(low)s AND begins < %(high)s AND trunk_id = ANY (%(trunks)s)",
            values,
        )
        txn.execute(f"INSERT INTO trunk_peak (begins, trunk_id, channels, at) {_BY_HOUR}", values)


def read_peaks(
    txn: Cursor,
    since: datetime,
    until: datetime,
    counted_until: datetime,
    reached: Sequence[int] | None,
    most: int,
) -> list[tuple[Any, ...]]:
    """
    Return the peaks of calls that were up between *since* and *until*, the highest first.

    Hours before *counted_until* were counted; what is corrected in them shows a minute later. Of trunks of
    the accounts *reached* only; None: of all.

    Returns:
        kind and name of the service, account, channels, most channels, first moment, client, tech prefix.
    """
    low, high = ceiling(since, 60), min(floor(until, 60), counted_until)
    ends = [(since, low), (high, until)] if low < high else [(since, until)]
    ends = [(begin, end) for begin, end in ends if begin < end] or ends[:1]
    selects: list[str] = []
    values: dict[str, object] = {"before": BEFORE, "trunks": None, "reached": reached, "most": most}
    for number, (begin, end) in enumerate(ends):
        whole = _WHOLE.replace("%(low)s", f"%(low{number})s").replace("%(high)s", f"%(high{number})s")
        selects.append(f"({whole})")
        values |= {f"low{number}": begin, f"high{number}": end}
    counted = "SELECT trunk_id, channels, at FROM trunk_peak WHERE begins >= %(from)s AND begins < %(to)s"
    parts = f"SELECT trunk_id, channels, at FROM ends UNION ALL {counted}"
    txn.execute("SET LOCAL work_mem = '64MB'")
    # There are many hours of many trunks: passing over them twice costs less than keeping them.
    txn.execute(
        f"""
        WITH ends AS MATERIALIZED ({" UNION ALL ".join(selects)}), highest AS (
            SELECT trunk_id, max(channels) AS channels FROM ({parts}) AS parts
            WHERE %(reached)s::bigint[] IS NULL
                OR trunk_id IN (SELECT id FROM service WHERE account_id = ANY (%(reached)s::bigint[]))
            GROUP BY trunk_id ORDER BY channels DESC, trunk_id LIMIT %(most)s
        ), first AS (
            SELECT trunk_id, channels, min(at) AS at
            FROM highest JOIN ({parts}) AS parts USING (trunk_id, channels) GROUP BY trunk_id, channels
        )
        SELECT s.kind, s.name, a.code, channels::integer, s.max_channels, at, c.name, s.tech_prefix
        FROM first JOIN service s ON s.id = trunk_id JOIN account a ON a.id = s.account_id
            LEFT JOIN client c ON c.id = s.client_id
        ORDER BY channels DESC, s.name, c.name
        """,
        {**values, "from": low, "to": max(low, high)},
    )
    return txn.fetchall()
