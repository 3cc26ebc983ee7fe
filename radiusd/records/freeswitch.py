"""What FreeSWITCH's channel variables tell of a call, in whichever file they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import unquote, unquote_to_bytes
from zoneinfo import ZoneInfo

from radiusd.records.record import RecordError
from radiusd.records.stamps import Moments, settle, since_epoch, stamp
from radiusd.records.timing import Timing, timing, was_answered
from radiusd.records.values import bounded_ms, duration_ms, whole

_ANSWERS = frozenset({"answer_epoch", "answer_uepoch", "answer_stamp"})
_EPOCHS = {name: ((f"{name}_epoch", 1_000_000), (f"{name}_uepoch", 1)) for name in ("start", "answer", "end")}
"""The variables that tell a moment, and of how many microseconds they count."""

_NEVER_PLAIN = re.compile(r'[\s"<>@:;=?&+]')


def timing_of(variables: Mapping[str, str], zone: ZoneInfo) -> Timing:
    """
    Return when a call was by its *variables*: epochs count before stamps, which are local time.

    Its seconds are FreeSWITCH's own, ``billsec``; ``billmsec`` is more exact beside them.

    Raises:
        RecordError: They tell no time, or a wrong one.
    """
    lasted_ms = duration_ms(variables.get("billsec", ""), "billsec")
    exact_ms = whole(variables.get("billmsec", ""), "billmsec")
    if lasted_ms is None and exact_ms is not None:
        lasted_ms = bounded_ms(exact_ms, "billmsec")
    setup, end = _moment(variables, "start", zone), _moment(variables, "end", zone)
    if setup and not end:  # a template without it
        whole_ms = duration_ms(variables.get("duration", ""), "duration")
        end = () if whole_ms is None else tuple(moment + timedelta(milliseconds=whole_ms) for moment in setup)
    span = settle(setup, _moment(variables, "answer", zone), end, lasted_ms)
    is_told = not _ANSWERS.isdisjoint(variables)
    found = timing(span, lasted_ms, was_answered(span.answer, is_told, lasted_ms))
    if exact_ms is not None and found.answered and abs(exact_ms - found.ms) < 1000:
        return found._replace(ms=exact_ms)
    return found


def _moment(variables: Mapping[str, str], name: str, zone: ZoneInfo) -> Moments:
    """Return when it started, was answered or ended: ``0`` is never."""
    for field, micros in _EPOCHS[name]:
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
    if "%" not in value or _NEVER_PLAIN.search(value):
        return value
    if value.isascii():
        return unquote_to_bytes(value).decode("utf-8", "replace")  # in half the time of unquote
    return unquote(value)
