"""Amounts: reading, writing, and the one rounding."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.money import (
    Mode,
    Rounding,
    exact_text,
    fraction,
    micros,
    micros_text,
    parse_exact,
    units_text,
)

FRACTIONS = st.fractions(min_value=0, max_value=10**6, max_denominator=10**6)
DECIMAL_MODES = {
    Mode.UP: ROUND_CEILING,
    Mode.DOWN: ROUND_DOWN,
    Mode.HALF_UP: ROUND_HALF_UP,
    Mode.HALF_EVEN: ROUND_HALF_EVEN,
}


@pytest.mark.parametrize(
    ("mode", "amount", "expected"),
    [
        ("half_up", "0.00005", 1),
        ("half_up", "0.00004999", 0),
        ("half_even", "0.00005", 0),
        ("half_even", "0.00015", 2),
        ("half_even", "0.000150001", 2),
        ("up", "0.000000001", 1),
        ("up", "0.0001", 1),
        ("down", "0.00019999", 1),
    ],
)
def test_rounds_to_four_decimals(mode, amount, expected):
    """
    Each mode has its own way with what lies between two steps.
    """
    exact = fraction(amount)

    assert expected == Rounding(4, Mode(mode)).units(exact.numerator, exact.denominator)


@given(st.decimals(0, 10**6, places=9), st.integers(0, 8), st.sampled_from(Mode))
def test_rounds_as_the_decimal_module_does(amount, decimals, mode):
    """
    The integers agree with Python's own decimal arithmetic.
    """
    expected = amount.quantize(Decimal(1).scaleb(-decimals), DECIMAL_MODES[mode])
    exact = Fraction(amount)

    assert format(expected, "f") == units_text(
        Rounding(decimals, mode).units(exact.numerator, exact.denominator), decimals
    )


@given(FRACTIONS, st.integers(0, 10**6), st.integers(0, 6), st.sampled_from(Mode))
def test_the_ceiling_is_where_rounding_goes_beyond(amount, units, decimals, mode):
    """
    An amount is within the ceiling of so many steps exactly when it rounds to them or fewer.
    """
    rounding = Rounding(decimals, mode)
    over, under, inclusive = rounding.ceiling(units)
    limit = Fraction(over, under)

    for probe in (amount, limit, limit + Fraction(1, 10**9), max(limit - Fraction(1, 10**9), Fraction(0))):
        within = probe <= limit if inclusive else probe < limit
        assert within == (rounding.units(probe.numerator, probe.denominator) <= units)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1200", "1200.000000"), ("0.000001", "0.000001"), ("-3.5", "-3.500000"), ("0.1000000", "0.100000")],
)
def test_micro_units_are_read_and_written(text, expected):
    """
    1200 stays 1200: no exponent, no lost zero.
    """
    assert expected == micros_text(micros(text))


def test_a_whole_amount_keeps_its_decimals():
    """
    1200 with four decimals is 1200.0000; without any it is 1200.
    """
    assert "1200.0000" == units_text(12_000_000, 4)
    assert "1200" == units_text(1200, 0)


@given(st.integers(-(10**15), 10**15))
def test_micro_units_survive_writing_and_reading(amount):
    """
    Write then read is the identity.
    """
    assert amount == micros(micros_text(amount))


@given(st.fractions(max_denominator=10**8))
def test_exact_amounts_survive_writing_and_reading(amount):
    """
    Write then read is the identity, with decimals that end and with those that never do.
    """
    assert amount == parse_exact(exact_text(amount))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [((105, 1000), "0.105"), ((1, 30), "1/30"), ((0, 1), "0"), ((2107, 300000), "2107/300000")],
)
def test_writes_exact_amounts_in_the_shortest_form(amount, expected):
    """
    Decimals without needless zeros, a ratio where they would not end.
    """
    assert expected == exact_text(Fraction(*amount))


@pytest.mark.parametrize(
    "text", ["", "1e5", "0,5", " 1", "1.", ".5", "NaN", "Infinity", "--1", "1" * 100, "١"]
)
def test_refuses_what_is_no_plain_decimal(text):
    """
    Exponents, commas, blanks and other scripts' digits are not guessed at.
    """
    with pytest.raises(ValueError, match="is not a decimal number"):
        fraction(text)


def test_refuses_micro_units_that_would_be_lost():
    """
    A seventh decimal that counts is an error, not a rounding.
    """
    with pytest.raises(ValueError, match="more than 6 decimals"):
        micros("0.0000001")


def test_refuses_absurd_decimals():
    """
    A rounding rule is bounded.
    """
    with pytest.raises(ValueError, match="decimals must be between 0 and 30, not 31"):
        Rounding(31)
