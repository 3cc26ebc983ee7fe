"""What is due for which month: by days, once begun, and in sum never more than the whole fee."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.fees import Period, due_micros, periods_begun
from rating.money import Rounding

CHICAGO = ZoneInfo("America/Chicago")
FEE = 30_000_000
NOVEMBER = Period(datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC))
CENTS = Rounding(2)


def at(month: int, day: int, hour: int = 12) -> datetime:
    """Return a moment of 2026 in Chicago."""
    return datetime(2026, month, day, hour, tzinfo=CHICAGO)


def test_a_month_is_due_when_it_has_begun():
    """
    The month of the activation is due with it, the next at local midnight, and none before.
    """
    assert [] == list(periods_begun(at(11, 16), None, at(11, 15), CHICAGO))
    assert [NOVEMBER] == list(periods_begun(at(11, 16), None, at(11, 16), CHICAGO))
    assert [NOVEMBER] == list(periods_begun(at(11, 16), None, at(12, 1, 0) - timedelta(seconds=1), CHICAGO))
    assert 2 == len(list(periods_begun(at(11, 16), None, at(12, 1, 0), CHICAGO)))


def test_no_month_is_due_after_the_end():
    """
    A service that ended as a month began owes nothing for it.
    """
    assert [NOVEMBER] == list(periods_begun(at(11, 16), at(12, 1, 0), at(12, 20), CHICAGO))


def test_anniversary_months_begin_on_the_day_of_activation():
    """
    From the 16th to the 16th.
    """
    (period,) = periods_begun(at(11, 16), None, at(11, 20), CHICAGO, anchor_day=16)

    assert (at(11, 16, 0), at(12, 16, 0)) == period


@pytest.mark.parametrize(
    ("activated_at", "ended_at", "due"),
    [
        (at(10, 1), None, 30_000_000),
        (at(11, 16), None, 15_000_000),  # 15 of 30 days, the 16th whole
        (at(11, 16, 0), None, 15_000_000),
        (at(10, 1), at(11, 16, 0), 15_000_000),  # until the end of the 15th
        (at(10, 1), at(11, 16, 1), 16_000_000),  # an hour of the 16th counts as the day
        (at(11, 30, 23), None, 1_000_000),
        (at(11, 10), at(11, 10), 0),
    ],
)
def test_due_by_days(activated_at, ended_at, due):
    """
    Thirty for a month of thirty days is one a day, in the customer's zone.
    """
    assert due == due_micros(FEE, NOVEMBER, CHICAGO, activated_at, ended_at, CENTS)


def test_rounds_as_the_plan_says():
    """
    9.99 for 7 of 30 days is 2.331; without proration it is the whole fee.
    """
    assert 2_330_000 == due_micros(9_990_000, NOVEMBER, CHICAGO, at(11, 24), None, CENTS)
    assert 2_331_000 == due_micros(9_990_000, NOVEMBER, CHICAGO, at(11, 24), None, Rounding(4))
    assert 9_990_000 == due_micros(9_990_000, NOVEMBER, CHICAGO, at(11, 24), None, CENTS, prorate=False)


@given(st.integers(0, 10**12), st.integers(1, 30))
def test_two_services_that_share_a_month_owe_it_once(fee, day):
    """
    One that ends at midnight and one that begins there owe together what one service owes, to a step.
    """
    turn = at(11, day, 0)
    first = due_micros(fee, NOVEMBER, CHICAGO, at(10, 1), turn, Rounding(6))
    second = due_micros(fee, NOVEMBER, CHICAGO, turn, None, Rounding(6))

    assert abs(first + second - fee) <= 1


def test_refuses_what_cannot_be_booked():
    """
    A negative fee, and more decimals than the books keep.
    """
    with pytest.raises(ValueError, match="negative"):
        due_micros(-1, NOVEMBER, CHICAGO, at(11, 1), None, CENTS)
    with pytest.raises(ValueError, match="7 decimals"):
        due_micros(1, NOVEMBER, CHICAGO, at(11, 1), None, Rounding(7))
