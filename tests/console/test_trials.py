"""Prices tried on the calls of a month: followed on a page that changes by itself, and cancelled."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from provisioning.roles import Role
from tests.console.test_pages import severe, too_wide
from tests.provisioning.cli.conftest import RATES

pytestmark = pytest.mark.postgres

DEARER = RATES.replace("Kingdom,0.02", "Kingdom,0.04")
COPY = """
    INSERT INTO cdr SELECT copy.* FROM (SELECT cdr FROM cdr LIMIT 1) AS one, generate_series(2, %s) AS n,
    jsonb_populate_record(one.cdr, jsonb_build_object('call_id', md5(n::text)::uuid)) AS copy
"""


@pytest.fixture
def month(switch):
    """The month of three calls of two minutes, of which the first minute is included."""
    switch.now = switch.now.replace(day=15, hour=12) - timedelta(days=31)
    for number in range(3):
        switch.now += timedelta(minutes=5)
        switch.stop(f"c{number}", seconds=120)
    return f"{switch.now:%Y-%m}"


def begin(page, month, **typed):
    """Fill the form and begin."""
    page.get_by_label("Calls of the month").fill(month)
    for label, text in typed.items():
        field = page.get_by_label(label.replace("_", " "), exact=True)
        field.select_option(text) if "deck" in label or "plan" in label else field.fill(text)
    page.get_by_role("button", name="Try").click()


def test_rates_are_tried_on_calls_of_a_month(visit, month):
    """
    From the page of the import; customers and destinations tell what they would pay more.
    """
    page = visit(Role.OPERATOR, "/new/deck?name=retail")
    page.get_by_label("Or its lines").fill(DEARER)
    page.get_by_role("button", name="Try it on last month").click()
    page.get_by_role("region", name="Customers").wait_for()

    assert f"pasted.csv on calls of {month}" == page.locator("h1").inner_text()
    row = page.get_by_role("region", name="Customers").locator("tbody tr").inner_text().split("\t")
    # Five minutes, the first of six being included, at 0.02 or 0.04; and two connect fees of 0.01.
    assert ["ACME", "USD", "3", "0.12", "0.22", "0.10", "+83.33 %"] == row[:7]
    assert "United Kingdom" in page.get_by_role("region", name="Destinations").inner_text()
    assert "+0.10 USD" in page.locator("svg.chart").first.text_content()
    page.goto("/decks/retail")
    assert 1 == page.locator("table").first.locator("tbody tr").count()  # no version more


def test_what_is_tried_is_readable_by_everybody(visit, month):
    """
    Dark and on a telephone: as every other page.
    """
    page = visit(Role.BILLING, "/deck-tries", viewport={"width": 390, "height": 844}, color_scheme="dark")
    begin(page, month, Or_its_lines=DEARER)
    page.get_by_role("region", name="Customers").wait_for()

    assert [] == [*too_wide(page), *severe(page)]


def test_a_deck_is_tried_from_its_page(visit, month):
    """
    Whoever reads prices may.
    """
    page = visit(Role.SUPPORT, "/decks/retail")
    page.get_by_role("link", name="Try on past calls").click()
    assert "retail" == page.get_by_label("Or a deck").input_value()
    begin(page, month, Of_this_account_only="ACME")
    page.get_by_role("region", name="Customers").wait_for()
    assert f"deck retail on calls of {month} of ACME" == page.locator("h1").inner_text()
    page.goto("/deck-tries")
    assert "done" in page.get_by_role("region", name="Tries").inner_text()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({}, "deck: choose a file, or a deck, or a plan"),
        ({"Or_a_deck": "retail", "Or_a_plan": "P"}, "deck: choose a file, or a deck, or a plan"),
        ({"Or_a_deck": "retail", "Instead_of": "none"}, "instead_of: no plan uses a deck none"),
        ({"Or_its_lines": "prefix,rate\n44x,1\n"}, "44x"),
    ],
)
def test_what_is_wrong_with_a_draft_is_told(visit, month, typed, told):
    """
    On the form, or where its calls would be.
    """
    page = visit(Role.BILLING, "/deck-tries")
    begin(page, month, **typed)

    page.get_by_role("alert").get_by_text(told).wait_for()


def test_a_month_that_is_none_is_told(visit, month):
    """
    What was typed stays.
    """
    page = visit(Role.BILLING, "/deck-tries?deck=retail")
    begin(page, "soon")
    assert "soon" in page.get_by_role("alert").inner_text()
    assert "soon" == page.get_by_label("Calls of the month").input_value()


def test_a_long_try_is_followed_and_cancelled(visit, month, dsn):
    """
    Pages are answered meanwhile.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(COPY, (300_000,))
    page = visit(Role.BILLING, "/deck-tries?deck=retail")
    begin(page, month)
    page.get_by_text("300,002 calls are rated").wait_for()
    assert page.request.get("/accounts").ok
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled: it was cancelled.").wait_for()


def test_others_see_no_tries_of_mine(visit, month, person, ask):
    """
    Nor do roles that may not read prices begin any.
    """
    page = visit(Role.BILLING, "/deck-tries?deck=retail")
    begin(page, month)
    where = page.url
    assert 404 == visit(Role.SUPPORT, "/").request.get(where).status
    somebody = person(Role.CUSTOMER)
    form = {"csrf": somebody.csrf, "deck": "retail", "month": month}
    assert 403 == ask("POST", "/deck-tries", form, somebody.token)[0]
