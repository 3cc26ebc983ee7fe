"""Billing months in the customer's zone, and the seconds that they bring."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.periods import period_of, prorated_seconds, rolled_seconds

VIENNA = ZoneInfo("Europe/Vienna")
BEIRUT = ZoneInfo("Asia/Beirut")
ZONES = st.sampled_from(["UTC", "Europe/Vienna", "America/New_York", "Pacific/Apia", "Asia/Beirut"]).map(
    ZoneInfo
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(*parts):
    """An instant in UTC."""
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "anchor_day", "expected"),
    [
        (utc(2026, 1, 31, 22, 59), VIENNA, 1, (utc(2025, 12, 31, 23), utc(2026, 1, 31, 23))),
        (utc(2026, 1, 31, 23), VIENNA, 1, (utc(2026, 1, 31, 23), utc(2026, 2, 28, 23))),
        (utc(2026, 3, 31, 12), VIENNA, 1, (utc(2026, 2, 28, 23), utc(2026, 3, 31, 22))),
        (utc(2026, 2, 14), ZoneInfo("UTC"), 15, (utc(2026, 1, 15), utc(2026, 2, 15))),
        (utc(2026, 2, 28), ZoneInfo("UTC"), 31, (utc(2026, 2, 28), utc(2026, 3, 31))),
        (utc(2026, 1, 10), ZoneInfo("UTC"), 31, (utc(2025, 12, 31), utc(2026, 1, 31))),
        # Beirut skips midnight of 27 March 2022: that day begins at 01:00, which is 22:00 UTC.
        (utc(2022, 3, 27, 6), BEIRUT, 27, (utc(2022, 3, 26, 22), utc(2022, 4, 26, 21))),
    ],
)
def test_a_month_begins_at_local_midnight(at, zone, anchor_day, expected):
    """
    Of the anchor day, or of the last day of a shorter month.
    """
    assert expected == period_of(at, zone, anchor_day)


@given(INSTANTS, ZONES, st.integers(1, 31))
def test_every_instant_is_in_exactly_one_period(at, zone, anchor_day):
    """
    Periods contain their instants, and the next one begins where this one ends.
    """
    start, end = period_of(at, zone, anchor_day)

    assert start <= at < end
    assert end == period_of(end, zone, anchor_day)[0]
    assert start == period_of(end - timedelta(microseconds=1), zone, anchor_day)[0]


@pytest.mark.parametrize("anchor_day", [0, 32])
def test_refuses_a_day_no_month_has(anchor_day):
    """
    Anchor days are 1 to 31.
    """
    with pytest.raises(ValueError, match="anchor_day must be between 1 and 31"):
        period_of(utc(2026, 1, 1), VIENNA, anchor_day)


@pytest.mark.parametrize(
    ("activated_at", "terminated_at", "expected"),
    [
        (None, None, 60_000),
        (utc(2026, 1, 11, 8), None, 40_645),  # 21 of 31 days
        (utc(2026, 1, 11, 8), utc(2026, 1, 11, 9), 1_935),  # one day counts whole
        (None, utc(2026, 1, 20, 8), 38_710),
        (utc(2025, 3, 1), utc(2027, 3, 1), 60_000),
        (utc(2026, 2, 1), None, 0),
        (None, utc(2025, 12, 31), 0),
        (utc(2026, 1, 31, 23, 30), None, 0),  # in Vienna it is February
    ],
)
def test_prorates_by_days(activated_at, terminated_at, expected):
    """
    Days in the customer's zone; the first and the last count whole.
    """
    seconds = prorated_seconds(
        60_000, date(2026, 1, 1), date(2026, 2, 1), VIENNA, activated_at, terminated_at
    )

    assert expected == seconds


def test_half_a_second_is_rounded_up():
    """
    One second over two days of four is half a second.
    """
    assert 1 == prorated_seconds(1, date(2026, 1, 1), date(2026, 1, 5), VIENNA, utc(2026, 1, 3))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((900, 600), 600),
        ((500, 600), 500),
        ((900,), 900),
        ((900, 600, 2, 1), 0),
        ((900, 600, 1, 1), 600),
        ((-5,), 0),
    ],
)
def test_unused_seconds_roll_over_up_to_a_cap_and_age(arguments, expected):
    """
    Dropped once they are older than the plan allows.
    """
    assert expected == rolled_seconds(*arguments)
