"""Every way of writing the time that switches were seen to use."""

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.dialects.timestamps import BAD_STAMP, UNKNOWN_ZONE, Stamp, read_stamp

NOON = datetime(2026, 11, 22, 14, 5, 53, tzinfo=UTC)
MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        # Cisco and its copies
        ("14:05:53.070 UTC Sun Nov 22 2026", NOON + 70 * MS),
        ("14:05:53 GMT Sun Nov 22 2026", NOON),
        ("14:05:53.5 UTC Sun Nov 22 2026", NOON + 500 * MS),
        ("9:05:53.070 EST Sun Nov 22 2026", NOON + 70 * MS),
        ("16:05:53.070 EET Sun Nov 22 2026", NOON + 70 * MS),
        ("17:05:53.070 MSK Sun Nov 22 2026", NOON + 70 * MS),
        ("18:05:53.070 GMT+4 Sun Nov 22 2026", NOON + 70 * MS),
        ("18:05:53.070 utc+04:00 Sun Nov 22 2026", NOON + 70 * MS),
        ("11:05:53.070 -0300 Sun Nov 22 2026", NOON + 70 * MS),
        ("19:35:53.070 +0530 Sun Nov 22 2026", NOON + 70 * MS),
        ("19:35:53.070 +530 Sun Nov 22 2026", NOON + 70 * MS),
        ("18:05:53.070 GMT +4 Sun Nov 22 2026", NOON + 70 * MS),
        ("14:05:53.070 UTC Tue nov 22 2026", NOON + 70 * MS),
        ("14:05:53.070 UTC Wed Jan 2 2002", datetime(2002, 1, 2, 14, 5, 53, 70000, UTC)),
        ("23:59:60 UTC Thu Dec 31 2026", datetime(2027, 1, 1, tzinfo=UTC)),
        # Acme: no weekday, any case
        ("12:24:32.636 UTC Oct 10 2018", datetime(2018, 10, 10, 12, 24, 32, 636000, UTC)),
        ("12:24:32.636 UTC DEC 1 2018", datetime(2018, 12, 1, 12, 24, 32, 636000, UTC)),
        # FreeSWITCH, whose half hours are seconds
        ("2026-11-22T14:05:53.070123+0000", NOON + timedelta(microseconds=70123)),
        ("2026-11-22T19:35:53.000000+051800", NOON),
        ("2026-11-22T10:35:53.000000-03-1800", NOON),
        ("2026-11-22T14:05:53Z", NOON),
        ("2026-11-22T15:05:53+01:00", NOON),
        # GnuGk, where a site says so
        ("Sun, 22 Nov 2026 15:05:53 +0100", NOON),
        ("22 Nov 26 14:05:53 GMT", NOON),
        ("2026-11-22 T 15:05:53 +0100", NOON),
        ("2026/11/22 14:05:53 UTC", NOON),
        # Asterisk
        ("2026-11-22 11:05:53 -0300", NOON),
        # Ribbon, Kamailio
        ("1795356353", NOON),
        ("1795356353.070", NOON + 70 * MS),
        ("0", None),
    ],
)
def test_reads_the_moment(written: str, expected: datetime | None) -> None:
    """
    The moment is in UTC; the weekday may be wrong, the zone may not.
    """
    assert Stamp(expected) == read_stamp(written)


@pytest.mark.parametrize("mark", ["*", ".", "* "])
def test_a_mark_tells_of_an_unsynchronised_clock(mark: str) -> None:
    """
    The moment is read all the same.
    """
    assert Stamp(NOON, clock_ok=False) == read_stamp(f"{mark}14:05:53 UTC Sun Nov 22 2026")


@pytest.mark.parametrize(
    "written",
    [
        "14:05:53.070 IST Sun Nov 22 2026",
        "14:05:53.070 BST Sun Nov 22 2026",
        "14:05:53.070 HOME Sun Nov 22 2026",
        "14:05:53.070 GMT+16 Sun Nov 22 2026",
        "14:05:53.070 Sun Nov 22 2026",
        "14:05:53.070 Nov 22 2026",
        "2026-11-22_14:05:53",
    ],
)
def test_a_zone_that_is_not_known_is_not_utc(written: str) -> None:
    """
    Ambiguous, unknown and missing zones are a flag, never silently UTC.
    """
    assert Stamp(None, problem=UNKNOWN_ZONE) == read_stamp(written)


@pytest.mark.parametrize(
    ("written", "zone", "expected"),
    [
        ("2026-11-22_19:05:53", "Asia/Yekaterinburg", NOON),
        ("19:05:53 Sun Nov 22 2026", "Asia/Yekaterinburg", NOON),
        ("22:05:53 CST Sun Nov 22 2026", "Asia/Shanghai", NOON),
        ("08:05:53 CST Sun Nov 22 2026", "America/Chicago", NOON),
        ("19:35:53 IST Sun Nov 22 2026", "Asia/Kolkata", NOON),
        ("14:05:53 UTC Sun Nov 22 2026", "Asia/Kolkata", NOON),
        ("15:05:53 BST Mon Jun 22 2026", "Europe/London", datetime(2026, 6, 22, 14, 5, 53, tzinfo=UTC)),
    ],
)
def test_the_clients_zone_decides_where_the_stamp_does_not(
    written: str, zone: str, expected: datetime
) -> None:
    """
    It serves stamps without a zone, and names that mean something else elsewhere.
    """
    assert Stamp(expected) == read_stamp(written, ZoneInfo(zone))


def test_a_forced_zone_replaces_the_written_one() -> None:
    """
    For switches that write local time and call it UTC.
    """
    berlin = ZoneInfo("Europe/Berlin")

    assert Stamp(NOON) == read_stamp("15:05:53 UTC Sun Nov 22 2026", None, berlin)
    assert Stamp(NOON) == read_stamp("15:05:53 UTC Sun Nov 22 2026", ZoneInfo("Asia/Tokyo"), berlin)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "*",
        "noon",
        "14:05",
        "14:05:53",
        "25:05:53 UTC Sun Nov 22 2026",
        "14:05:53 UTC Sun Nov 31 2026",
        "14:05:53 UTC Sun Foo 22 2026",
        "14:05:53 UTC Sun Nov 22 99999",
        "14:05:53+0100 UTC Sun Nov 22 2026",
        "2026-13-22T14:05:53Z",
        "99999999999",
        "-1",
        "9" * 253,
    ],
)
def test_what_is_no_time_is_flagged(written: str) -> None:
    """
    A bad stamp costs itself and no record.
    """
    stamp = read_stamp(written)

    assert stamp.at is None
    assert BAD_STAMP == stamp.problem


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # st wants naive ones
    st.integers(-12 * 60, 14 * 60),
)
def test_reads_back_what_it_would_write(local: datetime, offset_min: int) -> None:
    """
    Any moment in any numeric zone is the same moment in UTC.
    """
    there = local.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    written = f"{there:%H:%M:%S.%f} {there:%z} {there:%a %b %d %Y}"

    assert Stamp(there.astimezone(UTC)) == read_stamp(written)


@given(st.text(max_size=253))
def test_no_text_is_too_strange(written: str) -> None:
    """
    Anything is a moment in UTC or none.
    """
    stamp = read_stamp(written)

    assert stamp.at is None or stamp.at.tzinfo is UTC


@pytest.mark.parametrize("written", ["2026-11-22T14:05:53." + "1" * 200, "1:" * 120, "+" * 250, " " * 250])
def test_a_hostile_stamp_is_read_quickly(written: str) -> None:
    """
    No stamp makes the reader try for long.
    """
    started = time.perf_counter()
    read_stamp(written)

    assert time.perf_counter() - started < 0.01


@pytest.mark.parametrize("written", ["19:35:53 IST Sun Nov 22 2026", "2026-11-22 19:35:53 ist"])
def test_a_clients_own_names_of_zones_come_first(written: str) -> None:
    """
    IST is India's, Israel's and Ireland's; CST is Chicago's until a client says Shanghai's.
    """
    names = (("IST", ZoneInfo("Asia/Kolkata")), ("CST", timezone(timedelta(hours=8))))

    assert UNKNOWN_ZONE == read_stamp(written).problem
    assert Stamp(NOON) == read_stamp(written, names=names)
    assert Stamp(NOON) == read_stamp("22:05:53 CST Nov 22 2026", names=names)
    assert Stamp(NOON) == read_stamp("08:05:53 CST Nov 22 2026")
