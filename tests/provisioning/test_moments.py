"""A day begins where the account is; an instant is exact."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from provisioning.moments import instant, parse_moment, zone_named
from radiusd.errors import BadInput

CHICAGO = zone_named("timezone", "America/Chicago")


@pytest.mark.parametrize(
    ("moment", "at"),
    [
        (date(2026, 11, 1), datetime(2026, 11, 1, 5, tzinfo=UTC)),  # still summer time
        (date(2026, 11, 2), datetime(2026, 11, 2, 6, tzinfo=UTC)),
        (datetime(2026, 11, 2, 9, 30), datetime(2026, 11, 2, 15, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2026, 11, 2, 9, tzinfo=UTC), datetime(2026, 11, 2, 9, tzinfo=UTC)),
        (datetime(2026, 11, 2, 9, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 11, 2, 8, tzinfo=UTC)),
    ],
)
def test_what_names_no_zone_is_local(moment, at):
    """
    Midnight in Chicago is five or six o'clock in UTC.
    """
    assert at == instant("activated", moment, CHICAGO)
    assert UTC is instant("activated", moment, CHICAGO).tzinfo


def test_reads_days_and_instants():
    """
    A day stays a day until its zone is known.
    """
    assert date(2026, 11, 1) == parse_moment("at", "2026-11-01")
    assert datetime(2026, 11, 1, 9, 30, tzinfo=UTC) == parse_moment("at", "2026-11-01T09:30:00Z")


@pytest.mark.parametrize(
    "text", ["", "yesterday", "01/11/2026", "2026-13-01", "2026-11-31", "2026-11-01T25:00"]
)
def test_refuses_what_is_no_moment(text):
    """
    The message shows both forms.
    """
    with pytest.raises(BadInput, match=r"^at: .*write 2026-11-01, or 2026-11-01T09:30:00Z"):
        parse_moment("at", text)


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_refuses_years_that_a_zone_could_push_over_the_edge(year):
    """
    Nobody means them, and they cannot be shown in every zone.
    """
    with pytest.raises(BadInput, match="year"):
        instant("at", date(year, 1, 1), CHICAGO)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "UTC\x00", "America"]
)
def test_refuses_what_is_no_zone(name):
    """
    Not a path, either.
    """
    with pytest.raises(BadInput, match=r"^timezone: .*like Europe/London"):
        zone_named("timezone", name)
