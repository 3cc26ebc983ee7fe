"""
What is counted of an account that has spend limits or guards: it stands in the row that is its lock.

So it is exact with any number of workers and nodes, and costs nothing where there is none of it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from radiusd.calls.policies import Guards

MOST_REMEMBERED = 250
"""Called numbers kept of one window: more than any level needs, and few enough for one row."""


class Dialled(msgspec.Struct, array_like=True, gc=False):
    """A number that was called, and when last; *is_dear*: to a dear destination."""

    number: str
    at: datetime
    is_dear: bool = False


class Gauges(msgspec.Struct, omit_defaults=True, gc=False):
    """
    Spent on *day* and in *month* (its first day), both by the account's clock, and the last calls.

    What was booked on a day counts to it, whenever its call began. *blocked_until*: a guard has closed;
    *blocked_from*: calls from then on were part of the burst.
    """

    day: date | None = None
    day_micros: int = 0
    month: date | None = None
    month_micros: int = 0
    dialled: list[Dialled] = []
    blocked_from: datetime | None = None
    blocked_until: datetime | None = None

    def turn(self, now: datetime, zone: ZoneInfo) -> None:
        """Begin a new day, and a new month, when it is time; a clock that is behind begins none again."""
        today = now.astimezone(zone).date()
        if self.day is None or self.day < today:
            self.day, self.day_micros = today, 0
        month = today.replace(day=1)
        if self.month is None or self.month < month:
            self.month, self.month_micros = month, 0

    def spend(self, micros: int, now: datetime, zone: ZoneInfo) -> None:
        """Count what was booked now; negative: it was taken back."""
        self.turn(now, zone)
        self.day_micros += micros
        self.month_micros += micros


class Alarm(msgspec.Struct, frozen=True, gc=False):
    """What the guards say of a call. *warning* is empty when they see nothing odd."""

    blocks: bool
    warning: str


QUIET = Alarm(False, "")


def watch(gauges: Gauges, guards: Guards, called: str, now: datetime) -> Alarm:
    """Note that *called* is being called, and say whether that makes a burst."""
    if gauges.blocked_until is not None and now < gauges.blocked_until:
        return Alarm(True, f"guards are closed until {gauges.blocked_until:%Y-%m-%d %H:%M:%S}Z")
    since = now - timedelta(seconds=guards.window_s)
    is_dear = bool(guards.dear_prefixes) and called.startswith(guards.dear_prefixes)
    recent = [one for one in gauges.dialled if one.at > since and one.number != called]
    gauges.dialled = [*recent, Dialled(called, now, is_dear)][-MOST_REMEMBERED:]
    counts = (
        ("different numbers", guards.distinct, len(gauges.dialled)),
        ("numbers in a row", guards.sequential, _in_a_row(gauges.dialled) if guards.sequential.most else 0),
        ("dear destinations", guards.dear, sum(one.is_dear for one in gauges.dialled)),
    )
    warnings = []
    for what, level, count in counts:
        if level.block is not None and count >= level.block:
            gauges.blocked_from, gauges.blocked_until = since, now + timedelta(seconds=guards.block_s)
            return Alarm(True, f"{count} {what} in {guards.window_s} s, blocked from {level.block} on")
        if level.warn is not None and count >= level.warn:
            warnings.append(f"{count} {what} in {guards.window_s} s")
    return Alarm(False, "; ".join(warnings))


def _in_a_row(dialled: list[Dialled]) -> int:
    """Return how many numbers of one length follow each other without a gap, at most."""
    numbers = {(len(one.number), int(one.number)) for one in dialled if one.number.isdecimal()}
    longest = 0
    for length, number in numbers:
        if (length, number - 1) in numbers:
            continue  # not the first of its row
        end = number
        while (length, end + 1) in numbers:
            end += 1
        longest = max(longest, end - number + 1)
    return longest
