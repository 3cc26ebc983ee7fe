"""Sign-up: from the inventory to a telephone's credentials, and what can go wrong on the way."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from provisioning.inventory import read_number
from provisioning.number_states import reserve
from provisioning.roles import Role
from tests.console.chromium import log_in

pytestmark = pytest.mark.postgres

TYPED = {
    "Company": "Zoë & Sons",
    "User name": "zoe",
    "E-mail": "zoe@example.com",
    "Password": "a few good words",
    "MAC address": "001A2B3C4D5E",
}
WRONG = (
    ("Company", "", "it is missing"),
    ("User name", "", "it is missing"),
    ("User name", "operator", "exists"),
    ("E-mail", "zoe", "is no address"),
    ("Password", "short", "10 to"),
    ("MAC address", "12:34", ""),
)


def _hold(page, number="15125550140"):
    page.get_by_role("button", name=f"+{number}").click()
    page.wait_for_url("**/signup/details?*")


def _fill(page, **changed):
    for label, text in {**TYPED, **changed}.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Sign up").click()


def test_a_visitor_becomes_a_customer(visit, url, dsn, site):
    """
    Choose a place, a number, which is held meanwhile, a plan; then log in and see it, and be let in.
    """
    page = visit(None, "/signup")
    page.get_by_label("Country").select_option("US")
    page.get_by_label("Area").select_option("512")
    page.get_by_role("button", name="Search").click()
    assert 2 == page.locator(".choices li").count()
    _hold(page)
    assert re.fullmatch(r"14:\d\d|15:00", page.locator("[data-until]").inner_text())
    assert page.get_by_label("P, 0.00 USD a month, 1 minutes to anywhere").is_checked()
    _fill(page)

    facts = page.locator("dl.facts").inner_text()
    assert "ZO-SONS" in facts
    assert "15125550140" in facts
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT a.status, s.kind, s.username, n.state, p.role, s.monthly_fee_micros, s.setup_fee_micros"
            " FROM account a"
            " JOIN service s ON s.account_id = a.id JOIN number n ON n.number = s.name"
            " JOIN person p ON p.account_id = a.id WHERE a.code = 'ZO-SONS'"
        )
        fees = (1_500_000, 1_000_000)  # what the inventory asks
        assert [("suspended", "did", "15125550140", "assigned", "customer", *fees)] == txn.fetchall()

    log_in(page, url, "zoe", TYPED["Password"])
    page.goto("/accounts/ZO-SONS")
    assert page.get_by_role("link", name="15125550140").is_visible()
    clerk = visit(Role.OPERATOR, "/accounts")
    clerk.get_by_role("link", name="Sign-ups that wait").click()
    clerk.get_by_role("button", name="Let in").click()
    assert "ZO-SONS is let in" in clerk.get_by_role("status").inner_text()
    page.reload()
    assert "active" in page.locator(".figures").inner_text()


@pytest.mark.parametrize(("label", "text", "told"), WRONG)
def test_what_is_wrong_is_told_and_nothing_is_made(visit, dsn, site, label, text, told):
    """
    At its field; the number stays held, and what was typed stays too.
    """
    page = visit(None, "/signup")
    _hold(page)
    _fill(page, **{label: text})

    assert "nothing was made yet" in page.get_by_role("alert").inner_text()
    field = page.get_by_label(label)
    assert "true" == field.get_attribute("aria-invalid")
    assert told in page.locator(".error").inner_text()
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT count(*) FROM account WHERE name = %s", (TYPED["Company"],))
        assert [(0,)] == txn.fetchall()


def test_of_two_visitors_one_gets_the_number(visit, site):
    """
    The other is told so, and chooses again.
    """
    first, second = visit(None, "/signup"), visit(None, "/signup")
    _hold(first)
    second.get_by_role("button", name="+15125550140").click()

    assert "Choose another one" in second.get_by_role("alert").inner_text()
    assert 0 == second.get_by_role("button", name="+15125550140").count()
    _hold(second, "15125550141")


def test_who_tries_too_often_waits(visit, site):
    """
    From one address, whatever it tries: twenty times a minute.
    """
    page = visit(None, "/signup")
    said = [page.request.post("/signup", form={"number": "1"}).text() for _ in range(21)]

    assert "too many tries; wait" not in said[0]
    assert "too many tries; wait" in said[-1]


def test_a_hold_that_has_lapsed_makes_nothing(visit, dsn, site):
    """
    Whoever took longer than the quarter of an hour begins anew.
    """
    page = visit(None, "/signup")
    _hold(page)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("UPDATE number SET until = now() - interval '1 second' WHERE state = 'reserved'")
    _fill(page)

    assert "held for you no more" in page.locator("main").inner_text()


def test_what_is_reserved_for_an_account_is_nobody_elses(visit, dsn, site):
    """
    Its code is known to many, and is no proof of having chosen the number.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        reserve(txn, "15125550140", "ACME", timedelta(days=1), replace(site, now=datetime.now(UTC)))
    page = visit(None, "/signup")
    form = {"company": "Evil", "user": "evil", "email": "e@example.com", "plan": "P"}
    form["password"] = TYPED["Password"]
    answer = page.request.post("/signup/details?number=15125550140&hold=ACME", form=form)

    assert 404 == answer.status
    assert "held for you no more" in answer.text()
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        kept = read_number(txn, "15125550140")
    assert ("reserved", "ACME") == (kept.state, kept.account)
