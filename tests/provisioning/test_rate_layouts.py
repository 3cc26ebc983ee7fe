"""Rate files of carriers and billing systems: what each layout comes to, and what is refused in it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from provisioning import tables
from provisioning.rate_files import ALWAYS, Problems, RateFile
from provisioning.rate_layouts import Layout
from radiusd.errors import BadInput

AUGUST = datetime(2022, 8, 16, tzinfo=UTC)


@pytest.fixture
def path(tmp_path) -> Path:
    """A file to be written."""
    return tmp_path / "rates.csv"


def read(path, content, layout=None, currency=""):
    """Return the rates in *content*, and what is wrong with it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = Problems("rates.csv")
    source = RateFile(path, layout or Layout(), currency)
    return [rate for _, rate in source.rates(problems)], problems


def told(rates):
    """Return what most tests look at: prefix, price in nano, increments, begin."""
    return [
        (rate.prefix, rate.price_nano, rate.initial_s, rate.increment_s, rate.effective_at) for rate in rates
    ]


CARRIER_NOTICE = (
    "Destination,Code,Rate,Billing Increment,Effective Date,Status\r\n"
    'France,33,0.0125,60/1,8/16/2022,Increase\r\nFrance Mobile,"336,337",0.05,1/1,8/16/2022,No change\r\n'
)
EUROPEAN_NOTICE = (
    "\ufeffRate notification;;;;;;\r\n\r\n"
    "Country;Destination;Dial Codes;Price per min (USD);Min. Time;Interval;Valid From\r\n"
    "France;Mobile;336-337;0,05;30;6;16.08.2022\r\n"
    "\r\nAll prices in USD, excluding taxes;;;;;;\r\n"
)


def test_a_carriers_notice(path):
    """
    Increments in one cell, two codes in another, dates with the month first.
    """
    rates, problems = read(path, CARRIER_NOTICE)

    assert [] == problems.found
    assert [
        ("33", 12_500_000, 60, 1, AUGUST),
        ("336", 50_000_000, 1, 1, AUGUST),
        ("337", 50_000_000, 1, 1, AUGUST),
    ] == told(rates)


def test_a_european_notice(path):
    """
    A title above, a footer below, semicolons, a decimal comma, a range of codes, country and name apart.
    """
    rates, problems = read(path, EUROPEAN_NOTICE, currency="USD")

    assert [] == problems.found
    assert [("336", 50_000_000, 30, 6, AUGUST), ("337", 50_000_000, 30, 6, AUGUST)] == told(rates)
    assert "France - Mobile" == rates[0].description


@pytest.mark.parametrize(
    ("header", "row", "prefix", "increments"),
    [
        ("code,duration,increment,interrate,intrarate,ijrate,effective_date",
         "1212555,6,6,0.01,0.03,0.05,8/16/2022", "1212555", (6, 6)),
        ("NPANXX,Inter,Intra,Indeterminate,Eff_Date", "212555,0.01,0.03,0.05,20220816", "1212555", (1, 1)),
        ("NPANXX,Inter,Intra,Indeterminate,Eff_Date", "1212555,0.01,0.03,0.05,20220816", "1212555", (1, 1)),
        ("NPANXXX,Inter,Intra,Indeterminate,Eff_Date", "2125550,0.01,0.03,0.05,20220816", "12125550", (1, 1)),
        ("NPA-NXX,Inter,Intra,Indeterminate,Eff_Date", "212-555,0.01,0.03,0.05,20220816", "1212555", (1, 1)),
        ("NPANXX,Inter,Intra,IJ,Eff_Date", "212555-212555,0.01,0.03,0.05,20220816", "1212555", (1, 1)),
        ("NPANXX,Inter,Intra,Indeterminate,Eff_Date", "*,0.01,0.03,0.05,20220816", "1", (1, 1)),
    ],
)  # fmt: skip
def test_north_american_decks_have_prices_by_jurisdiction(path, header, row, prefix, increments):
    """
    With the leading 1 or without; the price of calls of no known jurisdiction is the base price.
    """
    (rate,), problems = read(path, f"{header}\n{row}\n")

    assert [] == problems.found
    assert [(prefix, 50_000_000, *increments, AUGUST)] == told([rate])
    assert {"interstate": "0.01", "intrastate": "0.03", "indeterminate": "0.05"} == json.loads(rate.rules)[
        "jurisdiction"
    ]


def test_astpp(path):
    """
    Its export: what it calls grace time are free seconds.
    """
    (rate,), problems = read(
        path,
        "Code,Destination,Country,Connection Cost(CUR),Grace Time,Cost / Min(CUR),"
        "Initial Increment,Increment,Rate Group,Created Date\n"
        "44,UK,United Kingdom,0.01,10,0.02,30,6,default,2022-08-16 10:00:00\n",
    )

    assert [] == problems.found
    assert (20_000_000, 10_000, '{"free_seconds": 10}') == (
        rate.price_nano,
        rate.connect_fee_micros,
        rate.rules,
    )
    assert ["columns that do not count: Rate Group, Created Date"] == problems.notes


A2BILLING = "dialprefix,destination,rateinitial,initblock,billingblock,connectcharge,startdate,stepchargea\n"


def test_a2billing(path):
    """
    Its field names; a price of steps that no rate of ours has is refused, a zero is none.
    """
    row = "44,UK,0.02,30,6,0.01,2022-08-16 00:00:00,"

    (rate,), problems = read(path, f"{A2BILLING}{row}0.0000\n")
    assert [] == problems.found
    assert [("44", 20_000_000, 30, 6, AUGUST)] == told([rate])
    rates, problems = read(path, f"{A2BILLING}{row}0.5\n")
    assert [] == rates
    assert [
        "rates.csv:2:8: stepchargea: prices of this kind cannot be kept; --ignore it, or mend the file"
    ] == problems.found


def test_cdrtool(path):
    """
    Its prices are whole numbers of 1/10000, its Rate is a name, and operation 3 takes a price away.
    """
    rates, problems = read(
        path,
        "Ops,Reseller,Rate,Destination,App,Connect,Duration,Conn In,Duration In\n"
        "2,0,wholesale,44,audio,100,250,,\n3,0,wholesale,45,audio,0,0,,\n2,0,wholesale,46,message,0,10,,\n",
    )

    assert [] == problems.found
    assert [("44", 25_000_000, 10_000, False), ("45", 0, 0, True)] == [
        (rate.prefix, rate.price_nano, rate.connect_fee_micros, rate.closed) for rate in rates
    ]


def test_country_and_area_codes_in_two_columns(path):
    """
    One row may list many area codes; an empty one is the country; the rest of the world is everybody.
    """
    rates, problems = read(
        path,
        "Country Code,Area Code,Destination Name,Origin Group,Rate EUR/min,Connection Fee,First Interval,"
        "Next Interval,Effective From,Effective Till\n"
        '+44,"20,7700-7702",UK,EEA,0.02,0,30,6,2022-08-16T00:00:00Z,2023-01-01\n+44,,UK,ROW,0.5,0,1,1,,\n',
        currency="EUR",
    )

    assert [] == problems.found
    assert ["4420", "447700", "447701", "447702", "44"] == [rate.prefix for rate in rates]
    assert ["EEA", "EEA", "EEA", "EEA", ""] == [rate.origin for rate in rates]
    assert (AUGUST, datetime(2023, 1, 1, tzinfo=UTC)) == (rates[0].effective_at, rates[0].expires_at)


def test_codes_of_a_country_in_its_destination_column(path):
    """
    A country's code in one column, lists and ranges of what follows in the one of destinations.
    """
    rates, _ = read(path, 'Country Prefix,Destination,Price\n44,"20,207-209",0.02\n')

    assert ["4420", "44207", "44208", "44209"] == [rate.prefix for rate in rates]


def test_no_titles_at_all(path):
    """
    Codes, one column of prices and one of names tell themselves apart, in any order.
    """
    assert [("44", 20_000_000, 1, 1, ALWAYS)] == told(
        read(path, "44|0.02|UK, all\n33|0.0125|France\n")[0][:1]
    )
    assert [("44", 20_000_000, 1, 1, ALWAYS)] == told(read(path, "UK;0,02;44\nFrance;0,0125;33\n")[0][:1])
    with pytest.raises(BadInput, match="say which they are, with --column"):
        read(path, "44|60|0.02|0.03\n33|60|0.0125|0.02\n")


def test_two_prices_and_flags_of_a_switch(path):
    """
    The first interval has a price of its own; apostrophes before codes; forbidden and discontinued rows.
    """
    rates, problems = read(
        path,
        "#Destination Prefix\tPrice 1\tPrice N\tInterval 1\tInterval N\tEffective From\tHidden\t"
        "Discontinued\tForbidden\n"
        "'44\t0.05\t0.02\t30\t6\t2022-08-16\t\t\t\n'45\t0.1\t0.1\t1\t1\t2022-08-16\tY\t\tY\n"
        "'46\t0.1\t0.1\t1\t1\t2022-08-16\t\tY\t\n",
    )

    assert [] == problems.found
    assert [("44", False, False), ("45", True, False), ("46", False, True)] == [
        (rate.prefix, rate.blocked, rate.closed) for rate in rates
    ]
    assert 50_000_000 == rates[0].price_nano
    assert {"steps": [{"from": 30, "price": "0.02"}]} == json.loads(rates[0].rules)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_usual_encoding(path, encoding):
    """
    With a mark or without.
    """
    (rate,), _ = read(path, "code;price;name\n385;0,02;Côte\n".encode(encoding))

    assert ("385", 20_000_000, "Côte") == (rate.prefix, rate.price_nano, rate.description)


def test_a_workbook_is_read_like_a_file(tmp_path, monkeypatch):
    """
    Numbers and dates of cells come out as they were typed; errors name row and column.
    """
    book = Workbook()
    sheet = book.active
    sheet.append(["Carrier X", None, None])
    sheet.append(["Code", "Rate", "Effective Date", "Increment"])
    sheet.append([44, 0.0125, AUGUST.replace(tzinfo=None), "30/6"])
    sheet.append(["447x", 0.1, AUGUST.replace(tzinfo=None), "1/1"])
    path = tmp_path / "rates.xlsx"
    book.save(path)
    problems = Problems("rates.xlsx")

    rates = [rate for _, rate in RateFile(path).rates(problems)]

    assert [("44", 12_500_000, 30, 6, AUGUST)] == told(rates)
    assert ["rates.xlsx:4:1: prefix: '447x' is no code of digits"] == problems.found
    (tmp_path / "broken.xlsx").write_bytes(b"PK no zip")
    with pytest.raises(BadInput, match=r"broken\.xlsx: not an Excel workbook"):
        list(RateFile(tmp_path / "broken.xlsx").rates(problems))
    monkeypatch.setattr(tables, "MOST_UNPACKED", 1000)
    with pytest.raises(BadInput, match=r"rates\.xlsx: it unpacks into 0 MB"):
        list(RateFile(path).rates(problems))
    monkeypatch.undo()
    with pytest.raises(BadInput, match="no sheet is called 'B'; there are Sheet"):
        list(RateFile(path, Layout(sheet="B")).rates(problems))


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


def test_columns_may_be_named_or_numbered(path):
    """
    What no synonym knows, the layout says; without titles by number.
    """
    named = Layout(columns={"rate": "Entgelt netto", "prefix": "Vorwahl"}, decimal="comma")
    numbered = Layout(columns={"prefix": "2", "rate": "4", "increment": "3"}, header=False)

    assert [("44", 20_000_000, 1, 1, ALWAYS)] == told(
        read(path, "Vorwahl;Entgelt netto\n44;0,02\n", named)[0]
    )
    assert [("44", 20_000_000, 30, 6, ALWAYS)] == told(read(path, "x,44,30/6,0.02\n", numbered)[0])
    with pytest.raises(BadInput, match="no column is called 'Entgelt netto'"):
        read(path, "Vorwahl;rate\n44;0,02\n", named)
    with pytest.raises(BadInput, match="column: 'prise' is no field"):
        Layout(columns={"prise": "x"})


def test_peak_prices_are_bands_if_we_are_told_when(path):
    """
    Where they do not differ, no band is needed; where they do, the hours must be said.
    """
    content = "code,peak,off-peak,weekend\n44,0.06,0.03,0.01\n45,0.02,0.02,0.02\n"

    rates, problems = read(path, content, Layout(peak="1-5 08:00-20:00"))
    assert [] == problems.found
    bands = json.loads(rates[0].rules)["bands"]
    assert [("peak", [1, 2, 3, 4, 5], "0.06"), ("weekend", [6, 7, "H"], "0.01")] == [
        (band["name"], band["days"], band["price"]) for band in bands
    ]
    assert (30_000_000, None) == (rates[0].price_nano, rates[1].rules)
    _, problems = read(path, content)
    assert ["rates.csv:2:2: peak: say when it is, with --peak '1-5 08:00-20:00'"] == problems.found


def test_days_begin_where_the_carrier_is(path):
    """
    Midnight of Vienna in summer is 22:00 UTC.
    """
    (rate,), _ = read(
        path, "code,rate,valid from\n44,1.5,2022-08-16 00:00:00\n", Layout(zone="Europe/Vienna")
    )

    assert datetime(2022, 8, 15, 22, tzinfo=UTC) == rate.effective_at


def test_what_stands_alone_in_a_column_of_codes_is_a_remark(path):
    """
    Footers, headings of sections, and the titles once more on the next page; a slip in a code is none.
    """
    content = (
        "Code,Rate,Increment\n44,0.01,1\nEUROPE,,\n33,0.02,1\nCode,Rate,Increment\n49,0.03,1\n"
        "All prices in USD excluding taxes,,\n"
    )

    rates, problems = read(path, content)

    assert ([], ["44", "33", "49"]) == (problems.found, [rate.prefix for rate in rates])
    (rate,), problems = read(path, "Rate,NPANXX\n0.02 USD,\nAll prices are in USD,\n", currency="USD")
    assert ([], "1") == (problems.found, rate.prefix)
    _, problems = read(path, "Code,Rate,Increment\n44x,,\nTotal,1,1\n")
    assert ["rates.csv:2:1", "rates.csv:3:1"] == [problem.split(": ")[0] for problem in problems.found]


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


def test_kazoo_names_its_rates_twice(path):
    """
    One of the names counts, the other is told.
    """
    (rate,), problems = read(
        path,
        "prefix,description,rate_name,rate_cost,rate_increment,rate_minimum,rate_nocharge_time,rate_surcharge\n"
        "44,UK,UK_1,0.02,60,60,5,0.01\n",
    )

    assert [] == problems.found
    assert ("UK", 10_000, '{"grace_seconds": 5}') == (rate.description, rate.connect_fee_micros, rate.rules)
    assert ["columns that do not count: rate_name"] == problems.notes


def test_portaone_has_codes_and_names_of_destinations(path):
    """
    The codes are in the column that holds nothing else.
    """
    rates, problems = read(
        path,
        "Country Prefix,Description,Destination,Price First,Price Next,Interval First,Interval Next\n"
        '1,Caribbean,"242,264-265",0.3,0.2,30,6\n',
    )

    assert [] == problems.found
    assert [("1242", 300_000_000, 30, 6, ALWAYS), ("1264", 300_000_000, 30, 6, ALWAYS)] == told(rates)[:2]
    assert ("Caribbean", {"steps": [{"from": 30, "price": "0.2"}]}) == (
        rates[0].description,
        json.loads(rates[0].rules),
    )


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


def test_a_date_that_is_none_says_nothing(path):
    """
    As MySQL writes it; and a date that went through a column of numbers.
    """
    header = "dialprefix,selling rate,startdate,stopdate\n"

    (open_,), problems = read(path, f"{header}44,1,20220816.0,0000-00-00 00:00:00\n")
    assert ([], AUGUST, None) == (problems.found, open_.effective_at, open_.expires_at)
    (always,), problems = read(path, f"{header}44,1,0000-00-00 00:00:00,2023-01-01\n")
    assert ([], ALWAYS) == (problems.found, always.effective_at)


@pytest.mark.parametrize("content", ["+44|0.02|UK\n0033|0.0125|France\n", "44|0.02|UK|\n33|0.0125|Fr|\n"])
def test_no_titles_but_signs(path, content):
    """
    A plus makes no price of a code, and a separator at the end of lines makes no column.
    """
    assert [("44", 20_000_000), ("33", 12_500_000)] == [rate[::2][:2] for rate in read(path, content)[0]]


def a_workbook(tmp_path, *sheets, merged=()):
    """A workbook of sheets of rows."""
    book = Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.active if not number else book.create_sheet(f"Sheet {number + 1}")
        for row in rows:
            sheet.append(row)
        for cells in merged:
            sheet.merge_cells(cells)
    path = tmp_path / "rates.xlsx"
    book.save(path)
    return path


def read_workbook(path):
    """The rates of a workbook, and what is wrong with it."""
    problems = Problems("rates.xlsx")
    return [rate for _, rate in RateFile(path, currency="USD").rates(problems)], problems


@pytest.mark.parametrize(
    ("above", "below", "merged"),
    [
        (["Name", "Code", "Rates", None, None], [None, None, "Inter", "Intra", "IJ"], ["A1:A2", "C1:E1"]),
        (["Destination", None, "Rate", None, None], ["Name", "Code", "Inter", "Intra", "IJ"], ["A1:B1"]),
    ],
)
def test_titles_of_two_rows(tmp_path, above, below, merged):
    """
    Merged across or down, under a heading.
    """
    rows = [["Our rates"], above, below, ["New York", 1212555, 0.01, 0.02, 0.03]]
    merged = [cells.replace("1", "2").replace(":A2", ":A3") for cells in merged]

    (rate,), problems = read_workbook(a_workbook(tmp_path, rows, merged=merged))

    assert [] == problems.found
    assert ("1212555", "New York", 30_000_000) == (rate.prefix, rate.description, rate.price_nano)


def test_one_price_for_the_first_interval_and_one_for_the_next(path):
    """
    Where a title stands over both, it is part of theirs.
    """
    content = "Code,Price,,Interval,\n,First,Next,First,Next\n44,0.3,0.2,30,6\n"

    (rate,), problems = read(path, content)

    assert [] == problems.found
    assert ([("44", 300_000_000, 30, 6, ALWAYS)], '{"steps": [{"from": 30, "price": "0.2"}]}') == (
        told([rate]),
        rate.rules,
    )


def test_rates_are_found_behind_a_cover(tmp_path):
    """
    In the first sheet that has titles; which one is told.
    """
    rates = [["Code", "Rate", "Increment"], [44, 0.02, "60/60"]]

    (rate,), problems = read_workbook(a_workbook(tmp_path, [["Dear customer"]], rates))

    assert ("44", []) == (rate.prefix, problems.found)
    assert ["sheet 'Sheet 2' is read; --sheet names another"] == problems.notes


def test_a_formula_without_a_result_is_no_price(tmp_path):
    """
    Programs write such; the cell is named, and what to do.
    """
    path = a_workbook(tmp_path, [["Code", "Rate", "Increment"], [44, "=0.01*2", "1/1"]])

    with pytest.raises(BadInput, match=r"rates\.xlsx: cell B2 is a formula whose result the file"):
        read_workbook(path)
