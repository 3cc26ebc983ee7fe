"""Taxes on charges: a share of them, rounded once for all or line by line, and fixed amounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from rating.money import MICRO, Mode, Rounding

_NANO = 10**9
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Tax:
    """
    *percent_nano* in 10⁻⁹ percent of what is charged, and *fixed_micros* for each of what it counts.

    *per_line* rounds the share of each line, else that of their sum, once. Rounded half up to *decimals*.
    """

    name: str
    percent_nano: int = 0
    fixed_micros: int = 0
    per_line: bool = False
    decimals: int = 2

    def on(self, lines_micros: Iterable[int], fixed_count: int = 1) -> int:
        """
        Return the tax on lines of charges, in micro-units; credits among them take tax back.

        The fixed amount is due *fixed_count* times.
        """
        lines = list(lines_micros)
        shares = lines if self.per_line else [sum(lines)]
        return sum(self._share(line) for line in shares) + self.fixed_micros * fixed_count

    def _share(self, micros: int) -> int:
        """Return the share of an amount; of a credit, what its charge would give, taken back."""
        rounding = Rounding(self.decimals, Mode.HALF_UP)
        share = Fraction(abs(micros) * self.percent_nano, _NANO * _HUNDRED * MICRO)
        units = rounding.units(share.numerator, share.denominator) * (MICRO // rounding.step)
        return -units if micros < 0 else units
