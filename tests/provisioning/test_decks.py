"""A deck is imported whole or not at all, and never edited."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from provisioning.admin import Action
from provisioning.deck_changes import compare_versions
from provisioning.decks import Deck, Kind, import_deck, list_versions, roll_back
from provisioning.rate_files import ALWAYS, RateFile
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
            ["us.csv:3:1: prefix: 'x'", "us.csv:4:3: rate: 'y'"],
        ),
        (["1,US,0.01,6,6,", "+1,USA,0.02,6,6,"], ["us.csv:3:1: prefix: 1 effective .* is on line 2 too"]),
        (['"1, 1-2",US,0.01,6,6,'], ["us.csv:2:1: prefix: 1 effective .* is twice in this row; keep one"]),
        (
            ["1,US,0.01,6,6,", "1,US,0.02,6,6,", "y,US,0.02,6,6,"],
            ["us.csv:3:1: prefix: 1 effective", "us.csv:4:1: prefix: 'y'"],
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
    path.write_text("prefix;efective;price\n1;;2\n")

    with pytest.raises(BadInput, match=r"us\.csv:1: column 'efective' is unknown"):
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


JANUARY, MARCH = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)


def ends_of(txn, version: int) -> list[tuple]:
    """Return prefix, price in hundredths, begin and end of a version's rates."""
    txn.execute(
        "SELECT prefix, price_nano / 10000000, effective_at, expires_at FROM rate r"
        " JOIN deck_version v ON v.id = r.deck_version_id WHERE v.number = %s ORDER BY prefix, effective_at",
        (version,),
    )
    return txn.fetchall()


def test_a_price_holds_until_the_new_one_begins(txn, admin, file):
    """
    The file is all there will be; what it lacks is gone at once, what it announces comes on its day.
    """
    import_deck(txn, DECK, file("1,US,0.01,6,6,", "44,UK,0.02,6,6,", "7,RU,0.05,6,6,"), admin)

    import_deck(txn, DECK, file("1,US,0.03,6,6,2027-01-01", "44,UK,0.04,6,6,"), admin)

    assert [("1", 1, ALWAYS, None), ("1", 3, JANUARY, None), ("44", 4, ALWAYS, None)] == ends_of(txn, 2)


def test_an_amendment_changes_what_it_names(txn, admin, file):
    """
    A later price that was announced before gives way; a closed prefix ends on its day; the rest stays.
    """
    import_deck(
        txn,
        DECK,
        file("1,US,0.01,6,6,", "1,US,0.09,6,6,2027-03-01", "44,UK,0.02,6,6,", "7,RU,0.05,6,6,"),
        admin,
    )
    amended = file("1,US,0.03,6,6,2027-01-01")
    amended.path.write_text(
        "code,rate,increment,effective date,status\n1,0.03,6/6,2027-01-01,increase\n44,,,2027-03-01,closed\n"
    )

    change = import_deck(txn, DECK, amended, admin, kind=Kind.AMEND)
    again = import_deck(txn, DECK, amended, admin, kind=Kind.AMEND)

    assert [
        ("1", 1, ALWAYS, None),
        ("1", 3, JANUARY, None),
        ("44", 2, ALWAYS, MARCH),
        ("7", 5, ALWAYS, None),
    ] == ends_of(txn, 2)
    assert (Action.CHANGED, Action.UNCHANGED) == (change.action, again.action)
    assert [("amend", 1), ("replace", None)] == [(v.kind, v.base) for v in list_versions(txn, "us")]


def test_a_file_may_close_what_it_prices(txn, admin, file):
    """
    A price until its prefix is closed; the price before it does not come back.
    """
    import_deck(txn, DECK, file("44,UK,0.02,6,6,", "7,RU,0.05,6,6,"), admin)
    closing = file("44")
    closing.path.write_text(
        "code,rate,increment,effective date,end date,status\n"
        "44,,,2027-03-01,,closed\n44,0.03,6/6,2027-01-01,,increase\n7,0.04,6/6,2027-01-01,2027-03-01,new\n"
    )

    import_deck(txn, DECK, closing, admin, kind=Kind.AMEND)

    assert [
        ("44", 2, ALWAYS, JANUARY),
        ("44", 3, JANUARY, MARCH),
        ("7", 5, ALWAYS, JANUARY),
        ("7", 4, JANUARY, MARCH),
    ] == ends_of(txn, 2)


def test_a_price_and_a_closing_of_one_instant_contradict_each_other(txn, admin, file):
    """
    Both lines are told.
    """
    source = file("44")
    source.path.write_text("code,rate,status,date\n44,,closed,2027-01-01\n44,0.03,new,2027-01-01\n")

    with pytest.raises(BadInput, match=r"us\.csv:3:1: prefix: 44 effective 2027-01-01T.* is on line 2 too"):
        import_deck(txn, DECK, source, admin)


def test_a_first_import_amends_nothing(txn, admin, file):
    """
    Changes alone are no deck.
    """
    with pytest.raises(BadInput, match="has no rates that could be amended; import it whole first"):
        import_deck(txn, DECK, file("1,US,0.01,6,6,"), admin, kind=Kind.AMEND)


def test_a_group_of_callers_must_be_known(txn, admin, tmp_path):
    """
    A price for nobody would be no price, so the line is told.
    """
    path = tmp_path / "us.csv"
    path.write_text("code,rate,origin\n44,0.02,EEA\n")
    txn.execute("SAVEPOINT before")
    with pytest.raises(
        BadInput, match=r"us\.csv:2:3: origin: there is no group of callers 'EEA'; add it first"
    ):
        import_deck(txn, DECK, RateFile(path), admin)
    txn.execute("ROLLBACK TO before")
    txn.execute("INSERT INTO origin_group (name, prefixes) VALUES ('EEA', '{33}')")

    import_deck(txn, DECK, RateFile(path), admin)

    assert 1 == list_versions(txn, "us")[0].row_count


def test_a_version_is_rolled_back_by_another(txn, admin, file):
    """
    From now on, or from the day on which a planned one was to hold; a second time goes one further back.
    """
    for cents in ("0.01", "0.02", "0.03"):
        import_deck(txn, DECK, file(f"1,US,{cents},6,6,"), admin)

    roll_back(txn, "us", admin)
    assert [("1", 2, ALWAYS, None)] == ends_of(txn, 4)
    roll_back(txn, "us", admin)
    assert [("1", 1, ALWAYS, None)] == ends_of(txn, 5)
    with pytest.raises(Conflict, match="deck us has no version before 1"):
        roll_back(txn, "us", admin)
    import_deck(txn, DECK, file("1,US,0.05,6,6,"), admin, MARCH)
    roll_back(txn, "us", admin)

    newest = list_versions(txn, "us")[0]
    assert ("rollback", 5, MARCH) == (newest.kind, newest.base, newest.active_from)
    with pytest.raises(NotFound, match="deck us has no version 9"):
        roll_back(txn, "us", admin, to=9)


def test_a_lone_version_cannot_be_rolled_back(txn, admin, file):
    """
    There is nothing to go back to.
    """
    import_deck(txn, DECK, file("1,US,0.01,6,6,"), admin)

    with pytest.raises(Conflict, match="deck us has no version before 1"):
        roll_back(txn, "us", admin)


def test_a_diff_counts_and_weighs_by_traffic(txn, admin, file):
    """
    600 charged seconds to 44 of late: a rise of 0.02 a minute would have been 0.20 more.
    """
    old = file("1,US,0.01,6,6,", "44,UK,0.02,6,6,", "7,RU,0.05,6,6,", "33,FR,0.05,6,6,")
    import_deck(txn, DECK, old, admin)
    txn.execute("SELECT id FROM deck_version")
    ((version_id,),) = txn.fetchall()
    txn.execute(
        "INSERT INTO cdr (account_id, started_at, call_id, role, status, reason, client_id, deck_version_id,"
        " location, calling, called, remote_ip, trunk_in, trunk_out, ended_at, duration_ms, billed_s,"
        " included_s, total_micros, currency, prefix, destination, release_side, flags, rating, match)"
        " VALUES (1, %s, gen_random_uuid(), 'out', 'answered', '', 1, %s, '', '', '44', '', '', '', %s,"
        " 700000, 700, 100, 0, 'USD', '44', '', '', '{}', '{}', '[]')",
        (admin.now, version_id, admin.now),
    )
    new = file("1,US,0.005,6,6,", "44,UK,0.04,6,6,", "49,DE,0.01,6,6,", "33,FR,0.05,60,60,")
    import_deck(txn, DECK, new, admin)

    found = compare_versions(txn, "us", 1, 2, admin.now - timedelta(days=1), 10)

    assert {"new": 1, "gone": 1, "up": 1, "down": 1, "other": 1, "same": 0} == found.counts
    assert Decimal("0.2000") == found.effect
    first = found.largest[0]
    assert ("44", "up", Decimal("0.02"), Decimal("0.04"), 10) == (
        first.prefix, first.change, first.before, first.after, first.minutes
    )  # fmt: skip
    with pytest.raises(NotFound, match="deck us has no version 3"):
        compare_versions(txn, "us", 1, 3, admin.now, 10)
