"""What the inventory asks for a number: the service to which the number is given owes it as its fees."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import shown
from provisioning.amounts import MICRO_DECIMALS, amount_of
from provisioning.service_kinds import ZERO, Service, Unsaid
from radiusd.errors import BadInput

FEES = {"monthly_fee": "a month", "setup_fee": "once"}


@dataclass(frozen=True, slots=True)
class Prices:
    """What a number costs a customer, in its *currency*."""

    currency: str
    monthly_fee: Decimal
    setup_fee: Decimal


def prices_of(txn: Cursor, wanted: Collection[str]) -> dict[str, Prices]:
    """Return the prices of those of the numbers *wanted* that are in the inventory; 0: it asks nothing."""
    txn.execute(
        "SELECT number, currency, monthly_price_micros, setup_price_micros FROM number"
        " WHERE number = ANY(%s)",
        (list(wanted),),
    )
    return {
        number: Prices(
            currency, amount_of(monthly, MICRO_DECIMALS) or ZERO, amount_of(setup, MICRO_DECIMALS) or ZERO
        )
        for number, currency, monthly, setup in txn.fetchall()
    }


def unsaid_fees(service: Service) -> list[str]:
    """Return which fees of *service* nobody has said."""
    return [name for name in FEES if isinstance(getattr(service, name), Unsaid)]


def without_prices(service: Service) -> Service:
    """Return *service* with 0 for the fees that nobody has said."""
    return _with_fees(service, dict.fromkeys(unsaid_fees(service), ZERO))


def with_prices(service: Service, current: Service | None, prices: Prices) -> Service:
    """Return *service* with the fees that nobody has said: as *current* has them, or if new, the *prices*."""
    return _with_fees(service, {name: getattr(current or prices, name) for name in unsaid_fees(service)})


def refuse_strange_currency(service: Service, prices: Prices, currency: str, *, bound: bool) -> None:
    """
    Return when an account in *currency* can owe the *prices* for the fees of *service* that nobody has said.

    Raises:
        BadInput: They are in another currency; *bound* admins cannot say a fee, but choose another number.
    """
    for name in unsaid_fees(service):
        price = getattr(prices, name)
        if price and prices.currency != currency:
            remedy = f"choose one priced in {currency}" if bound else f"give the fee in {currency}"
            raise BadInput(
                f"{name}: number {service.name} costs {shown(price)} {prices.currency} {FEES[name]},"
                f" and account {service.account} is in {currency}; {remedy}"
            )


def _with_fees(service: Service, fees: dict[str, Any]) -> Service:
    return replace(service, **fees) if fees else service
