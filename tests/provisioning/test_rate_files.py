"""CSV decks are read forgivingly where the meaning is plain, and refused line by line where it is not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioning.rate_files import ALWAYS, MOST_PROBLEMS, Problems, Rate, RateFile
from radiusd.errors import BadInput

HEADER = "prefix,description,rate,connect_fee,initial,increment,effective,expires,blocked\n"
ROW = "1512,Austin,0.0125,0.01,30,6,2026-11-01,2027-01-01T00:00:00Z,no\n"
AUSTIN = Rate(
    prefix="1512",
    description="Austin",
    price_nano=12_500_000,
    connect_fee_micros=10_000,
    initial_s=30,
    increment_s=6,
    effective_at=datetime(2026, 11, 1, tzinfo=UTC),
    expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    blocked=False,
)


def read(path: Path, content: str | bytes) -> tuple[list[tuple[int, Rate]], list[str]]:
    """Return the rates with their lines, and the problems without the path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    problems = Problems("rates.csv")
    return list(RateFile(path).rates(problems)), problems.found


def test_reads_a_row(path):
    """
    Every column in its unit: nano-units a minute, micro-units, seconds, UTC.
    """
    assert ([(2, AUSTIN)], []) == read(path, HEADER + ROW)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("1512", "+1 512"),
        lambda text: text.replace("1512", "001512"),
        lambda text: text.replace("Austin", '"Austin"').replace("0.0125", " 0.0125 "),
        lambda text: text.upper().replace("AUSTIN", "Austin"),
        lambda text: text.replace("connect_fee", "Connect Fee"),
        lambda text: text.rstrip("\n") + "\n\n,,,,,,,,\n",
        lambda text: text.rstrip("\n"),
    ],
)
def test_forgives_what_spreadsheets_do(path, change):
    """
    Byte order mark, line ends, separators, quotes, case, blank rows: the same rates.
    """
    assert ([(2, AUSTIN)], []) == read(path, change(HEADER + ROW))


def test_columns_stand_in_any_order_and_only_four_are_needed(path):
    """
    What is left out: no description, no fee, in force since ever, for ever.
    """
    rates, problems = read(path, "increment,rate,initial,prefix\n6,0.01,30,*\n")

    assert [] == problems
    assert [(2, Rate("", "", 10_000_000, 0, 30, 6, ALWAYS, None, False))] == rates


def test_a_blocked_prefix_needs_no_rate(path):
    """
    Nobody pays for what cannot be called; any other rate must be said, zero too.
    """
    rates, problems = read(
        path, "prefix,rate,initial,increment,blocked\n88,,1,1,yes\n89,0,1,1,\n90,,1,1,no\n"
    )

    assert [("88", 0, True), ("89", 0, False)] == [(r.prefix, r.price_nano, r.blocked) for _, r in rates]
    assert ["rates.csv:4:2: rate: it is empty; write 0 for calls that cost nothing"] == problems


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("1512", "15A2"), "1: prefix: '15A2' is no code of digits"),
        (("1512", ""), "1: prefix: it is empty"),
        (("Austin", "Aus\x1btin"), "2: description: use up to 200 characters"),
        (("0.0125", "0,0125"), " 10 fields, where the titles name 9 columns"),
        (("0.0125", '"0,0125"'), "3: rate: '0,0125' is not a number with a decimal point"),
        (("0.0125", "-0.01"), "3: rate: -0.01 is not from 0 to 1000000"),
        (("0.0125", "1e9"), "3: rate: '1e9' is not a number with a decimal point"),
        (("0.0125", "0.0000000001"), "3: rate: 0.0000000001 has more than 9 decimals"),
        (("0.01,", "0.0000001,"), "4: connect_fee: 0.0000001 has more than 6 decimals"),
        (("30,6", "30,0"), "6: increment: '0' is not a number of seconds from 1 to 86400"),
        (("30,6", "99999,6"), "5: initial: '99999' is not a number of seconds from 1 to 86400"),
        (("30,6", "30,x"), "6: increment: 'x' is no increment like 30/6"),
        (("30,6", "30,999999999999999999"), "6: increment: '999999999999999999' is not"),
        (("2026-11-01", "31.11.2026"), "7: effective: '31.11.2026' is no date: day"),
        (("2027-01-01", "2026-01-01"), "8: expires: it is not after effective"),
        ((",no", ",maybe"), "9: blocked: 'maybe' is neither yes nor no"),
    ],
)
def test_tells_the_line_and_the_field_of_a_mistake(path, change, problem):
    """
    The rows around a bad one are read as if it were not there.
    """
    rates, problems = read(path, HEADER + ROW + ROW.replace(*change) + ROW)

    assert [2, 4] == [line for line, _ in rates]
    assert 1 == len(problems)
    assert problems[0].startswith(f"rates.csv:3:{problem}")


def test_tells_all_mistakes_of_a_row(path):
    """
    Two wrong fields are two lines of the report.
    """
    _, problems = read(path, HEADER + ROW.replace("1512", "x").replace("0.0125", "y"))

    assert 2 == len(problems)


def test_stops_after_enough_mistakes(path):
    """
    A file of the wrong kind does not fill the screen.
    """
    _, problems = read(path, HEADER + ROW.replace("1512", "x") * 1000)

    assert MOST_PROBLEMS == len(problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "rates.csv:1: there are no rates in it"),
        ("prefix,remark\n1,0.01\n", "rates.csv:1: no column is known for a code and one for a price"),
        ("prefix,rate,efective\n", "rates.csv:1: column 'efective' is unknown; did you mean effective?"),
        ("prefix,rate,price\n", "rates.csv:1: columns rate and price both say rate; take one away"),
    ],
)
def test_refuses_a_file_that_cannot_be_a_deck(path, content, message):
    """
    The first line says what the columns are, so that nothing is guessed.
    """
    with pytest.raises(BadInput, match=message):
        read(path, content)


@pytest.mark.parametrize(
    "bad", ['1,"unclosed\n', '1,"a"b,0,0,1,1,,,\n', "1,\x00,0,0,1,1,,,\n", "1," + "x" * 200_000]
)
def test_survives_what_is_not_csv(path, bad):
    """
    An open quote, a NUL or an endless field is a problem on a line, not a crash.
    """
    rates, problems = read(path, HEADER + ROW + bad)

    assert [2] == [line for line, _ in rates]
    assert problems[0].startswith("rates.csv:3:")


def test_says_when_the_file_is_missing(path):
    """
    The message names the file.
    """
    with pytest.raises(BadInput, match=r"rates\.csv: cannot be read: No such file"):
        RateFile(path).sha256()
