"""Which time a traffic report is about when nobody says."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from provisioning.traffic import month_until


@pytest.mark.parametrize(
    ("until", "zone", "since"),
    [
        ("2026-11-27T06:00:00Z", "UTC", "2026-11-01T00:00:00Z"),
        ("2026-11-01T00:00:00Z", "UTC", "2026-10-01T00:00:00Z"),
        ("2026-11-01T00:00:00.000001Z", "UTC", "2026-11-01T00:00:00Z"),
        ("2026-10-31T23:30:00Z", "Europe/Berlin", "2026-10-31T23:00:00Z"),
        ("2026-10-31T23:00:00Z", "Europe/Berlin", "2026-09-30T22:00:00Z"),  # summer time when it began
        ("2026-11-01T03:00:00Z", "America/New_York", "2026-10-01T04:00:00Z"),
        ("2026-11-01T00:00:00+01:00", "UTC", "2026-10-01T00:00:00Z"),
    ],
)
def test_a_report_is_of_the_month_that_ends_with_it_or_has_its_end(until: str, zone: str, since: str):
    assert datetime.fromisoformat(since) == month_until(datetime.fromisoformat(until), ZoneInfo(zone))
