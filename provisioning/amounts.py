"""Amounts and prices that admins write, as the whole numbers that the database keeps. No float anywhere."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from radiusd.errors import BadInput
from rating.money import parse_decimal

MICRO_DECIMALS = 6  # amounts: balances, limits, fees
NANO_DECIMALS = 9  # prices per minute
LARGEST = 10**9  # of a currency; well inside of a bigint in nano-units
SMALLEST_EXPONENT = -40  # nothing that an admin means is longer; a bound against hostile exponents


def parse_amount(field: str, text: str) -> Decimal:
    """
    Return the decimal number *text*, as an admin types it.

    Raises:
        BadInput: It is no plain decimal number.
    """
    try:
        parse_decimal(text.strip())
    except ValueError as error:
        raise BadInput(f"{field}: {error}") from error
    return Decimal(text.strip())


def micros(field: str, amount: Decimal) -> int:
    """Return *amount* in 10^-6 of its currency. Raises BadInput when it has more decimals, or is huge."""
    return _units(field, amount, MICRO_DECIMALS)


def fee(field: str, amount: Decimal | None) -> int | None:
    """Return *amount* in 10^-6 of its currency, None as None. Raises BadInput when it is negative."""
    if amount is None:
        return None
    units = micros(field, amount)
    if units < 0:
        raise BadInput(f"{field}: {amount} is negative; a fee is 0 or more")
    return units


def nanos(field: str, price: Decimal | None) -> int | None:
    """Return *price* in 10^-9 of its currency, None as None. Raises BadInput when it is negative."""
    if price is None:
        return None
    units = _units(field, price, NANO_DECIMALS)
    if units < 0:
        raise BadInput(f"{field}: {price} is negative; a price is 0 or more")
    return units


def amount_of(units: int | None, decimals: int) -> Decimal | None:
    """Return *units* of 10^-*decimals* as the exact number without needless zeros; None as None."""
    if units is None:
        return None
    exact = Decimal(units).scaleb(-decimals).normalize()
    return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact


def _units(field: str, amount: Decimal, decimals: int) -> int:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < SMALLEST_EXPONENT:
        raise BadInput(f"{field}: {str(amount)[:40]} is not a number like 0.0125")
    if amount.adjusted() > len(str(LARGEST)) or abs(amount) > LARGEST:
        raise BadInput(f"{field}: {str(amount)[:40]} is beyond {LARGEST}")
    units = Fraction(amount) * 10**decimals
    if units.denominator != 1:
        raise BadInput(f"{field}: {str(amount)[:40]} has more than {decimals} decimals")
    return int(units)
