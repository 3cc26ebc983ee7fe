"""Fees that come round: what is due for which billing month, by the days on which a service was active."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rating.money import MICRO, Rounding
from rating.periods import local_date, period_of

_INSTANT = timedelta(microseconds=1)


class Period(NamedTuple):
    """A billing month, from *start* up to, not including, *end*; both in UTC."""

    start: datetime
    end: datetime


def periods_begun(
    activated_at: datetime, ended_at: datetime | None, now: datetime, zone: ZoneInfo, anchor_day: int = 1
) -> Iterator[Period]:
    """
    Yield the months in which a service was active, oldest first, as far as they have begun by *now*.

    The first is that of the activation; it begins with it, so it is due only then.
    """
    if now < activated_at:
        return
    moment = activated_at
    while True:
        period = Period(*period_of(moment, zone, anchor_day))
        if period.start > now or (ended_at is not None and period.start >= ended_at):
            return
        yield period
        moment = period.end


def due_micros(
    fee_micros: int,
    period: Period,
    zone: ZoneInfo,
    activated_at: datetime,
    ended_at: datetime | None,
    rounding: Rounding,
    *,
    prorate: bool = True,
) -> int:
    """
    Return what of a month's fee is due for a service that was active in it.

    With *prorate*, by days in *zone*: those of activation and of the last instant count whole.

    Raises:
        ValueError: The fee is negative, or the rounding has more than six decimals.
    """
    if fee_micros < 0:
        raise ValueError(f"a fee cannot be negative: {fee_micros}")
    if ended_at is not None and ended_at <= activated_at:
        return 0
    first_day, after = local_date(period.start, zone), local_date(period.end, zone)
    first = max(first_day, local_date(activated_at, zone))
    last = after
    if ended_at is not None:
        last = min(after, local_date(ended_at - _INSTANT, zone) + timedelta(days=1))
    active, days = max(0, (last - first).days), (after - first_day).days
    if not prorate:
        return fee_micros if active else 0
    step = MICRO // rounding.step
    if step * rounding.step != MICRO:
        raise ValueError(f"a fee rounded to {rounding.decimals} decimals cannot be booked in micro-units")
    due = Fraction(fee_micros * active, days * MICRO)
    return rounding.units(due.numerator, due.denominator) * step
