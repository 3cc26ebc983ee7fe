"""Statements: what an account owed, was charged, earned and paid in a month, line by line, with taxes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import read_account
from provisioning.amounts import MICRO_DECIMALS
from provisioning.roles import Actor, require_account
from provisioning.taxes import Tax, list_taxes
from radiusd.errors import BadInput, Conflict
from rating.periods import period_of
from rating.taxes import Tax as Share

_GROUPS = """
    SELECT CASE
            WHEN p.kind = 'reversal' THEN CASE WHEN p.amount_micros < 0 THEN 'outpayment' ELSE 'usage' END
            ELSE p.kind
        END,
        coalesce(s.kind || ' ' || s.name, ''), p.location,
        CASE WHEN p.call_id IS NULL THEN p.note ELSE coalesce(c.destination, '') END,
        count(DISTINCT p.call_id), sum(p.seconds), sum(p.amount_micros), p.service_id
    FROM posting p LEFT JOIN service s ON s.id = p.service_id
    LEFT JOIN cdr c ON c.account_id = p.account_id AND c.started_at = p.started_at
        AND c.call_id = p.call_id AND c.role = p.role
    WHERE p.account_id = %s AND p.posted_at >= %s AND p.posted_at < %s AND p.kind <> 'cost'
    GROUP BY 1, 2, 3, 4, p.service_id HAVING sum(p.amount_micros) <> 0 OR sum(p.seconds) <> 0
    ORDER BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was posted of one kind for one service, location and destination; *amount* as in the balance."""

    kind: str
    service: str
    location: str
    what: str
    calls: int
    included_s: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLine:
    """A tax on what was charged."""

    tax: str
    of: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    What happened to an account's balance from *begin* up to, not including, *end*.

    *opening* plus the amounts of *lines* is *closing*, exactly. *taxes* come on top of what was charged: they
    are no part of the balance.
    """

    account: str
    name: str
    currency: str
    begin: datetime
    end: datetime
    opening: Decimal
    lines: tuple[Line, ...]
    closing: Decimal
    charged: Decimal
    earned: Decimal
    paid: Decimal
    taxes: tuple[TaxLine, ...]
    due: Decimal


def statement(txn: Cursor, actor: Actor, account: str, period: str) -> Statement:
    """
    Return the statement of *account* for the month *period*, like 2026-11, in the account's zone.

    Raises:
        NotFound: There is no such account, or *actor* does not reach it.
        BadInput: The period is none.
    """
    actor.require("balances:read")
    require_account(txn, actor, account)
    account_id, found = read_account(txn, account)
    begin, end = month(period, ZoneInfo(found.timezone))
    refuse_kept_elsewhere(txn, period, end)
    txn.execute(
        "SELECT coalesce((SELECT sum(amount_micros) FROM posting WHERE account_id = %(id)s"
        " AND posted_at < %(begin)s), 0)"
        " + coalesce((SELECT sum(amount) FROM carried WHERE account_id = %(id)s AND what = 'micros'), 0)",
        {"id": account_id, "begin": begin},
    )
    (opening,) = txn.fetchone() or (0,)
    txn.execute(_GROUPS, (account_id, begin, end))
    rows = txn.fetchall()
    lines = tuple(
        Line(
            kind=kind,
            service=service,
            location=location,
            what=what,
            calls=calls,
            included_s=int(seconds),
            amount=_amount(micros),
        )
        for kind, service, location, what, calls, seconds, micros, _ in rows
    )
    taxes = tuple(_tax_line(txn, account_id, tax, begin, end) for tax in list_taxes(txn, account))
    sums = {kind: sum(row[6] for row in rows if row[0] == kind) for kind in {row[0] for row in rows}}
    charged = -sum(sums.get(kind, 0) for kind in ("usage", "recurring"))
    closing = int(opening) + sum(int(row[6]) for row in rows)
    due = sum((tax.amount for tax in taxes), Decimal(0)) - _amount(closing)
    return Statement(
        account=found.code,
        name=found.name,
        currency=found.currency,
        begin=begin,
        end=end,
        opening=_amount(opening),
        lines=lines,
        closing=_amount(closing),
        charged=_amount(charged),
        earned=_amount(sums.get("outpayment", 0)),
        paid=_amount(sums.get("payment", 0)),
        taxes=taxes,
        due=due,
    )


def refuse_kept_elsewhere(txn: Cursor, period: str, end: datetime) -> None:
    """Raise Conflict when postings of the period have left the database."""
    txn.execute(
        "SELECT month, file FROM retained_month WHERE relation = 'posting' AND detached_at IS NOT NULL"
        " AND month < %s ORDER BY month DESC LIMIT 1",
        (end,),
    )
    row = txn.fetchone()
    if row is not None and end <= _next_month(row[0]):
        raise Conflict(f"period: the postings of {period} were taken out of the database, into {row[1]}")


def _next_month(first: date) -> datetime:
    """Return a day after the end of the month that begins on *first*, wherever it is."""
    return datetime(first.year, first.month, 1, tzinfo=UTC) + timedelta(days=33)


def month(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when the month *text*, like 2026-11, begins and ends in *zone*. Raises BadInput."""
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=zone)
    except ValueError:
        raise BadInput(f"period: {text[:20]!r} is no month like 2026-11") from None
    return period_of(first, zone)


def _tax_line(txn: Cursor, account_id: int, tax: Tax, begin: datetime, end: datetime) -> TaxLine:
    """Return what *tax* takes of the postings of its kinds; what was taken back is in them."""
    txn.execute(
        "SELECT -p.amount_micros, p.service_id FROM posting p WHERE p.account_id = %s AND p.posted_at >= %s"
        " AND p.posted_at < %s AND (p.kind = ANY (%s) OR (p.kind = 'reversal'"
        " AND p.amount_micros > 0 AND 'usage' = ANY (%s))) AND p.amount_micros <> 0 AND NOT EXISTS ("
        " SELECT FROM service_exemption e JOIN tax t ON t.id = e.tax_id"
        " WHERE e.service_id = p.service_id AND t.name = %s)",
        (account_id, begin, end, list(tax.kinds), list(tax.kinds), tax.name),
    )
    rows = txn.fetchall()
    share = Share(
        tax.name,
        percent_nano=int(tax.percent.scaleb(9)),
        fixed_micros=int(tax.fixed.scaleb(MICRO_DECIMALS)),
        per_line=tax.rounding == "posting",
        decimals=tax.decimals,
    )
    services = len({service_id for _, service_id in rows if service_id is not None})
    count = services if tax.fixed_per == "service" else bool(rows)
    amounts = [micros for micros, _ in rows]
    return TaxLine(tax=tax.name, of=_amount(sum(amounts)), amount=_amount(share.on(amounts, int(count))))


def _amount(micros: int) -> Decimal:
    return Decimal(int(micros)).scaleb(-MICRO_DECIMALS)
