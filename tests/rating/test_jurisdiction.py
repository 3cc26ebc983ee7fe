"""States of numbers, and calls across state lines."""

import pytest

from rating.jurisdiction import Jurisdiction, classify, is_payphone, state_of, with_country_code

STATES = {"212": "NY", "415": "CA", "787": "PR", "310": "NV", "310555": "CA", "646222": "NY", "800": "XX"}


@pytest.mark.parametrize(
    ("number", "lrn", "expected"),
    [
        ("12125550100", None, "NY"),
        ("+12125550100", None, "NY"),
        ("13105550100", None, "CA"),  # NPA-NXX before NPA
        ("13104440100", None, "NV"),
        ("14155550100", "16462220000", "NY"),  # ported
        ("14155550100", "6462220000", "NY"),
        ("14155550100", "garbage", None),
        ("18005550100", None, None),  # toll-free is in no state, whatever a table says
        ("442125550100", None, None),
        ("2125550100", None, None),  # not E.164
        ("anonymous", None, None),
        ("", None, None),
        ("1٢١٢٥٥٥٠١٠٠", None, None),
    ],
)
def test_knows_the_state_of_a_number(number, lrn, expected):
    """
    By NPA-NXX, else by NPA; a location routing number replaces the number.
    """
    assert expected == state_of(number, STATES, lrn)


@pytest.mark.parametrize(
    ("calling", "called", "expected"),
    [
        ("NY", "NY", Jurisdiction.INTRASTATE),
        ("NY", "CA", Jurisdiction.INTERSTATE),
        (None, "CA", Jurisdiction.INDETERMINATE),
        ("NY", None, Jurisdiction.INDETERMINATE),
        (None, None, Jurisdiction.INDETERMINATE),
    ],
)
def test_two_states_make_a_jurisdiction(calling, called, expected):
    """
    What is not known on either side is indeterminate, and two unknowns are not equal.
    """
    assert expected is classify(calling, called)


@pytest.mark.parametrize(
    ("ii", "called", "expected"),
    [
        ("27", "18005550100", True),
        ("70", "18335550100", True),
        ("00", "18005550100", False),
        (None, "18005550100", False),
        ("29", "12125550100", False),
    ],
)
def test_a_payphone_is_paid_for_toll_free_calls(ii, called, expected):
    """
    ANI II 27, 29 and 70.
    """
    assert expected is is_payphone(ii, called)


@pytest.mark.parametrize("lrn", ["6462220000", "16462220000", "+16462220000"])
def test_an_lrn_has_its_country_code(lrn):
    """
    Ten digits are North American, so that the deck is asked for the same number.
    """
    assert "16462220000" == with_country_code(lrn)
