"""Results in every form that they can be asked for."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from provisioning.cli.framework import Command
from provisioning.cli.output import print_document, print_rows, spreadsheet_cell, table_lines
from provisioning.cli.text import cell, money, price, printable

COLUMNS = ("number", "amount", "at", "flags", "open")
AT = datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1)))
ROWS = [
    ("+15551230001", Decimal("-0.000001"), AT, ["a", "b"], True),
    ("=1+1", Decimal("12.50"), None, [], False),
]


@click.command(cls=Command, example="rows")
@click.pass_context
def rows(ctx: click.Context) -> None:
    print_rows(ctx, COLUMNS, ROWS)


@click.command(cls=Command, example="document")
@click.pass_context
def document(ctx: click.Context) -> None:
    print_document(ctx, {"name": "bad\x1b[2Jname\n", "total": Decimal("1.10"), "at": AT})


def printed(command: click.Command, *options: str) -> str:
    return CliRunner().invoke(command, options, catch_exceptions=False).stdout


def test_writes_lines_with_tabs_into_a_pipe():
    """
    A pipe gets a header and one line a row, with moments in UTC and numbers in full.
    """
    assert [
        "number\tamount\tat\tflags\topen",
        "+15551230001\t-0.000001\t2026-03-01T09:30:00Z\ta,b\tyes",
        "=1+1\t12.50\t\t\tno",
    ] == printed(rows).splitlines()


def test_writes_one_json_document():
    """
    JSON has a list of objects; decimals are strings, so that no reader makes a float of them.
    """
    assert [
        {
            "number": "+15551230001",
            "amount": "-0.000001",
            "at": "2026-03-01T09:30:00Z",
            "flags": ["a", "b"],
            "open": True,
        },
        {"number": "=1+1", "amount": "12.50", "at": None, "flags": [], "open": False},
    ] == json.loads(printed(rows, "--json"))


def test_writes_an_empty_json_list():
    """
    No rows are an empty list, not nothing.
    """

    @click.command(cls=Command, example="nothing")
    @click.pass_context
    def nothing(ctx: click.Context) -> None:
        print_rows(ctx, COLUMNS, [])

    assert [] == json.loads(printed(nothing, "--json"))


def test_writes_json_lines():
    """
    JSON lines have one object a line.
    """
    assert ["+15551230001", "=1+1"] == [
        json.loads(line)["number"] for line in printed(rows, "--jsonl").splitlines()
    ]


def test_writes_csv_that_no_spreadsheet_calculates():
    """
    A formula gets an apostrophe; a phone number and a negative amount are left as they are.
    """
    read = list(csv.reader(io.StringIO(printed(rows, "--csv"))))

    assert [list(COLUMNS), ["+15551230001", "-0.000001", "2026-03-01T09:30:00Z", "a,b", "yes"]] == read[:2]
    assert "'=1+1" == read[2][0]


def test_writes_a_document_as_lines_that_no_terminal_obeys():
    """
    Octets that steer a terminal, and line breaks, are shown as escapes.
    """
    assert [
        r"name   bad\x1b[2Jname\n",
        "total  1.10",
        "at     2026-03-01T09:30:00Z",
    ] == printed(document).splitlines()


def test_aligns_a_table():
    """
    Text stands left, numbers right, and what is absent is a dash.
    """
    assert ["NAME   SECONDS", "alice        5", "-         1000"] == table_lines(
        ("name", "seconds"), [("alice", 5), (None, 1000)]
    )


@pytest.mark.parametrize("text", ["=1", "+1-1", "-1", "@SUM(A1)", "\t=1", "\r=1", "+", "+" + 21 * "1"])
def test_defuses_cells_that_a_spreadsheet_would_calculate(text):
    """
    Text that begins like a formula gets an apostrophe.
    """
    assert "'" + text == spreadsheet_cell(text)


@pytest.mark.parametrize("value", ["+442071838750", "442071838750", "a=b", "", None, -5, Decimal("-1.5"), AT])
def test_leaves_other_cells_alone(value):
    """
    Phone numbers, numbers and plain text are exported as they are.
    """
    assert cell(value) == spreadsheet_cell(value)


@given(st.text())
def test_nothing_unprintable_is_left_in_a_table(text):
    """
    Whatever a packet held, a table's cell is printable, and printable text is unchanged.
    """
    assert printable(text).isprintable()
    if text.isprintable():
        assert text == printable(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_money_and_prices_are_exact(units):
    """
    Shown amounts are the stored units, whatever their size.
    """
    assert units == int(money(units) * 10**6)
    if units >= 0:
        assert units == int(price(units) * 10**9)


def test_price_shows_no_more_digits_than_it_has():
    """
    12.5 is not shown as 12.500000000, and 1200 not as 1.2E+3.
    """
    assert ["12.5", "1200", "0"] == [cell(price(nano)) for nano in (12_500_000_000, 1_200_000_000_000, 0)]


def test_moments_are_utc():
    """
    Milliseconds are shown when there are any.
    """
    assert "2026-03-01T09:30:00.250Z" == cell(datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC))
