"""Calls per second: never more than the rate allows, and no less than it should."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.calls import pace
from tests.builders import NOW, seconds

rates = st.one_of(st.integers(1, 5000), st.sampled_from([1, 333, 500, 999, 1000, 1001, 10_000, 1_000_000]))
gaps = st.lists(st.integers(0, 3_000_000), min_size=1, max_size=80)


def admitted(max_cps_milli: int, arrivals: list[datetime]) -> list[datetime]:
    """Return which of *arrivals* get a token."""
    full_at, kept = None, []
    for now in arrivals:
        if pace.has_room(max_cps_milli, full_at, now):
            full_at = pace.take(max_cps_milli, full_at, now)
            kept.append(now)
    return kept


def times(gaps_us: list[int]) -> list[datetime]:
    at, found = NOW, []
    for gap in gaps_us:
        at += timedelta(microseconds=gap)
        found.append(at)
    return found


@given(rates, gaps)
def test_no_stretch_of_time_has_more_calls_than_it_may(max_cps_milli: int, gaps_us: list[int]) -> None:
    """
    In T seconds at most R*T + max(R, 1), for every stretch between two admitted calls.
    """
    kept = admitted(max_cps_milli, times(gaps_us))
    rate = Fraction(max_cps_milli, 1000)

    for first, begin in enumerate(kept):
        for last in range(first, len(kept)):
            elapsed = Fraction((kept[last] - begin) // timedelta(microseconds=1), 1_000_000)
            assert last - first + 1 <= rate * elapsed + max(rate, 1)


@given(rates, st.integers(1, 60))
def test_who_keeps_to_the_rate_is_never_refused(max_cps_milli: int, count: int) -> None:
    """
    Calls at the very rate, rounded up to microseconds, are all admitted.
    """
    gap_us = -(-1_000_000_000 // max_cps_milli)
    arrivals = times([gap_us] * count)

    assert arrivals == admitted(max_cps_milli, arrivals)


@pytest.mark.parametrize(
    ("max_cps_milli", "at_once"), [(500, 1), (1000, 1), (2000, 2), (10_000, 10), (2500, 2)]
)
def test_a_second_of_calls_may_come_at_once(max_cps_milli: int, at_once: int) -> None:
    """
    After a rest; a rate below one a second still lets one through.
    """
    assert at_once == len(admitted(max_cps_milli, [NOW] * 50))


def test_a_clock_that_is_behind_admits_nothing_more() -> None:
    """
    Of two nodes, one with a clock that lags sees a bucket that is full later.
    """
    full_at = pace.take(1000, None, NOW)

    assert not pace.has_room(1000, full_at, NOW - seconds(5))
    assert pace.has_room(1000, full_at, NOW + seconds(1))


def test_without_a_limit_there_is_always_room() -> None:
    """
    Whatever stands in the row from before.
    """
    assert pace.has_room(None, NOW + seconds(1000), NOW)
