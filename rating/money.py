"""
Amounts of money: exact in between, written as decimal strings, and rounded once.

An amount is a ratio of two integers (a numerator and a denominator, or a
``Fraction``), or a whole number of micro-units (10⁻⁶) where it is stored.
Nothing here is ever a float.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Final

ZERO: Final = Fraction(0)

MICRO_DECIMALS: Final = 6

#: Micro-units in one unit of a currency.
MICRO: Final = 10**MICRO_DECIMALS

#: Longest number that we read. No tariff needs more; int() of a huge text is quadratic.
_LONGEST: Final = 40

#: More decimals than any currency or tariff has; a bound against hostile rounding rules.
_MOST_DECIMALS: Final = 30

#: 10 to the n, looked up: a bench of ratings spends a tenth of its time on raising ten.
POWERS: Final[tuple[int, ...]] = tuple(10**decimals for decimals in range(_LONGEST + 1))

_DECIMAL: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


class Mode(StrEnum):
    """Where an amount between two steps goes."""

    UP = "up"
    DOWN = "down"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


class Scope(StrEnum):
    """What is rounded: the call once, or also each slice or each increment of it."""

    CALL = "call"
    SLICE = "slice"
    INCREMENT = "increment"


_UP, _HALF_UP, _HALF_EVEN = Mode.UP, Mode.HALF_UP, Mode.HALF_EVEN


@dataclass(frozen=True, slots=True)
class Rounding:
    """
    How a charge becomes a number that can be booked.

    Amounts are not negative: a reversal repeats the rounded amount of what it reverses.

    Raises:
        ValueError: *decimals* is not between 0 and 30.
    """

    decimals: int = 4
    mode: Mode = Mode.HALF_UP
    scope: Scope = Scope.CALL

    def __post_init__(self) -> None:
        if not 0 <= self.decimals <= _MOST_DECIMALS:
            raise ValueError(f"decimals must be between 0 and {_MOST_DECIMALS}, not {self.decimals}")

    @property
    def step(self) -> int:
        """How many of our steps make one unit of the currency: 10 to the *decimals*."""
        return POWERS[self.decimals]

    def units(self, numerator: int, denominator: int) -> int:
        """Return *numerator*/*denominator* as a whole number of steps of 10⁻ᵈᵉᶜⁱᵐᵃˡˢ."""
        whole, rest = divmod(numerator * POWERS[self.decimals], denominator)
        if rest == 0:
            return whole
        mode = self.mode
        if mode == _HALF_UP:
            return whole + (2 * rest >= denominator)
        if mode == _UP:
            return whole + 1
        if mode == _HALF_EVEN:
            return whole + (2 * rest + (whole & 1) > denominator)
        return whole

    def ceiling(self, units: int) -> tuple[int, int, bool]:
        """
        Return the greatest amount that still rounds to *units* steps or fewer.

        As (numerator, denominator, inclusive): when not inclusive, the amount must stay below it.
        """
        step = self.step
        if self.mode == _UP:
            return units, step, True
        if self.mode == _HALF_UP:
            return 2 * units + 1, 2 * step, False
        if self.mode == _HALF_EVEN:
            return 2 * units + 1, 2 * step, units % 2 == 0
        return units + 1, step, False


DEFAULT: Final = Rounding()


def parse_decimal(text: str) -> tuple[int, int]:
    """
    Read a decimal string: ``"0.0602"`` gives (602, 4), that is 602 / 10⁴.

    Raises:
        ValueError: It is not a plain decimal number (no exponent, comma or blank).
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"{text[:_LONGEST]!r} is not a decimal number like 0.0125")
    sign, whole, decimals = match[1], match[2], match[3] or ""
    units = int(whole + decimals)
    return (-units if sign == "-" else units), len(decimals)


def fraction(text: str) -> Fraction:
    """Return a decimal string as an exact fraction; raises ValueError as :func:`parse_decimal`."""
    units, decimals = parse_decimal(text)
    return Fraction(units, POWERS[decimals])


def micros(text: str) -> int:
    """
    Return a decimal string as whole micro-units.

    Raises:
        ValueError: It is no decimal number, or has more than six decimals that count.
    """
    units, decimals = parse_decimal(text)
    whole, rest = divmod(units * POWERS[MICRO_DECIMALS], POWERS[decimals])
    if rest:
        raise ValueError(f"{text!r} has more than {MICRO_DECIMALS} decimals")
    return whole


def units_text(units: int, decimals: int) -> str:
    """Write *units* steps of 10⁻ᵈᵉᶜⁱᵐᵃˡˢ with all decimals: (880, 4) is ``"0.0880"``."""
    digits = str(abs(units)).zfill(decimals + 1)
    sign = "-" if units < 0 else ""
    if decimals == 0:
        return sign + digits
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def micros_text(amount: int) -> str:
    """Write micro-units with all six decimals: 1 is ``"0.000001"``."""
    return units_text(amount, MICRO_DECIMALS)


def exact_text(amount: Fraction) -> str:
    """Write *amount* in full: ``"0.105"``, or ``"1/30"`` when the decimals would never end."""
    return ratio_text(amount.numerator, amount.denominator)


def ratio_text(over: int, under: int) -> str:
    """Write *over*/*under*, in lowest terms or not, as :func:`exact_text` does."""
    common = gcd(over, under)
    over, under = over // common, under // common
    decimals = _decimals_of(under)
    if decimals is None:
        return f"{over}/{under}"
    return units_text(over * 10**decimals // under, decimals)


@lru_cache(maxsize=1000)
def _decimals_of(denominator: int) -> int | None:
    """Return how many decimals a fraction in lowest terms has, None when they never end."""
    twos = (denominator & -denominator).bit_length() - 1
    rest = denominator >> twos
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    return max(twos, fives) if rest == 1 else None


def parse_exact(text: str) -> Fraction:
    """
    Read what :func:`exact_text` writes.

    Raises:
        ValueError: It is neither a decimal number nor a ratio of two whole numbers.
    """
    numerator, slash, denominator = text.partition("/")
    if not slash:
        return fraction(text)
    over, under = parse_decimal(numerator), parse_decimal(denominator)
    if over[1] or under[1] or under[0] <= 0:
        raise ValueError(f"{text!r} is not a ratio of two whole numbers like 1/30")
    return Fraction(over[0], under[0])
