"""``quote``: what a call would cost is what it then costs, and nothing is written by asking."""

import json
from contextlib import closing
from decimal import Decimal

import psycopg2
import pytest

from provisioning.cli.errors import Exit

pytestmark = pytest.mark.postgres

HELD = "--account ACME --plan P --activated 2026-01-01"
LONDON = "442071838750"


def quoted(run, *more):
    """Return the exit code and what the command says as JSON."""
    result = run("quote", "--to", LONDON, *more, "--json")
    return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr


@pytest.mark.parametrize(("seconds", "lrn"), [(0, ""), (30, ""), (61, ""), (600, ""), (600, "15125550100")])
def test_tells_what_the_call_then_costs(run, switch, dsn, seconds, lrn):
    """
    Rated by the same engine, from the same minutes: total and bucket come out as quoted; a ported number too.
    """
    at = switch.now.isoformat()
    code, found = quoted(run, "--service", "15550100", "--seconds", str(seconds), "--at", at, "--lrn", lrn)
    assert Exit.OK == code
    switch.stop("c1", seconds, lrn=lrn)

    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT total_micros, included_s FROM cdr WHERE role = 'out'")
        micros, included_s = txn.fetchone()
        txn.execute("SELECT coalesce(sum(used_s), 0) FROM bucket")
        (used_s,) = txn.fetchone()
    assert (Decimal(str(found["total"])), found["included_s"]) == (Decimal(micros) / 10**6, included_s)
    assert used_s == sum(bucket["drawn_s"] for bucket in found["buckets"])


def test_writes_nothing(run, switch, dsn):
    """
    Not even the row of a month that nobody has used yet.
    """
    quoted(run, "--service", "15550100", "--at", switch.now.isoformat())

    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT bucket_id FROM bucket UNION ALL SELECT kind FROM posting WHERE kind = 'usage'")
        assert [] == txn.fetchall()


def test_tells_why_it_would_be_refused(run, switch):
    """
    A full trunk, with what is in use; the price is told all the same.
    """
    for call in ("a", "b"):
        switch.start(call, trunk_in="tg2")
    code, found = quoted(run, "--service", "trunk:tg2", "--at", switch.now.isoformat())

    assert (Exit.OK, "trunk_full") == (code, found["refusal"])
    assert ["2 of 2 in use"] == [limit["state"] for limit in found["limits"] if limit["limit"] == "channels"]


def test_tells_services_of_one_name_apart(run, switch):
    """
    As lists show them: an extension by its tenant, a trunk by its switch, an address by its tech prefix.
    """
    for tenant in ("one.example", "two.example"):
        run("tenant", "add", tenant)
        run(*f"extension add 201 --tenant {tenant} {HELD}".split())
    for prefix in ("", "--tech-prefix 99"):
        run(*f"ip add 203.0.113.7 {prefix} {HELD}".split())
    at = switch.now.isoformat()

    names = ("201@two.example", "extension:201@one.example", "203.0.113.7 prefix 99", "ip:203.0.113.7")
    for service in names:
        assert Exit.OK == quoted(run, "--service", service, "--at", at)[0]
    several = run("quote", "--service", "201", "--to", LONDON, "--at", at)
    assert Exit.CONFLICT == several.exit_code
    assert "write which: extension:201@one.example, extension:201@two.example" in several.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("--service", "nope"), Exit.NOT_FOUND, "service: no service nope holds at"),
        (("--service", "trunk:15550100"), Exit.NOT_FOUND, "service: no service trunk:15550100 holds at"),
        (("--service", "15550100", "--at", "2020-01-01"), Exit.NOT_FOUND, "no service 15550100 holds"),
        (("--service", "15550100", "--at", "soon"), Exit.USAGE, "'soon' is no date"),
    ],
)
def test_says_what_is_wrong(run, switch, arguments, exit_code, message):
    """
    The field and what to do.
    """
    result = run("quote", "--to", LONDON, *arguments)

    assert exit_code == result.exit_code
    assert message in result.stderr


def test_says_what_a_number_was_ported_to(run, switch):
    """
    Else nobody understands why a London number has a price of the United States.
    """
    at = switch.now.isoformat()
    result = run("quote", "--service", "15550100", "--to", LONDON, "--lrn", "5125550100", "--at", at)

    assert "prefix 1: United States" in result.stdout
    assert "the called number was ported; priced by its LRN: 5125550100" in result.stdout


def test_is_readable(run, switch):
    """
    The price line by line, the bucket before and after, and what the limits stand at.
    """
    at = switch.now.isoformat()
    result = run("quote", "--service", "15550100", "--to", LONDON, "--seconds", "90", "--at", at)

    assert "A call by did 15550100 of ACME" in result.stdout
    assert "rounded once, to 4 decimals half_up" in result.stdout
    assert "Included minutes" in result.stdout
