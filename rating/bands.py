"""Time-of-day prices: which band of a rate is in force, and until when."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from rating.prices import Price

DAY_S: Final = 86400

#: Monday to Sunday, as ISO 8601 counts them.
EVERY_DAY: Final = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True)
class Band:
    """
    A stretch of the customer's wall clock, from *from_s* up to *to_s* seconds after midnight.

    *holidays* is the ``"H"`` of a tariff. What is None is as in the rate.

    Raises:
        ValueError: The band is empty, wraps past midnight (write two), names an
            unknown day, or has an increment of no length or a negative fee.
    """

    name: str
    from_s: int
    to_s: int
    days: frozenset[int] = EVERY_DAY
    holidays: bool = False
    price: Price | None = None
    initial_s: int | None = None
    following_s: int | None = None
    connect_fee: Fraction | None = None
    weight: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.from_s < self.to_s <= DAY_S:
            raise ValueError(
                f"band {self.name!r}: must begin before it ends, by 24:00 (over midnight: write two bands)"
            )
        if (self.initial_s or 0) < 0 or (self.following_s is not None and self.following_s < 1):
            raise ValueError(f"band {self.name!r}: increments must be 1 or more seconds (initial: 0)")
        if (self.connect_fee or 0) < 0:
            raise ValueError(f"band {self.name!r}: connect fee cannot be negative: {self.connect_fee}")
        if not self.days <= EVERY_DAY:
            raise ValueError(f"band {self.name!r}: days are 1 (Monday) to 7 (Sunday) and H")


def _second_of_day(local: datetime) -> int:
    return local.hour * 3600 + local.minute * 60 + local.second


def band_at(bands: Sequence[Band], local: datetime, holidays: Collection[date]) -> Band | None:
    """Return the band in force at the wall clock time *local*, or None for the base price."""
    second = _second_of_day(local)
    holiday = local.date() in holidays and any(band.holidays for band in bands)
    weekday = local.isoweekday()
    best: Band | None = None
    for band in bands:
        in_day = band.holidays if holiday else weekday in band.days
        if in_day and band.from_s <= second < band.to_s and (best is None or band.weight > best.weight):
            best = band
    return best


def next_edge(bands: Sequence[Band], at: datetime, zone: ZoneInfo) -> datetime:
    """
    Return the next instant (UTC) after *at* at which another band may be in force.

    That is an edge of a band, midnight, or a change of the zone's offset,
    whichever is first: seconds are real ones, so a skipped hour never occurs
    and a repeated hour occurs twice.
    """
    local = at.astimezone(zone)
    second = _second_of_day(local)
    edges = (edge for band in bands for edge in (band.from_s, band.to_s) if edge > second)
    ahead = timedelta(seconds=min(edges, default=DAY_S) - second, microseconds=-local.microsecond)
    edge = at.astimezone(UTC) + ahead
    if edge.astimezone(zone).utcoffset() == local.utcoffset():
        return edge
    return _offset_change(at.astimezone(UTC), edge, zone)


def _offset_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first whole second after *before*, up to *after*, with another offset than *before*."""
    offset = before.astimezone(zone).utcoffset()
    start = before.replace(microsecond=0)
    low, high = 0, -(-(after - start) // timedelta(seconds=1))
    while high - low > 1:
        middle = (low + high) // 2
        if (start + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return start + timedelta(seconds=high)
