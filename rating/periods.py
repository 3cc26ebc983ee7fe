"""Billing periods in the customer's zone, and how many included seconds one of them brings."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_LAST_ANCHOR_DAY = 31
_MONTHS = 12


def period_of(at: datetime, zone: ZoneInfo, anchor_day: int = 1) -> tuple[datetime, datetime]:
    """
    Return the billing month that *at* is in, as (start, end) in UTC; the end is not in it.

    Months start at local midnight of *anchor_day*, or of the month's last day when it is shorter.

    Raises:
        ValueError: *anchor_day* is not 1 to 31, or *at* carries no zone.
    """
    if not 1 <= anchor_day <= _LAST_ANCHOR_DAY:
        raise ValueError(f"anchor_day must be between 1 and {_LAST_ANCHOR_DAY}, not {anchor_day}")
    today = local_date(at, zone)
    start = _anchor(today.year, today.month, anchor_day)
    if start > today:
        start = _anchor(*_month_from(start, -1), anchor_day)
    end = _anchor(*_month_from(start, 1), anchor_day)
    return day_start(start, zone), day_start(end, zone)


def _anchor(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _month_from(day: date, months: int) -> tuple[int, int]:
    count = day.year * _MONTHS + day.month - 1 + months
    return count // _MONTHS, count % _MONTHS + 1


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """Return the customer's date at an instant; raises ValueError when *at* carries no zone."""
    if at.tzinfo is None:
        raise ValueError(f"an instant must carry a zone: {at}")
    return at.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """
    Return the first instant of a local day, in UTC.

    Where the clock skips midnight the day begins at 01:00; *zone* then maps
    00:00 to that same instant.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def prorated_seconds(
    included_s: int,
    start: date,
    end: date,
    zone: ZoneInfo,
    activated_at: datetime | None = None,
    terminated_at: datetime | None = None,
) -> int:
    """
    Return the seconds that a service active for part of a period gets of *included_s*.

    By days of the period, from *start* up to, not including, *end*. The days
    of activation and of termination count whole; half a second is rounded up.

    Raises:
        ValueError: The period has no days, or *included_s* is negative.
    """
    if included_s < 0:
        raise ValueError(f"included seconds cannot be negative: {included_s}")
    days = (end - start).days
    if days < 1:
        raise ValueError(f"a period must end after it starts: {start} to {end}")
    first = start if activated_at is None else max(start, local_date(activated_at, zone))
    after = end if terminated_at is None else min(end, local_date(terminated_at, zone) + timedelta(days=1))
    active_days = max(0, (after - first).days)
    return (2 * included_s * active_days + days) // (2 * days)


def rolled_seconds(
    unused_s: int, cap_s: int | None = None, age_periods: int = 1, max_periods: int | None = None
) -> int:
    """
    Return how many of the *unused_s* of a period that ended *age_periods* ago may still be used.

    They form a bucket of their own that ends sooner than the new one, so it is used first.
    """
    if max_periods is not None and age_periods > max_periods:
        return 0
    return max(0, unused_s if cap_s is None else min(unused_s, cap_s))
