"""What a record's moments and its duration come to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from radiusd.records.record import RecordError
from radiusd.records.stamps import Span, ms_between, seconds_between, to_second


class Timing(NamedTuple):
    """A record's moments in whole seconds, and the time connected; *ms* is it as exactly as it is known."""

    setup: datetime | None
    answer: datetime | None
    release: datetime | None
    seconds: int
    ms: int
    answered: bool = True


def was_answered(answer: datetime | None, is_told: bool, lasted_ms: int | None) -> bool:
    """
    Tell whether a call was answered, by its time of answer.

    Where a file has no place for that time (*is_told* is false), what was connected was answered.
    """
    return answer is not None if is_told else bool(lasted_ms)


def timing(span: Span, lasted_ms: int | None, answered: bool) -> Timing:
    """
    Return when a call was, and how long it was connected: the record's own word first, else the difference.

    Raises:
        RecordError: It was answered, and nothing tells how long it lasted.
    """
    setup, answer, release = span
    if setup is None and answer is None and release is None:
        raise RecordError("no time tells when the call was")
    if not answered:
        return Timing(to_second(setup), None, to_second(release), 0, 0, False)
    if lasted_ms is None:
        seconds, lasted_ms = seconds_between(answer, release), ms_between(answer, release)
        if seconds is None or lasted_ms is None:
            raise RecordError("an answered call with neither a duration nor times of answer and release")
    else:
        seconds = lasted_ms // 1000
        if answer is None and release is not None:
            answer = release - timedelta(milliseconds=lasted_ms)
        elif release is None and answer is not None:
            release = answer + timedelta(milliseconds=lasted_ms)
    return Timing(to_second(setup), to_second(answer), to_second(release), seconds, lasted_ms)
