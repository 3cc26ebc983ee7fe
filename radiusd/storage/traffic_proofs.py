"""Proofs that the sums of reports are what the records say; see books_check, which makes them."""

from __future__ import annotations

from collections.abc import Mapping

from radiusd.storage.traffic_sums import (
    ALL,
    CHANGES,
    GROUPS,
    HOUR_MINUTES,
    HOURS_KEPT,
    MEASURES,
    RATES,
    RECORDS,
    RUNNING,
)

_EACH = ", ".join(f"('{name}', {name})" for name in MEASURES)
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
_OF_CALLS = ", ".join(f"sum({measure}) AS {name}" for name, measure in MEASURES.items())
# Whole days that are added up, and of which all records are here.
_UNTIL = "(SELECT date_trunc('day', added_until, 'UTC') FROM traffic_state)"
_DAYS = f"{{0}} >= (TABLE kept_from) AND {{0}} < {_UNTIL}"


def _month(moment: str) -> str:
    """Return when the month begins that *moment* is in."""
    return f"date_trunc('month', {moment}, 'UTC')"


def _compared(kept: str, counted: str) -> str:
    """Return the comparison of all measures that two SELECTs have by account_id and key."""
    return f"""
        SELECT account_id, concat_ws(' ', key, measure), coalesce(k.amount, 0), coalesce(c.amount, 0)
        FROM (SELECT account_id, key, measure, amount FROM ({kept}) AS kept
              CROSS JOIN LATERAL (VALUES {_EACH}) AS each(measure, amount)) AS k
        FULL JOIN (SELECT account_id, key, measure, amount FROM ({counted}) AS counted
              CROSS JOIN LATERAL (VALUES {_EACH}) AS each(measure, amount)) AS c
            USING (account_id, key, measure)
    """


# Running sums at the ends of months and of the last day.
_RUNNING = f"""
    SELECT key_id, {", ".join(MEASURES)}
    FROM traffic_sum
    WHERE what = 'account' AND minutes = {RUNNING} AND begins > (TABLE kept_from) AND begins <= {_UNTIL}
    AND (begins = {_month("begins")} OR begins = {_UNTIL})
"""
_NOTED = f"""
    SELECT account_id, {", ".join(MEASURES.values())} FROM ({CHANGES}) AS changes
    WHERE {_DAYS.format("started_at")}
"""
_BY_ACCOUNT = _compared(
    f"SELECT account_id, '' AS key, {_SUMS} FROM ({_RUNNING} UNION ALL {_NOTED})"
    f" AS lines(account_id, {', '.join(MEASURES)}) GROUP BY account_id",
    f"SELECT account_id, '' AS key, {_OF_CALLS} FROM ({RECORDS}) AS records"
    f" WHERE {_DAYS.format('started_at')} GROUP BY account_id",
)
_DAY = "date_trunc('day', {}, 'UTC')::text AS key"
_BY_DAY = _compared(
    f"""
        SELECT 0 AS account_id, {_DAY.format("begins")}, {_SUMS} FROM (
            SELECT begins, {", ".join(MEASURES)} FROM traffic_sum
            WHERE what = '{ALL}' AND {_DAYS.format("begins")}
            UNION ALL SELECT started_at, {", ".join(MEASURES.values())} FROM ({CHANGES}) AS changes
            WHERE {_DAYS.format("started_at")}
        ) AS lines(begins, {", ".join(MEASURES)}) GROUP BY key
    """,
    f"SELECT 0 AS account_id, {_DAY.format('started_at')}, {_OF_CALLS} FROM ({RECORDS}) AS records"
    f" WHERE {_DAYS.format('started_at')} GROUP BY key",
)

# All calls by quarters of an hour, again by hours, and by the running sums that there are.
_QUARTERS = f"""(
    SELECT begins AS quarter, {", ".join(MEASURES)} FROM traffic_sum WHERE what = '{ALL}'
) AS quarters"""
_TIMES = f"""
    SELECT {HOUR_MINUTES} AS minutes, date_trunc('hour', quarter, 'UTC') AS begins, {_SUMS}
    FROM {_QUARTERS} GROUP BY 1, 2
    UNION ALL
    SELECT {RUNNING}, begins, {_SUMS}
    FROM (SELECT DISTINCT begins FROM traffic_sum WHERE minutes = {RUNNING}) AS days
    JOIN {_QUARTERS} ON quarter < begins AND quarter >= {_month("begins - interval '1 microsecond'")}
    GROUP BY 1, 2
"""
_OF_KEYS = f"""
    SELECT what, minutes, begins, {_SUMS} FROM traffic_sum WHERE what <> '{ALL}'
    GROUP BY what, minutes, begins
"""
# Single hours of long ago are not kept.
_BY_KEY = f"""
    SELECT 0, concat_ws(' ', what, CASE minutes WHEN {RUNNING} THEN 'until' ELSE 'from' END, begins, measure),
        coalesce(k.amount, 0), coalesce(c.amount, 0)
    FROM (SELECT what, minutes, begins, measure, amount FROM ({_OF_KEYS}) AS kept
          CROSS JOIN LATERAL (VALUES {_EACH}) AS each(measure, amount)) AS k
    FULL JOIN (SELECT what, minutes, begins, measure, amount
          FROM ({_TIMES}) AS counted CROSS JOIN unnest(ARRAY{[*GROUPS, RATES]}) AS what
          CROSS JOIN LATERAL (VALUES {_EACH}) AS each(measure, amount)) AS c
        USING (what, minutes, begins, measure)
    CROSS JOIN traffic_state
    WHERE (what <> '{RATES}' OR measure = 'answered')  -- which only answered calls have
        AND CASE minutes
            WHEN {RUNNING} THEN {_month("begins - interval '1 microsecond'")} >= (TABLE kept_from)
            ELSE begins >= (TABLE kept_from)
                AND begins >= date_trunc('day', added_until - interval '{HOURS_KEPT.days} days', 'UTC')
            END
"""

TRAFFIC_CHECKS: Mapping[str, str] = {
    "traffic of an account is what its records say": _BY_ACCOUNT,
    "traffic of a day is what its records say": _BY_DAY,
    "traffic added up by any key comes to the traffic of all": _BY_KEY,
}
"""As CHECKS of books_check: each a SELECT of (account_id, key, kept, counted)."""
