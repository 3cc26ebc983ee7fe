"""``tollwire cdr export`` in its forms, saved exports, and what they leave in their folder."""

import csv
import io
import json
from datetime import timedelta

import pytest

from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS


@pytest.fixture
def calls(switch):
    """Two answered calls to London, a minute after another, and one that failed."""
    switch.stop("c1", 30)
    switch.now += timedelta(minutes=1)
    switch.stop("c2", 90)
    switch.now += timedelta(minutes=1)
    switch.stop("c3", 0, connect_at=None)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_columns_have_the_titles_that_the_receiver_wants(run, calls):
    """
    Only these, in this order.
    """
    result = run("cdr", "export", "--column", "to=Called", "--column", "seconds", "--status", "answered")

    assert "Called,seconds\r\n442071838750,30\r\n442071838750,90\r\n" == result.stdout_bytes.decode()


def test_a_field_that_does_not_exist_is_named(run, calls):
    """
    With those that do.
    """
    result = run("cdr", "export", "--column", "price")

    assert 4 == result.exit_code
    assert "there is no field 'price'; the fields are started_at" in result.stderr


@pytest.mark.parametrize("command", ["list", "export"])
def test_an_account_that_does_not_exist_is_said(run, calls, command):
    """
    As the HTTP API says it: no calls would mean that it has not called.
    """
    result = run("cdr", command, "--account", "NOBODY")

    assert 3 == result.exit_code
    assert "account NOBODY does not exist" in result.stderr


def test_a_file_is_written_whole_with_its_manifest(run, calls, tmp_path):
    """
    Which verify compares, and finds what was changed.
    """
    assert "3 records" in run("cdr", "export", "--output", "calls.csv", "--manifest").stderr
    assert 3 == len(rows((tmp_path / "calls.csv").read_text()))
    (checked,) = json.loads(run("cdr", "verify", "calls.csv.manifest.json", "--json").stdout)
    assert ("calls.csv", 3) == (checked["file"], checked["records"])

    (tmp_path / "calls.csv").write_text("changed")
    result = run("cdr", "verify", "calls.csv.manifest.json")
    assert 0 != result.exit_code
    assert "calls.csv: 7 octets, where its manifest says" in result.stderr


def test_parquet_is_written(run, calls, tmp_path):
    """
    Another program reads it.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    run("cdr", "export", "--format", "parquet", "--output", "calls.parquet", "--column", "to")

    assert ["442071838750"] * 3 == parquet.read_table(tmp_path / "calls.parquet")["to"].to_pylist()


def test_tap_is_written_and_says_what_it_leaves_out(run, calls, tmp_path):
    """
    The answered calls; the one that failed is none of TAP's.
    """
    words = ("--sender", "USATW", "--recipient", "GBRVF", "--sequence", "42", "--output", "42.tap")
    result = run("cdr", "export", "--format", "tap", *words)

    assert "2 records; 1 left out, which TAP cannot say" in result.stderr
    with (tmp_path / "42.tap").open("rb") as file:
        outcomes = list(FORMATS["gsma-tap-3.12"].read(file, {}))
    assert [30, 90] == [each.record.duration_seconds for each in outcomes if isinstance(each, Entry)]
    assert 2 == len(outcomes)


def test_tap_needs_to_know_between_whom(run, calls, tmp_path):
    """
    Nothing is written before.
    """
    result = run("cdr", "export", "--format", "tap", "--output", "42.tap")

    assert 4 == result.exit_code
    assert "sender '' is no PLMN code" in result.stderr
    assert not (tmp_path / "42.tap").exists()


SAVED = """
[[exports]]
name = "acme"
format = "jsonl"
columns = ["to=Called", "seconds"]
account = "ACME"
status = "answered"

[[exports]]
name = "monthly"
columns = ["to"]
every = "month"
since = "2026-03-01"
folder = "{}"
"""


@pytest.fixture
def saved(config, tmp_path):
    """Saved exports: one for the command line, one of each month."""
    (tmp_path / "drops").mkdir()
    config.write_text(config.read_text() + SAVED.format(tmp_path / "drops"))


def test_a_saved_export_says_columns_filters_and_form(run, calls, saved):
    """
    What is chosen on the command line goes before it.
    """
    lines = run("cdr", "export", "--template", "acme").stdout.splitlines()
    assert [{"Called": "442071838750", "seconds": 30}, {"Called": "442071838750", "seconds": 90}] == [
        json.loads(line) for line in lines
    ]

    assert "to\r\n" == run(
        "cdr", "export", "--template", "acme", "--format", "csv", "--column", "to", "--status", "refused"
    ).stdout_bytes.decode()
    assert "Called,seconds" == run("cdr", "export", "--template", "acme", "--csv").stdout.splitlines()[0]
    (first, _) = json.loads(run("cdr", "export", "--template", "acme", "--json").stdout)
    assert {"Called": "442071838750", "seconds": 30} == first
    result = run("cdr", "export", "--template", "none")
    assert "there is no export 'none'; there are acme, monthly" in result.stderr


def test_due_months_are_written_once(run, calls, saved, tmp_path):
    """
    From the first on until the last one that is over, and the second run writes none.
    """
    first = json.loads(run("cdr", "drop", "--json").stdout)
    assert 3 == sum(drop["records"] for drop in first)
    assert "2026-03-01T00:00:00Z" == first[0]["period_start"]
    assert 3 == len(rows((tmp_path / "drops" / "monthly_2026-03.csv").read_text()))

    assert [] == json.loads(run("cdr", "drop", "--json").stdout)
    (newest,) = json.loads(run("cdr", "drops", "--limit", "1", "--json").stdout)
    assert newest["file"] == first[-1]["file"]


def test_a_wrong_saved_export_stops_every_command_with_its_line(run, config):
    """
    As any mistake in the configuration does.
    """
    config.write_text(config.read_text() + '\n[[exports]]\nname = "x"\nevery = "day"\n')

    result = run("cdr", "drops")
    assert 78 == result.exit_code
    assert "tollwire.toml:7: export x: every: every and folder go together" in result.stderr
