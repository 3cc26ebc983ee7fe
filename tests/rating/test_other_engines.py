"""What other engines were measured to get wrong, and this one must not."""

import pytest

from rating.cases import run


def charged(rate, duration, buckets=()):
    """Return the outcome of one call to 44 under *rate*."""
    (outcome,) = run(
        {
            "rates": [{"prefix": "44", **rate}],
            "buckets": [{"id": "b", **bucket} for bucket in buckets],
            "calls": [
                {"id": "c", "to": "442071234567", "answer": "2026-01-05T10:00:00Z", "duration": str(duration)}
            ],
        }
    )["calls"]
    return outcome


def test_some_included_seconds_do_not_make_the_whole_call_free():
    """
    600 s with 120 left at 0.60: 8 minutes are charged. (One engine asks whether any second is left.)
    """
    assert "4.8000" == charged({"price": "0.60"}, 600, [{"seconds": 120}])["total"]


def test_some_included_seconds_are_not_lost_when_they_do_not_pay_the_whole_call():
    """
    The 120 s are drawn and are not charged. (One books them and charges all ten minutes.)
    """
    outcome = charged({"price": "0.60"}, 600, [{"seconds": 120}])

    assert ({"b": 120}, 480) == (outcome["bucket_use"], outcome["charged_seconds"])


@pytest.mark.parametrize(
    ("clock", "duration", "billed"),
    [((30, 60), 31, 90), ((30, 18), 31, 48), ((60, 6), 80, 84), ((30, 6), 30, 30), ((1, 60), 2, 61)],
)
def test_the_initial_increment_is_not_a_multiple_of_the_next(clock, duration, billed):
    """
    Only what is beyond the initial is rounded up. (Two round the whole call to a multiple of the increment.)
    """
    initial, increment = clock
    rate = {"price": "1", "initial": initial, "increment": increment}
    assert billed == charged(rate, duration)["billed_seconds"]


@pytest.mark.parametrize(("clock", "used"), [((1, 1), 5), ((6, 6), 6), ((60, 60), 60)])
def test_a_bucket_pays_increments_and_not_minutes(clock, used):
    """
    5 s take 5 of a 1/1 rate. (One raises the counter to whole minutes.)
    """
    rate = {"price": "0.60", "initial": clock[0], "increment": clock[1]}
    assert {"b": used} == charged(rate, 5, [{"seconds": 600}])["bucket_use"]


@pytest.mark.parametrize(
    ("bucket", "used", "total"),
    [
        ({}, {"b": 50}, "0.1000"),  # the rate's clock: 50 s of the minute, and 10 s are charged
        ({"increment": 60}, {"b": 50}, "0.0000"),  # a clock of its own ends with the bucket, after the call
        ({"increment": 1}, {"b": 45}, "0.0000"),
        ({"partial": "skip"}, {}, "0.6000"),
    ],
)
def test_a_call_inside_the_last_block_of_a_bucket(bucket, used, total):
    """
    45 s in 50 s left, with blocks of 60 s. (One charges it in full and debits the bucket all the same.)
    """
    rate = {"price": "0.60", "initial": 60, "increment": 60}
    outcome = charged(rate, 45, [{"seconds": 50, **bucket}])

    assert (used, total) == (outcome["bucket_use"], outcome["total"])


def test_a_band_edge_is_not_delayed_by_included_minutes():
    """
    40 included seconds, 30 of them in the peak: the rest is off-peak. (One stops its clock meanwhile.)
    """
    (outcome,) = run(
        {
            "rates": [
                {
                    "prefix": "44",
                    "price": "0.06",
                    "bands": [{"name": "peak", "from": "08:00", "to": "20:00", "price": "0.60"}],
                }
            ],
            "buckets": [{"id": "b", "seconds": 40}],
            "calls": [{"id": "c", "to": "44", "answer": "2026-02-03T19:59:30Z", "duration": "100"}],
        }
    )["calls"]

    assert "0.0600" == outcome["total"]


@pytest.mark.parametrize(
    ("price", "duration", "total"),
    [
        ("0.0137", 600, "0.1370"),  # in increments of 6 s, each rounded, 0.1400
        ("0.1", 180, "0.3000"),  # 0.3001
        ("0.7", 60, "0.7000"),  # 0.7002
        ("1200", 60, "1200.0000"),  # 1.2000, where a comma separates thousands
        ("0.3", 1, "0.0050"),
        ("1.1", 180, "3.3000"),  # 3.3000000000000003 as a float
    ],
)
def test_a_call_is_rounded_once(price, duration, total):
    """
    Sums stay exact until the end. (Beside each, what another engine makes of it.)
    """
    assert total == charged({"price": price}, duration)["total"]


def test_grace_adds_no_seconds():
    """
    Beyond the grace the call is charged as it lasted. (One adds the grace time to it, twice.)
    """
    assert 11 == charged({"price": "1", "grace_seconds": 10}, 11)["billed_seconds"]


def test_a_destination_without_a_rate_is_no_free_call():
    """
    It is told. (One charges 0, another writes -1.)
    """
    call = {"id": "c", "to": "44", "answer": "2026-01-05T10:00:00Z", "duration": "1"}
    (outcome,) = run({"rates": [{"prefix": "33", "price": "1"}], "calls": [call]})["calls"]

    assert {"call": "c", "error": "no_rate"} == outcome
