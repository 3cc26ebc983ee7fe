"""Write down a call as it is walked through: stretches of seconds, who pays them, and at which price."""

from collections.abc import Iterable
from math import lcm
from typing import NamedTuple

from rating.money import Rounding, Scope
from rating.prices import Price
from rating.terms import Terms


class Slice(NamedTuple):
    """
    A stretch of billed seconds with one price and one payer: a line of the explanation.

    *from_s* counts from the answer. *bucket* None is money, and then the
    amount is *numerator*/*denominator*. *parts* are the (count, seconds) of
    the increments, only where each increment is rounded by itself.
    """

    from_s: int
    seconds: int
    band: str
    bucket: str | None
    price: Price
    numerator: int
    denominator: int
    parts: tuple[tuple[int, int], ...] = ()


def amount(
    price: Price, seconds: int, parts: Iterable[tuple[int, int]], rounding: Rounding
) -> tuple[int, int]:
    """Return what a slice costs as a ratio, rounded already where *rounding* says so."""
    units, scale, per_s = price
    denominator = scale * per_s
    if rounding.scope == Scope.CALL:
        return units * seconds, denominator
    if rounding.scope == Scope.SLICE:
        return rounding.units(units * seconds, denominator), rounding.step
    rounded = (count * rounding.units(units * part_s, denominator) for count, part_s in parts)
    return sum(rounded), rounding.step


def total(ratios: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the exact sum of *ratios* as one ratio."""
    numerator, denominator = 0, 1
    for over, under in ratios:
        if under == denominator:
            numerator += over
        else:
            common = lcm(under, denominator)
            numerator = numerator * (common // denominator) + over * (common // under)
            denominator = common
    return numerator, denominator


class Lines:
    """The slices so far; what follows without a gap on the same terms becomes one line."""

    __slots__ = ("_lines", "_parts", "_rounding", "bucket_use")

    def __init__(self, rounding: Rounding) -> None:
        self._rounding = rounding
        self._lines: list[tuple[int, int, str, str | None, Price]] = []
        self._parts: list[list[tuple[int, int]]] = []
        self.bucket_use: dict[str, int] = {}

    def add(self, from_s: int, count: int, each_s: int, terms: Terms, bucket: str | None = None) -> None:
        """Add *count* increments of *each_s* seconds; consecutive, from second *from_s* on."""
        seconds = count * each_s
        if bucket is not None:
            self.bucket_use[bucket] = self.bucket_use.get(bucket, 0) + seconds
        label, price = terms[0], terms[1]
        if self._lines:
            start_s, so_far_s, last_label, last_bucket, last_price = self._lines[-1]
            same_price = bucket is not None or last_price == price
            if last_label == label and last_bucket == bucket and same_price:
                self._lines[-1] = (start_s, so_far_s + seconds, label, bucket, price)
                self._parts[-1].append((count, each_s))
                return
        self._lines.append((from_s, seconds, label, bucket, price))
        self._parts.append([(count, each_s)])

    def slices(self) -> tuple[Slice, ...]:
        """Return the lines with their amounts."""
        each = self._rounding.scope == Scope.INCREMENT
        slices = []
        for (from_s, seconds, label, bucket, price), parts in zip(self._lines, self._parts, strict=True):
            if bucket is not None:
                slices.append(Slice(from_s, seconds, label, bucket, price, 0, 1))
                continue
            over, under = amount(price, seconds, parts, self._rounding)
            kept = tuple(parts) if each else ()
            slices.append(Slice(from_s, seconds, label, None, price, over, under, kept))
        return tuple(slices)
