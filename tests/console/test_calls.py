"""Calls in the console: live, ended by hand, explained, counted; and the queue."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import psycopg2
import pytest

from provisioning.admin import Secret
from provisioning.clients import Client, add_client
from provisioning.roles import Role
from provisioning.service_kinds import Trunk
from provisioning.services import add_service
from radiusd.storage.catalogue import load_catalogue
from tests.provisioning.cli.conftest import Switch

pytestmark = pytest.mark.postgres


def test_live_calls_come_and_go_by_themselves(visit, switch):
    """
    Nobody has to load the page again.
    """
    page = visit(Role.OPERATOR, "/live")
    assert "No calls." in page.locator("#live").inner_text()

    switch.start("c1", trunk_in="tg2")
    page.get_by_role("link", name="ACME").first.wait_for()
    assert "1 / 2" in page.get_by_role("region", name="Trunks").inner_text()
    switch.now += timedelta(seconds=1)
    switch.stop("c1", seconds=1, trunk_in="tg2")
    page.get_by_text("No calls.").wait_for()


def test_a_call_is_ended_by_hand(visit, switch):
    """
    After a question; this switch cannot be asked, so the call is closed in the books.
    """
    switch.start("c1")
    page = visit(Role.OPERATOR, "/live")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End").click()

    assert "closed in the books" in page.get_by_role("status").inner_text()
    assert "No calls." in page.locator("#live").inner_text()


def test_a_call_is_explained_to_its_customer(visit, switch):
    """
    Packets, match, slices with the included minute, rounding and postings; the total is the lines' sum.
    """
    switch.stop("c1", seconds=95)
    page = visit(Role.CUSTOMER, "/calls")
    page.locator("tbody a").first.click()
    text = page.locator("main").inner_text()

    assert "matched did 15550100 of ACME" in text
    assert "deck retail version 1, prefix 44" in text  # and not from which file of ours
    assert "bucket" in text
    assert "Total 0.02 USD; recomputed from the lines above: 0.02." in text


def test_a_queued_call_is_tried_again(visit, switch):
    """
    One whose number nobody has waits, and says so.
    """
    switch.stop("c1", seconds=5, calling="999")
    page = visit(Role.OPERATOR, "/queue")
    page.get_by_role("button", name="Try again").click()

    assert "0 of 1 are mended" in page.get_by_role("status").inner_text()


def test_the_peak_of_a_trunk_is_counted(visit, switch):
    """
    Two calls that overlap are two; one that begins when another ends is not one more.
    """
    switch.now -= timedelta(minutes=10)
    begun = switch.now
    for name, begins, seconds in (("c1", 0, 60), ("c2", 30, 60), ("c3", 90, 30)):
        switch.now = begun + timedelta(seconds=begins)
        switch.start(name, trunk_in="tg2", calling="1")
        switch.now += timedelta(seconds=seconds)
        switch.stop(name, seconds=seconds, trunk_in="tg2", calling="1")
    page = visit(Role.OPERATOR, "/reports/peaks")

    assert ["tg2", "ACME", "2 full", "2"] == page.locator("tbody td").all_inner_texts()[:4]


def test_a_report_is_of_this_month_until_another_time_is_picked(visit, switch):
    """
    The page says which, and a time that is picked keeps what is added up and drawn.
    """
    switch.stop("c1", seconds=5, calling="1")
    page = visit(Role.OPERATOR, "/reports?by=day&measure=calls")
    times = page.get_by_role("navigation", name="Times")

    assert "This month" == times.locator("[aria-current=page]").inner_text()
    assert page.get_by_text(f"Calls set up from {switch.now:%Y-%m}-01 00:00").is_visible()
    for name, lines in (("Last month", "No calls."), ("31 days", f"{switch.now:%Y-%m-%d}")):
        times.get_by_role("link", name=name).click()

        assert name == times.locator("[aria-current=page]").inner_text()
        assert page.locator("tbody td").first.inner_text() == lines
        assert "day" == page.get_by_label("Add up by").input_value()
        assert "calls" == page.get_by_label("Draw").input_value()


def test_trunks_of_one_name_lead_to_their_own_pages(visit, site, dsn):
    """
    On the pages of live calls and of peaks, where each says on which client it is.
    """
    secret = Secret(b"0123456789abcdef")
    with closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as txn:
            for n, client in enumerate(("sbc7", "sbc8"), 2):
                add_client(txn, Client(name=client, networks=(f"10.0.0.{n}",), secret=secret), site)
                trunk = Trunk(account="ACME", trunk="tg7", plan="P", activated=date(2026, 1, 1))
                add_service(txn, replace(trunk, client=client, location=f"at {client}"), site)
            txn.execute("SELECT name, id FROM client")
            ids = dict(txn.fetchall())
        switch = Switch(dsn, load_catalogue(connection, site.sealer))
    with closing(switch):
        for client in ("sbc7", "sbc8"):
            switch.client_id, switch.now = ids[client], datetime.now(UTC)
            switch.stop(f"ended on {client}", seconds=5, trunk_in="tg7", calling="1")
            switch.start(f"up on {client}", trunk_in="tg7", calling="1")
    page = visit(Role.OPERATOR, "/live")
    for path, place in (("/live", "#live .bar"), ("/reports/peaks", "tbody tr")):
        for client in ("sbc7", "sbc8"):
            page.goto(path)
            page.locator(place, has_text=f"on {client}").get_by_role("link", name="tg7").click()
            assert f"at {client}" == page.get_by_label("Location").input_value()


@pytest.fixture
def strangers(switch):
    """Two calls from a trunk that nobody has, one of them to where no rate leads."""
    for name, called in (("c1", "442071838750"), ("c2", "99900")):
        switch.now -= timedelta(minutes=2)
        switch.stop(name, seconds=5, calling="74950000000", called=called, trunk_in="new")


def test_queued_calls_are_given_to_an_account(visit, strangers):
    """
    The preview tells what it mends and changes nothing; the assignment does it, and a fix leads on.
    """
    page = visit(Role.OPERATOR, "/queue")
    page.get_by_role("link", name="assign").first.click()
    page.get_by_label("Trunk new").check()
    page.get_by_label("Account", exact=True).fill("ACME")
    page.get_by_label("Plan").fill("P")
    page.get_by_role("button", name="Show what it would mend").click()
    preview = page.get_by_role("region", name="Preview").inner_text()
    assert "It would mend 1 of 2 calls" in preview
    assert "trunk new on sbc of ACME" in preview
    assert "1 for no_rate" in preview

    page.get_by_role("button", name="Assign and try again").click()
    told = page.get_by_role("status").inner_text()
    assert "trunk new on sbc is ACME’s. 1 of 2 are mended." == told
    assert 1 == page.locator("tbody tr").count()
    page.get_by_role("link", name="look").click()
    page.get_by_role("link", name="Set a price of ACME's own").click()
    assert "99900" == page.get_by_label("Prefix").first.input_value()
    page.locator("form.form").get_by_label("Rate").first.fill("0.01")
    page.get_by_role("button", name="Set").click()
    page.goto("/queue")
    page.get_by_role("link", name="look").click()
    page.get_by_role("button", name="Try again").click()
    assert "1 of 1 are mended." == page.get_by_role("status").inner_text()


def test_a_call_is_assigned_with_the_keyboard_alone(visit, strangers):
    """
    Arrows choose an identifier, Tab goes on, and Enter previews before it changes anything.
    """
    page = visit(Role.OPERATOR, "/queue")
    page.get_by_role("link", name="assign").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue/*")
    page.get_by_label("Trunk new").focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("Calling 74950000000").is_checked()
    page.keyboard.press("ArrowUp")
    for text in ("", "ACME", "P", ""):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert "It would mend 1 of 2 calls" in page.get_by_role("region", name="Preview").inner_text()


@pytest.mark.parametrize(
    ("account", "plan", "day", "told"),
    [
        ("NOPE", "P", "", "account NOPE does not exist"),
        ("ACME", "Q", "", "plan Q does not exist"),
        ("ACME", "", "", "plan: say how the calls are priced"),
        ("ACME", "P", "soon", "activated: 'soon' is no date"),
    ],
)
@pytest.mark.parametrize("button", ["Show what it would mend", "Assign and try again"])
def test_what_is_wrong_with_an_assignment_is_told(visit, strangers, account, plan, day, told, button):
    """
    What was typed stays, and the calls wait on.
    """
    page = visit(Role.OPERATOR, "/queue")
    page.get_by_role("link", name="assign").first.click()
    page.get_by_label("Account", exact=True).fill(account)
    page.get_by_label("Plan").fill(plan)
    page.get_by_label("Activation date").fill(day)
    page.get_by_role("button", name=button).click()

    assert told in page.get_by_role("alert").inner_text()
    assert account == page.get_by_label("Account", exact=True).input_value()
    page.goto("/queue")
    assert 2 == page.locator("tbody tr").count()


def test_who_may_not_add_services_assigns_no_call(visit, strangers, person, ask):
    """
    Billing tries again, support looks; neither has the form, and none is taken from them.
    """
    for role, buttons in ((Role.BILLING, 1), (Role.SUPPORT, 0)):
        page = visit(role, "/queue")
        page.get_by_role("link", name="look").first.click()
        assert buttons == page.locator("main button").count()
        somebody = person(role)
        form = {"csrf": somebody.csrf, "do": "assign", "by": "trunk", "account": "ACME", "plan": "P"}
        status, _, text = ask("POST", urlsplit(page.url).path, form, somebody.token)
        assert (403, True) == (status, "has not the right" in text)
