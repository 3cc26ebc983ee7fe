"""Read the time stamps that switches write as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

UNKNOWN_ZONE = "unknown_zone"
BAD_STAMP = "bad_time_stamp"

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_WEEKDAYS = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"})
_CLOCK_MARKS = frozenset("*.")  # Cisco: never synchronised, and no longer synchronised

# Hours east of UTC. Names that mean several zones (IST, BST, AST) are not here: the
# client's own time zone decides, or the stamp is not used.
_ABBREVIATIONS = {
    "UTC": 0.0, "GMT": 0.0, "UCT": 0.0, "Z": 0.0,
    "WET": 0.0, "WEST": 1.0, "CET": 1.0, "MET": 1.0, "CEST": 2.0, "MEST": 2.0, "EET": 2.0, "EEST": 3.0,
    "MSK": 3.0, "MSD": 4.0, "SAST": 2.0, "EAT": 3.0, "PKT": 5.0, "YEKT": 5.0,
    "HKT": 8.0, "SGT": 8.0, "AWST": 8.0, "JST": 9.0, "KST": 9.0, "ACST": 9.5, "ACDT": 10.5,
    "AEST": 10.0, "AEDT": 11.0, "NZST": 12.0, "NZDT": 13.0,
    "NST": -3.5, "NDT": -2.5, "EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0,
    "MST": -7.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0, "AKST": -9.0, "AKDT": -8.0, "HST": -10.0,
}  # fmt: skip
_LARGEST_OFFSET = timedelta(hours=15)

ZoneNames = tuple[tuple[str, tzinfo], ...]
"""What zone names, in upper case, mean to one client."""

_ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)(?:[T _]| T )(\d\d):(\d\d):(\d\d)(?:[.,](\d+))? ?(.*)", re.ASCII | re.DOTALL
)
_RFC_822 = re.compile(
    r"(?:[A-Za-z]{3},? )?(\d{1,2}) ([A-Za-z]{3})[a-z]* (\d\d(?:\d\d)?) (\d{1,2}):(\d\d):(\d\d) ?(.*)",
    re.ASCII | re.DOTALL,
)
_NUMERIC_ZONE = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([+-]?\d{2,4}))?", re.ASCII)
_UNIX = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?", re.ASCII)
_LONGEST = 64
_ISO_SIGNS = frozenset({"-", "/"})


class Stamp(NamedTuple):
    """
    A time stamp as read.

    *at* is in UTC; None when nothing was written, or *problem* says why it is not used.
    *clock_ok* is False when the sender itself marked its clock as not synchronised.
    """

    at: datetime | None
    clock_ok: bool = True
    problem: str = ""


@lru_cache(maxsize=16384)  # a call's Interims and Stop say again what its Start said
def read_stamp(
    written: str,
    zone: ZoneInfo | None = None,
    force_zone: ZoneInfo | None = None,
    names: ZoneNames = (),
) -> Stamp:
    """
    Return the moment that *written* names.

    Understood are Cisco's ``*14:05:53.070 UTC Sun Nov 22 2026`` with or without
    zone and weekday, ISO 8601 and its relatives, ``Sun, 22 Nov 2026 14:05:53 +0000``
    as RFC 822 has it, and UNIX seconds. The weekday is not checked: vendors print
    wrong ones.

    Args:
        zone: Where the sender stands; for stamps without a zone, and for names that mean several zones.
        force_zone: Replaces the zone that is written.
        names: What the names of zones mean to this sender, before all other meanings.
    """
    clock_ok = written[:1] not in _CLOCK_MARKS
    if not clock_ok:
        written = written.lstrip("*. ")
    if not 0 < len(written) <= _LONGEST:
        return Stamp(None, clock_ok, BAD_STAMP)
    try:
        if zone is None and force_zone is None and not names and written[2:3] == ":":
            at = _cisco_in_utc(written)
        elif written[2:3] == ":" or written[1:2] == ":":
            at = _in_utc(*_cisco(written), zone, force_zone, names)
        elif written[4:5] in _ISO_SIGNS:
            at = _in_utc(*_iso(written), zone, force_zone, names)
        elif " " in written.strip():
            at = _in_utc(*_rfc_822(written.strip()), zone, force_zone, names)
        else:
            return Stamp(_unix(written), clock_ok)
    except (ValueError, KeyError, OverflowError):
        return Stamp(None, clock_ok, BAD_STAMP)
    return Stamp(at, clock_ok, "" if at else UNKNOWN_ZONE)


def _cisco_in_utc(written: str) -> datetime | None:
    """Return the moment of a stamp in Cisco's form by its own zone: the way of nearly every one."""
    clock, _, rest = written.partition(" ")
    date, label = _day(rest)
    if zone_named(label) is UTC:
        try:
            return datetime.fromisoformat(f"{date}{clock}+00:00")  # four times as fast as a zone put on later
        except ValueError:
            pass  # a leap second, or nonsense
    return _in_utc(*_cisco(written))


def _cisco(written: str) -> tuple[datetime, str]:
    """Return local time and zone of ``14:05:53.070 UTC Sun Nov 22 2026``."""
    clock, _, rest = written.partition(" ")
    date, label = _day(rest)
    hour, minute, seconds = clock.split(":")
    second, _, fraction = seconds.partition(".")
    year, month, day = map(int, date[:-1].split("-"))
    return _moment(year, month, day, int(hour), int(minute), int(second), fraction), label


@lru_cache(maxsize=4096)  # every stamp of a day ends alike
def _day(rest: str) -> tuple[str, str]:
    """Return ``2026-11-22T`` and the zone of ``UTC Sun Nov 22 2026``; zone and weekday may be missing."""
    *label, month, day, year = rest.split()
    if label and label[-1][:3].lower() in _WEEKDAYS:
        label.pop()
    number = _MONTHS[month[:3].lower()]
    return f"{int(year):04}-{number:02}-{int(day):02}T", "".join(label).upper()


def _iso(written: str) -> tuple[datetime, str]:
    """
    Return local time and zone of ``2026-11-22T14:05:53.070123+0000`` and the like.

    GnuGk's ISO 8601 is ``2026-11-22 T 14:05:53 +0100``.
    """
    match = _ISO.fullmatch(written)
    if match is None:
        raise ValueError(written)
    *digits, fraction, label = match.groups()
    year, month, day, hour, minute, second = map(int, digits)
    return _moment(year, month, day, hour, minute, second, fraction or ""), label.strip().upper()


def _rfc_822(written: str) -> tuple[datetime, str]:
    """Return local time and zone of ``Sun, 22 Nov 2026 14:05:53 +0000``; two digits make a year of ours."""
    match = _RFC_822.fullmatch(written)
    if match is None:
        raise ValueError(written)
    day, month, year, hour, minute, second, label = match.groups()
    whole_year = int(year) + (2000 if len(year) == 2 else 0)
    local = _moment(whole_year, _MONTHS[month.lower()], int(day), int(hour), int(minute), int(second), "")
    return local, label.strip().upper()


def _unix(written: str) -> datetime | None:
    """Return the moment of ``1445590624.377372``, None for a clock that was never set."""
    match = _UNIX.fullmatch(written.strip())
    if match is None:
        raise ValueError(written)
    seconds, fraction = match.groups()
    if int(seconds) == 0:
        return None
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=_micros(fraction or ""))


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, fraction: str) -> datetime:
    if second == 60:  # a leap second
        return _moment(year, month, day, hour, minute, 59, fraction) + timedelta(seconds=1)
    return datetime(year, month, day, hour, minute, second, _micros(fraction))  # noqa: DTZ001  # zone follows


def _micros(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _in_utc(
    local: datetime,
    label: str,
    zone: ZoneInfo | None = None,
    force_zone: ZoneInfo | None = None,
    names: ZoneNames = (),
) -> datetime | None:
    """Return *local* in UTC, None when its zone is not known."""
    if force_zone is not None:
        return local.replace(tzinfo=force_zone).astimezone(UTC)
    for name, meaning in names:
        if name == label:
            return local.replace(tzinfo=meaning).astimezone(UTC)
    if zone is not None:
        here = local.replace(tzinfo=zone)
        # CST is Chicago's and Shanghai's: at a client's own place its own meaning holds.
        if not label or here.tzname() == label:
            return here.astimezone(UTC)
    written = zone_named(label)
    if written is None:
        return None
    return local.replace(tzinfo=UTC) if written is UTC else local.replace(tzinfo=written).astimezone(UTC)


@lru_cache(maxsize=1024)
def zone_named(label: str) -> tzinfo | None:
    """
    Return the zone that *label* (upper case) names, None when it is not known.

    ``GMT+4`` is four hours east of Greenwich, as people write it, not west as
    POSIX does. ``+051800`` is FreeSWITCH's way to write +05:30: when what follows
    the hours is 60 or more it counts seconds.
    """
    hours = _ABBREVIATIONS.get(label)
    if hours is not None:
        return timezone(timedelta(hours=hours)) if hours else UTC
    match = _NUMERIC_ZONE.fullmatch(label)
    if match is None:
        return None
    sign, digits, rest = match.groups()
    minutes_or_seconds = abs(int(rest or 0))
    offset = timedelta(
        hours=int(digits), **{"seconds" if minutes_or_seconds >= 60 else "minutes": minutes_or_seconds}
    )
    if offset > _LARGEST_OFFSET:
        return None
    return timezone(-offset if sign == "-" else offset) if offset else UTC
