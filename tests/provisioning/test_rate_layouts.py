"""Rate files of carriers and billing systems: what each layout comes to."""

import json
from datetime import UTC, datetime

import pytest

from provisioning.rate_files import ALWAYS
from provisioning.rate_layouts import Layout
from radiusd.errors import BadInput
from tests.provisioning.rate_reading import AUGUST, read, told

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
A2BILLING = "dialprefix,destination,rateinitial,initblock,billingblock,connectcharge,startdate,stepchargea\n"


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


@pytest.mark.parametrize("content", ["+44|0.02|UK\n0033|0.0125|France\n", "44|0.02|UK|\n33|0.0125|Fr|\n"])
def test_no_titles_but_signs(path, content):
    """
    A plus makes no price of a code, and a separator at the end of lines makes no column.
    """
    assert [("44", 20_000_000), ("33", 12_500_000)] == [rate[::2][:2] for rate in read(path, content)[0]]


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_usual_encoding(path, encoding):
    """
    With a mark or without.
    """
    (rate,), _ = read(path, "code;price;name\n385;0,02;Côte\n".encode(encoding))

    assert ("385", 20_000_000, "Côte") == (rate.prefix, rate.price_nano, rate.description)
