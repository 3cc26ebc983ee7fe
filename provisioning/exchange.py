"""Exchange rates: what one currency costs in another, from when on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import currency
from provisioning.admin import Admin, Change, compare, record
from provisioning.amounts import NANO_DECIMALS, amount_of, nanos
from provisioning.moments import Moment, instant
from radiusd.errors import BadInput

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRate:
    """One unit of *base* costs *price* of *quote* from *effective* on; the other way round follows."""

    base: str
    quote: str
    price: Decimal
    effective: Moment | None = None

    @property
    def key(self) -> str:
        """What an admin calls it."""
        return f"{self.base}/{self.quote}"


def set_exchange_rate(txn: Cursor, rate: ExchangeRate, admin: Admin) -> Change:
    """Set what one currency costs in another; calls that were charged keep the rate that they had."""
    change = put_exchange_rate(txn, rate)
    record(txn, admin, [change])
    return change


def put_exchange_rate(txn: Cursor, rate: ExchangeRate) -> Change:
    """Set the rate; the caller records the change."""
    for field in ("base", "quote"):
        currency(field, getattr(rate, field))
    if rate.base == rate.quote:
        raise BadInput(f"quote: one {rate.base} is one {rate.quote}; name two currencies")
    price_nano = nanos("price", rate.price)
    if not price_nano:
        raise BadInput("price: it is 0; give what one unit costs")
    effective = ALWAYS if rate.effective is None else instant("effective", rate.effective, UTC)
    rate = replace(rate, effective=None if effective == ALWAYS else effective)
    current = next((known for known in list_exchange_rates(txn) if _same(known, rate)), None)
    change = compare("exchange", rate.key, current, rate)
    if change:
        txn.execute(
            "INSERT INTO exchange_rate (base, quote, effective_at, price_nano) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (base, quote, effective_at) DO UPDATE SET price_nano = EXCLUDED.price_nano",
            (rate.base, rate.quote, effective, price_nano),
        )
    return change


def list_exchange_rates(txn: Cursor) -> list[ExchangeRate]:
    """Return all exchange rates."""
    txn.execute(
        "SELECT base, quote, price_nano, effective_at FROM exchange_rate ORDER BY base, quote, effective_at"
    )
    return [
        ExchangeRate(
            base=base,
            quote=quote,
            price=amount_of(price_nano, NANO_DECIMALS) or Decimal(0),
            effective=None if effective_at == ALWAYS else effective_at,
        )
        for base, quote, price_nano, effective_at in txn.fetchall()
    ]


def _same(known: ExchangeRate, rate: ExchangeRate) -> bool:
    return (known.base, known.quote, known.effective) == (rate.base, rate.quote, rate.effective)
