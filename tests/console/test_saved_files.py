"""Tables of the console that are saved as CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from provisioning.console.pages import csv_file


def test_a_negative_amount_is_a_number_and_a_text_no_formula() -> None:
    """
    With an apostrophe no spreadsheet would add it up.
    """
    file = csv_file("a.csv", ("difference", "calling"), [(Decimal("-0.0300"), "-1+1"), (None, "+44")])

    rows = list(csv.reader(io.StringIO(file.octets.decode("utf-8-sig"))))
    assert [["-0.03", "'-1+1"], ["", "+44"]] == rows[1:]
