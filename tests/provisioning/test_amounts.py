"""Amounts are exact from the keyboard to the row."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.amounts import amount_of, micros, nanos, parse_amount
from radiusd.errors import BadInput


@given(st.integers(-(10**15), 10**15))
def test_an_amount_survives_text_and_row(units):
    """
    From micro-units to what an admin reads, and back, is the identity.
    """
    amount = amount_of(units, 6)

    assert units == micros("amount", amount)
    assert units == micros("amount", parse_amount("amount", f"{amount:f}"))


@pytest.mark.parametrize(("text", "units"), [("0.1", 100_000), ("100.00", 100_000_000), ("-5", -5_000_000)])
def test_a_text_is_its_micro_units(text, units):
    """
    A tenth is exactly a tenth.
    """
    assert units == micros("amount", parse_amount("amount", text))


@pytest.mark.parametrize("text", ["", "abc", "1,5", "1e3", "0x10", "NaN", "inf", "1_000", "1" * 50])
def test_refuses_what_is_no_plain_decimal(text):
    """
    A comma, an exponent or a word is not guessed at.
    """
    with pytest.raises(BadInput, match=r"^amount: .*like 0\.0125"):
        parse_amount("amount", text)


@pytest.mark.parametrize(
    "text", ["0.0000001", "1E-41", "1E-999999", "1E999999", "1000000001", "NaN", "sNaN", "-Infinity"]
)
def test_refuses_what_no_row_can_keep(text):
    """
    Too many decimals, too much, or no number: in an instant, whatever the exponent.
    """
    with pytest.raises(BadInput, match=r"^limit: "):
        micros("limit", Decimal(text))


def test_a_price_has_nine_decimals_and_no_sign():
    """
    None stays None: no price is not a price of zero.
    """
    assert 12_500_000 == nanos("price", Decimal("0.0125"))
    assert 1 == nanos("price", Decimal("0.000000001"))
    assert None is nanos("price", None)
    with pytest.raises(BadInput, match=r"^price: -1 is negative"):
        nanos("price", Decimal(-1))


@pytest.mark.parametrize(
    ("units", "text"), [(0, "0"), (10_000_000, "10"), (12_500, "0.0125"), (-1, "-0.000001")]
)
def test_shows_no_needless_digits(units, text):
    """
    No exponents and no trailing zeros.
    """
    assert text == f"{amount_of(units, 6):f}"
