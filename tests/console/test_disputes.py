"""The page of a supplier's bill: its file beside our records, as ``tollwire dispute find`` compares them."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from provisioning.roles import Role
from provisioning.sources import Source, add_source

pytestmark = pytest.mark.postgres

SETTINGS = {"calling": "a", "called": "b", "answer": "at", "duration": "s"}


@pytest.fixture
def bill(dsn, site, switch):
    """Two calls of a minute over the supplier's trunk, of which its file makes one longer; and a third."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        source = Source(name="files", format="mapped", zone="UTC", settings=SETTINGS)
        add_source(txn, source, site)
    began = switch.now
    for number in range(2):
        switch.now = began + timedelta(minutes=10 * number, seconds=60)
        switch.stop(f"call-{number}", 60, trunk_out="out9")
    at = [f"{began + timedelta(minutes=10 * number):%Y-%m-%d %H:%M:%S}" for number in range(3)]
    return "a,b,at,s,cost\n" + "".join(
        f"15550100,442071838750,{moment},{seconds},{cost}\n"
        for moment, seconds, cost in zip(at, (60, 130, 60), ("0.03", "0.07", "0.03"), strict=True)
    )


def filled(page, began, text, price="cost"):
    """Fill the form, with *text* as the supplier's file."""
    page.get_by_label("Supplier").select_option("carrier")
    page.get_by_label("How its file is read").select_option("files")
    page.get_by_label("Column of its price").fill(price)
    page.get_by_label("Answered since").fill(f"{began - timedelta(days=1):%Y-%m-%d}")
    page.get_by_label("Answered before").fill(f"{began + timedelta(days=2):%Y-%m-%d}")
    file = {"name": "bill.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("#file").set_input_files(file)


def test_a_bill_is_compared(visit, bill, switch):
    """
    Each difference in time and money, and how many of each kind; found from the reports.
    """
    page = visit(Role.BILLING, "/reports")
    page.get_by_role("link", name="Suppliers’ bills").click()
    filled(page, switch.now, bill)
    page.get_by_role("button", name="Compare").click()

    found = page.get_by_role("region", name="What was found")
    assert ["1", "1", "0", "1", "0"] == found.locator("dd").all_inner_texts()[:5]
    assert 2 == found.locator("tbody tr").count()
    assert "130" in found.locator("tbody tr").first.inner_text()
    assert "0.07" == found.locator("dl dd b").inner_text()


def test_the_differences_are_saved_as_csv(visit, bill, switch):
    """
    All of them, for the supplier.
    """
    page = visit(Role.BILLING, "/disputes")
    filled(page, switch.now, bill)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the differences").click()

    text = saved.value.path().read_text("utf-8-sig")
    assert ["kind", "duration", "only_theirs"] == [line.partition(",")[0] for line in text.splitlines()]


def test_what_is_wrong_with_the_file_is_told(visit, bill, switch):
    """
    With the file's name and line, as the visitor knows it.
    """
    page = visit(Role.BILLING, "/disputes")
    filled(page, switch.now, bill, price="charge")
    page.get_by_role("button", name="Compare").click()

    assert "bill.csv:2: there is no column charge" == page.get_by_role("alert").inner_text()
