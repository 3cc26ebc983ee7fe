"""Values as text for people: exact numbers, moments in UTC, nothing that a terminal would obey."""

from __future__ import annotations

from decimal import Decimal

# What is shown is what is exported.
from radiusd.exports.values import cell as cell
from radiusd.exports.values import moment as moment
from radiusd.exports.values import money as money
from radiusd.exports.values import plain as plain
from radiusd.exports.values import printable as printable


def price(nano: int) -> Decimal:
    """Return a price of 10^-9 units as the exact decimal it is, with no more digits than it has."""
    exact = Decimal(nano).scaleb(-9).normalize()
    return exact if exact.as_tuple().exponent in range(-9, 1) else exact.quantize(Decimal(1))


def service_name(kind: str | None, name: str | None) -> str:
    """Return ``trunk sbc1``; nothing for a call that matched no service."""
    return f"{kind} {name}" if name is not None else ""
