"""The page of own prices: prefixes of a plan or an account that come before the deck's."""

from __future__ import annotations

import pytest

from provisioning.roles import Role

pytestmark = pytest.mark.postgres


def add(page, **typed):
    """Fill the form and send it."""
    for label, text in typed.items():
        page.locator("form.form").get_by_label(label).first.fill(text)
    page.get_by_role("button", name="Set").click()


def test_an_own_price_is_set_changed_and_ended(visit, site):
    """
    It is found beside the plans; its prefix leads to the form with its values, and ending it keeps it listed.
    """
    page = visit(Role.BILLING, "/plans")
    page.get_by_role("link", name="Own prices").click()
    assert "the decks' rates hold everywhere" in page.locator("tbody").inner_text()
    page.get_by_role("link", name="Set an own price").click()
    add(page, Prefix="4477", Account="ACME", Rate="0.011", Rules="min_charge=0.05")
    assert "account ACME/4477 is set" in page.get_by_role("status").inner_text()

    page.get_by_role("link", name="4477").click()
    assert "min_charge=0.05" == page.get_by_label("Rules").input_value()
    add(page, Rate="0.012")
    assert ["4477"] == page.locator("tbody td:first-child").all_inner_texts()
    assert "0.012" in page.locator("tbody").inner_text()

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End").click()
    assert "account ACME/4477 ends" in page.get_by_role("status").inner_text()
    assert "ended" in page.locator("tbody").inner_text()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take away").click()
    assert "None:" in page.locator("tbody").inner_text()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"Prefix": "44x", "Account": "ACME", "Rate": "1"}, "'44x' is not a prefix"),
        ({"Prefix": "44", "Rate": "1"}, "say whose price it is"),
        ({"Prefix": "44", "Account": "NOPE", "Rate": "1"}, "account NOPE does not exist"),
        ({"Prefix": "44", "Plan": "P"}, "it is empty; write 0"),
        ({"Prefix": "44", "Plan": "P", "Rate": "a lot"}, "'a lot'"),
        ({"Prefix": "44", "Plan": "P", "Rate": "1", "Rules": "colour=red"}, "'colour' is none of"),
    ],
)
def test_what_is_wrong_with_an_own_price_is_told(visit, site, typed, told):
    """
    What was typed stays.
    """
    page = visit(Role.OPERATOR, "/new/override")
    add(page, **typed)

    assert told in page.get_by_role("alert").inner_text()
    assert typed["Prefix"] == page.get_by_label("Prefix").first.input_value()


def test_a_day_that_is_none_is_told(visit, site):
    """
    And the price stays as it is.
    """
    page = visit(Role.OPERATOR, "/new/override")
    add(page, Prefix="*", Plan="P", Rate="0.05")
    page.get_by_label("Day from which").fill("soon")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End").click()

    assert "at: 'soon' is no date" in page.get_by_role("alert").inner_text()


def test_own_prices_are_read_by_who_may_not_change_them(visit, site):
    """
    A reseller sees its own and no button; no form of its is taken.
    """
    page = visit(Role.OPERATOR, "/new/override")
    add(page, Prefix="44", Account="RES", Rate="0.05")
    page.goto("/new/override")
    add(page, Prefix="44", Account="BETA", Rate="0.06")

    for role, shown in ((Role.SUPPORT, 2), (Role.RESELLER, 1)):
        page = visit(role, "/overrides")
        assert shown == page.locator("tbody tr").count()
        assert 0 == page.locator("tbody button").count()
        assert 403 == page.request.get("/new/override").status
    assert "account: account BETA does not exist" in page.request.get("/overrides?account=BETA").text()
