"""``tollwire deck try``: what the calls of a month would have cost under a draft, which changes nothing."""

import json
from contextlib import closing

import psycopg2
import pytest

CALLS = (("442071838750", 20), ("442071838750", 90), ("15125550100", 30))
HEADER = "prefix,description,rate,connect_fee,initial,increment,effective\n"
DRAFT = HEADER + "1,United States,0.0125,0,6,6,\n44,United Kingdom,0.03,0.01,60,60,2029-01-01\n"


@pytest.fixture
def cli(run, switch, tmp_path):
    """Run a command line on a database with three calls of ACME; return its JSON when it asks for it."""
    for number, (called, seconds) in enumerate(CALLS):
        switch.start(f"call-{number}", called=called)
        switch.stop(f"call-{number}", seconds, called=called)
    (tmp_path / "draft.csv").write_text(DRAFT)

    def cli(line, code=0):
        result = run(*line.split())
        assert code == result.exit_code, result.output
        return json.loads(result.stdout) if "--json" in line else result.output

    return cli


def lines(found, name="destinations"):
    """Return what each line says of today, of the draft, and the difference in percent."""
    return {line["name"]: (line["now"], line["draft"], line["percent"]) for line in found[name]}


def test_the_prices_of_today_make_no_difference(cli):
    """
    Replayed twice in the same way, minutes too: exactly none, and today is what was booked.
    """
    found = cli("deck try retail --on-calls 2026-03 --fail-if-change 0% --json")

    assert {"total": ("0.056300", "0.056300", "0.00")} == lines(found, "totals")
    assert {"USD": "0.056300"} == found["booked"]
    assert [{"account": "ACME", "bucket": "minutes", "now_s": 60, "draft_s": 60}] == found["buckets"]


def test_ported_numbers_are_replayed_where_they_are_now(cli, switch):
    """
    The record keeps the LRN: today is what was booked, for a number that went from London to Texas too.
    """
    switch.stop("ported", 90, lrn="15125550100")
    found = cli("deck try retail --on-calls 2026-03 --json")

    assert {"USD": "0.075100"} == found["booked"]
    assert ("0.075100", "0.075100", "0.00") == lines(found, "totals")["total"]


def test_a_draft_is_weighed_by_real_calls(cli):
    """
    From 0.02 to 0.03 for two charged minutes; the price that is announced for later counts.
    """
    found = cli("deck try draft.csv --on-calls 2026-03 --json")

    assert {
        "United Kingdom": ("0.050000", "0.070000", "40.00"),
        "United States": ("0.006300", "0.006300", "0.00"),
    } == lines(found)
    assert {"ACME": ("0.056300", "0.076300", "35.52")} == lines(found, "customers")
    assert 1 == len(cli("deck show retail --json"))
    cli("books check")


@pytest.mark.parametrize(("threshold", "code"), [("35%", 1), ("35.52%", 0), ("40", 0)])
def test_too_much_of_a_change_fails(cli, threshold, code):
    """
    So that a price list can be checked before it is let in.
    """
    cli(f"deck try draft.csv --on-calls 2026-03 --fail-if-change {threshold}", code=code)


def test_minutes_are_drawn_in_the_order_of_answers(cli, tmp_path):
    """
    By the second: the call of 90 s, answered first, has the minute and pays 30 s; the other pays all.
    """
    (tmp_path / "draft.csv").write_text(DRAFT.replace("0.03,0.01,60,60", "0.03,0.01,1,1"))

    found = cli("deck try draft.csv --on-calls 2026-03 --json")

    assert ("0.050000", "0.035000", "-30.00") == lines(found)["United Kingdom"]
    assert (60, 60) == (found["buckets"][0]["now_s"], found["buckets"][0]["draft_s"])


def test_calls_without_a_rate_are_counted(cli, tmp_path):
    """
    They bring nothing under the draft.
    """
    (tmp_path / "draft.csv").write_text(HEADER + "1,United States,0.0125,0,6,6,\n")

    (line,) = (
        line
        for line in cli("deck try draft.csv --on-calls 2026-03 --json")["destinations"]
        if line["unrated"]
    )

    assert ("United Kingdom", 2, "0.000000") == (line["name"], line["unrated"], line["draft"])


def test_margin_moves_with_revenue_where_the_cost_is_known(cli, dsn):
    """
    The longer call to the United Kingdom has a supplier: its margin gains what the call brings more.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("UPDATE cdr SET margin_micros = 10000 WHERE duration_ms = 90000")

    (line,) = cli("deck try draft.csv --on-calls 2026-03 --json")["totals"]

    # Replayed in the order of answers, the call of 90 s pays one minute, and the other the second.
    assert ("0.010000", "0.020000") == (line["margin_now"], line["margin_draft"])


def test_a_plan_is_tried_too(cli, tmp_path):
    """
    With its own deck, increments and minutes: here none.
    """
    cli("plan add B --deck retail --initial-s 1 --increment-s 1")

    found = cli("deck try --plan B --on-calls 2026-03 --json")

    assert ("0.050000", "0.056700", "13.40") == lines(found)["United Kingdom"]
    assert [("minutes", 60, 0)] == [
        (line["bucket"], line["now_s"], line["draft_s"]) for line in found["buckets"]
    ]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("deck try --on-calls 2026-03", 2, "give a rate file or a deck, or --plan"),
        ("deck try other --on-calls 2026-03", 3, "deck other is no file here, and no plan uses a deck"),
        ("deck try draft.csv --instead-of x --on-calls 2026-03", 3, "instead_of: no plan uses a deck x"),
        ("deck try --plan x --on-calls 2026-03", 3, "plan x does not exist"),
        ("deck try draft.csv --on-calls March", 4, "month: 'March' is no month; write 2026-10"),
        (
            "deck try draft.csv --on-calls 2026-03 --fail-if-change lots",
            2,
            "'lots' is no percentage like 5%",
        ),
        ("deck try bad.csv --on-calls 2026-03", 4, "bad.csv:2:1: prefix: 'x' is no code of digits"),
    ],
)
def test_what_cannot_be_tried_is_told(cli, tmp_path, line, code, message):
    """
    With what to do.
    """
    (tmp_path / "bad.csv").write_text("prefix,rate\nx,1\n")

    assert message in cli(line, code=code)
