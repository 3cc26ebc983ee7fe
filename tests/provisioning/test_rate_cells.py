"""Cells of rate files: what codes, prices, dates and words come to, and what is refused in them."""

from datetime import UTC, datetime

import pytest

from provisioning.rate_files import ALWAYS
from provisioning.rate_layouts import Layout
from tests.provisioning.rate_reading import AUGUST, read


@pytest.mark.parametrize(
    ("cell", "prefixes"),
    [
        ("+44", ["44"]),
        ("0044", ["44"]),
        ("01144", ["44"]),
        ("'44", ["44"]),
        ("44 20", ["4420"]),
        ("442.0", ["442"]),
        ("4.42E+2", ["442"]),
        ("44 7700-7709", [f"44770{digit}" for digit in range(10)]),
        ("44 20; 7700-7701", ["4420", "447700", "447701"]),
        ("1-512", ["1512"]),
        ("32–34", ["32", "33", "34"]),
        ("44 20, 33 1", ["4420", "331"]),
        ("*", [""]),
        ("44\n45", ["44", "45"]),
        ('=""45""', ["45"]),
        ("^44.*", ["44"]),
        ("+49 (0)30", ["4930"]),
        ("49 40", ["4940"]),
        ("1-264-555", ["1264555"]),
        ("+4420-+4422", ["4420", "4421", "4422"]),
        ("0044-0046", ["44", "45", "46"]),
    ],
)
def test_codes_as_they_are_written(path, cell, prefixes):
    """
    Whatever a spreadsheet or a clerk makes of them.
    """
    rates, problems = read(path, f'code,rate\n"{cell}",1\n')

    assert [] == problems.found
    assert prefixes == [rate.prefix for rate in rates]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("code,rate\n4.42E+11,1.5\n", "2:1: prefix: '4.42E+11': a spreadsheet has dropped its last digits"),
        ("code,rate\n49-41,1.5\n", "2:1: prefix: the range 49-41 runs backwards"),
        ("code,rate\n4420 4421,1.5\n", "2:1: prefix: '4420 4421' could be one code or several; write commas"),
        ("code,rate\n4477/4478,1.5\n", "2:1: prefix: '4477/4478' could be one code or several"),
        ("code,rate\n4420-4425 4430,1.5\n", "2:1: prefix: '4420-4425 4430' could be one code or several"),
        ("code,rate\n44201-3,1.5\n", "2:1: prefix: '44201-3' could be one code or a range; write both"),
        ("country code,area code,rate\n44,20 31,1.5\n", "2:2: prefix: '20 31' could be one code or several"),
        ("npanxx,rate\n212555 212556,1.5\n", "2:1: prefix: '212555 212556' has over 10 digits"),
        ("code,rate\n10000-99999,1.5\n", "2:1: prefix: the range 10000-99999 has 90000 codes"),
        ('code,rate\n44,"1,200"\n', "2:2: rate: '1,200' could be two numbers; say --decimal"),
        (
            'code,rate\n44,0.5\n45,0.6\n46,"0,125"\n',
            "4:2: rate: '0,125' is not a number with a decimal point",
        ),
        (
            "code,rate,from date\n44,1.5,03/04/2022\n",
            "2:3: effective: '03/04/2022' could be two dates; say --dates",
        ),
        (
            "code,rate,from date\n44,1.5,8/16/2022\n45,1.5,9/16/2022\n46,1.5,16/8/2022\n",
            "4:3: effective: '16/8/2022' is no",
        ),
        ("code,rate,status\n44,1.5,Perhaps\n", "2:3: status: 'Perhaps' is no word that we know"),
        ("code,rate,currency\n44,1.5,EUR\n", "2:3: currency: EUR, and the deck is in USD"),
        ("code,rate\n44,€1.5\n", "2:2: rate: '€1.5' is in EUR, and the deck in USD"),
        ("code,rate\n,1.5\n", "2:1: prefix: it is empty"),
    ],
)
def test_what_could_mean_two_things_is_refused(path, content, problem):
    """
    With line, column and field, and what to do.
    """
    _, problems = read(path, content, currency="USD")

    assert problems.found[0].startswith(f"rates.csv:{problem}")


@pytest.mark.parametrize(
    ("title", "cell", "layout", "price_nano"),
    [
        ("Price per sec", "0.0005", Layout(), 30_000_000),
        ("Price (cents/min)", "2.5", Layout(), 25_000_000),
        ("Price", "2.5", Layout(divisor=100), 25_000_000),
        ("Price", "0.003", Layout(per="6"), 30_000_000),
        ("Price", "0.003", Layout(per="increment", increments="6/6"), 30_000_000),
        ("Price", "$0.0250", Layout(), 25_000_000),
        ("Price", "0.0250 USD", Layout(), 25_000_000),
        ("Price", '"1,200.50"', Layout(), 1_200_500_000_000),
        ("Price", '"1,200"', Layout(decimal="point"), 1_200_000_000_000),
        ("Price", '"1,200"', Layout(decimal="comma"), 1_200_000_000),
    ],
)
def test_prices_come_to_prices_per_minute(path, title, cell, layout, price_nano):
    """
    Exactly: the unit stands in the title, or the layout says it.
    """
    (rate,), problems = read(path, f"code,{title}\n44,{cell}\n", layout)

    assert [] == problems.found
    assert price_nano == rate.price_nano


@pytest.mark.parametrize(
    ("title", "cell", "price_nano"),
    [
        ("Rate (1/10000)", "125", 12_500_000),
        ("Rate", "0.0125 USD/min", 12_500_000),
        ("Rate", "1.5E-05", 15_000),
        ("Rate", "1E-3", 1_000_000),
    ],
)
def test_prices_as_programs_write_them(path, title, cell, price_nano):
    """
    In ten thousandths, with a unit behind, with an exponent.
    """
    (rate,), problems = read(path, f"code,{title}\n44,{cell}\n", currency="USD")

    assert [] == problems.found
    assert price_nano == rate.price_nano


def test_needless_zeros_are_no_other_price(path):
    """
    A new file that writes the same amounts shorter changes nothing.
    """
    header = "code,inter,intra,min charge,price 1,price n,interval 1,interval n\n"

    (longer,), _ = read(path, f"{header}1212,0.0640,0.0100,0.0500,0.20,0.10,30,6\n")
    (shorter,), _ = read(path, f"{header}1212,0.064,0.01,0.05,0.2,0.1,30,6\n")

    assert shorter == longer


def test_a_price_without_end_is_refused(path):
    """
    A third of a cent a minute cannot be kept, and is not rounded in silence.
    """
    _, problems = read(path, "code,price\n44,0.001\n", Layout(per="7"))

    assert ["rates.csv:2:2: rate: 0.001 is 3/350 a minute, which has no end of decimals"] == problems.found


@pytest.mark.parametrize(
    ("header", "row", "increments"),
    [
        ("dialprefix,selling rate,initblock,billingblock", "44,1,0,6", (6, 6)),
        ("dialprefix,selling rate,initblock,billingblock", "44,1,0,0", (1, 1)),
        ("dialprefix,selling rate,initblock,billingblock", "44,1,30,0", (30, 1)),
        ("Name,Match Prefix,Rate,Billable Unit(s),Initial Time(s)", "UK,44,1,60,0", (60, 60)),
        ("prefix,rate_cost,rate_increment,rate_minimum", "44,1,6,0", (6, 6)),
        ("Code,Rate,Billing Increment", "44,1,0/6", (6, 6)),
    ],
)
def test_no_first_increment_is_as_the_others(path, header, row, increments):
    """
    A zero there says that there is none; A2Billing counts seconds where its block is zero.
    """
    (rate,), problems = read(path, f"{header}\n{row}\n")

    assert [] == problems.found
    assert increments == (rate.initial_s, rate.increment_s)


@pytest.mark.parametrize("cell", ["x", "9" * 5000])
def test_a_first_interval_that_is_none_is_told(path, cell):
    """
    Though a price hangs on it.
    """
    rates, problems = read(path, f"Prefix,Price 1,Price N,Interval 1,Interval N\n44,0.2,0.1,{cell},6\n")

    assert [] == rates
    assert all(problem.startswith("rates.csv:2:4: initial: ") for problem in problems.found)
    assert 1 == len(problems.found)


@pytest.mark.parametrize(
    ("status", "price", "expected"),
    [
        ("Blocked", "0.1", (True, False)),
        ("Closed", "0.1", (False, True)),
        ("No longer offered", "", (False, True)),
        ("", "no longer offered", (False, True)),
        ("", "Blocked", (True, False)),
        ("Delete", "0.1", (False, True)),
        ("NO_CHANGE", "0.1", (False, False)),
        ("+0.001", "0.1", (False, False)),  # by how much, under the title Change
    ],
)
def test_words_for_what_is_not_offered(path, status, price, expected):
    """
    Blocked calls are refused; closed ones have no rate of their own any more.
    """
    (rate,), problems = read(path, f"code,rate,change\n44,{price},{status}\n")

    assert [] == problems.found
    assert expected == (rate.blocked, rate.closed)


def test_days_begin_where_the_carrier_is(path):
    """
    Midnight of Vienna in summer is 22:00 UTC.
    """
    (rate,), _ = read(
        path, "code,rate,valid from\n44,1.5,2022-08-16 00:00:00\n", Layout(zone="Europe/Vienna")
    )

    assert datetime(2022, 8, 15, 22, tzinfo=UTC) == rate.effective_at


def test_a_date_that_is_none_says_nothing(path):
    """
    As MySQL writes it; and a date that went through a column of numbers.
    """
    header = "dialprefix,selling rate,startdate,stopdate\n"

    (open_,), problems = read(path, f"{header}44,1,20220816.0,0000-00-00 00:00:00\n")
    assert ([], AUGUST, None) == (problems.found, open_.effective_at, open_.expires_at)
    (always,), problems = read(path, f"{header}44,1,0000-00-00 00:00:00,2023-01-01\n")
    assert ([], ALWAYS) == (problems.found, always.effective_at)


def test_lines_may_break_within_cells(path):
    """
    In titles, names and lists of codes.
    """
    rates, problems = read(
        path, 'Destination,"Dial\r\nCodes","Rate\r\n(USD)"\r\n"United\r\nKingdom","44\r\n45",0.02\r\n'
    )

    assert [] == problems.found
    assert [("44", "United Kingdom"), ("45", "United Kingdom")] == [
        (rate.prefix, rate.description) for rate in rates
    ]
