"""How long a live call may go on, and what is reserved for it."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.buckets import Bucket, Partial
from rating.engine import rate_call
from rating.grants import REFUSED, common_end_s, grant_call
from rating.increments import Increment
from rating.money import Mode, Rounding, Scope
from rating.prices import Price
from rating.rates import PLAIN, Rate, Rules
from rating.steps import Step

CALL = {"called": "4420", "answer_at": datetime(2026, 1, 5, 10, tzinfo=UTC)}


def a_rate(price="0.06", clock=(1, 1), **fields):
    """A rate of prefix 44 by the second at 0.06 a minute; a test names what it is about."""
    return Rate("44", Price.of(price), Increment(*clock), **fields)


def granted(rate, spare_micros, lease_s, *buckets, **options):
    """A grant as (seconds, money, bucket seconds)."""
    grant = grant_call(rate, **CALL, buckets=buckets, spare_micros=spare_micros, lease_s=lease_s, **options)
    return grant.seconds, grant.money_micros, grant.bucket_s


def test_two_calls_never_get_the_same_cent():
    """
    Balance 0.60 at 0.06 a minute, lease 300 s: two calls get 0.30 each, the third is refused.
    """
    spare = 600_000
    for expected in ((300, 300_000, {}), (300, 300_000, {}), (0, 0, {})):
        grant = granted(a_rate(), spare, 300)
        spare -= grant[1]

        assert expected == grant


def test_free_seconds_go_first():
    """
    Balance 0.06, bucket 120 s, lease 100 s: first 100 s of the bucket, then 20 s of it and 60 s for money.
    """
    bucket = Bucket("b", 120)

    assert (100, 0, {"b": 100}) == granted(a_rate(), 60_000, 100, bucket)
    assert (80, 60_000, {"b": 20}) == granted(a_rate(), 60_000, 100, replace(bucket, seconds=20))


def test_reserves_what_was_begun_but_not_beyond_the_lease():
    """
    100 s of lease on 60/60 reserve two minutes.
    """
    assert (100, 120_000, {}) == granted(a_rate(clock=(60, 60)), 10**6, 100)


def test_ends_with_the_last_increment_that_can_be_paid():
    """
    0.17 pays two minutes of 0.06 and nothing of the third.
    """
    assert (120, 120_000, {}) == granted(a_rate(clock=(60, 60)), 170_000, 300)


def test_rounding_down_lets_a_little_more_pass():
    """
    At two decimals, down, 0.01 pays for everything that costs less than 0.02.
    """
    assert (19, 10_000, {}) == granted(a_rate(), 10_000, 300, rounding=Rounding(2, Mode.DOWN))
    assert (14, 10_000, {}) == granted(a_rate(), 10_000, 300, rounding=Rounding(2))
    assert (10, 10_000, {}) == granted(a_rate(), 10_000, 300, rounding=Rounding(2, Mode.UP))


@pytest.mark.parametrize(
    ("rate", "spare_micros", "options"),
    [
        (a_rate(), 0, {}),
        (a_rate(), -1, {}),
        (a_rate("0"), -1, {}),
        (a_rate(connect_fee=Fraction(1)), 999_949, {}),
        (a_rate("0", connect_fee=Fraction(1)), 999_949, {}),
        (a_rate(blocked=True), None, {}),
        (a_rate(), 10_000, {"min_grant_s": 11}),
        (a_rate(clock=(60, 60)), 59_000, {}),
    ],
)
def test_refuses_what_cannot_be_paid(rate, spare_micros, options):
    """
    No money for the first increment, less than the least grant, or blocked.
    """
    assert REFUSED == grant_call(rate, **CALL, spare_micros=spare_micros, lease_s=300, **options)


def test_unlimited_money_grants_the_lease():
    """
    A postpaid account without a limit; the money is still reserved, and the buckets used.
    """
    assert (300, 240_000, {"b": 60}) == granted(a_rate(), None, 300, Bucket("b", 60))


def test_the_fee_of_a_short_call_does_not_refuse_a_longer_one():
    """
    Within the free seconds the fee is owed; after them minutes pay the first second and waive it.
    """
    rate = a_rate(connect_fee=Fraction("0.04"), rules=Rules(free_s=10))

    assert (40, 0, {"b": 30}) == granted(rate, 0, 300, Bucket("b", 30))
    assert (10, 40_000, {}) == granted(rate, 40_000, 10, Bucket("b", 30))
    assert (0, 0, {}) == granted(rate, 39_000, 10, Bucket("b", 30))


def test_a_lease_shorter_than_the_least_grant_is_refused():
    """
    The least grant is what a call is worth being set up for.
    """
    assert (0, 0, {}) == granted(a_rate(), None, 5, min_grant_s=6)
    assert (0, 0, {}) == granted(a_rate(), None, 0)


RULES = st.one_of(
    st.just(PLAIN),
    st.builds(
        Rules,
        min_charge=st.sampled_from([Fraction(0), Fraction("0.05")]),
        max_charge=st.sampled_from([None, Fraction("0.2")]),
        surcharge_percent=st.sampled_from([Fraction(0), Fraction(10)]),
        payphone_surcharge=st.just(Fraction(0)),
        connect_fee_on_included=st.booleans(),
        free_s=st.integers(0, 20),
        grace_s=st.integers(0, 5),
        rounding=st.none(),
        bands=st.just(()),
        steps=st.lists(
            st.builds(
                Step,
                st.integers(0, 80),
                st.integers(0, 10**9).map(Price.nano),
                st.sampled_from([None, 1, 7, 60]),
            ),
            max_size=2,
        ).map(tuple),
        origin=st.none(),
        jurisdiction=st.just({}),
    ),
)
RATES = st.tuples(
    st.sampled_from([0, 1, 13_700_000, 60_000_000, 333_333_333, 999_999_999]).map(Price.nano),
    st.tuples(st.sampled_from([0, 1, 6, 30, 60]), st.sampled_from([1, 6, 30, 60])).map(
        lambda clock: Increment(*clock)
    ),
    st.sampled_from([Fraction(0), Fraction("0.04"), Fraction("0.033333")]),
    RULES,
).map(lambda drawn: Rate("44", *drawn[:3], rules=drawn[3]))
BUCKETS = st.lists(
    st.builds(
        Bucket,
        id=st.uuids().map(str),
        seconds=st.integers(0, 100),
        priority=st.integers(0, 1),
        prefixes=st.just(("",)),
        valid_from=st.none(),
        valid_to=st.sampled_from([None, datetime(2026, 1, 5, 10, 1, tzinfo=UTC)]),
        partial=st.sampled_from(Partial),
        initial_s=st.none(),
        increment_s=st.sampled_from([None, None, 1, 10]),
        devices=st.none(),
    ),
    max_size=2,
)
ROUNDINGS = st.builds(Rounding, st.integers(0, 6), st.sampled_from(Mode), st.sampled_from(Scope))


@settings(max_examples=150, deadline=None)
@given(RATES, BUCKETS, ROUNDINGS, st.integers(-10, 400_000), st.integers(1, 150))
def test_is_the_longest_call_that_can_be_paid(rate, buckets, rounding, spare_micros, lease_s):
    """
    As trying every duration finds it; and it reserves exactly what that call would take.
    """
    tried = [
        rate_call(rate, **CALL, duration_s=seconds, buckets=buckets, rounding=rounding)
        for seconds in range(1, lease_s + 1)
    ]
    affordable = [index + 1 for index, rating in enumerate(tried) if rating.total_micros <= spare_micros]
    longest_s = max(affordable, default=0)

    grant = grant_call(
        rate, **CALL, buckets=buckets, rounding=rounding, spare_micros=spare_micros, lease_s=lease_s
    )

    assert longest_s == grant.seconds
    if longest_s:
        best = tried[longest_s - 1]
        assert (best.total_micros, best.bucket_use) == (grant.money_micros, grant.bucket_s)
    else:
        assert REFUSED == grant


@pytest.mark.parametrize(
    ("spare", "prices", "expected"),
    [
        (Fraction("9.8657"), ["0.16", "0.02"], 3288),
        (Fraction(0), ["0.16"], 0),
        (Fraction(-1), [], 0),
        (Fraction(1), ["0", "0"], None),
        (Fraction(1), ["60"], 1),
    ],
)
def test_calls_that_share_a_balance_end_together(spare, prices, expected):
    """
    The balance over the sum of the prices per second; never, when nothing costs anything.
    """
    assert expected == common_end_s(spare, [Price.of(price) for price in prices])
