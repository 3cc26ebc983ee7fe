"""Turn the seconds that a call lasted into the seconds that are billed."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

#: No call lasts ten years; a bound against absurd input (Acct-Session-Time has 32 bits).
LONGEST_S: Final = 10 * 366 * 86400


class DurationRounding(StrEnum):
    """How a raw duration with decimals becomes whole seconds."""

    UP = "up"
    DOWN = "down"
    HALF_UP = "half_up"


@dataclass(frozen=True, slots=True)
class Increment:
    """
    How a rate counts time, written ``30/6`` in a rate deck.

    The first *initial_s* seconds are billed whole; after them, every started
    step of *following_s* seconds. An initial of 0 means that there is none.

    Raises:
        ValueError: A step is not a whole number of seconds that time can be cut into.
    """

    initial_s: int
    following_s: int

    def __post_init__(self) -> None:
        if not 0 <= self.initial_s <= LONGEST_S:
            raise ValueError(f"initial increment must be 0 or more seconds, not {self.initial_s}")
        if not 1 <= self.following_s <= LONGEST_S:
            raise ValueError(f"increment must be 1 or more seconds, not {self.following_s}")

    def billable_s(self, duration_s: int) -> int:
        """Return the seconds billed for an answered call of *duration_s*."""
        if duration_s == 0:
            return 0
        overrun_s = duration_s - self.initial_s
        if overrun_s <= 0:
            return self.initial_s
        steps = -(-overrun_s // self.following_s)  # ceiling division
        return self.initial_s + steps * self.following_s

    def payable_s(self, seconds: int) -> int:
        """Return the most seconds of this grid that *seconds* can pay; 0 if not even its first step."""
        overrun_s = seconds - self.initial_s
        if overrun_s < 0:
            return 0
        return self.initial_s + overrun_s // self.following_s * self.following_s


PER_SECOND: Final = Increment(1, 1)


def whole_seconds(raw_s: int | Fraction | Decimal, rounding: DurationRounding = DurationRounding.UP) -> int:
    """
    Return a raw duration as whole seconds.

    Raises:
        ValueError: It is negative, not a number, or longer than ten years.
    """
    if isinstance(raw_s, int) and 0 <= raw_s <= LONGEST_S:
        return raw_s
    if (isinstance(raw_s, Decimal) and not raw_s.is_finite()) or not 0 <= raw_s <= LONGEST_S:
        raise ValueError(f"a call cannot last {raw_s} s: expected 0 to {LONGEST_S}")
    exact = Fraction(raw_s)
    if rounding == DurationRounding.UP:
        return -(-exact.numerator // exact.denominator)
    if rounding == DurationRounding.HALF_UP:
        exact += Fraction(1, 2)
    return exact.numerator // exact.denominator
