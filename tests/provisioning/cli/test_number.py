"""``tollwire number``: the inventory from the command line."""

import json
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.ledger import STATEMENTS
from radiusd.storage.recurring import charge_recurring

pytestmark = pytest.mark.postgres

RATES = "prefix,description,rate,initial,increment\n1,US,0.01,6,6\n"
NUMBERS = """\
number,country,area,monthly_price
15125558294,US,Austin,1.50
15125550101,US,Austin,1.50
12145550100,US,Dallas,1
"""


@pytest.fixture
def cli(run, config, tmp_path):
    """Run ``tollwire WORDS --json`` on a database with accounts ACME and BETA and a plan."""

    def cli(line: str, code: int = 0):
        result = run(*line.split(), "--json")
        assert code == result.exit_code, result.output
        return json.loads(result.stderr)["error"]["message"] if code else json.loads(result.stdout)

    (tmp_path / "rates.csv").write_text(RATES)
    (tmp_path / "numbers.csv").write_text(NUMBERS)
    cli("deck import us rates.csv --currency USD")
    cli("plan add retail --deck us")
    for code in ("ACME", "BETA"):
        cli(f"account add {code} --currency USD")
    return cli


def states(cli) -> dict[str, str]:
    return {each["number"]: each["state"] for each in cli("number list --state any")}


def test_a_numbers_life(cli):
    """
    Imported, found by its letters, reserved, assigned, moved, released, and where it was all the time.
    """
    assert (3, True) == tuple(
        cli("number import numbers.csv --currency USD --dry-run")[x] for x in ("added", "dry_run")
    )
    assert [] == cli("number list")
    assert 3 == cli("number import numbers.csv --currency USD")["added"]
    assert ["15125558294"] == [each["number"] for each in cli("number list --pattern 1512*TAXI")]
    assert ["15125550101"] == [each["number"] for each in cli("number list --area Austin --limit 1")]

    cli("number reserve 15125558294 --account ACME --for 2h")
    assert "is reserved until" in cli("number reserve 15125558294 --account BETA", code=4)
    cli("number assign 15125558294 15125550101 --account ACME --plan retail")
    assert 2 == len(cli("did list --account ACME"))
    cli("number move --from ACME --to BETA")
    assert [2, 0] == [len(cli(f"did list --account {code}")) for code in ("BETA", "ACME")]
    cli("number release 15125558294")
    assert {"12145550100": "available", "15125550101": "assigned", "15125558294": "aging"} == states(cli)
    assert ["available", "reserved", "assigned", "assigned", "aging"] == [
        step["after"] for step in cli("number history 15125558294")
    ]


def test_who_gets_a_number_is_charged_what_it_costs(cli, run, dsn):
    """
    From its activation, through every verb that gives; a fee that is said goes before, and rows say it, too.
    """
    cli("number import numbers.csv --currency USD")
    cli("number set 12145550100 --setup-price 3")
    cli("number assign 12145550100 --account ACME --plan retail --activated 2026-11-01")
    cli("number assign 15125558294 --account BETA --plan retail --monthly-fee 0 --setup-fee 2.5")
    rows = "number,monthly_fee\n15125550101,\n15125550102,\n"
    words = "did add - --account BETA --plan retail --activated 2026-11-01 --json"
    assert 0 == run(*words.split(), stdin=rows).exit_code

    assert {
        "12145550100": ("1", "3"),
        "15125550101": ("1.5", "0"),
        "15125550102": ("0", "0"),
        "15125558294": ("0", "2.5"),
    } == {each["number"]: (each["monthly_fee"], each["setup_fee"]) for each in cli("did list")}
    with closing(BlockingConnection(dsn, STATEMENTS)) as connection:
        finish(charge_recurring(connection, datetime(2026, 11, 2, tzinfo=UTC), lambda: str(uuid4())))
    assert "-4.000000" == cli("balance show ACME")["balance"]


def test_rows_of_set_pull_no_price_in(cli, run):
    """
    What is listed is what is set, whatever the inventory asks by now.
    """
    cli("did add 15125558294 --account ACME --plan retail --activated 2026-11-01")
    cli("number import numbers.csv --currency USD")
    for rows in (run("did", "list", "--csv").stdout, "number,location\n15125558294,Austin\n"):
        assert 0 == run("did", "set", "-", stdin=rows).exit_code
    cli("did set 15125558294 --location Dallas")

    assert ("0", "Dallas") == tuple(cli("did show 15125558294")[name] for name in ("monthly_fee", "location"))


def test_states_are_chosen_within_the_law(cli):
    """
    All that are named, or none.
    """
    cli("number import numbers.csv --currency USD")
    cli("did add 15125558294 --account ACME --plan retail --activated 2026-11-01")
    assert "15125558294 is assigned, and from that it cannot be blocked" in cli(
        "number state blocked 12145550100 15125558294", code=4
    )
    assert "available" == states(cli)["12145550100"]
    cli("number state blocked 12145550100")
    assert "is blocked in the inventory" in cli(
        "did add 12145550100 --account ACME --plan retail --activated 2026-11-01", code=4
    )
    cli("did end 15125558294")
    assert "aging" == states(cli)["15125558294"]


def test_fields_and_quarantines_are_set(cli):
    """
    One field at a time; a country without a quarantine has everybody's.
    """
    cli("number add 442079460000 --country GB --currency GBP --features voice --features fax")
    assert {"monthly_price": ["0", "2"]} == cli("number set 442079460000 --monthly-price 2")["fields"]
    assert ("GBP", ["fax", "voice"]) == tuple(
        cli("number show 442079460000")[name] for name in ("currency", "features")
    )
    cli("number quarantine --country GB --days 30")
    assert [["", 90, 30], ["GB", 30, 30]] == [list(each.values()) for each in cli("number quarantine")]
    assert [0, 0, 0] == list(cli("number sweep")[0].values())
    assert "number 1512 is not in the inventory" in cli("number show 1512", code=3)
    assert "'5x' is no time; write 15m, 2h or 3d" in cli("number reserve 1 --account ACME --for 5x", code=2)


def test_what_has_moved_at_this_moment_is_read_back_as_it_is_listed(cli, run):
    """
    A list tells milliseconds; a service that began some microseconds later could not begin with them.
    """
    cli("number import numbers.csv --currency USD")
    cli("number assign 15125558294 --account ACME --plan retail")
    cli("number move 15125558294 --to BETA")
    listed = run("did", "list", "--account", "BETA", "--csv").stdout
    result = run("did", "set", "-", "--json", stdin=listed)

    assert ["unchanged"] == [row["action"] for row in json.loads(result.stdout)]
