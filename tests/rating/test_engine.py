"""What a call costs: the mistakes that were measured in other engines, and the order of fees."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.bands import Band
from rating.buckets import Bucket, Direction, Partial
from rating.engine import BlockedRate, rate_call
from rating.increments import Increment
from rating.jurisdiction import Jurisdiction
from rating.money import Mode, Rounding, Scope
from rating.prices import Price
from rating.rates import PLAIN, Rate, Rules
from rating.steps import Step

ANSWER = datetime(2026, 1, 5, 10, tzinfo=UTC)


def a_rate(price="0.06", clock=(1, 1), **fields):
    """A rate of prefix 44; a test names what it is about."""
    return Rate("44", Price.of(price), Increment(*clock), **fields)


def rated(rate, duration_s, *buckets, **options):
    """A call to 442071234567 answered at 10:00 on a Monday."""
    return rate_call(
        rate, called="442071234567", answer_at=ANSWER, duration_s=duration_s, buckets=buckets, **options
    )


def test_seconds_beyond_the_bucket_are_charged():
    """
    600 s with 120 s left at 0.60 cost 4.80. One engine gives the whole call away while a second is left.
    """
    rating = rated(a_rate("0.60"), 600, Bucket("b", 120))

    assert "4.8000" == rating.total_text
    assert 4_800_000 == rating.total_micros
    assert {"b": 120} == rating.bucket_use
    assert (600, 480) == (rating.billed_s, rating.charged_s)


def test_the_block_is_counted_after_the_initial():
    """
    31 s on 30/60 bill 90 s, on 30/18 48 s. Engines that round the whole call say 60 and 36.
    """
    assert 90 == rated(a_rate(clock=(30, 60)), 31).billed_s
    assert 48 == rated(a_rate(clock=(30, 18)), 31).billed_s


def test_a_bucket_by_the_second_loses_only_the_seconds():
    """
    5 s take 5 from a 1/1 bucket under a 60/60 rate. One engine raises its counter to whole minutes.
    """
    rating = rated(a_rate(clock=(60, 60)), 5, Bucket("b", 600, increment_s=1))

    assert {"b": 5} == rating.bucket_use
    assert "0.0000" == rating.total_text


def test_is_rounded_once():
    """
    100 increments of 6 s at 0.0137 give 0.1370; 0.1400 only when each one is rounded.
    """
    rate = a_rate("0.0137", (6, 6))

    assert "0.1370" == rated(rate, 600).total_text
    assert "0.1400" == rated(rate, 600, rounding=Rounding(4, scope=Scope.INCREMENT)).total_text


@pytest.mark.parametrize(
    ("price", "duration_s", "expected"), [("0.1", 180, "0.3000"), ("0.35", 120, "0.7000")]
)
def test_no_float_leaves_a_trace(price, duration_s, expected):
    """
    Where a float engine books 0.3001 and 0.7002.
    """
    assert expected == rated(a_rate(price), duration_s, rounding=Rounding(4, Mode.UP)).total_text


def test_1200_stays_1200():
    """
    Large whole amounts keep their zeros on both sides of the point.
    """
    rating = rated(a_rate("1200"), 60)

    assert "1200.0000" == rating.total_text
    assert 1_200_000_000 == rating.total_micros


def test_an_exact_third_is_not_cut():
    """
    1/30 a second for 90 s is exactly 3.
    """
    assert 3 == rated(a_rate("2"), 90).total


def test_free_time_does_not_hold_back_the_clock():
    """
    Steps count from the answer, also while a bucket pays. One engine's clock stands still meanwhile.
    """
    rate = a_rate("0.60", rules=Rules(steps=(Step(60, Price.of("0.06")),)))

    rating = rated(rate, 120, Bucket("b", 60))

    assert "0.0600" == rating.total_text


def test_a_call_of_no_length_costs_nothing():
    """
    Neither the connect fee nor the minimum.
    """
    rate = a_rate(connect_fee=Fraction(1), rules=Rules(min_charge=Fraction(1)))

    rating = rated(rate, 0, Bucket("b", 60))

    assert (0, 0, {}, ()) == (rating.billed_s, rating.units, rating.bucket_use, rating.slices)


@pytest.mark.parametrize(("duration_s", "expected"), [("3", "0.0000"), ("3.01", "0.0440")])
def test_grace_looks_at_the_raw_duration(duration_s, expected):
    """
    3 s of grace forgive 3 s, but not a hundredth more.
    """
    rate = a_rate(connect_fee=Fraction("0.04"), rules=Rules(grace_s=3))

    assert expected == rated(rate, Decimal(duration_s)).total_text


def test_the_fee_is_due_for_a_call_within_the_free_seconds():
    """
    Free seconds are free of the price, not of the connect fee.
    """
    rating = rated(a_rate(connect_fee=Fraction("0.04"), rules=Rules(free_s=10)), 10)

    assert ("0.0400", ()) == (rating.total_text, rating.slices)


@pytest.mark.parametrize(("on_included", "expected"), [(False, "0.0100"), (True, "0.0400")])
def test_minutes_that_pay_the_first_second_waive_the_fee(on_included, expected):
    """
    Unless the rate says that it is due all the same.
    """
    rules = Rules(connect_fee_on_included=True) if on_included else PLAIN

    assert (
        expected == rated(a_rate(connect_fee=Fraction("0.03"), rules=rules), 30, Bucket("b", 20)).total_text
    )


def test_fees_come_in_the_order_of_the_tariff():
    """
    (0.06 + 0.04) + 10 % = 0.11, at least 0.20, at most 0.15, then payphone 0.30 and dips 0.001.
    """
    rules = Rules(
        surcharge_percent=Fraction(10),
        min_charge=Fraction("0.20"),
        max_charge=Fraction("0.15"),
        payphone_surcharge=Fraction("0.30"),
    )
    rate = a_rate(connect_fee=Fraction("0.04"), rules=rules)

    assert "0.4510" == rated(rate, 60, payphone=True, dips=Fraction("0.001")).total_text
    assert "0.1500" == rated(rate, 60).total_text
    assert "0.1100" == rated(rate._replace(rules=Rules(surcharge_percent=Fraction(10))), 60).total_text


def test_minutes_that_pay_all_owe_no_minimum():
    """
    The minimum is for what is charged in money; dips are owed all the same.
    """
    rate = a_rate(rules=Rules(min_charge=Fraction("0.20")))

    assert "0.0000" == rated(rate, 60, Bucket("b", 60)).total_text
    assert "0.0010" == rated(rate, 60, Bucket("b", 60), dips=Fraction("0.001")).total_text


def test_a_blocked_rate_is_never_charged():
    """
    It is an error of the caller, who should have refused or queued the call.
    """
    with pytest.raises(BlockedRate, match="calls to 44 are blocked"):
        rated(a_rate(blocked=True), 60)


def test_a_plan_counts_time_its_own_way():
    """
    Increments and rounding of the plan replace those of the deck, in bands and steps too.
    """
    rules = Rules(bands=(Band("day", 0, 86400, initial_s=5, following_s=5),), steps=(Step(60, None, 7),))
    rate = a_rate(clock=(1, 1), rules=rules).with_increments(60, 30)

    assert 90 == rated(rate, 61).billed_s
    assert 120 == rated(rate, 91).billed_s
    assert "0.09" == rated(rate, 61, rounding=Rounding(2)).total_text


def test_a_jurisdiction_has_its_price():
    """
    And the base price where the rate names none.
    """
    rate = a_rate("0.02", rules=Rules(jurisdiction={Jurisdiction.INTRASTATE: Price.of("0.012")}))

    assert "0.0120" == rated(rate.in_jurisdiction(Jurisdiction.INTRASTATE), 60).total_text
    assert "0.0200" == rated(rate.in_jurisdiction(Jurisdiction.INTERSTATE), 60).total_text


PRICES = st.integers(0, 10**9).map(Price.nano)
CLOCKS = st.builds(Increment, st.integers(0, 90), st.integers(1, 90))
FEES = st.integers(0, 10**6).map(lambda micros: Fraction(micros, 10**6))
FLAT_RATES = st.tuples(PRICES, CLOCKS, FEES).map(lambda fields: Rate("44", *fields))
BUCKETS = st.lists(
    st.builds(
        Bucket,
        id=st.uuids().map(str),
        seconds=st.integers(0, 200),
        priority=st.integers(0, 2),
        prefixes=st.just(("",)),
        valid_from=st.none(),
        valid_to=st.none(),
        partial=st.sampled_from(Partial),
        initial_s=st.none(),
        increment_s=st.one_of(st.none(), st.integers(1, 30)),
        devices=st.none(),
        direction=st.sampled_from([Direction.ANY, Direction.OUT]),
    ),
    max_size=3,
)


@given(FLAT_RATES, BUCKETS, st.integers(0, 400), st.integers(0, 200))
def test_a_longer_call_never_costs_less(rate, buckets, duration_s, more_s):
    """
    Neither in money nor in minutes; a grant relies on it.
    """
    shorter, longer = rated(rate, duration_s, *buckets), rated(rate, duration_s + more_s, *buckets)

    assert shorter.units <= longer.units
    assert all(shorter.bucket_use[name] <= longer.bucket_use.get(name, 0) for name in shorter.bucket_use)


@given(FLAT_RATES, BUCKETS, st.integers(1, 400))
def test_every_billed_second_is_paid_once(rate, buckets, duration_s):
    """
    Slices follow each other without gap from the answer on; buckets never go below empty.
    """
    rating = rated(rate, duration_s, *buckets)

    assert duration_s <= rating.billed_s
    assert rating.billed_s == rating.charged_s + sum(rating.bucket_use.values())
    ends = [0, *(line.from_s + line.seconds for line in rating.slices)]
    assert ends[:-1] == [line.from_s for line in rating.slices]
    assert ends[-1] == rating.billed_s
    assert all(rating.bucket_use.get(bucket.id, 0) <= bucket.seconds for bucket in buckets)
    money = sum(Fraction(line.numerator, line.denominator) for line in rating.slices)
    assert rating.units == rating.rounding.units(*(money + rating.connect_fee).as_integer_ratio())


@given(FLAT_RATES, BUCKETS, st.integers(0, 400))
def test_the_short_way_and_the_general_way_agree(rate, buckets, duration_s):
    """
    Rules that say nothing, but are not PLAIN, send a call the general way.
    """
    general = rated(rate._replace(rules=Rules()), duration_s, *buckets)

    assert general == rated(rate, duration_s, *buckets)
