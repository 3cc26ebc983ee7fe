"""Saved exports: what is wrong with one is said, and its periods follow its own clock."""

from datetime import UTC, datetime, timedelta

import pytest

from radiusd.exports.template import Export, Tap


def an_export(**changes: object) -> Export:
    return Export(name="acme", every="day", folder="/srv/exports", **changes)


@pytest.mark.parametrize(
    ("export", "key", "words"),
    [
        (Export(name="Acme Daily"), "name", "begin with a letter or digit"),
        (Export(name="a", columns=("from", "price")), "columns", "there is no field 'price'; the fields are"),
        (Export(name="a", columns=("from=X", "to=X")), "columns", "two of them have the title X"),
        (Export(name="a", every="day"), "every", "go together"),
        (Export(name="a", folder="/srv"), "every", "go together"),
        (an_export(status="answerd"), "status", "'answerd' is none of answered, failed"),
        (an_export(wait_s=-1), "wait_s", "at least 0"),
        (an_export(timezone="Berlin"), "timezone", "'Berlin' is no time zone"),
        (an_export(since="1.3.2026"), "since", "'1.3.2026' is no day"),
        (an_export(format="tap", tap=Tap(sender="USATW")), "tap", "tap.sender and tap.recipient"),
    ],
)
def test_tells_what_is_wrong(export, key, words):
    """
    The key in the configuration file, and what to do.
    """
    [(found, what)] = export.problems()

    assert key == found
    assert words in what


def test_nothing_is_wrong_with_a_usual_one():
    """
    Neither with one that is made by itself nor with one for the command line.
    """
    assert [] == an_export(columns=("started_at=Start", "from", "total"), since="2026-03-01").problems()
    assert [] == Export(name="a").problems()


@pytest.mark.parametrize(
    ("every", "zone", "at", "start", "end"),
    [
        ("day", "UTC", "2026-03-02T09:30", "2026-03-02T00:00", "2026-03-03T00:00"),
        ("day", "Europe/Berlin", "2026-03-01T23:30", "2026-03-01T23:00", "2026-03-02T23:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("month", "Europe/Berlin", "2026-12-31T23:30", "2026-12-31T23:00", "2027-01-31T23:00"),
        ("month", "UTC", "2026-02-10T00:00", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("hour", "Asia/Kolkata", "2026-03-02T09:45", "2026-03-02T09:30", "2026-03-02T10:30"),
        ("hour", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T01:00", "2026-10-25T02:00"),
    ],
)
def test_periods_follow_the_clock_of_their_zone(every, zone, at, start, end):
    """
    Days of 23 and 25 hours, months, hours of zones with half hours; the next begins where one ends.
    """
    export = Export(name="a", every=every, folder="/srv", timezone=zone)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)

    began = export.period_of(moment)
    assert datetime.fromisoformat(start).replace(tzinfo=UTC) == began
    assert datetime.fromisoformat(end).replace(tzinfo=UTC) == export.period_after(began)
    assert export.period_after(began) == export.period_of(export.period_after(began))


@pytest.mark.parametrize("every", ["hour", "day", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_periods_leave_no_gap_in_two_years(every, zone):
    """
    Every moment is in exactly one period, also where clocks change.
    """
    export = Export(name="a", every=every, folder="/srv", timezone=zone)
    at = export.period_of(datetime(2026, 1, 10, tzinfo=UTC))
    until = at + timedelta(days=40 if every == "hour" else 800)
    while at < until:
        following = export.period_after(at)
        assert at < following
        assert at == export.period_of(following - timedelta(microseconds=1))
        at = following


def test_tap_files_are_counted_from_their_first_number():
    """
    After 99999 comes 1 (TD.57).
    """
    export = an_export(tap=Tap("USATW", "GBRVF", first_sequence=99_998))

    assert [99_998, 99_999, 1, 2] == [export.sequence(count) for count in range(4)]
