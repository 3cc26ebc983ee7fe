"""
The trial balance: every posting seen from both sides, so that debits and credits are equal by currency.

A posting changes what a customer has; this says what it came from or went to: revenue, cash, out-payments,
adjustments, and for a supplier's share of a call, cost and what is owed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from provisioning.amounts import MICRO_DECIMALS

_ENTRIES = """
    WITH line AS (
        SELECT 'customers, ' || CASE WHEN a.credit_limit_micros IS NULL THEN 'postpaid' ELSE 'prepaid' END
                AS customer,
            CASE WHEN p.kind = 'recurring' THEN 'revenue, fees'
                WHEN p.kind = 'usage' OR (p.kind = 'reversal' AND p.amount_micros >= 0) THEN 'revenue, calls'
                WHEN p.kind IN ('outpayment', 'reversal') THEN 'out-payments'
                WHEN p.kind = 'payment' THEN 'cash'
                ELSE 'adjustments' END AS contra,
            a.currency, p.amount_micros AS micros
        FROM posting p JOIN account a ON a.id = p.account_id
        WHERE p.kind <> 'cost' AND (%(since)s IS NULL OR p.posted_at >= %(since)s::timestamptz)
            AND (%(until)s IS NULL OR p.posted_at < %(until)s::timestamptz)
    ), cost AS (
        SELECT 'supplier ' || s.code AS supplier, d.currency, p.cost_micros AS micros
        FROM posting p JOIN supplier s ON s.id = p.supplier_id JOIN deck d ON d.id = s.deck_id
        WHERE p.kind = 'cost' AND (%(since)s IS NULL OR p.posted_at >= %(since)s::timestamptz)
            AND (%(until)s IS NULL OR p.posted_at < %(until)s::timestamptz)
    ), entry AS (
        SELECT customer AS name, currency, micros FROM line
        UNION ALL SELECT contra, currency, -micros FROM line
        UNION ALL SELECT supplier, currency, micros FROM cost
        UNION ALL SELECT 'cost of calls', currency, -micros FROM cost
    )
    SELECT name, currency, coalesce(sum(-micros) FILTER (WHERE micros < 0), 0),
        coalesce(sum(micros) FILTER (WHERE micros > 0), 0)
    FROM entry GROUP BY name, currency ORDER BY currency, name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAccount:
    """One account of the general ledger, with all that was entered on either side of it."""

    name: str
    currency: str
    debit: Decimal
    credit: Decimal


def trial_balance(
    txn: Cursor, since: datetime | None = None, until: datetime | None = None
) -> list[LedgerAccount]:
    """Return the ledger's accounts with their sums from *since* up to, not including, *until*."""
    txn.execute(_ENTRIES, {"since": since, "until": until})
    return [
        LedgerAccount(name=name, currency=currency, debit=_amount(debit), credit=_amount(credit))
        for name, currency, debit, credit in txn.fetchall()
    ]


def _amount(micros: int) -> Decimal:
    return Decimal(int(micros)).scaleb(-MICRO_DECIMALS)
