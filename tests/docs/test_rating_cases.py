"""The page about rating cases: its example passes, and its table has the fields that a rate has."""

import json
import re

from rating.cases import check
from rating.notation import _RATE_FIELDS
from tests.docs.pages import DOCS, blocks, tables

PAGE = DOCS / "reference" / "rating-cases.md"


def test_the_example_comes_out_as_it_says() -> None:
    """
    Once; and with the other total, the printed difference is what the command prints.
    """
    example, told = blocks(PAGE)
    (case,) = json.loads(example.text)["cases"]

    (checked,) = check([case])
    assert [] == checked.found
    case["expect"]["calls"][0]["total"] = "0.0200"
    (checked,) = check([case])
    assert [f"  {line}" for line in checked.found] == told.text.splitlines()[1:-1]


def test_the_table_has_every_field_of_a_rate() -> None:
    """
    No more and no less than the engine reads.
    """
    rows = tables(PAGE)[0][1:]
    written = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]

    assert sorted(_RATE_FIELDS) == sorted(written)
