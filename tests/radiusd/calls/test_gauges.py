"""Bursts, and what was spent by the account's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.calls.gauges import MOST_REMEMBERED, Alarm, Gauges, watch
from radiusd.calls.policies import Guards, Level
from tests.builders import NOW, seconds

NEW_YORK = ZoneInfo("America/New_York")


def dial(guards: Guards, *numbers: str, every_s: float = 1, gauges: Gauges | None = None) -> list[Alarm]:
    """Return what the guards say of calls to *numbers*, one after the other."""
    gauges = gauges or Gauges()
    return [
        watch(gauges, guards, number, NOW + seconds(place * every_s)) for place, number in enumerate(numbers)
    ]


def words(alarms: list[Alarm]) -> str:
    """Return a letter for each alarm: quiet, warning, blocked."""
    return "".join("b" if alarm.blocks else "w" if alarm.warning else "." for alarm in alarms)


NUMBERS = [f"4420718387{place:02}" for place in range(0, 100, 7)]


def test_many_different_numbers() -> None:
    """
    The third is odd, the fifth too many; one that is called again is no new one.
    """
    guards = Guards(distinct=Level(3, 5))

    assert "..wwb" == words(dial(guards, *NUMBERS[:5]))
    assert "......" == words(dial(guards, *(NUMBERS[:2] * 3)))


def test_numbers_in_a_row() -> None:
    """
    In whatever order they are called; one of another length does not count.
    """
    guards = Guards(sequential=Level(3, 4))

    assert "..wb" == words(dial(guards, "4420718387500", "4420718387501", "4420718387502", "4420718387503"))
    assert "...b" == words(dial(guards, "4420718387500", "4420718387503", "4420718387501", "4420718387502"))
    assert "...." == words(dial(guards, "99", "100", "98", "103"))
    assert "...." == words(dial(guards, "*99", "*100", "a", ""))


def test_dear_destinations() -> None:
    """
    Only they count.
    """
    guards = Guards(dear=Level(None, 2), dear_prefixes=("882", "1900"))

    assert "...b" == words(dial(guards, "88213", *NUMBERS[:2], "19005550100"))


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """
    Slow callers are no burst.
    """
    guards = Guards(distinct=Level(2, 3), window_s=10)

    assert "." * 15 == words(dial(guards, *NUMBERS, every_s=10))


def test_closed_guards_open_again() -> None:
    """
    After the time of a block; if the burst goes on, they close at once.
    """
    guards = Guards(distinct=Level(None, 2), window_s=60, block_s=100)
    gauges = Gauges()
    dial(guards, *NUMBERS[:2], gauges=gauges)

    assert watch(gauges, guards, NUMBERS[2], NOW + seconds(100)).blocks
    assert not watch(gauges, guards, NUMBERS[2], NOW + seconds(101)).blocks
    assert watch(gauges, guards, NUMBERS[3], NOW + seconds(102)).blocks
    assert NOW + seconds(42) == gauges.blocked_from


@given(st.lists(st.sampled_from(NUMBERS), max_size=60), st.integers(1, 20))
def test_no_more_different_numbers_than_the_level_are_let_through(called: list[str], block: int) -> None:
    """
    Whatever is called within one window.
    """
    guards = Guards(distinct=Level(None, block), window_s=3600, block_s=3600)
    gauges = Gauges()

    let_through = [number for number in called if not watch(gauges, guards, number, NOW).blocks]

    assert len(set(let_through)) < block


def test_the_memory_is_bounded() -> None:
    """
    A flood of calls does not make the account's row grow without end.
    """
    gauges = Gauges()
    guards = Guards(dear=Level(None, 1), dear_prefixes=("9",))
    dial(guards, *map(str, range(1000, 2000)), every_s=0, gauges=gauges)

    assert MOST_REMEMBERED == len(gauges.dialled)


def test_a_day_is_the_accounts() -> None:
    """
    At midnight of its clock the day begins anew, and at that of the first the month.
    """
    gauges = Gauges()
    gauges.spend(5, datetime(2026, 11, 30, 12, 0, tzinfo=UTC), NEW_YORK)
    gauges.spend(7, datetime(2026, 12, 1, 4, 59, tzinfo=UTC), NEW_YORK)
    assert (date(2026, 11, 30), 12, 12) == (gauges.day, gauges.day_micros, gauges.month_micros)

    gauges.spend(-2, datetime(2026, 12, 1, 5, 0, tzinfo=UTC), NEW_YORK)
    assert (date(2026, 12, 1), -2, -2) == (gauges.day, gauges.day_micros, gauges.month_micros)


def test_a_clock_that_is_behind_begins_no_day_again() -> None:
    """
    Of two nodes at midnight, one may still be in yesterday: it does not forget what today has cost.
    """
    gauges = Gauges()
    midnight = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
    gauges.spend(5, midnight, NEW_YORK)
    gauges.spend(7, midnight - seconds(1), NEW_YORK)
    gauges.spend(9, midnight + seconds(1), NEW_YORK)

    assert (date(2026, 12, 1), 21, 21) == (gauges.day, gauges.day_micros, gauges.month_micros)


@pytest.mark.parametrize(
    "gauges",
    [
        Gauges(),
        Gauges(blocked_until=NOW, blocked_from=NOW),
        Gauges(day=date(2026, 1, 2), day_micros=-4),
    ],
)
def test_it_is_kept_as_json(gauges: Gauges) -> None:
    """
    As it stands in its column.
    """
    watch(gauges, Guards(distinct=Level(9, 9)), "44", NOW)

    assert gauges == msgspec.json.decode(msgspec.json.encode(gauges), type=Gauges)
