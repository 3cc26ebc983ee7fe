"""Every page, for every role: it answers, it fits a telephone, a screen reader can tell what is on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from provisioning.accounts import read_account, set_account
from provisioning.console import things
from provisioning.console.table import PAGES
from provisioning.roles import GRANTED, Role
from tests.console.record_files import HOSTILE, add_files_source, row, take
from tests.console.screens import reached
from tests.watched import packets_of_a_call, write

pytestmark = pytest.mark.postgres

SEVERE = ("serious", "critical")
OF_THINGS = {
    *("/accounts/{code}", "/accounts/{code}/edit", "/accounts/{code}/add/{kind}"),
    "/accounts/{code}/outpayments",
    *("/accounts/{code}/statement", "/accounts/{code}/services/{kind}/{name}"),
    *( "/numbers/{number}", "/calls/{call}", "/clients/{name}"),
    *("/doctor/{name}", "/plans/{code}", "/buckets/{plan}/{name}", "/decks/{name}", "/users/{name}"),
    "/suppliers/{code}", "/queue/{call}", "/clients/{name}/watch",
    *("/clients/{name}/packets/{packet}", "/sources/{name}", "/sources/{name}/edit"),
    "/sources/{name}/files/{file}",
}
"""Pages of things that the site of the tests has."""
ALIKE = {each.path for each in things.PAGES} - {"/plans", "/plans/{code}", "/clients/{name}", "/new/client"}
"""Pages from one template each with those taken out here; axe takes a second a page."""
IN_LIGHT = (
    *("/live", "/accounts/{code}", "/calls/{call}", "/reports", "/clients/{name}", "/me", "/queue/{call}"),
)
OPEN = ("/signup", "/login")


@pytest.fixture
def calls(switch, dsn, site, tmp_path) -> Iterator[None]:
    """
    A call that has ended, one that goes on, and one that nobody pays for; packets that are watched, and a
    file of records of which one is damaged.
    """
    add_files_source(dsn, site)
    now = switch.now - timedelta(days=1)
    take(dsn, replace(site, now=now), tmp_path, row(1, now) + row(2, now, HOSTILE), "/srv/records/one.csv")
    write(dsn, site.sealer, switch.client_id, packets_of_a_call(b"0123456789abcdef"), switch.now)
    switch.now -= timedelta(minutes=5)
    switch.stop("c1", seconds=95)
    switch.start("c2")
    switch.stop("c3", seconds=5, calling="999")
    yield


def test_every_page_is_readable_by_everybody(visit, calls):
    """
    Dark and 390 pixels wide: no page is wider than its screen, and axe finds nothing serious; in light, where
    only the colours differ, on pages that have them all.

    Pages are found as people find them, by the links; the list of pages tells that none is missing.
    """
    page = visit(Role.OPERATOR, "/")
    paths = dict(reached(page))
    asked_for = {"/", "/logout", "/search", "/exports/calls"}
    wanted = {each.path for each in PAGES if not each.open and "{" not in each.path} - asked_for
    assert set() == (wanted | OF_THINGS) - set(paths)

    faults = []
    narrow = visit(Role.OPERATOR, "/", viewport={"width": 390, "height": 844}, color_scheme="dark")
    for path in (*paths.values(), "/search?q=15", "/no/such/page", *OPEN):
        narrow.goto(path)
        faults += [f"{path}: {fault}" for fault in too_wide(narrow)]
        if path not in [paths.get(kind) for kind in ALIKE]:
            faults += [f"{path}: {fault}" for fault in severe(narrow)]
    for kind in IN_LIGHT:
        page.goto(paths[kind])
        faults += [f"{kind}: {fault}" for fault in severe(page)]
    assert [] == faults, "\n".join(faults)


def too_wide(page: Page) -> Iterator[str]:
    """Yield by how much a page is wider than its screen."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        yield f"{wide} pixels wider than the screen"


def severe(page: Page) -> Iterator[str]:
    """Yield what axe finds that keeps somebody from reading or using a page."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    for violation in found:
        if violation["impact"] in SEVERE:
            yield f"{violation['id']}: {violation['nodes'][0]['html'][:120]}"


@pytest.mark.parametrize("role", [Role.BILLING, Role.SUPPORT, Role.RESELLER, Role.CUSTOMER])
def test_a_role_is_led_to_its_own_pages_only(visit, calls, role):
    """
    No link leads to a refusal, and no address that is typed gets beyond the rights.
    """
    page = visit(role, "/")
    for _, path in reached(page):
        answer = page.request.get(path)
        assert answer.ok, f"{path} answers {answer.status}"
    for each in PAGES:
        if each.right is None or each.right in GRANTED[role]:
            continue
        answer = page.request.get(each.path.replace("{", "").replace("}", ""))
        assert 403 == answer.status, each.path
        assert f"the role {role.value}, which has not the right" in answer.text()


@pytest.mark.parametrize("path", ["/accounts/BETA", "/accounts/BETA/statement", "/accounts/SHOP"])
def test_a_customer_sees_its_own_account_only(visit, calls, path):
    """
    Another's is told of as one that does not exist.
    """
    page = visit(Role.CUSTOMER, "/accounts")
    assert ["ACME"] == page.locator("tbody td:first-child").all_inner_texts()

    answer = page.request.get(path)
    assert 404 == answer.status
    assert "does not exist" in answer.text()


def test_keys_lead_where_the_foot_says(visit, calls):
    """
    ``/`` goes to the search, ``g`` and a letter to a page; a page is searched for as it is typed.
    """
    page = visit(Role.OPERATOR, "/accounts")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/calls")
    page.keyboard.press("/")
    page.keyboard.type("15550199")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/ACME#services")


def test_a_form_is_filled_in_with_the_keyboard_alone(visit, site):
    """
    Tab goes through the fields in their order, and Enter sends them.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME/add/extension")
    page.get_by_label("Extension").focus()
    for text in ("201", "", "P"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.get_by_label("PBX tenant").fill("pbx.example")
    page.keyboard.press("Enter")

    assert "tenant pbx.example does not exist" in page.get_by_role("alert").inner_text()


def test_times_are_where_the_account_is(visit, dsn, site):
    """
    On the account's pages for everybody, and everywhere for its own people; the foot says so.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        _, acme = read_account(txn, "ACME")
        set_account(txn, replace(acme, timezone="America/Chicago"), site)
    for role, path in (
        (Role.OPERATOR, "/accounts/ACME"),
        (Role.CUSTOMER, "/accounts/ACME"),
        (Role.CUSTOMER, "/calls"),
    ):
        page = visit(role, path)
        assert "Times are in America/Chicago." in page.locator("footer").inner_text()
    page = visit(Role.OPERATOR, "/accounts/ACME")
    assert "2026-01-31 03:00" in page.locator("#services").inner_text()  # 09:00 UTC
    page.goto("/calls")
    assert "Times are in UTC." in page.locator("footer").inner_text()
