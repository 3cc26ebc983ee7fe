"""The page of exports: calls saved as a file of any length, what is written by itself, months."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from datetime import UTC, datetime

import psycopg2
import pytest

from provisioning.roles import Role

pytestmark = pytest.mark.postgres


@pytest.fixture
def many(switch, dsn):
    """Twenty thousand calls of ACME's, a period that was written by itself, and a month that has left."""
    switch.stop("c1", seconds=30)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(
            "INSERT INTO cdr SELECT copy.* FROM (SELECT cdr FROM cdr LIMIT 1) AS one,"
            " generate_series(2, 20000) AS n,"
            " jsonb_populate_record(one.cdr, jsonb_build_object('call_id', md5(n::text)::uuid)) AS copy"
        )
        txn.execute(
            "INSERT INTO export_drop (name, period_start, period_end, file, records, octets, sha256, made_at,"
            " made_on) VALUES ('acme-daily', '2026-03-01', '2026-03-02', 'acme-daily-2026-03-01.csv', 1234,"
            " 5678, repeat('ab', 32), %s, 'node1')",
            (datetime(2026, 3, 2, 6, tzinfo=UTC),),
        )
        for relation in ("cdr", "posting"):
            txn.execute(
                "INSERT INTO retained_month (relation, month, records, file, sha256, content, exported_at,"
                " detached_at) VALUES (%s, '2024-01-01', 4321, '/srv/' || %s, repeat('cd', 32), 0, now(),"
                " now())",
                (relation, relation),
            )


def save(page, **typed):
    """Fill the form, send it, and return the file's name and text."""
    for label, text in typed.items():
        field = page.locator("form.card").get_by_label(label, exact=True)
        if label in ("Form", "Status"):
            field.select_option(text)
        else:
            field.fill(text)
    with page.expect_download() as saved:
        page.locator("form.card").get_by_role("button", name="Save").click()
    return saved.value.suggested_filename, saved.value.path().read_text("utf-8")


def test_all_calls_are_saved(visit, many):
    """
    More than any page holds; with the columns that are wanted, under titles of one's own.
    """
    page = visit(Role.BILLING, "/reports")
    page.get_by_role("link", name="Exports").click()
    name, text = save(page, Columns="call_id, from=Caller, total", Account="ACME")
    rows = list(csv.DictReader(io.StringIO(text)))

    assert "export.csv" == name
    assert (20_000, {"call_id", "Caller", "total"}) == (len(rows), set(rows[0]))
    assert {"15550100"} == {row["Caller"] for row in rows}
    name, text = save(page, Form="jsonl", Account="BETA", Columns="")
    assert ("export.jsonl", "") == (name, text)


def test_a_saved_export_is_run(visit, switch):
    """
    Its columns and filters count where none is given.
    """
    switch.stop("c1", seconds=30)
    switch.stop("c2", seconds=30, calling="999")
    page = visit(Role.SUPPORT, "/exports")
    listed = page.get_by_role("region", name="Saved").locator("tbody tr").all_inner_texts()
    told = ("acme-daily", "csv", "of ACME, answered", "call_id=Call, total=Price", "every day, in UTC")
    assert ["\t".join((*told, "/srv/exports"))] == listed
    page.get_by_label("As saved").select_option("acme-daily")
    name, text = save(page)

    assert ("acme-daily.csv", ["Call,Price"]) == (name, text.splitlines()[:1])
    assert 2 == len(text.splitlines())


@pytest.mark.parametrize(
    ("label", "text", "told"),
    [
        ("Columns", "colour", "colour"),
        ("Since", "soon", "since: 'soon' is no date"),
        ("Account", "NOPE", "account NOPE does not exist"),
    ],
)
def test_what_is_wrong_with_an_export_is_told(visit, many, label, text, told):
    """
    On the page, where what was typed stays.
    """
    page = visit(Role.OPERATOR, "/exports")
    page.locator("form.card").get_by_label(label, exact=True).fill(text)
    page.locator("form.card").get_by_role("button", name="Save").click()

    assert told in page.get_by_role("alert").inner_text()
    assert text == page.locator("form.card").get_by_label(label, exact=True).input_value()
    for query in ("status=lost", "format=xlsx", "template=none"):
        assert page.request.get(f"/exports/calls?{query}").status in (400, 404)


def test_what_is_written_and_kept_elsewhere_is_listed(visit, many):
    """
    Each period of scheduled exports, and the months of records and ledger.
    """
    page = visit(Role.BILLING, "/exports")
    written = page.get_by_role("region", name="Written").inner_text()
    assert "acme-daily-2026-03-01.csv" in written
    assert "1,234" in written
    months = page.get_by_role("region", name="Months").locator("tbody tr").all_inner_texts()
    assert ["2024-01\tledger\t4,321\tverified, detached\t/srv/posting", "2024-01\tcall records"] == [
        months[-2].rpartition("\t")[0], months[-1].partition("\t4,321")[0]
    ]  # fmt: skip
    page.goto("/exports?name=other")
    assert "Nothing yet." in page.get_by_role("region", name="Written").inner_text()


@pytest.mark.parametrize("role", [Role.RESELLER, Role.CUSTOMER])
def test_exports_of_all_accounts_are_not_for_customers(visit, many, role):
    """
    They save their own calls, and see neither other accounts' nor files.
    """
    page = visit(role, "/calls")
    assert 403 == page.request.get("/exports").status
    assert 0 == page.get_by_role("link", name="Exports").count()
    saved = page.request.get("/exports/calls?account=BETA")
    assert (404, True) == (saved.status, "BETA does not exist" in saved.text())
    own = page.request.get("/exports/calls?columns=account")
    assert {"account", *(["ACME"] if role is Role.CUSTOMER else [])} == set(own.text().split())
