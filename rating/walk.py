"""
Walk through a call, increment by increment, and say who pays each: a bucket, or money.

Increments that go alike are taken together: a run ends where the terms may
change, where a bucket starts, ends or runs dry, and with the call. So a call
of a day at 1/1 takes a handful of turns, not 86,400.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rating.buckets import Bucket, Direction, Partial, in_order
from rating.lines import Lines
from rating.terms import NEVER_S, Terms, Timetable

_SECOND = timedelta(seconds=1)


class Payer:
    """A bucket during one call: what is left in it, and when it is in force, in seconds after the answer."""

    __slots__ = ("following_s", "from_s", "id", "initial_s", "left", "skips", "to_s")

    def __init__(self, bucket: Bucket, answer_at: datetime) -> None:
        self.id = bucket.id
        self.left = bucket.seconds
        self.skips = bucket.partial == Partial.SKIP
        self.from_s = _seconds_until(bucket.valid_from, answer_at, 0)
        self.to_s = _seconds_until(bucket.valid_to, answer_at, NEVER_S)
        self.following_s = bucket.increment_s  # its own clock; None: it counts by the rate's
        self.initial_s = bucket.increment_s if bucket.initial_s is None else bucket.initial_s

    def own_step_s(self, first: bool) -> int | None:
        """Return the length of its next step if it has a clock of its own."""
        return self.initial_s or self.following_s if first else self.following_s

    def can_pay(self, second: int, length_s: int) -> bool:
        """Say whether it pays for an increment of *length_s* that starts at *second*, in whole or in part."""
        if self.left <= 0 or not self.from_s <= second < self.to_s:
            return False
        return not self.skips or self.left >= length_s


def _seconds_until(moment: datetime | None, answer_at: datetime, otherwise: int) -> int:
    """Return the first whole second of the call that is not before *moment*."""
    return otherwise if moment is None else -((answer_at - moment) // _SECOND)


def payers_of(
    buckets: Iterable[Bucket], called: str, answer_at: datetime, direction: Direction, device: str | None
) -> list[Payer]:
    """Return the buckets that may pay for this call, in the order of use."""
    fitting = [bucket for bucket in buckets if bucket.may_pay(called, direction, device)]
    return [Payer(bucket, answer_at) for bucket in (fitting if len(fitting) < 2 else in_order(fitting))]


class Walk:
    """One call on its way from its first billed second to its end."""

    __slots__ = ("_end_s", "_lines", "_payers", "_start_s", "_timetable", "now_s")

    def __init__(
        self, timetable: Timetable, start_s: int, end_s: int, payers: Sequence[Payer], lines: Lines
    ) -> None:
        self._timetable = timetable
        self._start_s, self._end_s = start_s, end_s
        self._payers = payers
        self._lines = lines
        self.now_s = start_s

    def finish(self) -> int:
        """Walk to the end; return the second at which the last increment ends (it may be after the call)."""
        while self.now_s < self._end_s:
            self._run(self._timetable.at(self.now_s))
        return self.now_s

    def _run(self, terms: Terms) -> None:
        now_s = self.now_s
        first = now_s == self._start_s
        length_s = terms.initial_s or terms.following_s if first else terms.following_s
        able = [payer for payer in self._payers if payer.can_pay(now_s, payer.own_step_s(first) or length_s)]
        if not able:
            count = self._alike(terms, length_s, first)
            self._lines.add(now_s, count, length_s, terms)
            self.now_s = now_s + count * length_s
            return
        payer = able[0]
        own_step_s = payer.own_step_s(first)
        step_s = own_step_s or length_s
        if payer.left >= step_s:
            count = min(self._alike(terms, step_s, first), payer.left // step_s)
            self._pay(terms, payer, count, step_s)
        elif own_step_s:
            # It ends inside its step, and the rate's grid starts there: what is left of
            # the call is cut into additional increments, with no second initial.
            self._pay(terms, payer, 1, payer.left)
        else:
            self._share(terms, able, length_s)

    def _alike(self, terms: Terms, length_s: int, first: bool) -> int:
        """Return how many increments of *length_s* start from now on before anything can change."""
        if first and self._starts_apart(terms):
            return 1
        now_s = self.now_s
        edge_s = min(self._end_s, terms.until_s)
        for payer in self._payers:
            if payer.left > 0:
                if now_s < payer.from_s < edge_s:
                    edge_s = payer.from_s
                if now_s < payer.to_s < edge_s:
                    edge_s = payer.to_s
        return -((now_s - edge_s) // length_s)

    def _starts_apart(self, terms: Terms) -> bool:
        """Say whether the first increment, of the rate or of a bucket, has another length than the next."""
        if (terms.initial_s or terms.following_s) != terms.following_s:
            return True
        return any(payer.initial_s != payer.following_s for payer in self._payers)

    def _pay(self, terms: Terms, payer: Payer, count: int, length_s: int) -> None:
        self._lines.add(self.now_s, count, length_s, terms, payer.id)
        payer.left -= count * length_s
        self.now_s += count * length_s

    def _share(self, terms: Terms, able: Sequence[Payer], length_s: int) -> None:
        """Let several buckets pay one increment, and charge pro rata what they cannot."""
        owed_s = length_s
        for payer in able:
            part_s = min(payer.left, owed_s)
            if part_s:
                self._pay(terms, payer, 1, part_s)
                owed_s -= part_s
        if owed_s:
            self._lines.add(self.now_s, 1, owed_s, terms)
            self.now_s += owed_s
