"""Traffic reports: calls, minutes, charges, out-payments, cost and margin, added up by whatever is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.accounts import read_account
from provisioning.amounts import MICRO_DECIMALS
from provisioning.moments import zone_named
from provisioning.roles import Actor, reached_accounts, require_account
from radiusd.errors import Conflict
from radiusd.storage.traffic_parts import Grouping, Parts, parts
from radiusd.storage.traffic_sums import MEASURES

_DAY = "to_char({} AT TIME ZONE %(zone)s, 'YYYY-MM-DD')"
_HOUR = "to_char({} AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:00')"

GROUPS: dict[str, tuple[Grouping, str, str]] = {
    "account": (Grouping("account_id", "''", "account"), "account.code", "account"),
    "location": (Grouping("0", "location", "location"), "key_text", ""),
    "service": (Grouping("service_id", "''", None), "service.kind || ' ' || service.name", "service"),
    "trunk": (Grouping("channel_service_id", "''", "trunk"), "service.name", "service"),
    "destination": (Grouping("0", "destination", "destination"), "key_text", ""),
    "plan": (Grouping("plan_id", "''", "plan"), "plan.code", "plan"),
    "supplier": (Grouping("supplier_id", "''", "supplier"), "supplier.code", "supplier"),
    "client": (Grouping("client_id", "''", "client"), "client.name", "client"),
    "day": (Grouping("0", _DAY.format("started_at"), "all", _DAY.format("begins")), "key_text", ""),
    "hour": (Grouping("0", _HOUR.format("started_at"), "all", _HOUR.format("begins")), "key_text", ""),
}
"""What may be asked for: how it is told, how it is called, and the table that has the name of an id."""

FIRST = {
    "charge": "total_micros",
    "calls": "calls",
    "minutes": "duration_ms",
    "margin": "margin_micros",
    "earned": "earned_micros",
}
"""By what the greatest comes first, and the sums that say it."""

MOST_TRIES = 3

_SUMS = ", ".join(f"whole_sum({name}) AS {name}" for name in MEASURES)
_Values = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """
    What the calls of one *key* came to, in one currency.

    *margin* is what is left of charges less the suppliers' cost, where that is known; *earned* is what
    customers get for inbound calls.
    """

    key: str
    currency: str
    calls: int
    answered: int
    minutes: Decimal
    billed_minutes: Decimal
    included_minutes: Decimal
    charge: Decimal
    earned: Decimal
    margin: Decimal | None


def traffic(
    txn: Cursor,
    actor: Actor,
    by: str,
    since: datetime | None,
    until: datetime,
    account: str | None = None,
    zone: str = "UTC",
    most: int | None = None,
    first: str = "charge",
) -> list[Traffic]:
    """
    Return what calls set up from *since* up to, not including, *until* came to.

    *since*: None is the beginning of the month, in *zone*, that ends with *until* or has it.
    Those with the greatest *first*, of FIRST, come first; days and hours as they came. *most*: so many lines;
    None: all.

    Raises:
        BadInput: Calls are not added up by that, or *zone* is none.
        NotFound: There is no such account, or *actor* does not reach it.
    """
    actor.require("calls:read")
    names.word("by", by, tuple(GROUPS))
    where = zone_named("zone", zone)
    since = since or month_until(until, where)
    if account is not None:
        require_account(txn, actor, account, "account")
    reached = reached_accounts(txn, actor)
    if account is not None:
        account_id, _ = read_account(txn, account)
        reached = [account_id]
    # What we pay is for our own eyes, and so is who costs us most.
    first = "charge" if first == "margin" and actor.is_bound else first
    rows = _add_up(txn, by, FIRST[first], since, until, reached, {"zone": zone, "most": most})
    return [_traffic(row, actor) for row in rows]


def _add_up(
    txn: Cursor,
    by: str,
    first: str,
    since: datetime,
    until: datetime,
    account_ids: list[int] | None,
    values: _Values,
) -> list[tuple[object, ...]]:
    grouping, name, table = GROUPS[by]
    order = "key" if by in ("day", "hour") else f"{first} DESC, calls DESC, key"
    txn.execute("SET LOCAL work_mem = '64MB'")
    if grouping.what:  # workers would hand nearly every sum on: that costs more than adding it up
        txn.execute("SET LOCAL max_parallel_workers_per_gather = 0")
    for _ in range(MOST_TRIES):
        found = parts(txn, grouping, since, until, account_ids)
        # There may be 100,000 accounts: which of them are shown is known before all is added up.
        if by == "account" and values["most"] is not None:
            found = parts(txn, grouping, since, until, _greatest(txn, found, first, values))
        txn.execute(
            f"""
            WITH sums AS (
                SELECT key_id, key_text, currency, {_SUMS} FROM ({found.sql}) AS parts
                GROUP BY key_id, key_text, currency HAVING sum(calls) <> 0
            ), named AS (
                SELECT coalesce({name}, '') AS key, sums.*
                FROM sums {f"LEFT JOIN {table} ON {table}.id = key_id" if table else ""}
            )
            SELECT key, currency, sum(calls) AS calls, sum(answered), sum(duration_ms) AS duration_ms,
                sum(billed_s), sum(included_s), sum(total_micros) AS total_micros,
                sum(earned_micros) AS earned_micros,
                CASE WHEN sum(margins) > 0 THEN sum(margin_micros) ELSE 0 END AS margin_micros, sum(margins)
            FROM named GROUP BY key, currency ORDER BY {order} LIMIT %(most)s
            """,
            {**values, **found.values},
        )
        rows = txn.fetchall()
        if found.still_hold(txn):
            return rows
    raise Conflict("months are being taken away right now: ask again in a moment")


def _greatest(txn: Cursor, found: Parts, first: str, values: _Values) -> list[int]:
    """Return the accounts that have most of *first*; no other has the code of one of them."""
    txn.execute(
        f"SELECT key_id FROM ({found.sql}) AS parts GROUP BY key_id HAVING sum(calls) <> 0"
        f" ORDER BY whole_sum({first}) DESC, sum(calls) DESC, key_id LIMIT %(most)s",
        {**values, **found.values},
    )
    return [key_id for (key_id,) in txn.fetchall()]


def _traffic(row: tuple[object, ...], actor: Actor) -> Traffic:
    key, currency, calls, answered, duration_ms, billed_s, included_s, total, earned, margin, margins = row
    return Traffic(
        key=str(key),
        currency=str(currency),
        calls=int(str(calls)),
        answered=int(str(answered)),
        minutes=_minutes(Decimal(str(duration_ms)) / 1000),
        billed_minutes=_minutes(Decimal(str(billed_s))),
        included_minutes=_minutes(Decimal(str(included_s))),
        charge=_amount(total),
        earned=_amount(earned),
        margin=_amount(margin) if margins and not actor.is_bound else None,
    )


def month_until(until: datetime, zone: tzinfo) -> datetime:
    """Return when the month in *zone* begins that ends at *until*, or else that *until* is in."""
    last = (until - timedelta(microseconds=1)).astimezone(zone)
    return datetime(last.year, last.month, 1, tzinfo=zone).astimezone(UTC)


def _minutes(seconds: Decimal) -> Decimal:
    return (seconds / 60).quantize(Decimal("0.1"))


def _amount(micros: object) -> Decimal:
    return Decimal(str(micros)).scaleb(-MICRO_DECIMALS)
