"""Included minutes: order, clocks, policies and edges in time."""

from datetime import UTC, datetime, timedelta

import pytest

from rating.buckets import Bucket, Direction, Partial, in_order
from rating.engine import rate_call
from rating.increments import Increment
from rating.prices import Price
from rating.rates import Rate

ANSWER = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
MONTH_END = ANSWER + timedelta(seconds=60)


def rated(duration_s, *buckets, clock=(60, 60), **options):
    """A call at 0.06 a minute, answered a minute before the month ends."""
    rate = Rate("44", Price.of("0.06"), Increment(*clock))
    return rate_call(rate, called="4420", answer_at=ANSWER, duration_s=duration_s, buckets=buckets, **options)


@pytest.mark.parametrize(
    ("buckets", "duration_s", "use", "charged_s"),
    [
        # Priority, then the one that ends first, then the id.
        ([Bucket("x", 60, 1), Bucket("y", 30, 2)], 80, {"y": 30, "x": 60}, 30),
        ([Bucket("a", 60), Bucket("z", 60, valid_to=MONTH_END)], 60, {"z": 60}, 0),
        ([Bucket("b", 60), Bucket("a", 60)], 60, {"a": 60}, 0),
        # By the rate's clock: what a bucket cannot pay is charged pro rata, and the grid goes on.
        ([Bucket("b", 90)], 150, {"b": 90}, 90),
        # By its own clock: the rate's grid starts where it ends.
        ([Bucket("b", 70, increment_s=1)], 100, {"b": 70}, 60),
        ([Bucket("b", 70, initial_s=30, increment_s=6)], 31, {"b": 36}, 0),
        ([Bucket("b", 70, increment_s=30)], 100, {"b": 70}, 60),
        # Left alone when it cannot pay all of an increment.
        ([Bucket("b", 70, partial=Partial.SKIP)], 100, {"b": 60}, 60),
        ([Bucket("b", 50, partial=Partial.SKIP), Bucket("c", 20)], 60, {"c": 20}, 40),
        ([Bucket("b", 70, partial=Partial.SKIP, increment_s=50)], 100, {"b": 50}, 60),
        # Whose turn it is at the start of each increment.
        (
            [Bucket("jan", 600, valid_to=MONTH_END), Bucket("feb", 60, valid_from=MONTH_END)],
            240,
            {"jan": 60, "feb": 60},
            120,
        ),
        ([Bucket("feb", 600, valid_from=MONTH_END)], 120, {"feb": 60}, 60),
        ([Bucket("feb", 600, valid_from=MONTH_END + timedelta(microseconds=1))], 180, {"feb": 60}, 120),
        ([Bucket("b", 600, prefixes=("43", "442"))], 60, {"b": 60}, 0),
        ([Bucket("b", 600, prefixes=("43",))], 60, {}, 60),
        ([Bucket("b", 600, prefixes=())], 60, {}, 60),
        ([Bucket("b", 600, direction=Direction.IN)], 60, {}, 60),
        ([Bucket("b", 600, devices=frozenset({"other"}))], 60, {}, 60),
        ([Bucket("b", 0)], 60, {}, 60),
    ],
)
def test_buckets_pay_before_money(buckets, duration_s, use, charged_s):
    """
    Under a rate of 60/60.
    """
    rating = rated(duration_s, *buckets)

    assert use == rating.bucket_use
    assert charged_s == rating.charged_s


def test_a_bucket_may_take_its_turn_after_the_first_step():
    """
    It could not pay its initial of 5 s, and left the first second to another; 1 s it can pay.
    """
    picky = Bucket("picky", 1, priority=1, partial=Partial.SKIP, initial_s=5, increment_s=1)

    assert {"picky": 1, "b": 2} == rated(3, picky, Bucket("b", 9, increment_s=1)).bucket_use


def test_a_bucket_is_for_its_devices():
    """
    A virtual number draws from the bucket that names it beside its primary.
    """
    bucket = Bucket("b", 600, devices=frozenset({"primary", "virtual"}))

    assert {"b": 60} == rated(60, bucket, device="virtual").bucket_use
    assert {} == rated(60, bucket, device=None).bucket_use


def test_the_use_of_a_shared_bucket_sums_to_the_bucket():
    """
    In whichever order the calls settle.
    """
    for order in ([50, 70, 10], [10, 70, 50]):
        left_s = 100
        for duration_s in order:
            left_s -= rated(duration_s, Bucket("b", left_s), clock=(1, 1)).bucket_use.get("b", 0)
        assert 0 == left_s


def test_orders_buckets_for_use():
    """
    Highest priority, soonest end, lowest id.
    """
    last, third, second, first = (
        Bucket("a", 1),
        Bucket("b", 1, valid_to=MONTH_END),
        Bucket("a", 1, valid_to=MONTH_END),
        Bucket("z", 1, 9),
    )

    assert [first, second, third, last] == in_order([last, third, second, first])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seconds": -1}, "seconds cannot be negative"),
        ({"increment_s": 0}, "increment must be 1"),
        ({"initial_s": 30}, "an initial needs an increment"),
    ],
)
def test_refuses_a_bucket_that_cannot_be(fields, message):
    """
    The message names it.
    """
    with pytest.raises(ValueError, match=message):
        Bucket(**{"id": "b", "seconds": 60, **fields})
