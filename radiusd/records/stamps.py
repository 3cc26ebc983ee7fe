"""
Read the moments in call records: local time and UTC, and which of two local hours is meant.

When clocks go back an hour happens twice, and a record in local time does not tell which one it means.
Often the record's other columns do: a stamp is therefore read as the moments it may mean, and
:func:`settle` picks those that agree with one another and with the duration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from radiusd.errors import BadInput
from radiusd.records.record import RecordError, excerpt

LONGEST_STAMP = 40
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
_IN_HOUR = {
    f"{second // 60:02}{colon}{second % 60:02}": timedelta(seconds=second)
    for second in range(3600)
    for colon in (":", "")
}
"""How long after the full hour minutes and seconds are."""

_MINUTES_AT = {len("2026-03-29 05:14:39"): 14, len("20260329051439"): 10}
_LAST_IN_HOUR = timedelta(minutes=59, seconds=59)
_HALF_HOUR_S = 1800.0
_TAIL = r"(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d(?::?\d\d)?)?"
_DATE_AND_TIME = re.compile(
    r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)[T ]{1,2}(\d\d?):(\d\d)(?::(\d\d))?" + _TAIL, re.ASCII
)
_RUN_TOGETHER = re.compile(r"(\d{4})(\d\d)(\d\d)[T ]?(\d\d)(\d\d)(\d\d)" + _TAIL, re.ASCII)
_UNIX = re.compile(r"(\d{9,10})(?:\.(\d{1,9}))?", re.ASCII)
_UNIX_FINER = re.compile(r"\d{13}|\d{16}", re.ASCII)

Moments = tuple[datetime, ...]
"""What a stamp may mean, in UTC: nothing, one moment, or two when clocks go back."""


class Span(NamedTuple):
    """When a call was set up, answered and released."""

    setup: datetime | None
    answer: datetime | None
    release: datetime | None


def read_zone(settings: Mapping[str, str]) -> ZoneInfo:
    """Return the setting *zone*, UTC when there is none. Raises BadInput."""
    return zone_of(settings.get("zone", "UTC"))


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone *name*. Raises BadInput."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown; a path; a folder of zones
        raise BadInput(f"zone: {name!r} is not an IANA time zone, as Europe/Berlin is") from error


def stamp(written: str, zone: ZoneInfo, field: str) -> Moments:
    """
    Return what *written* may mean: local time of *zone*, time with an offset, or UNIX time.

    Raises:
        RecordError: It is no moment, or one that the zone's clocks skip.
    """
    written = written.strip()
    if not written:
        return ()
    moment = _within_hour(written, zone)
    if moment is not None:
        return (moment,)
    if len(written) > LONGEST_STAMP:
        raise RecordError(f"{excerpt(written[:LONGEST_STAMP])} is not a time", field)
    moments = _read(written, zone)
    if isinstance(moments, str):
        raise RecordError(moments, field)
    return moments


def _within_hour(written: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment of a stamp in one of the usual forms, by its hour; None when it is not so simple."""
    whole, dot, fraction = written.partition(".")
    begin = _MINUTES_AT.get(len(whole))
    in_hour = None if begin is None else _IN_HOUR.get(whole[begin:])
    hour = None if begin is None or in_hour is None else _hour(whole[:begin], begin, zone)
    if in_hour is None or hour is None:
        return None
    if not dot:
        return hour + in_hour
    if not fraction.isascii() or not fraction.isdigit() or len(fraction) > 9:
        return None
    return hour + in_hour + timedelta(microseconds=_micros(fraction))


@lru_cache(maxsize=4096)  # the calls of a file are near one another
def _hour(written: str, size: int, zone: ZoneInfo) -> datetime | None:
    """
    Return when the hour began that a stamp begins with, up to its minutes.

    None when *written* begins no stamp, or clocks change within the hour: then each stamp is read by itself.
    """
    colon = ":" if size == 14 else ""
    first, last = _read(f"{written}00{colon}00", zone), _read(f"{written}59{colon}59", zone)
    if isinstance(first, str) or isinstance(last, str) or len(first) != 1 or len(last) != 1:
        return None
    return first[0] if last[0] - first[0] == _LAST_IN_HOUR else None


def _micros(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0"))


def _read(written: str, zone: ZoneInfo) -> Moments | str:
    """Return what *written* may mean, or what is wrong with it."""
    try:
        unix = _UNIX.fullmatch(written)
        if unix is not None:
            return (since_epoch(int(unix[1]), _micros(unix[2] or "0")),)
        if _UNIX_FINER.fullmatch(written):
            micros = int(written) * (1000 if len(written) == 13 else 1)
            return (since_epoch(0, micros),)
        match = _DATE_AND_TIME.fullmatch(written) or _RUN_TOGETHER.fullmatch(written)
        if match is None:
            return f"{excerpt(written)} is not a time, such as 2026-03-29 05:14:39"
        *digits, fraction, offset = match.groups()
        micros = _micros(fraction or "0")
        year, month, day, hour, minute, second = (int(each or 0) for each in digits)
        local = datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001  # its zone follows
        if offset:
            return bounded((local.replace(tzinfo=_offset(offset)).astimezone(UTC),))
        return bounded(in_utc(local, zone))
    except RecordError as error:
        return error.reason
    except (ValueError, OverflowError) as error:
        return f"{excerpt(written)} is not a time ({error})"


def _offset(written: str) -> timezone:
    if written in ("Z", "UTC"):
        return UTC
    digits = written[1:].replace(":", "").ljust(4, "0")
    east = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-east if written[0] == "-" else east)


def bounded(moments: Moments) -> Moments:
    """Return *moments* when there were calls then. Raises RecordError."""
    for moment in moments:
        if not EARLIEST <= moment < LATEST:
            raise RecordError(f"{moment:%Y-%m-%d} is not a day of calls; is a clock wrong?")
    return moments


def in_utc(local: datetime, zone: ZoneInfo) -> Moments:
    """Return the moments at which clocks in *zone* show *local*. Raises RecordError when they skip it."""
    first = local.replace(tzinfo=zone)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert before is not None and after is not None, "a ZoneInfo always has an offset"
    if before == after:
        return ((local - before).replace(tzinfo=UTC),)
    if before < after:
        raise RecordError(
            f"{local:%Y-%m-%d %H:%M:%S} does not exist in {zone.key}, where clocks skip it; check the zone"
        )
    return (local - before).replace(tzinfo=UTC), (local - after).replace(tzinfo=UTC)


def since_epoch(seconds: int, micros: int = 0) -> datetime:
    """Return the moment of UNIX time. Raises RecordError when it is out of all bounds."""
    try:
        moment = _EPOCH + timedelta(0, seconds, micros)
    except OverflowError as error:
        raise RecordError(f"{seconds} is not UNIX time") from error
    return bounded((moment,))[0]


def settle(
    setup: Moments, answer: Moments, release: Moments, lasted_ms: int | None, near: datetime | None = None
) -> Span:
    """
    Return the moments that agree best with their order, with *lasted_ms* connected, and with *near*.

    *near*: when the call began by something that knows UTC. What stays open is the first of two hours.
    """
    if len(setup) < 2 and len(answer) < 2 and len(release) < 2:
        return Span(_one(setup), _one(answer), _one(release))
    choices = product(setup or (None,), answer or (None,), release or (None,))
    return min((Span(*choice) for choice in choices), key=lambda span: _discord(span, lasted_ms, near))


def _one(moments: Moments) -> datetime | None:
    return moments[0] if moments else None


def _discord(span: Span, lasted_ms: int | None, near: datetime | None) -> float:
    """Return how badly moments fit together, in half hours: clocks are set back by one at least."""
    setup, answer, release = span
    discord = 0.0
    known = [moment for moment in span if moment is not None]
    for earlier, later in pairwise(known):
        gap_s = (later - earlier) / _SECOND
        discord += 10.0 if gap_s < -1 else gap_s / _HALF_HOUR_S / 100
    if answer is not None and release is not None and lasted_ms is not None:
        discord += round(abs((release - answer) / _SECOND - lasted_ms / 1000) / _HALF_HOUR_S)
    first = setup or answer or release
    if near is not None and first is not None:
        discord += round(abs((first - near) / _SECOND) / _HALF_HOUR_S)
    return discord


def to_second(moment: datetime | None) -> datetime | None:
    """Return *moment* without its fraction of a second."""
    return moment if moment is None or moment.microsecond == 0 else moment.replace(microsecond=0)


def seconds_between(begin: datetime | None, end: datetime | None) -> int | None:
    """Return the whole seconds from *begin* to *end* as a record shows both; None when one is missing."""
    first, last = to_second(begin), to_second(end)
    return None if first is None or last is None else max(0, (last - first) // _SECOND)


def ms_between(begin: datetime | None, end: datetime | None) -> int | None:
    """Return the milliseconds from *begin* to *end*; None when one is missing."""
    return None if begin is None or end is None else max(0, (end - begin) // _MILLISECOND)
