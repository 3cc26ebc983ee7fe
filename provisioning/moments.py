"""Moments that admins write: a day, which begins at midnight where the account is, or an exact instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo
from zoneinfo import ZoneInfo

from radiusd.errors import BadInput

Moment = date
"""A day, or (a ``datetime`` is a ``date`` too) an instant: in the account's zone when it names none."""

FIRST_YEAR, LAST_YEAR = 1970, 9998  # what any time zone of PostgreSQL and Python can still show


def whole_ms(at: datetime) -> datetime:
    """Return *at* without what is less than a millisecond, which answers do not tell."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def parse_moment(field: str, text: str) -> Moment:
    """
    Return the day or the instant in *text*: 2026-11-01 or 2026-11-01T09:30:00Z.

    Raises:
        BadInput: It is neither.
    """
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-01") else datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"{field}: {text[:40]!r} is no date; write 2026-11-01, or 2026-11-01T09:30:00Z for an instant"
        ) from error


def instant(field: str, moment: Moment, zone: tzinfo) -> datetime:
    """
    Return *moment* in UTC; a day is its midnight in *zone*, an instant without zone is in *zone*.

    Raises:
        BadInput: The year is out of bounds.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadInput(f"{field}: the year {moment.year} is not from {FIRST_YEAR} to {LAST_YEAR}")
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def zone_named(field: str, name: str) -> ZoneInfo:
    """
    Return the time zone *name*.

    Raises:
        BadInput: The time zone database does not know it.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:  # ZoneInfoNotFoundError is a LookupError
        raise BadInput(
            f"{field}: no time zone is called {name[:60]!r}; write one like Europe/London"
        ) from error
