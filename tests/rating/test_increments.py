"""Seconds that a call lasted, and seconds that are billed."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.increments import DurationRounding, Increment, whole_seconds

INCREMENTS = st.builds(Increment, st.integers(0, 120), st.integers(1, 120))
DURATIONS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("clock", "duration_s", "expected"),
    [
        ((60, 6), 80, 84),
        ((30, 18), 31, 48),  # engines that round the whole call to the block say 36
        ((30, 60), 31, 90),
        ((1, 1), 77, 77),
        ((60, 60), 60, 60),
        ((60, 60), 61, 120),
        ((12, 6), 5, 12),
        ((0, 60), 1, 60),
        ((60, 60), 0, 0),
    ],
)
def test_bills_the_initial_once_then_whole_steps(clock, duration_s, expected):
    """
    Initial plus every started step; nothing for a call of no length.
    """
    assert expected == Increment(*clock).billable_s(duration_s)


@given(INCREMENTS, DURATIONS)
def test_never_bills_less_than_the_call_lasted(increment, duration_s):
    """
    Rounding is always up, and by less than one step beyond the first.
    """
    billed_s = increment.billable_s(duration_s)

    assert duration_s <= billed_s
    if duration_s > increment.initial_s:
        assert billed_s - duration_s < increment.following_s


@given(INCREMENTS, DURATIONS)
def test_what_can_be_paid_is_the_longest_that_bills_no_more(increment, seconds):
    """
    Payable seconds are on the grid, and one second more would cost more than there is.
    """
    payable_s = increment.payable_s(seconds)

    assert payable_s == increment.billable_s(payable_s) <= seconds or payable_s == 0
    assert increment.billable_s(payable_s + 1) > seconds


@pytest.mark.parametrize(
    ("rounding", "raw_s", "expected"),
    [
        ("up", "12.34", 13),
        ("up", "12", 12),
        ("down", "12.99", 12),
        ("half_up", "12.5", 13),
        ("half_up", "12.49", 12),
        ("down", "0.9", 0),
    ],
)
def test_decimals_of_a_second_go_as_told(rounding, raw_s, expected):
    """
    Up unless told otherwise; a Decimal and a Fraction go alike.
    """
    assert expected == whole_seconds(Decimal(raw_s), DurationRounding(rounding))
    assert expected == whole_seconds(Fraction(raw_s), DurationRounding(rounding))


@pytest.mark.parametrize("raw_s", [-1, Decimal("-0.5"), Decimal("NaN"), Decimal("Infinity"), 2**32 * 100])
def test_refuses_what_is_no_duration(raw_s):
    """
    A negative, absurd or undefined duration is an error, not a charge.
    """
    with pytest.raises(ValueError, match="a call cannot last"):
        whole_seconds(raw_s)


@pytest.mark.parametrize(
    ("clock", "message"), [((1, 0), "increment must be 1"), ((-1, 1), "initial increment")]
)
def test_refuses_steps_of_no_length(clock, message):
    """
    A step of no seconds would never end.
    """
    with pytest.raises(ValueError, match=message):
        Increment(*clock)
