"""Times of so many minutes each, counted from 1970 on: where they begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor(moment: datetime, minutes: int) -> datetime:
    """Return where the time of so many *minutes* begins that *moment* is in."""
    return moment - (moment - EPOCH) % timedelta(minutes=minutes)


def ceiling(moment: datetime, minutes: int) -> datetime:
    """Return where the next time of so many *minutes* begins: at *moment* at the earliest."""
    return moment + (EPOCH - moment) % timedelta(minutes=minutes)
