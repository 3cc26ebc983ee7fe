"""Corners of the tariff law where features meet: cases of our own, worked out by hand from the rules."""

from pathlib import Path

import pytest

from rating.cases import check, load

CORNERS = Path(__file__).parents[1] / "vectors" / "tariffs" / "corners.json"
CASES = load(CORNERS)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_a_corner_is_as_the_law_says(case):
    """
    Each names only what it is about: totals, seconds of buckets, slices.
    """
    (checked,) = check([case])

    assert [] == checked.found


def test_every_corner_has_a_name_of_its_own():
    """
    Two cases of one name would hide each other in a report.
    """
    assert len(CASES) == len({case["id"] for case in CASES})
