"""Included minutes: whose they are, for which days, what rolls over, and what happens when they end."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Cycle
from radiusd.errors import Refusal
from rating.buckets import Direction, Partial
from tests.builders import (
    NOW,
    a_bucket,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_stop,
    an_account,
    an_attempt,
    seconds,
)
from tests.desk import Desk

TRUNK, DID = ServiceKind.TRUNK, ServiceKind.DID
CHICAGO = ZoneInfo("America/Chicago")
DECEMBER = datetime(2026, 12, 10, 12, tzinfo=UTC)


def a_desk(*buckets: Any, count: int = 1, account: dict[str, Any] | None = None, **fields: Any) -> Desk:
    """Return books of an account whose *count* trunks, ``tg1`` and so on, have a plan with *buckets*."""
    pays, plan = an_account(**(account or {})), a_plan(1, *buckets)
    return Desk(
        a_directory(
            *(
                a_service(TRUNK, f"tg{number}", number, account=pays, plan=plan, **fields)
                for number in range(1, count + 1)
            )
        )
    )


def talk(desk: Desk, at: datetime, duration_s: int, trunk: str = "tg1") -> dict[str, int]:
    """Let a call of *duration_s* begin *at* that moment, and return what it drew from which bucket."""
    end = at + seconds(duration_s)
    row = desk.post(a_stop(end, duration_s, call_id=f"{trunk}-{at.isoformat()}", trunk_in=trunk))
    return row.charges.charges[0].buckets


def left(desk: Desk) -> dict[str, int]:
    """Return what is free in each bucket."""
    return {row.bucket_id: row.free_s for row in desk.buckets}


def test_each_service_has_its_own_unless_they_share():
    """
    Two trunks of one plan: two buckets, or one for the account.
    """
    own, shared = a_desk(a_bucket(1, 100), count=2), a_desk(a_bucket(1, 100, shared=True), count=2)

    for desk in (own, shared):
        talk(desk, NOW, 60)
        talk(desk, NOW, 60, trunk="tg2")
    assert {"1/1/2026-11-01": 40, "2/1/2026-11-01": 40} == left(own)
    assert {"0/1/2026-11-01": 0} == left(shared)
    assert -20_000 == shared.balance().balance_micros


def test_a_pool_is_for_the_services_that_it_names():
    """
    An account's own minutes, here for the second trunk only, while they last and in their time.
    """
    pool = a_bucket(
        1,
        100,
        shared=True,
        cycle=Cycle.ONCE,
        services=frozenset({2}),
        valid_from=NOW,
        valid_to=NOW + timedelta(days=40),
    )
    desk = a_desk(count=2, account={"allowances": (pool,)})

    assert {} == talk(desk, NOW, 10, trunk="tg1")
    assert {} == talk(desk, NOW - timedelta(days=1), 10, trunk="tg2")
    assert {"0/1/2026-11-20": 60} == talk(desk, NOW, 60, trunk="tg2")
    assert {"0/1/2026-11-20": 40} == talk(desk, DECEMBER, 60, trunk="tg2")
    assert {} == talk(desk, NOW + timedelta(days=40), 10, trunk="tg2")


def test_months_of_the_anniversary_begin_where_the_customer_is():
    """
    Activated on the 20th in Chicago: the month turns at midnight there.
    """
    since = datetime(2026, 5, 20, 15, tzinfo=CHICAGO)
    desk = a_desk(a_bucket(1, 100, cycle=Cycle.ANNIVERSARY), account={"zone": CHICAGO}, activated_at=since)

    turn = datetime(2026, 11, 20, 0, tzinfo=CHICAGO)
    assert {"1/1/2026-10-20": 10} == talk(desk, turn - seconds(60), 10)
    assert {"1/1/2026-10-20": 5, "1/1/2026-11-20": 5} == talk(desk, turn - seconds(5), 10)


@pytest.mark.parametrize(
    ("activated_at", "ended_at", "included_s"),
    [
        (datetime(2026, 11, 16, 9, tzinfo=UTC), None, 1500),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC), 2400),  # last day: 24
        (datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 20, 18, tzinfo=UTC), 100),
    ],
)
def test_is_prorated_by_days(activated_at, ended_at, included_s):
    """
    3,000 seconds for a month of thirty days are 100 a day.
    """
    desk = a_desk(a_bucket(1, 3000, prorate=True), activated_at=activated_at, ended_at=ended_at)

    talk(desk, NOW, 10)
    assert {"1/1/2026-11-01": included_s - 10} == left(desk)


def test_an_end_takes_back_what_is_not_spent():
    """
    A service that is ended in the middle of the month keeps what it has used, and no more than its days.
    """
    desk = a_desk(a_bucket(1, 3000, prorate=True))
    talk(desk, NOW, 2500)
    ended = datetime(2026, 11, 22, tzinfo=UTC)
    plan = a_plan(1, a_bucket(1, 3000, prorate=True))
    desk.directory = a_directory(a_service(TRUNK, "tg1", 1, plan=plan, ended_at=ended))

    assert {} == talk(desk, NOW + timedelta(hours=1), 60)
    assert {"1/1/2026-11-01": 0} == left(desk)


def test_unused_minutes_roll_over_and_are_used_first():
    """
    Up to the cap, for as many months as the plan says, the oldest before all others.
    """
    desk = a_desk(a_bucket(1, 100, rollover_periods=2, rollover_cap_s=50))
    september, october, november, december = (
        datetime(2026, month, 10, tzinfo=UTC) for month in (9, 10, 11, 12)
    )

    assert {"1/1/2026-09-01": 20} == talk(desk, september, 20)
    assert {"1/1+2026-09-01/2026-10-01": 30} == talk(desk, october, 30)
    # 20 of September are left, 50 of October's 100 roll; September's are the oldest.
    assert {"1/1+2026-09-01/2026-11-01": 20, "1/1+2026-10-01/2026-11-01": 10} == talk(desk, november, 30)
    assert {"1/1+2026-10-01/2026-12-01": 40, "1/1+2026-11-01/2026-12-01": 20} == talk(desk, december, 60)


def test_what_is_left_of_a_month_is_not_taken_from_calls_that_are_in_it():
    """
    A call over midnight draws from the old month until then; only a call of the new month lets it roll.
    """
    desk = a_desk(a_bucket(1, 100, rollover_periods=1))
    turn = datetime(2026, 12, 1, tzinfo=UTC)

    assert {"1/1/2026-11-01": 30, "1/1/2026-12-01": 30} == talk(desk, turn - seconds(30), 60)
    assert {"1/1+2026-11-01/2026-12-01": 70, "1/1/2026-12-01": 10} == talk(desk, turn + seconds(60), 80)
    assert 0 == sum(free for key, free in left(desk).items() if key.endswith("2026-11-01"))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 90)), max_size=12), st.integers(0, 3))
def test_no_second_is_given_or_spent_twice(calls, periods):
    """
    However the months are used, seconds spent, free and dropped are those that were given, once each.
    """
    desk = a_desk(a_bucket(1, 100, rollover_periods=periods))
    for number, (month, duration_s) in enumerate(sorted(calls)):
        begin = datetime(2026, 8, 2, tzinfo=UTC) + timedelta(days=30.5 * month, minutes=number * 5)
        talk(desk, begin, duration_s)

    given_s = sum(row.included_s for row in desk.buckets if "+" not in row.bucket_id)
    rolled = sum(row.included_s for row in desk.buckets if "+" in row.bucket_id)
    assert rolled == sum(row.rolled_s for row in desk.buckets)
    assert given_s == sum(row.used_s + row.free_s for row in desk.buckets)
    assert all(row.free_s >= 0 for row in desk.buckets)


def test_an_empty_bucket_can_end_the_calls():
    """
    With *blocks*, nothing is paid by money: the grant ends with the minutes, and then calls are refused.
    """
    desk = a_desk(a_bucket(1, 100, blocks=True))

    assert 100 == desk.ask(an_attempt(call_id="c1")).session_timeout_s
    assert Refusal.NO_MINUTES is desk.ask(an_attempt(call_id="c2")).refusal


def test_a_bucket_that_skips_leaves_what_it_cannot_pay_whole():
    """
    45 seconds cannot pay an increment of 60.
    """
    plan = a_plan(
        1, a_bucket(1, 45, partial=Partial.SKIP), deck=a_deck(a_rate(price="0.06", initial=60, increment=60))
    )
    desk = Desk(a_directory(a_service(plan=plan)))

    assert {} == talk(desk, NOW, 30)


def test_inbound_minutes_pay_inbound_calls_only():
    """
    A toll-free number with included minutes of its own.
    """
    plan = a_plan(1, a_bucket(1, 100, direction=Direction.IN), inbound_deck=a_deck(a_rate(), id=2))
    number = a_service(DID, "18005550100", 2, plan=plan)
    desk = Desk(a_directory(a_service(plan=plan), number))

    row = desk.post(a_stop(NOW, 30, called="18005550100", calling="15125559999"))
    drawn = {charge.role: charge.buckets for charge in row.charges.charges}
    assert {"out": {}, "in": {"2/1/2026-11-01": 30}} == drawn
