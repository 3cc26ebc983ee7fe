"""
Charge the fees that come round, each of each period once, however often or late this runs.

A row of ``recurring_charge`` says what a service was charged for a period. What is due is worked out anew
each time, and only the difference is posted: a month that was missed is caught up, one that was charged is
not charged again, and a service that ended in the middle of a month gets back what it did not use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from radiusd.storage.database import Connection
from rating.fees import Period, due_micros, periods_begun
from rating.money import Mode, Rounding
from rating.periods import local_date

ACCOUNTS_AT_ONCE = 500
LINES_AT_ONCE = 50
SETTLED = timedelta(days=92)
"""How long ago a service must have ended for nothing to be due any more."""

_SERVICES = """
    SELECT s.account_id, s.id, s.kind, s.name, s.location, a.timezone, s.activated_at, s.ended_at,
        coalesce(p.id, 0), coalesce(p.code, ''), coalesce(p.monthly_fee_micros, 0),
        coalesce(p.setup_fee_micros, 0), coalesce(p.fee_cycle, 'calendar'), coalesce(p.prorate_fees, true),
        p.fees_from, s.monthly_fee_micros, s.setup_fee_micros, s.fees_from,
        coalesce(p.rounding_decimals, 4), coalesce(p.rounding_mode, 'half_up')
    FROM service s JOIN account a ON a.id = s.account_id LEFT JOIN plan p ON p.id = s.plan_id
    WHERE s.account_id = ANY (%s::bigint[])
        AND s.activated_at <= %s AND (s.ended_at IS NULL OR s.ended_at > %s)
        AND (p.monthly_fee_micros > 0 OR p.setup_fee_micros > 0
            OR s.monthly_fee_micros > 0 OR s.setup_fee_micros > 0)
    ORDER BY s.account_id, s.id
"""
_ACCOUNTS = """
    SELECT DISTINCT s.account_id FROM service s LEFT JOIN plan p ON p.id = s.plan_id
    WHERE s.account_id > %s AND s.activated_at <= %s AND (s.ended_at IS NULL OR s.ended_at > %s)
        AND (p.monthly_fee_micros > 0 OR p.setup_fee_micros > 0
            OR s.monthly_fee_micros > 0 OR s.setup_fee_micros > 0)
    ORDER BY s.account_id LIMIT %s
"""
_CHARGED = """
    SELECT service_id, item, period_start, fee_micros, charged_micros FROM recurring_charge
    WHERE account_id = ANY (%s::bigint[])
"""

# Nothing is posted when another node was faster: the row then says another amount than we have read.
_POST = """
    WITH locked AS MATERIALIZED (SELECT 1 FROM balance WHERE account_id = %s FOR UPDATE),
    put AS (
        INSERT INTO recurring_charge AS r
            (account_id, service_id, item, period_start, period_end, plan_id, fee_micros, charged_micros)
        SELECT %s, %s, %s, %s::timestamptz, %s::timestamptz, %s, %s, %s FROM locked
        ON CONFLICT (account_id, service_id, item, period_start)
            DO UPDATE SET charged_micros = EXCLUDED.charged_micros WHERE r.charged_micros = %s
        RETURNING 1
    ),
    line AS (
        INSERT INTO posting (account_id, posted_at, id, kind, amount_micros, service_id, location, note)
        SELECT %s, %s::timestamptz, %s::uuid, 'recurring', %s, %s, %s, %s FROM put
    )
    UPDATE balance SET balance_micros = balance_micros - %s FROM put WHERE account_id = %s
"""


class Payer(NamedTuple):
    """A service with the fees of its plan and its own."""

    account_id: int
    service_id: int
    kind: str
    name: str
    location: str
    timezone: str
    activated_at: datetime
    ended_at: datetime | None
    plan_id: int
    plan: str
    plan_fee_micros: int
    plan_setup_micros: int
    fee_cycle: str
    prorate: bool
    plan_fees_from: datetime | None
    own_fee_micros: int
    own_setup_micros: int
    own_fees_from: datetime | None
    rounding_decimals: int
    rounding_mode: str


class Item(NamedTuple):
    """What may be charged for one period: its fee then, and how much of it is due."""

    service_id: int
    item: str
    period: Period
    fee_micros: int
    due_micros: int
    note: str


Known = dict[tuple[int, str, datetime], tuple[int, int]]  # (service, item, period) → fee, charged


async def charge_recurring(txn: Connection, now: datetime, new_id: Callable[[], str]) -> int:
    """Charge what is due at all accounts by *now*, and return how many lines were posted."""
    posted, last = 0, 0
    while True:
        rows = await txn.run(_ACCOUNTS, (last, now, now - SETTLED, ACCOUNTS_AT_ONCE))
        if not rows:
            return posted
        accounts = [account_id for (account_id,) in rows]
        lines = await _lines(txn, accounts, now, new_id)
        for start in range(0, len(lines), LINES_AT_ONCE):
            some = lines[start : start + LINES_AT_ONCE]
            # One string is one transaction: nothing of others gets between. It locks accounts in order.
            await txn.run("; ".join([_POST] * len(some)), [value for line in some for value in line])
        posted += len(lines)
        last = accounts[-1]


async def _lines(
    txn: Connection, accounts: list[int], now: datetime, new_id: Callable[[], str]
) -> list[tuple[object, ...]]:
    """Return the arguments of the statement that posts each difference between due and charged."""
    array = "{" + ",".join(map(str, accounts)) + "}"
    payers = [Payer._make(row) for row in await txn.run(_SERVICES, (array, now, now - SETTLED))]
    charged = {
        (service_id, item, start): (fee, amount)
        for service_id, item, start, fee, amount in await txn.run(_CHARGED, (array,))
    }
    lines = []
    for payer in payers:
        for item in due_items(payer, charged, now):
            before = charged.get((item.service_id, item.item, item.period.start))
            if before is None or before[1] != item.due_micros:
                lines.append(_line(payer, item, before[1] if before else 0, now, new_id()))
    return lines


def due_items(payer: Payer, charged: Known, now: datetime) -> Iterable[Item]:
    """
    Yield what a service owes by *now*, what is paid already included.

    A period that was charged keeps the fee that it had then; a new fee counts from the next one.
    """
    fees = (
        ("plan", payer.plan_fee_micros, payer.plan_fees_from, f"plan {payer.plan}"),
        ("service", payer.own_fee_micros, payer.own_fees_from, f"{payer.kind} {payer.name}"),
    )
    zone = ZoneInfo(payer.timezone)
    rounding = Rounding(payer.rounding_decimals, Mode(payer.rounding_mode))
    anchor = local_date(payer.activated_at, zone).day if payer.fee_cycle == "anniversary" else 1
    for name, fee_micros, fees_from, what in fees:
        begin = max(payer.activated_at, fees_from or payer.activated_at)
        for period in periods_begun(begin, payer.ended_at, now, zone, anchor):
            fee, _ = charged.get((payer.service_id, name, period.start), (fee_micros, 0))
            due = due_micros(fee, period, zone, begin, payer.ended_at, rounding, prorate=payer.prorate)
            if fee:
                note = f"monthly fee of {what}, {_days(period, zone)}"
                yield Item(payer.service_id, name, period, fee, due, note)
    yield from _once(payer, now)


def _once(payer: Payer, now: datetime) -> Iterable[Item]:
    """Yield the set-up fees. A plan's is due for services that began after the plan had it."""
    period = Period(payer.activated_at, payer.activated_at)
    had_it = payer.plan_fees_from is None or payer.plan_fees_from <= payer.activated_at
    if payer.plan_setup_micros and had_it:
        note = f"set-up fee of plan {payer.plan}"
        yield Item(
            payer.service_id, "plan_setup", period, payer.plan_setup_micros, payer.plan_setup_micros, note
        )
    if payer.own_setup_micros:
        note = f"set-up fee of {payer.kind} {payer.name}"
        yield Item(
            payer.service_id, "service_setup", period, payer.own_setup_micros, payer.own_setup_micros, note
        )


def _days(period: Period, zone: ZoneInfo) -> str:
    return f"{local_date(period.start, zone)} to {local_date(period.end, zone)}"


def _line(payer: Payer, item: Item, before_micros: int, now: datetime, posting_id: str) -> tuple[object, ...]:
    """Return the arguments of ``_POST``."""
    difference = item.due_micros - before_micros
    row = (payer.account_id, item.service_id, item.item, *item.period, payer.plan_id or None)
    posting = (payer.account_id, now, posting_id, -difference, item.service_id, payer.location, item.note)
    return (
        payer.account_id,
        *row,
        item.fee_micros,
        item.due_micros,
        before_micros,
        *posting,
        difference,
        payer.account_id,
    )
