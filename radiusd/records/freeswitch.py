"""What FreeSWITCH's channel variables tell of a call, in whichever file they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from radiusd.records.record import RecordError
from radiusd.records.stamps import Moments, settle, since_epoch, stamp
from radiusd.records.timing import Timing, timing
from radiusd.records.values import bounded_ms, duration_ms, whole

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_NEVER_PLAIN = re.compile(r'[\s"<>@:;=?&+]')


def timing_of(variables: Mapping[str, str], zone: ZoneInfo) -> Timing:
    """
    Return when a call was by its *variables*: epochs count before stamps, which are local time.

    Raises:
        RecordError: They tell no time, or a wrong one.
    """
    lasted_ms = lasted(variables)
    span = settle(
        _moment(variables, "start", zone),
        _moment(variables, "answer", zone),
        _moment(variables, "end", zone),
        lasted_ms,
    )
    return timing(span, lasted_ms, span.answer is not None)


def lasted(variables: Mapping[str, str]) -> int | None:
    """Return the milliseconds that a call was connected, None when they are not told. Raises RecordError."""
    exact = whole(variables.get("billmsec", ""), "billmsec")
    seconds = duration_ms(variables.get("billsec", ""), "billsec")
    if exact is None or (seconds is not None and abs(exact - seconds) >= 1000):
        return seconds
    return bounded_ms(exact, "billmsec")


def _moment(variables: Mapping[str, str], name: str, zone: ZoneInfo) -> Moments:
    """Return when it started, was answered or ended: ``0`` is never."""
    for field, micros in ((f"{name}_epoch", 1_000_000), (f"{name}_uepoch", 1)):
        epoch = whole(variables.get(field, ""), field)
        if epoch == 0:
            return ()
        if epoch is not None:
            try:
                return (since_epoch(0, epoch * micros),)
            except RecordError as error:
                raise RecordError(error.reason, field) from error
    return stamp(variables.get(f"{name}_stamp", ""), zone, f"{name}_stamp")


def unescaped(value: str) -> str:
    """Return a variable's value, which the switch's setting ``encode-values`` escapes as in a URL, or not."""
    if "%" not in value or _NEVER_PLAIN.search(value) or not _ESCAPE.search(value):
        return value
    return unquote(value)
