"""Where an account may call, when, and at what price."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.calls.policies import DAYS, Policy, judge, judge_price, read_rule
from radiusd.errors import Refusal
from rating.bands import Band
from rating.prices import Price
from rating.rates import PLAIN
from tests.builders import a_rate

SETS = {"premium": ["1900", "44871"], "north america": ["1"], "mon": ["49"]}
MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def a_policy(barred: str = "", allowed: str = "") -> Policy:
    """Return a policy of rules that ``;`` parts."""
    rules = [tuple(read_rule(text, SETS) for text in texts.split(";") if text) for texts in (barred, allowed)]
    return Policy("p", *rules)


def refusal(policy: Policy, called: str, at: datetime = MONDAY) -> Refusal | None:
    verdict = judge([None, policy], called, at)
    return None if verdict is None else verdict.refusal


@pytest.mark.parametrize(
    ("barred", "allowed", "called", "expected"),
    [
        ("", "", "442071838750", None),
        ("premium", "", "442071838750", None),
        ("premium", "", "19005550100", Refusal.BARRED),
        ("premium", "", "4487155", Refusal.BARRED),
        ("49;premium", "", "4930123456", Refusal.BARRED),
        ("*", "", "4930123456", Refusal.BARRED),
        ("*", "44", "442071838750", None),  # the longer prefix wins
        ("44", "*", "442071838750", Refusal.BARRED),
        ("44", "447", "447700900123", None),
        ("44", "447", "442071838750", Refusal.BARRED),
        ("44", "44", "442071838750", Refusal.BARRED),  # of one length, the bar
        ("", "north america", "15125550100", None),
        ("", "north america", "442071838750", Refusal.NOT_ALLOWED),
        ("premium", "north america", "19005550100", Refusal.BARRED),
        ("", "mon", "4930123456", None),  # a set may be called like a day
        ("", "mon tue", "4930123456", Refusal.OUTSIDE_HOURS),
    ],
)
def test_bars_and_allows(barred: str, allowed: str, called: str, expected: Refusal | None) -> None:
    """
    By prefix, by set, or everything; where both fit, the longer one decides.
    """
    assert expected is refusal(a_policy(barred, allowed), called)


@pytest.mark.parametrize(
    ("rule", "at", "holds"),
    [
        ("44 mon-fri 08:00-18:00", MONDAY, True),
        ("44 mon-fri 08:00-18:00", MONDAY.replace(hour=8), True),
        ("44 mon-fri 08:00-18:00", MONDAY.replace(hour=7, minute=59), False),
        ("44 mon-fri 08:00-18:00", MONDAY.replace(hour=18), False),
        ("44 mon-fri 08:00-18:00", MONDAY + timedelta(days=5), False),
        ("44 sat,sun", MONDAY + timedelta(days=5), True),
        ("44 sat,sun", MONDAY, False),
        ("44 fri-mon", MONDAY + timedelta(days=6), True),  # over the end of the week
        ("44 fri-mon", MONDAY + timedelta(days=1), False),
        ("44 18:00-08:00", MONDAY.replace(hour=23), True),
        ("44 18:00-08:00", MONDAY.replace(hour=3), True),
        ("44 18:00-08:00", MONDAY, False),
        ("44 sun 22:00-06:00", MONDAY.replace(hour=5), True),  # the night of Sunday
        ("44 mon 22:00-06:00", MONDAY.replace(hour=5), False),
        ("44 00:00-24:00", MONDAY, True),
    ],
)
def test_hours_are_those_of_the_wall_clock(rule: str, at: datetime, holds: bool) -> None:
    """
    A stretch over midnight belongs to the day on which it begins.
    """
    assert (Refusal.OUTSIDE_HOURS if holds else None) is refusal(a_policy(barred=rule), "442071838750", at)
    assert (None if holds else Refusal.OUTSIDE_HOURS) is refusal(a_policy(allowed=rule), "442071838750", at)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unheard of", "neither a prefix nor a destination set"),
        ("", "is no rule"),
        ("44 08:00-08:00", "end when they begin"),
        ("44 08:00-25:00", "no time of day"),
        ("44 08:61-09:00", "no time of day"),
        ("44 mon-wed-fri", "not one day or a range"),
        ("44 someday", "neither a prefix nor a destination set"),
        ("\u0664\u0664", "neither a prefix"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(text: str, problem: str) -> None:
    """
    By a sentence that says what to write.
    """
    with pytest.raises(ValueError, match=problem):
        read_rule(text, SETS)


@given(
    st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.integers(0, 7 * 1440 - 1),
)
def test_hours_and_their_complement_fill_the_week(
    days: list[str], begin: int, end: int, minute: int
) -> None:
    """
    Of a stretch and of what is left of its day, exactly one holds on its days, and none on others.
    """
    if begin >= end:
        return
    at = MONDAY.replace(hour=0) + timedelta(minutes=minute)
    clock = [f"{part // 60:02}:{part % 60:02}" for part in (begin, end)]
    inside = read_rule(f"44 {','.join(days)} {clock[0]}-{clock[1]}", SETS)
    before = read_rule(f"44 {','.join(days)} 00:00-{clock[0]}", SETS) if begin else None
    after = read_rule(f"44 {','.join(days)} {clock[1]}-24:00", SETS)

    held = [rule.holds(at) for rule in (before, inside, after) if rule is not None]

    assert held.count(True) == (DAYS[at.weekday()] in days)


def test_the_dearest_minute_counts() -> None:
    """
    A price that is higher in the evening is measured by its evening.
    """
    cheap = Policy("p", max_price_nano=100_000_000)  # 0.1
    evening = Band("evening", 18 * 3600, 24 * 3600, price=Price.of("0.2"))
    assert None is judge_price([cheap], a_rate("44", "0.1"))
    assert None is judge_price([cheap], None)
    verdict = judge_price([None, cheap], a_rate("44", "0.1001"))
    assert verdict is not None
    assert (Refusal.PRICE_TOO_HIGH, "0.100100 per minute; policy p allows 0.100000") == verdict
    assert judge_price([cheap], a_rate("44", "0.05", rules=replace(PLAIN, bands=(evening,))))
