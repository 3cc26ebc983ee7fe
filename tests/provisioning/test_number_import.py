"""Import of numbers: all or nothing, every problem with its line, what is there keeps its state."""

from decimal import Decimal

import pytest

from provisioning.inventory import read_number
from provisioning.number_import import Imported, NumberFile, import_numbers
from provisioning.service_kinds import Did
from provisioning.services import add_service
from radiusd.errors import BadInput
from tests.provisioning.conftest import SINCE

pytestmark = pytest.mark.postgres

FILE = """\
number,country,area,rate_centre,supplier,currency,setup_price,monthly_price,cost_currency,setup_cost,monthly_cost,features,state
+1 512 555 0100,US,Austin,AUSTIN TX,Acme,USD,1,1.50,EUR,0.10,0.20,voice sms,
15125550101,US,Austin,,Acme,USD,,,,,,,porting_in
"""


def run(txn, text: str, admin, **more) -> Imported:
    done, _ = import_numbers(txn, NumberFile("n.csv", text, **more), admin)
    txn.execute("DROP TABLE arriving")  # as the end of a transaction does
    return done


def test_every_column_arrives(site, admin):
    """
    Money is exact, and costs may be in another currency.
    """
    assert Imported(2, 0, 0) == run(site, FILE, admin)
    number = read_number(site, "15125550100")

    assert ("US", "Austin", "AUSTIN TX", "Acme", "available") == (
        number.country,
        number.area,
        number.rate_centre,
        number.supplier,
        number.state,
    )
    assert (Decimal("1.5"), "EUR", Decimal("0.2"), ("sms", "voice")) == (
        number.monthly_price,
        number.cost_currency,
        number.monthly_cost,
        number.features,
    )
    assert "porting_in" == read_number(site, "15125550101").state


def test_a_second_import_changes_what_differs(site, admin):
    """
    Columns that the file lacks, and the state, stay as they are.
    """
    run(site, FILE, admin)
    assert Imported(0, 0, 2) == run(site, FILE, admin)
    fresh = "number;monthly price\n15125550100;2\n15125550101;0\n15125550102;3\n"
    assert Imported(1, 1, 1) == run(site, fresh, admin, currency="USD")

    assert (Decimal(2), "Austin", Decimal("0.1")) == (
        (found := read_number(site, "15125550100")).monthly_price,
        found.area,
        found.setup_cost,
    )


def test_numbers_that_accounts_have_come_in_as_theirs(site, admin):
    """
    An inventory may come after years of service.
    """
    add_service(site, Did(number="15125550100", account="ACME", plan="retail", activated=SINCE), admin)
    run(site, FILE, admin)

    assert ("assigned", "ACME") == ((found := read_number(site, "15125550100")).state, found.account)


def test_everything_that_is_wrong_is_told_with_its_line(site, admin):
    """
    Not the first thing only; and nothing is imported.
    """
    text = (
        "number,currency,monthly_price,state,country\n"
        "15125550100,USD,1.50,,US\n"
        "12x,USD,1,,US\n"
        "15125550101,usd,1,,US\n"
        "15125550102,USD,cheap,sold,US\n"
        "\n"
        "+15125550100,USD,1,,US\n"
        "15125550103,USD,1\n"
    )
    with pytest.raises(BadInput) as refused:
        run(site, text, admin)

    assert [
        "n.csv:3: number: '12x'",
        "n.csv:4: currency: 'usd'",
        "n.csv:5: monthly_price: ",
        "n.csv:5: state: 'sold'",
        "n.csv:7: number: 15125550100 is on line 2 too",
        "n.csv:8: 3 fields, where",
        "Nothing was imported.",
    ] == [
        line[: len(start)]
        for line, start in zip(
            str(refused.value).splitlines(),
            [
                "n.csv:3: number: '12x'",
                "n.csv:4: currency: 'usd'",
                "n.csv:5: monthly_price: ",
                "n.csv:5: state: 'sold'",
                "n.csv:7: number: 15125550100 is on line 2 too",
                "n.csv:8: 3 fields, where",
                "Nothing was imported.",
            ],
            strict=True,
        )
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "n.csv:1: the first line names no column number"),
        ("number,colour\n", "n.csv:1: column 'colour' is unknown"),
        ("number,number,currency\n", "n.csv:1: column number is there twice"),
        (
            "number\n15125550100\n",
            "n.csv:1: the first line names no column currency; add it, or give --currency",
        ),
        ("number,currency\n", "n.csv: there are no numbers in it"),
        ('number,currency\n"15125550100,USD\n', "n.csv:2: not CSV"),
    ],
)
def test_a_file_that_is_none_is_refused(site, admin, text, words):
    """
    With what it should be.
    """
    with pytest.raises(BadInput, match=words.replace("(", r"\(")):
        run(site, text, admin)


def test_octets_that_are_no_text_are_told_with_their_line(tmp_path):
    """
    A file saved in another encoding is one of the commonest mistakes.
    """
    path = tmp_path / "n.csv"
    path.write_bytes(b"number,area\n1,Z\xfcrich\n")
    with pytest.raises(BadInput, match=r"n\.csv:2: not UTF-8"):
        NumberFile.read(path)
    with pytest.raises(BadInput, match="cannot be read"):
        NumberFile.read(tmp_path / "none.csv")
