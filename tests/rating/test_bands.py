"""Which band is in force, by the customer's wall clock, and until which instant."""

from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from rating.bands import Band, band_at, next_edge

VIENNA = ZoneInfo("Europe/Vienna")
HOUR_S = 3600
WEEKDAYS = frozenset(range(1, 6))

PEAK = Band("peak", 8 * HOUR_S, 20 * HOUR_S, WEEKDAYS)
NIGHT = Band("night", 2 * HOUR_S, 3 * HOUR_S)
FESTIVE = Band("festive", 0, 24 * HOUR_S, frozenset({7}), holidays=True)
XMAS = date(2026, 12, 25)  # a Friday


def local(text):
    """A wall clock time in Vienna."""
    return datetime.fromisoformat(text).replace(tzinfo=VIENNA)


@pytest.mark.parametrize(
    ("at", "holidays", "expected"),
    [
        ("2026-02-03T08:00:00", (), "peak"),
        ("2026-02-03T07:59:59.999", (), None),
        ("2026-02-03T19:59:59.999", (), "peak"),
        ("2026-02-03T20:00:00", (), None),
        ("2026-02-07T12:00:00", (), None),
        ("2026-02-08T12:00:00", (), "festive"),
        ("2026-12-25T12:00:00", (), "peak"),
        ("2026-12-25T12:00:00", {XMAS}, "festive"),
    ],
)
def test_a_band_is_half_open_and_of_its_days(at, holidays, expected):
    """
    A holiday uses only the bands with H.
    """
    band = band_at([PEAK, FESTIVE], local(at), holidays)

    assert expected == (band and band.name)


def test_a_holiday_is_a_weekday_where_no_band_is_for_holidays():
    """
    A tariff that says nothing of holidays has none.
    """
    assert PEAK is band_at([PEAK], local("2026-12-25T12:00"), {XMAS})


def test_the_heaviest_band_wins_then_the_first():
    """
    Weight before order.
    """
    light, heavy, second = (
        Band(name, 0, 60, weight=weight) for name, weight in (("a", 0), ("b", 1), ("c", 1))
    )

    assert heavy is band_at([light, heavy, second], local("2026-02-03T00:00"), ())


@pytest.mark.parametrize(
    ("at", "bands", "expected"),
    [
        ("2026-02-03T06:59:00+00:00", [PEAK], "2026-02-03T07:00:00+00:00"),
        ("2026-02-03T07:00:00+00:00", [PEAK], "2026-02-03T19:00:00+00:00"),
        ("2026-02-03T21:00:00.250+00:00", [PEAK], "2026-02-03T23:00:00+00:00"),  # midnight
        ("2026-03-29T00:59:50+00:00", [NIGHT], "2026-03-29T01:00:00+00:00"),  # 02:00 to 03:00 never is
        ("2026-10-25T00:10:00+00:00", [NIGHT], "2026-10-25T01:00:00+00:00"),  # 02:10, the first time
        ("2026-10-25T01:10:00+00:00", [NIGHT], "2026-10-25T02:00:00+00:00"),  # 02:10, the second time
        ("2026-03-28T23:30:00+00:00", [PEAK], "2026-03-29T01:00:00+00:00"),  # the change comes before 08:00
    ],
)
def test_the_next_edge_is_an_instant(at, bands, expected):
    """
    Edges of bands, midnight and changes of the offset, in real time.
    """
    assert datetime.fromisoformat(expected) == next_edge(
        bands, datetime.fromisoformat(at).astimezone(UTC), VIENNA
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((20 * HOUR_S, 8 * HOUR_S), "write two bands"),
        ((0, 0), "write two bands"),
        ((0, 25 * HOUR_S), "write two bands"),
        ((0, 60, frozenset({8})), "days are 1"),
        ((0, 60, frozenset({1}), False, None, None, 0), "increments must be 1"),
        ((0, 60, frozenset({1}), False, None, -1), "increments must be 1"),
        ((0, 60, frozenset({1}), False, None, None, None, Fraction(-1)), "fee cannot be negative"),
    ],
)
def test_refuses_a_band_that_cannot_be(arguments, message):
    """
    Nothing wraps past midnight in silence.
    """
    with pytest.raises(ValueError, match=message):
        Band("odd", *arguments)
