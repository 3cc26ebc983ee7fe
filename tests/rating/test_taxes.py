"""Taxes: a share rounded once or by line, fixed amounts, and credits that take tax back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.taxes import Tax

VAT = Tax("vat", percent_nano=19 * 10**9)
CENT = 10_000


@pytest.mark.parametrize(
    ("tax", "lines", "micros"),
    [
        (VAT, [100 * 10**6], 19 * 10**6),
        (VAT, [], 0),
        (VAT, [130_000, 130_000], 5 * CENT),  # 0.0494 once
        (Tax("vat", 19 * 10**9, per_line=True), [130_000, 130_000], 4 * CENT),  # 0.0247 twice is 0.02 twice
        (Tax("half", 5 * 10**8), [10**6], CENT),  # 0.005 is rounded up
        (Tax("levy", fixed_micros=250_000), [10**6], 250_000),
        (VAT, [10**6, -(10**6)], 0),
        (VAT, [-(10**6)], -190_000),
        (Tax("fine", 19 * 10**9, decimals=6), [1], 0),
    ],
)
def test_tax(tax, lines, micros):
    """
    In micro-units, half up.
    """
    assert micros == tax.on(lines)


def test_fixed_amounts_are_due_for_each():
    """
    An emergency levy of 0.50 for each of three services.
    """
    assert 1_500_000 == Tax("e911", fixed_micros=500_000).on([], fixed_count=3)


@given(st.lists(st.integers(-(10**12), 10**12), max_size=20), st.booleans())
def test_taking_back_everything_leaves_no_tax(lines, per_line):
    """
    Charges and the same credits are taxed to nothing, whichever way it is rounded.
    """
    tax = Tax("vat", 77 * 10**8, per_line=per_line)

    assert 0 == tax.on([*lines, *(-line for line in lines)])
