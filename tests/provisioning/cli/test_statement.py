"""Statements, taxes and traffic reports: from the books that calls wrote, and adding up exactly."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from provisioning.cli.errors import Exit
from provisioning.traffic import GROUPS

pytestmark = pytest.mark.postgres


@pytest.fixture
def month(switch):
    """Two charged calls, a corrected one, a monthly fee of 1.00, all in one month; return its name."""
    switch.stop("a", 90)  # a minute is included
    switch.stop("b", 60, trunk_out="out9")
    switch.stop("c", 30)
    switch.stop("c", 60)
    switch.charge_fees(monthly_fee_micros=1_000_000)
    return switch.now.strftime("%Y-%m")


def told(run, *arguments):
    """Return the document that a command writes."""
    result = run(*arguments, "--json")
    assert Exit.OK == result.exit_code, result.stderr
    return json.loads(result.stdout, parse_float=Decimal)


def money(value):
    """Return an amount as a number, however JSON has it."""
    return Decimal(str(value))


def test_a_statement_adds_up(run, month):
    """
    Opening, lines and closing; what was corrected shows as it came out, and what suppliers get is not there.
    """
    found = told(run, "statement", "ACME", "--period", month)

    assert money(found["closing"]) == money(found["opening"]) + sum(
        money(line["amount"]) for line in found["lines"]
    )
    assert {"usage", "recurring", "payment"} == {line["kind"] for line in found["lines"]}
    assert money(found["charged"]) == -sum(
        money(line["amount"]) for line in found["lines"] if line["kind"] in ("usage", "recurring")
    )
    balance = told(run, "balance", "show", "ACME")
    assert money(balance["balance"]) == money(found["closing"])
    assert money(found["due"]) == -money(found["closing"])


def test_taxes_come_on_top(run, month):
    """
    A share of what was charged, without an exempt service's, and a levy for each service.
    """
    run("tax", "add", "vat", "--percent", "20", "--accounts", "ACME", "--kinds", "recurring")
    run(
        *("tax", "add", "levy", "--fixed", "0.50", "--fixed-per", "service", "--accounts", "ACME"),
        *("--kinds", "recurring", "--exempt", "tg2"),
    )
    found = told(run, "statement", "ACME", "--period", month)

    taxes = {tax["tax"]: tax for tax in found["taxes"]}
    fees = -sum(money(line["amount"]) for line in found["lines"] if line["kind"] == "recurring")
    assert (fees, (fees / 5).quantize(Decimal("0.01"))) == (
        money(taxes["vat"]["of"]),
        money(taxes["vat"]["amount"]).quantize(Decimal("0.01")),
    )
    assert Decimal("0.5") == money(taxes["levy"]["amount"])  # the DID; the trunk is exempt
    taxed = sum(money(tax["amount"]) for tax in found["taxes"])
    assert money(found["due"]) == taxed - money(found["closing"])


def test_a_statement_is_readable_and_a_table(run, month):
    """
    For people with its sums, as CSV its lines.
    """
    text, csv = (run("statement", "ACME", "--period", month, *more).stdout for more in ((), ("--csv",)))

    assert "closing balance" in text
    assert "due" in text
    assert "kind,service,location,what,calls,included_s,amount" == csv.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("statement", "ACME", "--period", "2026"), Exit.CONFLICT, "period: '2026' is no month like"),
        (("statement", "NOPE", "--period", "2026-11"), Exit.NOT_FOUND, "account NOPE does not exist"),
        (("tax", "add", "t"), Exit.CONFLICT, "percent: a tax takes a share or a fixed amount"),
        (("tax", "add", "t", "--percent", "1", "--accounts", "X"), Exit.NOT_FOUND, "account X does"),
        (("tax", "add", "t", "--percent", "1", "--exempt", "X"), Exit.NOT_FOUND, "exempt: there is"),
        (("tax", "add", "t", "--percent", "1", "--kinds", "gifts"), Exit.CONFLICT, "kinds: 'gifts' is"),
        (("tax", "set", "t", "--percent", "1"), Exit.NOT_FOUND, "tax t does not exist"),
        (("report", "traffic", "--by", "account", "--account", "X"), Exit.NOT_FOUND, "account X does not"),
        (("report", "traffic", "--by", "day", "--zone", "X"), Exit.CONFLICT, "zone: no time zone is called"),
        (
            ("report", "traffic", "--by", "day", "--since", "2026-03-01", "--zone", "X"),
            Exit.CONFLICT,
            "zone: no time zone is called",
        ),
    ],
)
def test_says_what_is_wrong(run, switch, arguments, exit_code, message):
    """
    The field and what to do, with the exit code.
    """
    result = run(*arguments)

    assert (exit_code, True) == (result.exit_code, message in result.stderr), result.stderr


@pytest.mark.parametrize("by", [by for by in GROUPS if by not in ("supplier", "client")])
def test_traffic_adds_up_to_the_same_by_whatever(run, switch, month, by):
    """
    The sums do not depend on what they are grouped by; 90 seconds are billed as two minutes.
    """
    until = (switch.now + timedelta(days=1)).date().isoformat()
    since = (switch.now - timedelta(days=20)).date().isoformat()
    rows = told(run, "report", "traffic", "--by", by, "--since", since, "--until", until)

    assert (3, 3) == (sum(row["calls"] for row in rows), sum(row["answered"] for row in rows))
    assert Decimal(4) == sum(money(row["billed_minutes"]) for row in rows)


def test_a_report_by_supplier_shows_the_margin(run, switch, month):
    """
    One call went over the supplier's trunk; what the others cost is not known.
    """
    until = (switch.now + timedelta(days=1)).date().isoformat()
    rows = told(run, "report", "traffic", "--by", "supplier", "--since", "2026-01-01", "--until", until)

    by_supplier = {row["key"] if "key" in row else row["supplier"]: row for row in rows}
    assert {"", "carrier"} == set(by_supplier)
    assert None is by_supplier[""]["margin"]
    assert None is not by_supplier["carrier"]["margin"]


def test_the_trial_balance_is_even(run, switch, month):
    """
    What customers owe, paid and were charged, and what the supplier gets: debits equal credits.
    """
    rows = told(run, "books", "ledger")

    names = {row["name"] for row in rows}
    assert {"cash", "revenue, calls", "revenue, fees", "cost of calls", "supplier carrier"} <= names
    assert sum(money(row["debit"]) for row in rows) == sum(money(row["credit"]) for row in rows)
    customers = sum(
        money(row["credit"]) - money(row["debit"]) for row in rows if row["name"].startswith("customers")
    )
    assert customers == money(told(run, "balance", "show", "ACME")["balance"])
