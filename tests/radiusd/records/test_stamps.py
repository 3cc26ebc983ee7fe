"""Local times in call records: whichever way they are read, clocks in the zone show them at that moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.records.record import RecordError
from radiusd.records.stamps import stamp

FORMS = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S")
FRACTIONS = ("", ".5", ".125", ".000250")
FIRST = datetime(1990, 1, 2, tzinfo=UTC)
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Monrovia",
)
# Clocks change at these moments: by an hour, by half an hour (Lord Howe Island).
CHANGES = (
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
)
near_changes = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-9000, 9000),
)
any_time = st.integers(0, 109 * 365 * 86400).map(lambda seconds: FIRST + timedelta(seconds=seconds))


@given(near_changes | any_time, st.sampled_from(ZONES), st.sampled_from(FORMS), st.sampled_from(FRACTIONS))
def test_a_stamp_means_every_moment_at_which_clocks_show_it(moment, name, form, fraction):
    """
    The moment itself is among what its local time may mean, and clocks show the same at all of them.
    """
    zone = ZoneInfo(name)
    moment = moment.replace(microsecond=int(Fraction(fraction or 0) * 1_000_000))
    local = moment.astimezone(zone)

    meant = stamp(f"{local:{form}}{fraction}", zone, "start")

    assert moment in meant
    assert {local.replace(tzinfo=None)} == {each.astimezone(zone).replace(tzinfo=None) for each in meant}
    assert len(meant) == 1 + (local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset())


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-05 11:2055",
        "2026010511:20:55",
        "20260105112055.",
        "2026-01-05 11:20:60",
        "2026-01-05 24:20:55",
        "2026-02-30 11:20:55",
        "2026-01-05 11:20:٣0",
        "2026-01-05 11:20:55.1x",
        "17747540790000",
    ],
)
def test_what_is_no_time_is_refused(written):
    """
    A stamp that is cut, mixed of two forms or beyond the calendar is no moment, never a near one.
    """
    with pytest.raises(RecordError):
        stamp(written, ZoneInfo("Europe/Berlin"), "start")
