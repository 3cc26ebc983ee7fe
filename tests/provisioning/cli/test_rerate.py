"""``tollwire rerate``: prices that were wrong are put right by reversals, and the books add up."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.provisioning.cli.conftest import START

CALLS = (("442071838750", 20), ("442071838750", 90), ("15125550100", 30))
DAY = "2026-03-02"
BEGIN = f"{DAY}T09:00:00Z"  # of the version that was wrong: the newer of two counts
NEXT = "2026-03-03"


@pytest.fixture
def cli(run, switch, tmp_path):
    """Run a command line on a database with three calls of ACME; return its JSON when it asks for it."""
    for number, (called, seconds) in enumerate(CALLS):
        switch.now = START + timedelta(minutes=10 * number)
        switch.start(f"call-{number}", called=called)
        switch.now += timedelta(seconds=seconds)
        switch.stop(f"call-{number}", seconds, called=called)
    (tmp_path / "right.csv").write_text(
        "prefix,description,rate,connect_fee,initial,increment\n"
        "1,United States,0.0125,0,6,6\n44,United Kingdom,0.04,0.01,60,60\n"
    )

    def cli(line, code=0):
        result = run(*line.split())
        assert code == result.exit_code, result.output
        return json.loads(result.stdout) if "--json" in line else result.output

    return cli


def balance(cli):
    """What ACME has."""
    return Decimal(next(row["balance"] for row in cli("balance list --json") if row["account"] == "ACME"))


def prices(cli):
    """Return what each call costs, and its included seconds, oldest first."""
    rows = cli("cdr list --json")
    return [(row["total"], row["included_s"]) for row in reversed(rows)]


def test_unchanged_tariffs_change_nothing(cli):
    """
    No posting is written, whoever pays and with whatever minutes.
    """
    before = cli("balance list --json")

    assert {"calls": 3, "changed": 0} == {
        name: cli("rerate preview --account ACME --json")[name] for name in ("calls", "changed")
    }
    assert 0 == cli("rerate apply --account ACME --redraw --json")["changed"]
    assert before == cli("balance list --json")
    assert [] == cli("rerate list --json")


def test_a_wrong_price_is_put_right_once(cli):
    """
    The first call drew the 60 s there were, all of its minute; the second paid two minutes and the fee.
    """
    cli(f"deck import retail right.csv --at {BEGIN}")
    before = balance(cli)

    found = cli("rerate preview --account ACME --json", code=1)
    assert [("ACME", "United Kingdom", 1, "0.050000", "0.090000")] == [
        (row["account"], row["destination"], row["calls"], row["before"], row["after"])
        for row in found["differences"]
    ]
    assert before == balance(cli)
    done = cli("rerate apply --account ACME --json")
    assert found["differences"] == done["differences"]
    assert before - Decimal("0.04") == balance(cli)
    assert 0 == cli("rerate apply --account ACME --json")["changed"]
    assert [done["rerating"]] == [row["id"] for row in cli("rerate list --json")]
    cli("books check")


def test_minutes_are_drawn_anew_in_order(cli, tmp_path):
    """
    By the second, the first call leaves 40 s of the minute; the call after it takes them and pays 50 s.
    """
    assert [("0.000000", 60), ("0.050000", 0), ("0.006300", 0)] == prices(cli)
    text = (tmp_path / "right.csv").read_text()
    (tmp_path / "right.csv").write_text(text.replace("0.04,0.01,60,60", "0.04,0.01,1,1"))
    cli(f"deck import retail right.csv --at {BEGIN}")

    cli("rerate apply --account ACME")

    assert [("0.000000", 20), ("0.033300", 40), ("0.006300", 0)] == prices(cli)
    cli("books check")


def test_it_is_undone(cli):
    """
    The old charges are booked again, as postings; the lines in between stay; the records are the old ones.
    """
    before, records = balance(cli), cli("cdr list --json")
    cli(f"deck import retail right.csv --at {BEGIN}")
    rerating = cli("rerate apply --deck retail --json")["rerating"]
    assert records != cli("cdr list --json")

    (undone,) = cli(f"rerate undo {rerating} --json")["differences"]
    assert ("United Kingdom", "-0.040000") == (undone["destination"], undone["difference"])

    assert (before, records) == (balance(cli), cli("cdr list --json"))
    cli("books check")
    assert "was undone on" in cli(f"rerate undo {rerating}", code=4)
    assert 1 == cli("rerate preview --account ACME --json", code=1)["changed"]


def test_a_later_rerating_is_undone_first(cli, tmp_path):
    """
    What was charged anew since cannot be put back to before.
    """
    cli(f"deck import retail right.csv --at {BEGIN}")
    first = cli("rerate apply --account ACME --json")["rerating"]
    text = (tmp_path / "right.csv").read_text()
    (tmp_path / "right.csv").write_text(text.replace("0.04", "0.08"))
    cli(f"deck import retail right.csv --at {BEGIN}")
    second = cli("rerate apply --account ACME --json")["rerating"]

    assert "was charged anew since; undo that first" in cli(f"rerate undo {first}", code=4)
    cli(f"rerate undo {second}")
    cli(f"rerate undo {first}")
    cli("books check")


def test_a_closed_period_is_left_alone_unless_told(cli):
    """
    The refusal says how to insist; nothing was done.
    """
    cli(f"deck import retail right.csv --at {BEGIN}")
    cli(f"period close --until {NEXT}")
    assert f"{NEXT}T00:00:00Z" == cli("period list --json")[0]["closed_until"]

    told = cli("rerate apply --account ACME", code=4)

    assert (
        "1 of the calls that would change are in a period that is closed until 2026-03-03T00:00:00Z" in told
    )
    assert [] == cli("rerate list --json")
    assert 1 == cli("rerate apply --account ACME --closed --json")["changed"]


@pytest.mark.parametrize(
    ("scope", "calls"),
    [
        ("--month 2026-03", 3),
        ("--month 2026-04", 0),
        (f"--since {DAY}T09:05:00Z", 2),
        (f"--until {DAY}T09:05:00Z", 1),
        ("--prefix 4", 2),
        ("--deck retail --version 1", 3),
        ("--deck retail --version 2", 0),
    ],
)
def test_calls_are_chosen(cli, scope, calls):
    """
    By month where the account is, moment, prefix, and the deck's version that rated them.
    """
    assert calls == cli(f"rerate preview {scope} --json")["calls"]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("", "say which calls: a month, an account, a moment, a prefix or a deck"),
        ("--version 3", "version: say which deck's, with --deck"),
        ("--month 2026-13", "month: '2026-13' is no month; write 2026-10"),
    ],
)
def test_all_calls_there_are_is_no_scope(cli, scope, message):
    """
    Too much is meant by too little.
    """
    assert message in cli(f"rerate preview {scope}".strip(), code=4)


def test_a_call_without_a_rate_stays_as_it_is(cli, tmp_path):
    """
    It is told with the reason; what was charged stays charged.
    """
    (tmp_path / "less.csv").write_text("prefix,rate,initial,increment\n1,0.0125,6,6\n")
    cli(f"deck import retail less.csv --at {BEGIN}")

    found = cli("rerate preview --account ACME --json")

    assert 0 == found["changed"]
    (kept,) = found["kept"]
    assert 2 == kept["calls"]
    assert kept["reason"].startswith("no rate for 442071838750 in deck retail")
