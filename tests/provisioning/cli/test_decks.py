"""``tollwire deck`` and ``tollwire template``: what comes of a file before and after it is imported."""

import json

import pytest


@pytest.fixture
def cli(run, config, tmp_path):
    """Run a command line and return its output; a JSON document when it asks for one."""
    (tmp_path / "old.csv").write_text(
        "Code,Destination,Rate,Billing Increment\n44,UK,0.02,60/60\n33,France,0.01,1/1\n"
    )
    (tmp_path / "new.csv").write_text(
        "Code,Destination,Rate,Billing Increment\n44,UK,0.03,60/60\n49,Germany,0.01,1/1\n"
    )

    def cli(line, code=0):
        result = run(*line.split())
        assert code == result.exit_code, result.output
        return json.loads(result.stdout) if "--json" in line else result.output

    cli("deck import us old.csv --currency USD")
    return cli


def test_a_dry_run_shows_what_would_change(cli):
    """
    Exit 1, as something would; the deck stays as it was.
    """
    told = cli("deck import us new.csv --dry-run", code=1)

    assert "deck us: version 1 -> 2: 1 new, 1 gone, 1 up, 0 down, 0 other, 0 same" in told
    found = cli("deck import us new.csv --dry-run --json", code=1)
    assert (1, 2, 1, 1, 1) == tuple(found[name] for name in ("before", "after", "new", "gone", "up"))
    assert {"44": ("0.02", "0.03"), "33": ("0.01", None), "49": (None, "0.01")} == {
        change["prefix"]: (change["before"], change["after"]) for change in found["changes"]
    }
    assert 1 == len(cli("deck show us --json"))
    cli("deck import us old.csv --dry-run")


def test_an_import_is_looked_at_and_rolled_back(cli):
    """
    Each is a version of its own.
    """
    cli("deck import us new.csv --at 2030-01-01")
    assert 1 == cli("deck diff us --json")["up"]

    cli("deck rollback us")

    assert {"up": 0, "down": 1} == {name: cli("deck diff us --json")[name] for name in ("up", "down")}
    assert 2 == cli("deck diff us --from 1 --to 3 --json")["same"]
    cli("deck diff us --from 8", code=3)


def test_an_amendment_says_what_is_taken_for_granted(cli, tmp_path):
    """
    Columns that do not count and increments that nobody named are warned of; a planned version too.
    """
    (tmp_path / "some.csv").write_text("Code,Rate,Colour\n44,0.05,red\n")
    cli("deck import us new.csv --at 2030-01-01")

    told = cli("deck import us some.csv --amend")

    assert "warning: columns that do not count: Colour" in told
    assert "warning: the file has no increments: 1/1 is assumed; --increments says otherwise" in told
    assert "warning: version 2 takes its place on 2030-01-01T00:00:00Z, as it is" in told
    assert "rates 2 -> 2" in told


def test_each_mistake_has_a_line(cli, tmp_path):
    """
    People read them one by one, and so do scripts.
    """
    (tmp_path / "bad.csv").write_text("Code,Rate,Increment\nx,0.05,1\n44,\x1b[31m,1\n")

    told = cli("deck import us bad.csv", code=4)

    assert ["tollwire: bad.csv:2:1: prefix: 'x' is no code of digits", "Nothing was imported."] == [
        told.splitlines()[number] for number in (0, -1)
    ]
    assert 3 == len(told.splitlines())
    assert "\x1b" not in told


def test_a_template_reads_what_a_file_does_not_tell(cli, tmp_path):
    """
    It is kept under a name; options beside it count before it.
    """
    (tmp_path / "bare.csv").write_text("UK;44;0,003\nFrance;33;1,2\n")
    cli(
        "template add bare --no-header --column prefix=2 --column rate=3 --per 6 --zone Europe/Paris"
    )

    cli("deck import us bare.csv --template bare --decimal comma")

    found = cli("deck diff us --json")
    assert {"44": "0.03", "33": "12"} == {change["prefix"]: change["after"] for change in found["changes"]}
    assert '"per": "6"' in cli("template list --json")[0]["layout"]
    assert "template bare exists already" in cli("template add bare", code=4)
    cli("template remove bare")
    assert "template bare does not exist" in cli("deck import us bare.csv --template bare", code=3)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--column rate", 2, "--column 'rate': write FIELD=TITLE"),
        ("--column colour=Rate", 4, "column: 'colour' is no field"),
        ("--per week", 4, "per: 'week' is neither a number of seconds nor increment"),
        ("--increments x", 4, "increments: 'x' is no increment like 30/6"),
        ("--zone Nowhere", 4, "zone: no time zone is called 'Nowhere'"),
        ("--encoding klingon", 4, "encoding: no encoding is called 'klingon'"),
    ],
)
def test_an_option_that_cannot_be_is_told(cli, options, code, message):
    """
    Before anything is read.
    """
    assert message in cli(f"deck import us new.csv {options}", code=code)
