"""What a stretch of time costs: an exact amount per so many seconds."""

from fractions import Fraction
from typing import Final, NamedTuple, Self

from rating.money import exact_text, parse_decimal

NANO: Final = 10**9

PER_MINUTE_S: Final = 60


class Price(NamedTuple):
    """
    *units*/*scale* of the currency for every *per_s* seconds.

    A named tuple and not a dataclass: a deck makes one for each look-up, and
    a frozen dataclass costs four times as much.
    """

    units: int
    scale: int
    per_s: int

    @classmethod
    def nano(cls, price_nano: int, per_s: int = PER_MINUTE_S) -> Self:
        """Return the price of *price_nano* 10⁻⁹ units for *per_s* seconds."""
        return cls.checked(price_nano, NANO, per_s)

    @classmethod
    def of(cls, text: str, per_s: int = PER_MINUTE_S) -> Self:
        """Return the price written as a decimal string; raises ValueError when it is none or negative."""
        units, decimals = parse_decimal(text)
        return cls.checked(units, 10**decimals, per_s)

    @classmethod
    def checked(cls, units: int, scale: int, per_s: int) -> Self:
        """Return the price, or raise ValueError when it is negative or for no time at all."""
        if units < 0:
            raise ValueError(f"a price cannot be negative: {units}/{scale}")
        if per_s < 1:
            raise ValueError(f"a price must be for 1 or more seconds, not {per_s}")
        return cls(units, scale, per_s)

    @property
    def text(self) -> str:
        """The price as a decimal string without needless zeros: ``"0.06"``."""
        return exact_text(Fraction(self.units, self.scale))

    def cost(self, seconds: int) -> Fraction:
        """Return what *seconds* cost, exactly."""
        return Fraction(self.units * seconds, self.scale * self.per_s)
