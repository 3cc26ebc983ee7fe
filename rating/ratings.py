"""The result of rating a call: its slices are the explanation, and the total follows from them."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from rating.charges import charge_units
from rating.lines import Slice, amount, total
from rating.money import (
    MICRO_DECIMALS,
    POWERS,
    ZERO,
    Mode,
    Rounding,
    Scope,
    exact_text,
    fraction,
    parse_exact,
    ratio_text,
    units_text,
)
from rating.prices import Price
from rating.rates import PLAIN, Rules


class Rating(NamedTuple):
    """
    What one call costs, and why.

    *units* is the charge in steps of *rounding*. *billed_s* are the seconds
    of whole increments, *charged_s* those of them that cost money (be it 0.00
    a minute), *bucket_use* those that buckets paid.
    """

    prefix: str
    billed_s: int
    charged_s: int
    bucket_use: dict[str, int]
    slices: tuple[Slice, ...]
    connect_fee: Fraction
    units: int
    rounding: Rounding
    rules: Rules = PLAIN
    payphone: Fraction = ZERO
    dips: Fraction = ZERO

    @property
    def total(self) -> Fraction:
        """The charge, rounded."""
        return Fraction(self.units, self.rounding.step)

    @property
    def total_text(self) -> str:
        """The charge as a decimal string with all decimals of its rounding."""
        return units_text(self.units, self.rounding.decimals)

    @property
    def total_micros(self) -> int:
        """
        The charge in micro-units, to be booked.

        Raises:
            ValueError: It is rounded to more than six decimals, which no plan may do.
        """
        decimals = self.rounding.decimals
        if decimals > MICRO_DECIMALS:
            raise ValueError(f"a charge with {decimals} decimals cannot be booked in micro-units")
        return self.units * POWERS[MICRO_DECIMALS - decimals]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as plain values, amounts as decimal strings (or ``"1/30"``)."""
        rounding, rules = self.rounding, self.rules
        explained: dict[str, Any] = {
            "prefix": self.prefix,
            "billed_s": self.billed_s,
            "charged_s": self.charged_s,
            "bucket_use": dict(self.bucket_use),
            "slices": [_slice_dict(line) for line in self.slices],
            "connect_fee": _fee_text(self.connect_fee) if self.connect_fee else "0",  # hashing is slow
            "rounding": {
                "decimals": rounding.decimals,
                "mode": rounding.mode.value,
                "scope": rounding.scope.value,
            },
            "total": self.total_text,
        }
        if rules is PLAIN and not self.payphone and not self.dips:
            return explained
        extras = {
            "surcharge_percent": rules.surcharge_percent or None,
            "min_charge": rules.min_charge or None,
            "max_charge": rules.max_charge,
            "payphone_surcharge": self.payphone or None,
            "dip_fees": self.dips or None,
        }
        explained.update({name: exact_text(value) for name, value in extras.items() if value is not None})
        return explained


@lru_cache(maxsize=10_000)
def _price_text(price: Price) -> str:
    return price.text


@lru_cache(maxsize=10_000)
def _fee_text(fee: Fraction) -> str:
    return exact_text(fee)


def _slice_dict(line: Slice) -> dict[str, Any]:
    explained: dict[str, Any] = {
        "from_s": line.from_s,
        "seconds": line.seconds,
        "band": line.band,
        "bucket": line.bucket,
    }
    if line.bucket is None:
        explained["price"] = _price_text(line.price)
        explained["per"] = line.price.per_s
        if line.parts:
            explained["increments"] = [list(part) for part in line.parts]
    explained["amount"] = ratio_text(line.numerator, line.denominator) if line.numerator else "0"
    return explained


def recompute(explained: Mapping[str, Any]) -> str:
    """
    Return the total that follows from an explanation, as a decimal string.

    Only seconds, prices, fees and rules are believed; *total* is not read.

    Raises:
        ValueError: The amount of a slice is not its seconds at its price.
    """
    rule = explained["rounding"]
    rounding = Rounding(rule["decimals"], Mode(rule["mode"]), Scope(rule["scope"]))
    used = total(_recomputed(line, rounding) for line in explained["slices"])
    maximum = explained.get("max_charge")
    rules = Rules(
        surcharge_percent=fraction(explained.get("surcharge_percent", "0")),
        min_charge=fraction(explained.get("min_charge", "0")),
        max_charge=None if maximum is None else fraction(maximum),
    )
    after = sum((fraction(explained.get(name, "0")) for name in ("payphone_surcharge", "dip_fees")), ZERO)
    units = charge_units(rules, rounding, used, fraction(explained["connect_fee"]), after)
    return units_text(units, rounding.decimals)


def _recomputed(line: Mapping[str, Any], rounding: Rounding) -> tuple[int, int]:
    if line["bucket"] is not None:
        over, under = 0, 1
    else:
        parts = [(count, seconds) for count, seconds in line.get("increments", ())]
        if parts and sum(count * seconds for count, seconds in parts) != line["seconds"]:
            raise ValueError(f"slice from {line['from_s']} s: its increments are not its {line['seconds']} s")
        over, under = amount(Price.of(line["price"], line["per"]), line["seconds"], parts, rounding)
    if Fraction(over, under) != parse_exact(line["amount"]):
        right = exact_text(Fraction(over, under))
        raise ValueError(f"slice from {line['from_s']} s: amount is {right}, not {line['amount']}")
    return over, under
