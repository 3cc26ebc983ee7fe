"""A deck is imported whole or not at all, and never edited."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioning.admin import Action
from provisioning.decks import Deck, import_deck, list_versions
from provisioning.rate_files import RateFile
from radiusd.errors import BadInput, Conflict, NotFound

pytestmark = pytest.mark.postgres

HEADER = "prefix,description,rate,initial,increment,effective\n"
DECK = Deck(name="us", currency="USD")


@pytest.fixture
def file(tmp_path):
    """Write rates and return their file."""

    def write(*rows: str) -> RateFile:
        path = tmp_path / "us.csv"
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return RateFile(path)

    return write


def rates_of(txn, version: int) -> list[tuple]:
    txn.execute(
        "SELECT prefix, description, price_nano, effective_at, blocked FROM rate r"
        " JOIN deck_version v ON v.id = r.deck_version_id WHERE v.number = %s ORDER BY prefix, effective_at",
        (version,),
    )
    return txn.fetchall()


def test_an_import_is_a_version(txn, admin, file):
    """
    Rows come out as they went in, backslashes too; the version counts them and names the file.
    """
    change = import_deck(txn, DECK, file(r"1,back\slash,0.01,6,6,", "44,UK,0.02,60,60,2026-12-01"), admin)

    assert Action.ADDED is change.action
    (version,) = list_versions(txn, "us")
    assert (1, admin.now, 2) == (version.number, version.active_from, version.row_count)
    assert version.source.endswith("us.csv")
    since_ever, december = datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    assert [
        ("1", r"back\slash", 10_000_000, since_ever, False),
        ("44", "UK", 20_000_000, december, False),
    ] == rates_of(txn, 1)


def test_another_import_is_another_version(txn, admin, file):
    """
    The old version stays as it was, for the calls that it priced.
    """
    import_deck(txn, DECK, file("1,US,0.01,6,6,", "44,UK,0.02,60,60,"), admin)
    january = datetime(2027, 1, 1, tzinfo=UTC)
    change = import_deck(txn, DECK, file("1,US,0.03,6,6,"), admin, january)

    assert Action.CHANGED is change.action
    assert [(2, january, 1), (1, admin.now, 2)] == [
        (version.number, version.active_from, version.row_count) for version in list_versions(txn, "us")
    ]
    assert 2 == len(rates_of(txn, 1))


def test_the_same_file_again_changes_nothing(txn, admin, file):
    """
    An import that is repeated after a lost answer makes no second version.
    """
    import_deck(txn, DECK, file("1,US,0.01,6,6,"), admin)
    change = import_deck(txn, DECK, file("1,US,0.01,6,6,"), admin)

    assert Action.UNCHANGED is change.action
    assert 1 == len(list_versions(txn, "us"))


@pytest.mark.parametrize(
    ("rows", "messages"),
    [
        (
            ["1,US,0.01,6,6,", "x,US,0.01,6,6,", "2,US,y,6,6,"],
            ["us.csv:3: prefix: 'x'", "us.csv:4: rate: 'y'"],
        ),
        (["1,US,0.01,6,6,", "+1,USA,0.02,6,6,"], ["us.csv:3: prefix: 1 effective .* is on line 2 too"]),
        (
            ["1,US,0.01,6,6,", "1,US,0.02,6,6,", "y,US,0.02,6,6,"],
            ["us.csv:3: prefix: 1 effective", "us.csv:4: prefix: 'y'"],
        ),
        ([], ["there are no rates in it"]),
    ],
)
def test_bad_rows_are_all_told_and_nothing_is_imported(txn, admin, file, rows, messages):
    """
    The same prefix twice from one instant is as bad as a letter in it.
    """
    txn.execute("SAVEPOINT before")
    with pytest.raises(BadInput) as caught:
        import_deck(txn, DECK, file(*rows), admin)
    txn.execute("ROLLBACK TO before")

    for message in messages:
        assert caught.match(message)
    txn.execute("SELECT count(*) FROM deck_version")
    assert [(0,)] == txn.fetchall()


def test_one_prefix_may_have_several_dates(txn, admin, file):
    """
    A rise that is known ahead stands in the same file.
    """
    import_deck(txn, DECK, file("1,US,0.01,6,6,2026-01-01", "1,US,0.02,6,6,2027-01-01"), admin)

    assert [10_000_000, 20_000_000] == [row[2] for row in rates_of(txn, 1)]


def test_a_mistake_in_the_first_line_is_told_as_such(txn, admin, tmp_path):
    """
    What the reader says reaches the admin as it is, not as a fault of the database.
    """
    path = tmp_path / "us.csv"
    path.write_text("prefix;price\n1;2\n")

    with pytest.raises(BadInput, match=r"us\.csv:1: the first line names no column rate"):
        import_deck(txn, DECK, RateFile(path), admin)


def test_the_currency_of_a_deck_stays(txn, admin, file):
    """
    Its prices would silently become others.
    """
    import_deck(txn, DECK, file("1,US,0.01,6,6,"), admin)

    with pytest.raises(Conflict, match="currency: deck us is in USD for good"):
        import_deck(txn, Deck(name="us", currency="EUR"), file("1,US,0.01,6,6,"), admin)


def test_a_large_deck_is_streamed(txn, admin, tmp_path):
    """
    Twenty thousand rates take many reads of COPY, and none is lost between them.
    """
    path = Path(tmp_path / "us.csv")
    path.write_text(
        HEADER + "".join(f"{number},Place {number},0.01,6,6,\n" for number in range(20_000, 40_000))
    )
    import_deck(txn, DECK, RateFile(path), admin)

    (version,) = list_versions(txn, "us")
    assert 20_000 == version.row_count == len(rates_of(txn, 1))


def test_says_when_there_is_no_such_deck(txn):
    """
    The message says how to make it.
    """
    with pytest.raises(NotFound, match="deck nope does not exist; import it first"):
        list_versions(txn, "nope")
