"""What a call costs us: the supplier of its egress trunk, its price, and what is left of the customer's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from radiusd.calls.rate_decks import RateDeck
from rating.engine import rate_call
from rating.money import Rounding, exact_text
from rating.rates import Rate
from rating.ratings import Rating

_NANO = 10**9
_COMPARED_S = 60
"""The length of the calls by which prices are compared before a call has a length."""


class Guard(StrEnum):
    """What becomes of calls that would lose money."""

    OFF = "off"
    FLAG = "flag"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who carries calls for us, at the prices of a deck of its own."""

    id: int
    code: str
    deck: RateDeck
    zone: ZoneInfo
    rounding: Rounding
    guard: Guard = Guard.OFF

    def rate(self, called: str, calling: str, setup_at: datetime, answer_at: datetime) -> Rate | None:
        """Return what it charges for calls to *called*; None when it carries none."""
        version = self.deck.at(setup_at)
        found = version[1].lookup(called, answer_at, calling) if version else None
        return None if found is None or found.blocked else found

    def price(self, rate: Rate, called: str, answer_at: datetime, duration_s: int | Fraction) -> Rating:
        """Return what it charges for one call."""
        rounding = rate.rules.rounding or self.rounding
        return rate_call(
            rate, called=called, answer_at=answer_at, duration_s=duration_s, rounding=rounding, zone=self.zone
        )


class Exchange:
    """What currencies cost in each other, from when on."""

    def __init__(self, rates: Iterable[tuple[str, str, datetime, int]] = ()) -> None:
        """Take rows of base, quote, effective at, and the price of one base in 10⁻⁹ of quote."""
        self._rates: dict[tuple[str, str], list[tuple[datetime, Fraction]]] = {}
        for base, quote, effective_at, price_nano in rates:
            price = Fraction(price_nano, _NANO)
            self._rates.setdefault((base, quote), []).append((effective_at, price))
        for found in self._rates.values():
            found.sort(reverse=True)

    def rate(self, base: str, quote: str, at: datetime) -> Fraction | None:
        """Return the price of one *base* in *quote*; the other way round if only that is known."""
        if base == quote:
            return Fraction(1)
        found = self._at(base, quote, at)
        if found is not None:
            return found
        other = self._at(quote, base, at)
        return None if other is None else 1 / other

    def _at(self, base: str, quote: str, at: datetime) -> Fraction | None:
        for effective_at, price in self._rates.get((base, quote), ()):
            if effective_at <= at:
                return price
        return None


class Carriers:
    """The suppliers, found by their egress trunks. Immutable once made."""

    def __init__(
        self,
        suppliers: Mapping[tuple[int | None, str], Supplier] | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        """Index *suppliers* by client, None for any, and trunk."""
        self.exchange = exchange or Exchange()
        self._by_trunk = dict(suppliers or {})
        self.has_guards = any(supplier.guard is Guard.REFUSE for supplier in self._by_trunk.values())

    def of(self, client_id: int, trunk: str) -> Supplier | None:
        """Return whose trunk it is."""
        return self._by_trunk.get((client_id, trunk)) or self._by_trunk.get((None, trunk))

    def guarding(self, client_id: int) -> Sequence[Supplier]:
        """Return the suppliers behind a client whose guard refuses calls."""
        found = {
            supplier.id: supplier
            for (client, _), supplier in self._by_trunk.items()
            if client in (None, client_id) and supplier.guard is Guard.REFUSE
        }
        return list(found.values())


class SupplierCost(msgspec.Struct, frozen=True, gc=False):
    """What a supplier charges for a call, in its currency, and what that leaves of *earned* ones."""

    supplier_id: int
    micros: int
    margin_micros: int | None
    explained: dict[str, object]
    loses: bool = False


def cost_of(
    carriers: Carriers,
    supplier: Supplier,
    *,
    calling: str,
    called: str,
    setup_at: datetime,
    answer_at: datetime,
    duration_ms: int,
    earned_micros: int,
    currency: str,
) -> SupplierCost:
    """
    Return what *supplier* charges for an answered call, and the margin on *earned_micros* of *currency*.

    A number that its deck does not have costs nothing that we know: the margin is then unknown too.
    """
    rate = supplier.rate(called, calling, setup_at, answer_at)
    if rate is None:
        reason = "no rate in its deck"
        return SupplierCost(supplier.id, 0, None, {"supplier": supplier.code, "reason": reason})
    duration_s = Fraction(duration_ms, 1000) if duration_ms % 1000 else duration_ms // 1000
    rated = supplier.price(rate, called, answer_at, duration_s)
    explained: dict[str, object] = {"supplier": supplier.code, "currency": supplier.deck.currency}
    explained["call"] = rated.as_dict()
    exchange = carriers.exchange.rate(supplier.deck.currency, currency, answer_at)
    if exchange is None:
        explained["reason"] = f"no exchange rate from {supplier.deck.currency} to {currency}"
        return SupplierCost(supplier.id, rated.total_micros, None, explained)
    if exchange != 1:
        explained["exchange_rate"] = exact_text(exchange)
    margin = earned_micros - _half_up(rated.total_micros * exchange)
    loses = margin < 0 and supplier.guard is not Guard.OFF
    return SupplierCost(supplier.id, rated.total_micros, margin, explained, loses)


def would_lose(
    carriers: Carriers,
    client_id: int,
    trunk_out: str,
    earns: Rate,
    rounding: Rounding,
    *,
    calling: str,
    called: str,
    at: datetime,
    currency: str,
) -> str | None:
    """
    Return which supplier a call would lose money with, None when it would not or nobody guards.

    The supplier is that of the trunk that the attempt names; when it names none, the cheapest of those that
    refuse: if even that one is too dear, all are. Prices are compared by a call of a minute.
    """
    named = carriers.of(client_id, trunk_out) if trunk_out else None
    suppliers = [named] if named is not None else carriers.guarding(client_id)
    cheapest: tuple[Fraction, str] | None = None
    for supplier in suppliers:
        rate = supplier.rate(called, calling, at, at) if supplier.guard is Guard.REFUSE else None
        exchange = carriers.exchange.rate(supplier.deck.currency, currency, at)
        if rate is None or exchange is None:
            continue
        cost = supplier.price(rate, called, at, _COMPARED_S).total * exchange
        if cheapest is None or cost < cheapest[0]:
            cheapest = cost, supplier.code
    if cheapest is None:
        return None
    earned = rate_call(earns, called=called, answer_at=at, duration_s=_COMPARED_S, rounding=rounding).total
    return cheapest[1] if cheapest[0] > earned else None


def _half_up(micros: Fraction) -> int:
    return (2 * micros.numerator + micros.denominator) // (2 * micros.denominator)


