"""
Calls added up by what reports are asked for, in the background.

At any moment the records of a time are: the sums of its hours that were added up, the changes that have been
noted since, and the records of the hours that were not added up yet. :func:`add_up` moves calls and changes
into the sums, in one statement, which sees one moment; ``traffic_parts`` is what a report has to read.

That nothing is missed between the three rests on this: a record that changes an hour after its call began
or later is noted by its transaction (schema/0019). One that changes earlier is not, so an hour is added up
only when all transactions are over that may have seen its calls younger than that.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from psycopg2.extensions import cursor as Cursor

from radiusd.storage.time_steps import EPOCH, floor
from radiusd.storage.trunk_peaks import count_again, count_peaks

if TYPE_CHECKING:
    from radiusd.storage.database import Connection  # Twisted is slow to import, and reports need none

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOTED_AFTER = HOUR
"""Since a call's beginning: records that change later leave notes. The schema's triggers say the same."""

CLOCK_MAY_STEP_BACK = timedelta(minutes=30)

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""Records of calls before, which no switch of today has, are read as they are."""

ALL = "all"
ALL_MINUTES = 15
"""All calls together are added up by quarters of an hour, where the days and hours of any zone begin."""

HOUR_MINUTES = 60
"""By each key calls are added up by hours."""

RUNNING = 0
"""
Minutes of a running sum: from the beginning of a month of UTC up to the end of one of its days.

Two of them are any days of a month, one is a month, which most reports are about. They begin anew with each
month, since a late change is in all that come after it.
"""

LONGEST_MONTH = timedelta(days=31)

HOURS_KEPT = timedelta(days=40)
"""Sums of single hours that are older go: there are many, and only the ends of a report's time need them."""

GROUPS = ("account", "trunk", "plan", "client", "supplier", "location", "destination")
"""What is added up by levels, one line a key."""

RATES = "rate"
"""The same of answered calls, by deck version and prefix."""

EMPTY_STEP = timedelta(days=16)
LONGEST_STEP = DAY
MOST_CHANGES = 20_000
"""Added at once: what is left is added next."""

BUDGET_S = 8.0
SLOW_S = 4.0
"""A step that takes longer is followed by one of an hour."""

# What reports need of a record, whether it is one or was noted when one changed.
_CALL = (
    "sign, account_id, started_at, status, client_id, service_id, channel_service_id, plan_id,"
    " deck_version_id, supplier_id, location, prefix, destination, duration_ms, billed_s, included_s,"
    " total_micros, earned_micros, margin_micros, currency"
)
RECORDS = f"""
    SELECT {_CALL} FROM (
        SELECT *, 1 AS sign,
            CASE strpos(rating::text, 'outpayment') WHEN 0 THEN 0  -- reading JSON takes long
                ELSE coalesce((rating #>> '{{outpayment,total}}')::numeric * 1000000, 0)::bigint
            END AS earned_micros
        FROM cdr
    ) AS records
"""
CHANGES = f"SELECT {_CALL} FROM traffic_change"

MEASURES = {
    "calls": "sign",
    "answered": "CASE WHEN status = 'answered' THEN sign ELSE 0 END",
    "duration_ms": "sign * duration_ms",
    "billed_s": "sign * billed_s::bigint",
    "included_s": "sign * included_s::bigint",
    "total_micros": "sign * total_micros",
    "earned_micros": "sign * earned_micros",
    "margin_micros": "coalesce(sign * margin_micros, 0)",
    "margins": "CASE WHEN margin_micros IS NULL THEN 0 ELSE sign END",
}
"""What is added up, and what a record or its change adds to it."""

# What has many keys is added up from the calls; what has few, from the calls added up by all of these.
_MANY = """(VALUES
    ('account', account_id, ''),
    (CASE WHEN channel_service_id IS NOT NULL THEN 'trunk' END, channel_service_id, '')
)"""
_ALIKE = (
    "is_new, quarter, no_trunk, plan_id, client_id, supplier_id, location, destination, is_answered,"
    " deck_version_id, prefix, currency"
)
_FEW = """(VALUES
    ('plan', plan_id, ''), ('client', client_id, ''), ('supplier', supplier_id, ''),
    ('location', 0, location), ('destination', 0, destination), ('all', 0, ''),
    (CASE WHEN no_trunk THEN 'trunk' END, 0, ''),
    (CASE WHEN is_answered THEN 'rate' END, deck_version_id, prefix)
)"""

_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in MEASURES)
_KEY = "begins, minutes, what, key_id, key_text, currency"


_IS_ANY = f"({', '.join(MEASURES)}) <> ({', '.join('0' for _ in MEASURES)})"


def _begin(minutes: str, column: str) -> str:
    return f"date_bin({minutes} * interval '1 minute', {column}, '{EPOCH.isoformat()}')"


# New hours come from the records. Changes of hours that had been added up before are added to the hour, and
# to the running sums that have its day; those of later hours are in the records.
_ADD = f"""
    WITH changed AS (
        DELETE FROM traffic_change
        WHERE started_at >= %(since)s OR ctid = ANY (ARRAY(
            SELECT ctid FROM traffic_change WHERE started_at < %(since)s LIMIT {MOST_CHANGES}
        ))
        RETURNING {_CALL}, ended_at
    ), calls AS (
        SELECT started_at, account_id, channel_service_id, {_ALIKE},
            {", ".join(f"{measure} AS {name}" for name, measure in MEASURES.items())}
        FROM (
            SELECT *, true AS is_new FROM ({RECORDS}) AS records
            WHERE started_at >= %(since)s AND started_at < %(until)s
            UNION ALL
            SELECT {_CALL}, false FROM changed WHERE started_at >= %(first)s AND started_at < %(since)s
        ) AS either
        CROSS JOIN LATERAL (VALUES (
            {_begin(str(ALL_MINUTES), "started_at")}, channel_service_id IS NULL, status = 'answered'
        )) AS kinds(quarter, no_trunk, is_answered)
    ), keyed AS (
        SELECT is_new, started_at AS moment, what, id, key_text, currency, {", ".join(MEASURES)}
        FROM calls CROSS JOIN LATERAL {_MANY} AS many(what, id, key_text)
        UNION ALL
        SELECT is_new, quarter, what, id, key_text, currency, {", ".join(MEASURES)}
        FROM (SELECT {_ALIKE}, {_SUMS} FROM calls GROUP BY {_ALIKE}) AS alike
        CROSS JOIN LATERAL {_FEW} AS few(what, id, key_text)
    ), hours AS (
        SELECT is_new, {_begin("minutes", "moment")} AS begins, minutes, what, coalesce(id, 0) AS key_id,
            key_text, currency, {_SUMS}
        FROM keyed CROSS JOIN LATERAL (
            SELECT CASE what WHEN 'all' THEN {ALL_MINUTES} ELSE {HOUR_MINUTES} END AS minutes
        ) AS one
        WHERE what IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), days AS (
        SELECT {_begin("1440", "begins")} AS day, what, key_id, key_text, currency, {_SUMS}
        FROM hours WHERE NOT is_new AND what <> 'all' GROUP BY 1, 2, 3, 4, 5
    ), added AS (
        INSERT INTO traffic_sum ({_KEY}, {", ".join(MEASURES)})
        SELECT {_KEY}, {", ".join(MEASURES)} FROM hours WHERE {_IS_ANY}
        UNION ALL
        SELECT day_end, {RUNNING}, what, key_id, key_text, currency, {", ".join(MEASURES)}
        FROM days CROSS JOIN LATERAL generate_series(
            day + interval '1 day',
            least(date_trunc('month', day, 'UTC') + interval '1 month', %(days_until)s),
            interval '1 day'
        ) AS day_end
        WHERE {_IS_ANY}
        ORDER BY what, begins, key_id  -- a report reads those of one kind: they lie together
    )
    -- What was rated again was up as long as before: its trunk had as many calls.
    SELECT applied, channel_service_id, begun_at, ended_at
    FROM (SELECT count(*) AS applied FROM changed WHERE started_at < %(since)s) AS counted
    LEFT JOIN (
        SELECT channel_service_id, started_at AS begun_at, ended_at FROM changed
        WHERE channel_service_id IS NOT NULL AND started_at >= %(first)s AND started_at < %(since)s
        GROUP BY account_id, channel_service_id, started_at, ended_at, status HAVING sum(sign) <> 0
    ) AS moved ON true
"""
# The running sums of a day's end, from those of the day before and its hours.
_ADD_DAY = f"""
    INSERT INTO traffic_sum ({_KEY}, {", ".join(MEASURES)})
    SELECT %(until)s, {RUNNING}, what, key_id, key_text, currency, {_SUMS} FROM traffic_sum
    WHERE what = ANY (%(whats)s) AND (
        (minutes = {HOUR_MINUTES} AND begins >= %(since)s AND begins < %(until)s)
        OR (minutes = {RUNNING} AND begins = %(since)s AND NOT %(begins_month)s)
    )
    GROUP BY what, key_id, key_text, currency
    ORDER BY what, key_id
"""


def add_up(txn: Cursor) -> int:
    """
    Add up hours that are over, as many as a few seconds suffice for, and what has changed in earlier ones.

    It goes by the database's clock, as the notes of changes do.

    Returns:
        How many hours.
    """
    since, until = _lock(txn)
    txn.execute("SET LOCAL work_mem = '64MB'")
    began, hours, step = time.perf_counter(), 0, HOUR
    while _advance(txn, since, since) == MOST_CHANGES and time.perf_counter() - began < BUDGET_S:
        pass  # more has changed
    while since < until and time.perf_counter() - began < BUDGET_S:
        started = time.perf_counter()
        end = max(_first(txn, since, until), min(since + step, until))
        _advance(txn, since, end)
        hours += (end - since) // HOUR
        since = end
        step = HOUR if time.perf_counter() - started > SLOW_S else min(step * 2, LONGEST_STEP)
    txn.execute("UPDATE traffic_state SET added_until = %s", (since,))
    _forget(txn, since)
    return hours


async def forget_needless(control: Connection) -> None:
    """
    Remove notes of changes in hours that are not added up yet: these hours' records say the same.

    Who adds up removes them, too; this is for where nobody does. While somebody is at it, it is left to him.
    """
    await control.run(
        "WITH state AS (SELECT added_until FROM traffic_state FOR UPDATE SKIP LOCKED)"
        " DELETE FROM traffic_change USING state WHERE started_at >= added_until"
    )


def begin_anew(txn: Cursor) -> None:
    """Forget all sums: reports read the records until they are added up again."""
    txn.execute(
        "UPDATE traffic_state SET added_until = %s; DELETE FROM traffic_sum; DELETE FROM traffic_change;"
        " DELETE FROM trunk_peak",
        (FIRST,),
    )


def _lock(txn: Cursor) -> tuple[datetime, datetime]:
    """Return until when calls are added up, and until when they may be; nobody else does it meanwhile."""
    txn.execute(
        "SELECT added_until, mark_at, pg_snapshot_xmin(pg_current_snapshot()) >= mark_xid,"
        " pg_snapshot_xmax(pg_current_snapshot()) <= mark_xid FROM traffic_state FOR UPDATE"
    )
    ((added_until, mark_at, is_over, is_foreign),) = txn.fetchall()
    if not is_over and not is_foreign:
        return added_until, added_until
    # now() is when this transaction began: who had a number by then has a smaller one than we get.
    txn.execute("UPDATE traffic_state SET mark_at = now(), mark_xid = pg_current_xact_id()")
    if is_foreign:  # the database was restored into another server, whose numbers are lower
        return added_until, added_until
    until = floor(mark_at - NOTED_AFTER - CLOCK_MAY_STEP_BACK, HOUR_MINUTES)
    return added_until, max(added_until, until)


def _first(txn: Cursor, since: datetime, until: datetime) -> datetime:
    """Return a moment up to which there are no records from *since* on: years without any are one step."""
    step = EMPTY_STEP
    while since < until:
        txn.execute(
            "SELECT EXISTS (SELECT FROM cdr WHERE started_at >= %s AND started_at < %s)",
            (since, min(since + step, until)),
        )
        if txn.fetchone() == (False,):
            since, step = min(since + step, until), step * 2
        elif step == EMPTY_STEP:
            break
        else:
            step = EMPTY_STEP
    return since


def _advance(txn: Cursor, since: datetime, until: datetime) -> int:
    """Add up the hours from *since* to *until*, and changes before; return how many."""
    day = floor(since, 1440)
    txn.execute(_ADD, {"since": since, "until": until, "first": FIRST, "days_until": day})
    changed = txn.fetchall()
    # More than a day is added up only where there are no records: after the month there is nothing to carry.
    while day + DAY <= until and (day < since + DAY or day < month_after(since)):
        values = {"since": day, "until": day + DAY, "begins_month": day == month_of(day)}
        txn.execute(_ADD_DAY, {**values, "whats": [*GROUPS, RATES]})
        day += DAY
    count_peaks(txn, since, until)
    count_again(txn, [tuple(call) for _, *call in changed if call[0] is not None], since)
    return int(changed[0][0])


def _forget(txn: Cursor, added_until: datetime) -> None:
    """Remove sums that no report reads: of single hours long ago, and of months that were dropped."""
    # A day more than reports go by, for those that began before we did.
    txn.execute(
        "DELETE FROM traffic_sum WHERE what <> 'all' AND minutes = %s AND begins < %s",
        (HOUR_MINUTES, hours_from(added_until) - DAY),
    )
    for table in ("traffic_sum", "trunk_peak"):
        txn.execute(
            f"DELETE FROM {table} WHERE begins < ("
            " SELECT (max(month) + interval '1 month') AT TIME ZONE 'UTC' FROM retained_month"
            " WHERE dropped_at IS NOT NULL)"
        )


def hours_from(added_until: datetime) -> datetime:
    """Return from when on there are sums of single hours; before, there are only those of days."""
    return floor(added_until - HOURS_KEPT, 1440)


def month_of(moment: datetime) -> datetime:
    """Return when the month of UTC that *moment* is in begins."""
    return floor(moment.astimezone(UTC), 1440).replace(day=1)


def month_after(moment: datetime) -> datetime:
    """Return when the month after the one that *moment* is in begins."""
    return month_of(month_of(moment) + LONGEST_MONTH)
