"""What an account earned in a month: on a page, as a file, on the command line and over the API, alike."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest

from provisioning.outpayments import outpayments
from provisioning.roles import Actor, Role
from provisioning.services import find_service, set_service
from radiusd.calls.claims import ServiceKind
from radiusd.errors import NotFound

pytestmark = pytest.mark.postgres

AGAIN = """
    INSERT INTO posting (account_id, posted_at, id, kind, amount_micros, call_id, role, started_at,
        service_id, location, note)
    SELECT account_id, %(at)s, gen_random_uuid(), line.kind,
        CASE WHEN line.kind = 'reversal' THEN -last.amount_micros ELSE %(micros)s END, call_id, role,
        started_at, service_id, location, ''
    FROM (
        SELECT * FROM posting WHERE kind = 'outpayment'
            AND started_at = (SELECT min(started_at) FROM posting WHERE kind = 'outpayment')
        ORDER BY posted_at DESC LIMIT 1
    ) AS last, (VALUES ('reversal'), ('outpayment')) AS line (kind)
"""
"""Rate the first call that has earned again, as a rerating does."""


@pytest.fixture
def earning(dsn, site, request):
    """Two calls to ACME's DID, which earns 0.002 a minute, and one from it."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        did = find_service(txn, ServiceKind.DID, "15550100", site.now)
        set_service(txn, replace(did, outpayment=Decimal("0.002"), location="Austin"), site)
    switch = request.getfixturevalue("switch")
    switch.now = switch.now.replace(day=10, hour=12)
    for name, seconds in (("c1", 90), ("c2", 30)):
        switch.now += timedelta(minutes=5)
        switch.stop(name, seconds=seconds, calling="442071838750", called="15550100")
    switch.stop("c3", seconds=60)
    return f"{switch.now:%Y-%m}"


def test_what_was_earned_is_told_by_service(visit, earning):
    """
    To the customer too, who gets there from its statement; and as a file.
    """
    page = visit(Role.CUSTOMER, "/accounts/ACME/statement")
    page.get_by_role("link", name="Out-payments").click()
    page.get_by_label("Month").fill(earning)
    page.get_by_role("button", name="Show").click()
    assert ["did 15550100", "Austin", "2", "2:00", "0.004"] == page.locator("tbody td").all_inner_texts()
    assert "0.004 USD" in page.locator("tfoot").inner_text()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()

    (row,) = csv.DictReader(io.StringIO(saved.value.path().read_text("utf-8-sig")))
    assert ("did 15550100", "2", "120", "0.004") == (
        row["service"], row["calls"], row["seconds"], row["amount"]
    )  # fmt: skip
    assert f"out-payments-ACME-{earning}.csv" == saved.value.suggested_filename


def test_who_earned_most_comes_first_in_the_report(visit, earning):
    """
    By account from the links; by service once an account is named, of which the page asks one.
    """
    page = visit(Role.OPERATOR, "/reports")
    page.get_by_role("link", name="Out-payments").click()
    assert "ACME" == page.locator("tbody td").first.inner_text()
    page.get_by_label("Add up by").select_option("service")
    page.get_by_label("Since").fill(f"{earning}-01")
    page.get_by_role("button", name="Show").click()
    assert "account: name one" in page.get_by_role("alert").inner_text()

    page.get_by_label("Account", exact=True).fill("ACME")
    page.get_by_role("button", name="Show").click()
    row = page.locator("tbody tr").first.locator("td").all_inner_texts()
    assert ("did 15550100", "0.004") == (row[0], row[8])


def test_other_months_and_accounts(visit, earning):
    """
    A month without earnings, one that is none, and an account that is another's.
    """
    page = visit(Role.CUSTOMER, "/accounts/ACME/outpayments?period=2020-01")
    assert "Nothing was earned." in page.locator("tbody").inner_text()
    page.goto("/accounts/ACME/outpayments?period=soon")
    assert "is no month like" in page.get_by_role("alert").inner_text()
    assert 404 == page.request.get("/accounts/BETA/outpayments").status


def test_what_is_rated_again_is_one_call_in_its_month_and_a_correction_later(dsn, earning):
    """
    The months add up to what was posted.
    """
    begin = datetime.fromisoformat(f"{earning}-01").replace(tzinfo=UTC)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        for at, micros in ((begin + timedelta(days=20), 2500), (begin + timedelta(days=40), 1000)):
            txn.execute(AGAIN, {"at": at, "micros": micros})
        actor = Actor("tester")
        own = outpayments(txn, actor, "ACME", earning)
        later = outpayments(txn, actor, "ACME", f"{begin + timedelta(days=40):%Y-%m}")
        txn.execute("SELECT sum(amount_micros) FROM posting WHERE role = 'in'")
        ((posted,),) = txn.fetchall()

    assert (2, 120, Decimal("0.0035")) == (own.calls, own.seconds, own.total)
    (line,) = later.lines
    assert (True, 1, 0, Decimal("-0.0015")) == (line.correction, line.calls, line.seconds, line.amount)
    assert (0, 0) == (later.calls, later.seconds)
    assert posted == (own.total + later.total).scaleb(6)


def test_nobody_reads_what_others_earned(dsn, earning):
    """
    The function itself refuses.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        with pytest.raises(NotFound, match="account ACME does not exist"):
            outpayments(txn, Actor("x", role=Role.CUSTOMER, account="BETA"), "ACME", earning)
