"""
Prove that the books add up, at one instant, while calls go on.

Every check compares two numbers that were written by different hands: a total that is kept up to date, and
the sum of the rows that it stands for. What differs is returned with both numbers; nothing is mended here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection, cursor

from radiusd.storage.traffic_proofs import TRAFFIC_CHECKS
from rating.money import micros
from rating.ratings import recompute

MOST_SHOWN = 100
"""Differing rows shown of one check; all of them are counted."""

RATINGS_AT_ONCE = 2_000

CHARGED = ("call", "additional")  # parts of a rating that the account pays; an out-payment it is paid


class Difference(NamedTuple):
    """One row that is wrong. None is a row that is missing, or a number that cannot be had."""

    check: str
    account_id: int
    key: str
    kept: int | None
    counted: int | None


class Proof(NamedTuple):
    """What one check found: how many rows it compared, how many differ, and the first of those."""

    check: str
    compared: int
    differing: int
    shown: tuple[Difference, ...]


# Months that were detached (exports/retention.py): their calls are not looked at, their sums were carried.
KEPT_FROM = """
    WITH kept_from AS (
        SELECT coalesce((max(month) + interval '1 month') AT TIME ZONE 'UTC', '-infinity')
        FROM retained_month WHERE detached_at IS NOT NULL
    )
"""

# Each is a SELECT of (account_id, key, kept, counted); full joins show rows that either side lacks.
CHECKS: Mapping[str, str] = {
    "balance is the sum of its postings": """
        SELECT account_id, 'micros', balance_micros, coalesce(posted, 0)
        FROM balance FULL JOIN (
            SELECT account_id, sum(amount) AS posted FROM (
                SELECT account_id, amount_micros AS amount FROM posting
                UNION ALL SELECT account_id, amount FROM carried WHERE what = 'micros'
            ) AS lines GROUP BY account_id
        ) AS sums USING (account_id)
    """,
    "bucket use is the sum of its postings": """
        SELECT account_id, bucket_id, used_s, coalesce(posted, 0)
        FROM bucket FULL JOIN (
            SELECT account_id, bucket_id, sum(seconds) AS posted FROM (
                SELECT account_id, bucket_id, seconds FROM posting WHERE bucket_id IS NOT NULL
                UNION ALL SELECT account_id, substr(what, 8), amount FROM carried WHERE what LIKE 'bucket %%'
            ) AS lines GROUP BY account_id, bucket_id
        ) AS sums USING (account_id, bucket_id)
    """,
    "bucket has no more used and held than included": """
        SELECT account_id, bucket_id, used_s + held_s + rolled_s,
               least(used_s + held_s + rolled_s, included_s)
        FROM bucket
    """,
    "seconds that rolled over are those of the buckets they became": """
        SELECT account_id, 'service ' || service_id || ' bucket ' || of,
               sum(rolled_s), coalesce(sum(included_s) FILTER (WHERE strpos(bucket_id, '+') > 0), 0)
        FROM bucket CROSS JOIN LATERAL split_part(split_part(bucket_id, '/', 2), '+', 1) AS of
        GROUP BY account_id, service_id, of
    """,
    "recurring charges are the sum of their postings": """
        SELECT account_id, 'service ' || service_id, coalesce(charged, 0), coalesce(posted, 0)
        FROM (
            SELECT account_id, service_id, sum(charged_micros) AS charged
            FROM recurring_charge GROUP BY account_id, service_id
        ) AS charges FULL JOIN (
            SELECT account_id, service_id, -sum(amount) AS posted FROM (
                SELECT account_id, service_id, amount_micros AS amount FROM posting WHERE kind = 'recurring'
                UNION ALL SELECT account_id, substr(what, 11)::bigint, amount
                FROM carried WHERE what LIKE 'recurring %%'
            ) AS lines GROUP BY account_id, service_id
        ) AS sums USING (account_id, service_id)
    """,
    "money held is the sum of open calls": """
        SELECT account_id, 'micros', held_micros, coalesce(held, 0)
        FROM balance FULL JOIN (
            SELECT account_id, sum(held_micros) AS held FROM session GROUP BY account_id
        ) AS sums USING (account_id)
    """,
    "seconds held are the sum of open calls": """
        SELECT account_id, bucket_id, held_s, coalesce(held, 0)
        FROM bucket FULL JOIN (
            SELECT account_id, part.key COLLATE "C" AS bucket_id, sum(part.value::bigint) AS held
            FROM session CROSS JOIN LATERAL jsonb_each_text(held_buckets::jsonb) AS part
            GROUP BY account_id, part.key
        ) AS sums USING (account_id, bucket_id)
    """,
    "account channels are its open calls": """
        SELECT account_id, 'channels', channels, coalesce(open, 0)
        FROM balance FULL JOIN (
            SELECT account_id, count(*) AS open FROM session
            WHERE state IN ('authorized', 'started') AND role <> 'none' GROUP BY account_id
        ) AS counts USING (account_id)
    """,
    "trunk channels are its open calls": """
        SELECT account_id, 'service ' || service_id, used, coalesce(open, 0)
        FROM channel FULL JOIN (
            SELECT account_id, channel_service_id AS service_id, count(*) AS open FROM session
            WHERE channel_service_id IS NOT NULL GROUP BY account_id, channel_service_id
        ) AS counts USING (account_id, service_id)
    """,
    "open calls have sessions, and sessions open calls": """
        SELECT coalesce(account_id, accounts[1], 0), 'call ' || call_id,
               (open.call_id IS NOT NULL)::integer, (live.call_id IS NOT NULL)::integer
        FROM (SELECT call_id, accounts FROM call WHERE state IN ('authorized', 'started')) AS open
        FULL JOIN (SELECT call_id, min(account_id) AS account_id FROM session GROUP BY call_id) AS live
            USING (call_id)
    """,
    "charge of a call, less its out-payment, is the sum of its postings": """
        SELECT account_id, 'call ' || call_id || ' ' || role,
               -- A call that was moved to another account leaves lines without a record, which cancel out.
               coalesce(
                   total_micros - coalesce((rating::jsonb #>> '{outpayment,total}')::numeric * 1000000, 0), 0
               ),
               coalesce(posted, 0)
        FROM (SELECT * FROM cdr WHERE started_at >= (TABLE kept_from)) AS kept FULL JOIN (
            SELECT account_id, call_id, role, -sum(amount_micros) AS posted FROM posting
            WHERE kind IN ('usage', 'outpayment', 'reversal') AND started_at >= (TABLE kept_from)
            GROUP BY account_id, call_id, role
        ) AS sums USING (account_id, call_id, role)
    """,
    "included seconds of a call are the sum of its postings": """
        SELECT account_id, 'call ' || call_id || ' ' || role, coalesce(included_s, 0), coalesce(posted, 0)
        FROM (SELECT * FROM cdr WHERE started_at >= (TABLE kept_from)) AS kept FULL JOIN (
            SELECT account_id, call_id, role, sum(seconds) AS posted
            FROM posting WHERE call_id IS NOT NULL AND started_at >= (TABLE kept_from)
            GROUP BY account_id, call_id, role
        ) AS sums USING (account_id, call_id, role)
    """,
    "cost of a call is the sum of its postings": """
        SELECT account_id, 'call ' || call_id || ' ' || role, coalesce(cost, 0), coalesce(posted, 0)
        FROM (
            SELECT account_id, call_id, role, cost_micros AS cost
            FROM cdr WHERE supplier_id IS NOT NULL AND started_at >= (TABLE kept_from)
        ) AS costs FULL JOIN (
            SELECT account_id, call_id, role, sum(cost_micros) AS posted FROM posting
            WHERE kind = 'cost' AND started_at >= (TABLE kept_from) GROUP BY account_id, call_id, role
        ) AS sums USING (account_id, call_id, role)
    """,
    "what a call says it was charged is on its record": """
        SELECT charged.account_id, 'call ' || charged.call_id || ' ' || charged.role, total_micros, micros
        FROM (
            SELECT call_id, (part ->> 'account_id')::bigint AS account_id, part ->> 'role' AS role,
                   coalesce((part ->> 'total_micros')::bigint, 0) AS micros
            FROM call CROSS JOIN LATERAL jsonb_array_elements(charges::jsonb -> 'charges') AS part
            WHERE begun_at >= (TABLE kept_from)
        ) AS charged
        LEFT JOIN cdr USING (account_id, call_id, role)
    """,
    **TRAFFIC_CHECKS,
}
RECOMPUTED = "charge of a call follows from its explanation"


def check_books(connection: connection) -> list[Proof]:
    """
    Return what every check found, all in one snapshot; on *connection*, which has no transaction open.

    Reads only, and takes no lock that a call would wait for: it may run on a live server.
    """
    with _snapshot(connection):
        with connection.cursor() as txn:
            proofs = [_prove(txn, check, sql) for check, sql in CHECKS.items()]
        return [*proofs, _prove_ratings(connection)]


@contextmanager
def _snapshot(connection: connection) -> Iterator[None]:
    # REPEATABLE READ: all statements see the state at the first one.
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    try:
        yield
    finally:
        connection.rollback()
        connection.set_session(isolation_level="DEFAULT", readonly=False)


def _prove(txn: cursor, check: str, sql: str) -> Proof:
    txn.execute(
        f"{KEPT_FROM}, compared (account_id, key, kept, counted) AS MATERIALIZED ({sql})"
        ", wrong AS (SELECT * FROM compared WHERE kept IS DISTINCT FROM counted)"
        " SELECT (SELECT count(*) FROM compared), (SELECT count(*) FROM wrong), shown.*"
        " FROM (VALUES (1)) AS one LEFT JOIN ("
        "    SELECT account_id, key, kept::bigint, counted::bigint"
        "    FROM wrong ORDER BY account_id, key LIMIT %s"
        " ) AS shown ON true",
        (MOST_SHOWN,),
    )
    rows = txn.fetchall()
    compared, differing = rows[0][:2]
    shown = tuple(Difference(check, *row[2:]) for row in rows if differing)
    return Proof(check, compared, differing, shown)


def _prove_ratings(connection: connection) -> Proof:
    """Compute every answered call anew from its slices. A cursor on the server: no month fits in memory."""
    compared = differing = 0
    shown: list[Difference] = []
    with connection.cursor(name="ratings") as txn:
        txn.itersize = RATINGS_AT_ONCE
        txn.execute(
            "SELECT account_id, 'call ' || call_id || ' ' || role, total_micros, rating::text"
            " FROM cdr WHERE status = 'answered'"
        )
        for account_id, key, total_micros, rating in txn:
            compared += 1
            counted = recomputed_micros(rating)
            if counted != total_micros:
                differing += 1
                if len(shown) < MOST_SHOWN:
                    shown.append(Difference(RECOMPUTED, account_id, key, total_micros, counted))
    return Proof(RECOMPUTED, compared, differing, tuple(shown))


def recomputed_micros(rating: str) -> int | None:
    """
    Return the charge in micro-units that follows from a CDR's *rating*; None: nothing follows from it.

    It is what the call itself costs and what comes on top of it; neither, and the call is free.
    """
    try:
        parts = dict(json.loads(rating).items())  # what is no object has no items
        return sum(micros(recompute(parts[name])) for name in CHARGED if name in parts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
