"""What an account has spent already when a limit is set: the books count on from there."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor


def begin_counting(txn: Cursor, account_id: int, zone: ZoneInfo, now: datetime) -> None:
    """
    Let what calls cost today and this month count from now on, if it does not yet.

    Calls count to the day on which they ended. The account's row is locked till the caller commits.
    """
    txn.execute(
        "SELECT gauges IS NULL OR gauges ->> 'day' IS NULL FROM balance WHERE account_id = %s FOR UPDATE",
        (account_id,),
    )
    row = txn.fetchone()
    if row is None or not row[0]:
        return
    import msgspec  # slow to load, and few commands set a limit

    from radiusd.calls.gauges import Gauges

    local = now.astimezone(zone)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    txn.execute(
        "SELECT coalesce(sum(total_micros), 0), coalesce(sum(total_micros) FILTER (WHERE ended_at >= %s), 0)"
        " FROM cdr WHERE account_id = %s AND started_at >= %s AND ended_at >= %s",
        (day, account_id, month - timedelta(days=7), month),
    )
    (this_month, today) = txn.fetchone() or (0, 0)
    gauges = Gauges(day.date(), int(today), month.date(), int(this_month))
    txn.execute(
        "UPDATE balance SET gauges = (coalesce(gauges::jsonb, '{}') || %s::jsonb)::json"
        " WHERE account_id = %s",
        (msgspec.json.encode(gauges).decode(), account_id),
    )
