"""Quarantines: how long numbers of a country age before they are sold again."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, audit, compare
from provisioning.inventory import COUNTRY
from radiusd.errors import BadInput

LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Numbers of *country*, empty for all others, age *days* and until no call came in for *quiet_days*."""

    country: str
    days: int
    quiet_days: int


def set_quarantine(txn: Cursor, wanted: Quarantine, admin: Admin) -> Change:
    """Make the quarantine be as *wanted*; numbers that age already keep theirs."""
    admin.require("numbers:write")
    if wanted.country and not COUNTRY.fullmatch(wanted.country):
        raise BadInput(f"country: {wanted.country[:20]!r} is none; write two capital letters, like US")
    names.whole("days", wanted.days, 0, LONGEST_DAYS)
    names.whole("quiet_days", wanted.quiet_days, 0, LONGEST_DAYS)
    current = {each.country: each for each in list_quarantines(txn)}.get(wanted.country)
    change = compare("number", f"quarantine {wanted.country or 'elsewhere'}", current, wanted)
    if change:
        txn.execute(
            "INSERT INTO quarantine (country, days, quiet_days) VALUES (%s, %s, %s)"
            " ON CONFLICT (country) DO UPDATE SET days = EXCLUDED.days, quiet_days = EXCLUDED.quiet_days",
            (wanted.country, wanted.days, wanted.quiet_days),
        )
        audit(txn, admin, [change])
    return change


def list_quarantines(txn: Cursor) -> list[Quarantine]:
    """Return all quarantines by country, that of all others first."""
    txn.execute("SELECT country, days, quiet_days FROM quarantine ORDER BY country")
    return [
        Quarantine(country=country, days=days, quiet_days=quiet_days)
        for country, days, quiet_days in txn.fetchall()
    ]
