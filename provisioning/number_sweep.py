"""What becomes of numbers by itself: reservations lapse, services end, quarantines are over or go on."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Admin
from provisioning.number_follow import follow

AT_ONCE = 1000
CLOCK = "the clock"


def expire_reservations(txn: Cursor, now: datetime) -> int:
    """Make reservations that have lapsed available again; rows that others work on are left to them."""
    txn.execute(
        "WITH lapsed AS (SELECT number FROM number WHERE state = 'reserved' AND until <= %(now)s"
        " ORDER BY number LIMIT %(most)s FOR UPDATE SKIP LOCKED)"
        " UPDATE number n SET state = 'available', reserved_for = NULL, until = NULL, changed_at = %(now)s,"
        " changed_by = %(clock)s FROM lapsed WHERE n.number = lapsed.number",
        {"now": now, "most": AT_ONCE, "clock": CLOCK},
    )
    return txn.rowcount


def release_ended(txn: Cursor, admin: Admin) -> int:
    """Let numbers age whose services have ended, or pass on to the account that has them from then on."""
    txn.execute(
        "SELECT number FROM number WHERE release_at <= %s ORDER BY number LIMIT %s FOR UPDATE SKIP LOCKED",
        (admin.now, AT_ONCE),
    )
    return len(follow(txn, [number for (number,) in txn.fetchall()], admin))


def end_quarantines(txn: Cursor, now: datetime) -> int:
    """
    Make numbers available whose quarantine is over and which have been silent; return how many.

    One that calls still come in for ages on, until it has been silent for as long as its country says.
    """
    txn.execute(
        "SELECT number, quiet_since FROM number WHERE state = 'aging' AND until <= %s"
        " ORDER BY number LIMIT %s FOR UPDATE SKIP LOCKED",
        (now, AT_ONCE),
    )
    quiet = dict(txn.fetchall())
    if not quiet:
        return 0
    # Calls to it are on record, whoever paid: mostly nobody, for nobody has the number.
    txn.execute(
        "WITH called AS (SELECT called AS number, max(started_at) AS last_at FROM cdr"
        " WHERE started_at >= %(since)s AND called = ANY(%(numbers)s) GROUP BY called)"
        " UPDATE number n SET until = called.last_at + make_interval(days => q.quiet_days),"
        " quiet_since = called.last_at, changed_at = %(now)s, changed_by = %(clock)s"
        " FROM called, quarantine q"
        " WHERE n.number = called.number AND called.last_at > n.quiet_since"
        " AND q.country = (SELECT max(country) FROM quarantine WHERE country IN ('', n.country))"
        " AND called.last_at + make_interval(days => q.quiet_days) > %(now)s",
        {"since": min(quiet.values()), "numbers": list(quiet), "now": now, "clock": CLOCK},
    )
    txn.execute(
        "UPDATE number SET state = 'available', account_id = NULL, until = NULL, quiet_since = NULL,"
        " changed_at = %(now)s, changed_by = %(clock)s"
        " WHERE number = ANY(%(numbers)s) AND state = 'aging' AND until <= %(now)s",
        {"numbers": list(quiet), "now": now, "clock": CLOCK},
    )
    return txn.rowcount


def sweep_numbers(txn: Cursor, admin: Admin) -> dict[str, int]:
    """Do all of it once, and return how many numbers each concerned."""
    return {
        "reservations": expire_reservations(txn, admin.now),
        "releases": release_ended(txn, admin),
        "quarantines": end_quarantines(txn, admin.now),
    }


