"""One entry of a rate deck: what calls to a prefix cost, from when until when."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from rating.bands import Band
from rating.increments import PER_SECOND, Increment
from rating.jurisdiction import Jurisdiction
from rating.money import ZERO, Rounding
from rating.origins import Origin
from rating.prices import Price
from rating.steps import Step

#: The start of a rate that was always in force.
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)


class BandRule(StrEnum):
    """Which moment decides the band."""

    INCREMENT_START = "increment_start"
    CALL_START = "call_start"


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What few rates have. A rate without any of it shares :data:`PLAIN`, and is rated the fast way.

    Raises:
        ValueError: A fee or a number of seconds is negative.
    """

    min_charge: Fraction = ZERO
    max_charge: Fraction | None = None
    surcharge_percent: Fraction = ZERO
    payphone_surcharge: Fraction = ZERO
    connect_fee_on_included: bool = False
    free_s: int = 0
    grace_s: int = 0
    rounding: Rounding | None = None
    band_rule: BandRule = BandRule.INCREMENT_START
    bands: tuple[Band, ...] = ()
    steps: tuple[Step, ...] = ()
    origin: Origin | None = None
    jurisdiction: dict[Jurisdiction, Price] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("min_charge", "max_charge", "payphone_surcharge", "free_s", "grace_s"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} cannot be negative: {getattr(self, name)}")
        if self.surcharge_percent < -100:
            raise ValueError(f"surcharge_percent cannot take more than all: {self.surcharge_percent}")


PLAIN: Final = Rules()


class Rate(NamedTuple):
    """
    The price of calls to *prefix*, in force from *effective_at* up to, not including, *expires_at*.

    A named tuple, because a look-up in a deck of a million prefixes makes one
    from columns: it costs a quarter of a frozen dataclass.
    """

    prefix: str
    price: Price
    increment: Increment = PER_SECOND
    connect_fee: Fraction = ZERO
    effective_at: datetime = ALWAYS
    expires_at: datetime | None = None
    blocked: bool = False
    description: str = ""
    rules: Rules = PLAIN

    def in_force(self, at: datetime) -> bool:
        """Say whether calls answered at *at* may be rated by this entry."""
        return self.effective_at <= at and (self.expires_at is None or at < self.expires_at)

    def with_increments(self, initial_s: int, following_s: int) -> "Rate":
        """Return the rate as a plan bills it that counts time its own way, in all bands and steps."""
        rules = self.rules
        if rules.bands or rules.steps:
            rules = replace(
                rules,
                bands=tuple(replace(band, initial_s=None, following_s=None) for band in rules.bands),
                steps=tuple(replace(step, following_s=None) for step in rules.steps),
            )
        return self._replace(increment=Increment(initial_s, following_s), rules=rules)

    def in_jurisdiction(self, jurisdiction: Jurisdiction) -> "Rate":
        """Return the rate at its price for *jurisdiction*; without one, at the base price."""
        price = self.rules.jurisdiction.get(jurisdiction)
        return self if price is None else self._replace(price=price)
