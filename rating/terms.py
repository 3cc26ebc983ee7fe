"""Which price and increment hold at a second of a call, and until when."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rating.bands import Band, band_at, next_edge
from rating.increments import LONGEST_S
from rating.prices import Price
from rating.rates import BandRule, Rate
from rating.steps import step_at

#: Beyond the end of any call.
NEVER_S: Final = 2 * LONGEST_S

#: The label of a slice that no band prices.
BASE: Final = "base"

_UTC: Final = ZoneInfo("UTC")

_SECOND: Final = timedelta(seconds=1)


class Terms(NamedTuple):
    """What an increment costs that starts now; *until_s* is the second of the call when that may change."""

    label: str
    price: Price
    initial_s: int
    following_s: int
    until_s: int


class Timetable:
    """The terms of one call: bands by the customer's wall clock, steps by elapsed time."""

    __slots__ = ("_answer_at", "_holidays", "_rate", "_terms", "_zone")

    def __init__(
        self, rate: Rate, answer_at: datetime, zone: ZoneInfo | None = None, holidays: Collection[date] = ()
    ) -> None:
        self._rate = rate
        self._answer_at = answer_at
        self._zone = zone or _UTC
        self._holidays = holidays
        self._terms: Terms | None = None
        if not rate.rules.bands and not rate.rules.steps:
            clock = rate.increment
            self._terms = Terms(BASE, rate.price, clock.initial_s, clock.following_s, NEVER_S)

    def band(self, second: int = 0) -> Band | None:
        """Return the band in force *second* real seconds after the answer."""
        bands = self._rate.rules.bands
        if not bands:
            return None
        return band_at(bands, self._moment(second).astimezone(self._zone), self._holidays)

    def at(self, second: int) -> Terms:
        """Return the terms of an increment that starts *second* seconds after the answer."""
        return self._terms or self._work_out(second)

    def _work_out(self, second: int) -> Terms:
        rate, clock = self._rate, self._rate.increment
        label, price = BASE, rate.price
        initial_s, following_s = clock.initial_s, clock.following_s
        by_start = rate.rules.band_rule == BandRule.CALL_START
        band = self.band(0 if by_start else second)
        if band is not None:
            label, price = band.name, band.price or price
            initial_s = initial_s if band.initial_s is None else band.initial_s
            following_s = band.following_s or following_s
        until_s = NEVER_S if by_start or not rate.rules.bands else self._band_until(second)
        step, next_step_s = step_at(rate.rules.steps, second)
        if step is not None:
            label, price = f"{label}+{step.from_s}", step.price or price
            following_s = step.following_s or following_s
        return Terms(label, price, initial_s, following_s, min(until_s, next_step_s or NEVER_S))

    def _band_until(self, second: int) -> int:
        edge = next_edge(self._rate.rules.bands, self._moment(second), self._zone)
        return -((self._answer_at - edge) // _SECOND)  # ceiling: the first whole second not before it

    def _moment(self, second: int) -> datetime:
        return self._answer_at.astimezone(UTC) + timedelta(seconds=second)
