"""Decks: longest prefix, price versions, callers, and what a bad row says."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.decks import Deck
from rating.increments import Increment
from rating.origins import Origin
from rating.prices import Price
from rating.rates import Rate, Rules

START = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def a_row(
    prefix, price_nano=10_000_000, effective_at=START, expires_at=None, blocked=False, fee=0, name="Somewhere"
):
    """A row of a flat deck; a test names what it is about."""
    return prefix, name, price_nano, fee, 60, 6, effective_at, expires_at, blocked


def day(number):
    """A day of January 2026."""
    return START + timedelta(days=number - 1)


def test_finds_the_longest_prefix():
    """
    All fields of the row come back, prices and fees exact.
    """
    deck = Deck.build([a_row("44"), a_row("4477", 20_000_000, fee=30_000, name="UK mobile"), a_row("43")])

    rate = deck.lookup("447712345678", NOON)

    assert rate is not None
    assert ("4477", "UK mobile") == (rate.prefix, rate.description)
    assert Price(20_000_000, 10**9, 60) == rate.price
    assert Increment(60, 6) == rate.increment
    assert Fraction(3, 100) == rate.connect_fee
    assert (START, None, False) == (rate.effective_at, rate.expires_at, rate.blocked)


def test_has_no_rate_for_a_number_of_nobody():
    """
    No entry is a prefix of it; neither are entries that are longer than the number.
    """
    deck = Deck.build([a_row("44"), a_row("8810")])

    assert None is deck.lookup("49", NOON)
    assert None is deck.lookup("881", NOON)
    assert None is deck.lookup("", NOON)
    assert None is Deck.build([]).lookup("44", NOON)


def test_an_empty_prefix_is_for_everybody():
    """
    The default entry catches what nothing longer does.
    """
    deck = Deck.build([a_row(""), a_row("44")])

    assert "" == deck.lookup("999", NOON).prefix
    assert "" == deck.lookup("anonymous", NOON).prefix
    assert "44" == deck.lookup("44x", NOON).prefix


def test_an_entry_that_is_not_in_force_hides_nothing():
    """
    One to come and one that has expired leave the shorter prefix standing.
    """
    deck = Deck.build([a_row("44"), a_row("447", effective_at=day(20)), a_row("4477", expires_at=day(10))])

    assert "44" == deck.lookup("44770", NOON).prefix
    assert "447" == deck.lookup("44770", day(20)).prefix
    assert "4477" == deck.lookup("44770", day(10) - timedelta(microseconds=1)).prefix
    assert "44" == deck.lookup("44770", day(10)).prefix


def test_the_newest_version_in_force_counts():
    """
    Versions may be given in any order.
    """
    deck = Deck.build([a_row("44", 2, day(10)), a_row("44", 1), a_row("44", 3, day(20))])

    assert [1, 2, 3] == [deck.lookup("44", day(number)).price.units for number in (5, 15, 25)]


def test_a_blocked_entry_is_returned():
    """
    It is the caller who refuses, and can say which prefix is blocked.
    """
    deck = Deck.build([a_row("44"), a_row("4479", blocked=True)])

    assert True is deck.lookup("44791", NOON).blocked


@pytest.mark.parametrize(
    ("number", "expected"),
    [("8821", "88"), ("881", "881"), ("99", ""), ("44770", "44"), ("", ""), ("8x", "8")],
)
def test_says_how_far_it_knows_a_number(number, expected):
    """
    Entries not in force do not count: 4477 has expired.
    """
    deck = Deck.build([a_row("8816"), a_row("8835"), a_row("44"), a_row("4477", expires_at=day(2))])

    assert expected == deck.nearest(number, NOON)


def an_origin_rate(prefix, price, origin=None, effective_at=START):
    """A rate of a group of callers."""
    return Rate(prefix, Price.of(price), effective_at=effective_at, rules=Rules(origin=origin))


EEA = Origin("EEA", ("31", "33", "35"))
PORTUGAL = Origin("PT", ("351",))
INVALID = Origin("BAD", invalid=True)


@pytest.mark.parametrize(
    ("calling", "called", "price"),
    [
        ("33145678901", "4930", "0.01"),
        ("351123456789", "4930", "0.015"),
        ("14155550100", "4930", "0.5"),
        ("", "4930", "0.8"),
        (None, "4930", "0.8"),
        ("anonymous", "4930", "0.8"),
        ("123456", "4930", "0.8"),
        ("3314567890123456", "4930", "0.8"),
        ("33145678901", "4915", "0.02"),
        ("14155550100", "4915", "0.5"),  # the entries of 4915 are for others
    ],
)
def test_the_longest_origin_counts_within_the_longest_prefix(calling, called, price):
    """
    An invalid caller is of the invalid group only; an entry without origin is for everybody.
    """
    deck = Deck.of(
        [
            an_origin_rate("49", "0.5"),
            an_origin_rate("49", "0.01", EEA),
            an_origin_rate("49", "0.8", INVALID),
            an_origin_rate("49", "0.015", PORTUGAL),
            an_origin_rate("4915", "0.02", EEA),
        ]
    )

    assert price == deck.lookup(called, NOON, calling).price.text


def test_the_newest_counts_within_an_origin():
    """
    But a newer price for everybody does not beat that of the caller's own group.
    """
    rates = [
        an_origin_rate("49", "1", EEA),
        an_origin_rate("49", "2", EEA, day(5)),
        an_origin_rate("49", "3", None, day(9)),
    ]

    assert "2" == Deck.of(rates).lookup("49", NOON, "33145678901").price.text


PREFIXES = st.text("0123", max_size=4)
ROWS = st.lists(
    st.tuples(PREFIXES, st.integers(0, 20), st.integers(1, 5), st.one_of(st.none(), st.integers(2, 6))),
    max_size=25,
)


@given(ROWS, st.text("0123", max_size=6), st.integers(1, 6))
def test_finds_what_a_naive_scan_finds(rows, number, today):
    """
    In whatever order the rows come.
    """
    deck = Deck.build(
        a_row(prefix, price, day(start), end and day(end)) for prefix, price, start, end in rows
    )
    fitting = [
        row
        for row in rows
        if number.startswith(row[0]) and row[2] <= today and (row[3] is None or today < row[3])
    ]
    best = max(fitting, key=lambda row: (len(row[0]), row[2]), default=None)

    found = deck.lookup(number, day(today))

    if best is None:
        assert found is None
    else:
        assert (best[0], best[1], day(best[2])) == (found.prefix, found.price.units, found.effective_at)


@given(ROWS)
def test_gives_back_all_rows(rows):
    """
    Nothing is lost in the columns: built again from its rates it is the same.
    """
    deck = Deck.build(
        a_row(prefix, price, day(start), end and day(end)) for prefix, price, start, end in rows
    )
    rates = list(deck.rates())

    assert len(rows) == len(deck) == len(rates)
    assert len({row[0] for row in rows}) == deck.prefix_count
    assert sorted((row[0], row[1]) for row in rows) == sorted(
        (rate.prefix, rate.price.units) for rate in rates
    )
    assert rates == list(Deck.of(rates).rates())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (a_row("44a"), "row 2, prefix '44a': a prefix has at most 15 characters, all of them digits"),
        (a_row("4" * 16), "at most 15 characters"),
        (a_row("٤٤"), "all of them digits"),
        (a_row("44", -1), "price_nano must be between 0 and"),
        (a_row("44", 2**63), "price_nano must be between 0 and"),
        (a_row("44", fee=-1), "connect_fee_micros cannot be negative"),
        (a_row("44", effective_at=datetime(2026, 1, 1)), "effective_at must carry a zone"),  # noqa: DTZ001
        (("44", "", 1, 0, 60, 0, START, None, False), "increment must be 1 or more seconds, not 0"),
    ],
)
def test_a_bad_row_is_named(row, message):
    """
    With its number, its prefix, and what is wrong.
    """
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        Deck.build([a_row("1"), row])
