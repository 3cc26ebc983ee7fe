"""Forms: the five kinds of service, what is wrong is told at its field, and secrets are shown once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal

import psycopg2
import pytest
from click.testing import CliRunner

from provisioning.accounts import Account, add_account
from provisioning.cli import main
from provisioning.inventory import Number, add_number
from provisioning.roles import Role
from provisioning.service_kinds import Ip
from provisioning.services import add_service
from provisioning.tenants import Tenant, add_tenant

pytestmark = pytest.mark.postgres

TYPED = {
    "did": {"DID": "15125550140", "Plan": "P", "MAC address": "00-1A-2B-3C-4D-5E", "Username": "alice",
            "Location / cost centre": "Austin", "Out-payment rate": "0.002"},
    "extension": {"Extension": "201", "PBX tenant": "pbx.example", "Plan": "P"},
    "trunk": {"Trunk": "tg7", "Plan": "P", "Maximum channels": "10", "Calls per second": "5"},
    "ip": {"Address or network": "203.0.113.0/24", "Plan": "P", "Tech prefix": "99"},
    "virtual": {"Virtual number": "442079460100", "Primary DID": "15550100", "Additional charge": "0.01"},
}  # fmt: skip
WRONG = (
    ("did", "DID", "12ab", "number"),
    ("did", "Plan", "nope", "plan nope does not exist"),
    ("did", "Activation date", "tomorrow", "is no date"),
    ("did", "MAC address", "12:34", "write 00:0b:82:12:34:56"),
    ("did", "Out-payment rate", "-1", ""),
    ("extension", "PBX tenant", "nowhere", "tenant nowhere does not exist"),
    ("trunk", "Maximum channels", "many", "is not a whole number"),
    ("trunk", "Calls per second", "-1", ""),
    ("ip", "Address or network", "203.0.113.1/24", ""),
    ("ip", "Tech prefix", "abc", ""),
    ("virtual", "Primary DID", "442079460999", ""),
    ("virtual", "Additional charge", "a lot", ""),
)


@pytest.fixture
def tenant(dsn, site):
    """The tenant pbx.example."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        add_tenant(txn, Tenant(name="pbx.example"), site)


@pytest.mark.parametrize("kind", TYPED)
def test_a_service_of_each_kind_is_added(visit, dsn, tenant, kind):
    """
    Through the button of the account's page; it stands in the account's table then.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME")
    titles = {"did": "DID", "ip": "IP Address", "virtual": "Virtual Number"}
    title = titles.get(kind, kind.capitalize())
    page.get_by_role("link", name=f"Add {title}").click()
    for label, text in TYPED[kind].items():
        page.get_by_label(label, exact=False).first.fill(text)
    if kind == "virtual":
        assert "it shares plan P and its 1 minutes to anywhere" in page.locator(".note").inner_text()
    page.get_by_role("button", name=f"Add {title}").click()

    assert f"{title} " in page.get_by_role("status").inner_text()
    name = next(iter(TYPED[kind].values()))
    assert page.locator("#services").get_by_role("link", name=name).is_visible()


@pytest.mark.parametrize(("kind", "label", "text", "told"), WRONG)
def test_what_is_wrong_is_told_at_its_field(visit, tenant, kind, label, text, told):
    """
    What was typed stays, the field says what is wrong, and nothing was added.
    """
    page = visit(Role.OPERATOR, f"/accounts/ACME/add/{kind}")
    for name, value in {**TYPED[kind], label: text}.items():
        page.get_by_label(name, exact=False).first.fill(value)
    page.locator("form.form button.main").click()

    assert "Nothing was changed" in page.get_by_role("alert").inner_text()
    field = page.get_by_label(label, exact=False).first
    assert text == field.input_value()
    assert "true" == field.get_attribute("aria-invalid")
    error = page.locator(f"#{field.get_attribute('id')}").locator("xpath=..").locator(".error")
    assert told in error.inner_text()


def test_a_password_is_generated_and_shown_once(visit, dsn, site):
    """
    It is 24 characters, works from then on, and no page shows it again.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME/add/did")
    for label, text in TYPED["did"].items():
        page.get_by_label(label, exact=False).first.fill(text)
    page.get_by_label("Generate one").check()
    page.get_by_role("button", name="Add DID").click()
    password = page.locator("code.once").inner_text()
    page.get_by_role("link", name="Done").click()

    assert 24 == len(password)
    page.get_by_role("link", name="15125550140").click()
    assert password not in page.content()


def test_a_clients_secret_is_written_and_never_read(visit, site):
    """
    Generated and shown once, or typed; its page tells nothing of it, and keeps it when nothing is typed.
    """
    page = visit(Role.OPERATOR, "/clients/sbc")
    assert "0123456789abcdef" not in page.content()
    page.get_by_label("Generate one").first.check()
    page.get_by_role("button", name="Save").click()
    secret = page.locator("code.once").inner_text()

    page.goto("/clients/sbc")
    assert secret not in page.content()
    page.get_by_role("button", name="Save").click()
    assert "Nothing was changed" in page.get_by_role("status").inner_text()
    page.goto("/audit")
    assert secret not in page.content()


def test_a_service_is_ended_and_not_deleted(visit, site):
    """
    It stays in the table with the day on which it ends.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME/services/trunk/tg2")
    page.get_by_label("Ends on").fill("2026-12-24")
    page.get_by_role("button", name="End").click()

    row = page.locator("#services tr", has_text="tg2")
    assert "2026-12-24 00:00" in row.inner_text()


def test_services_of_one_name_have_a_page_each(visit, dsn, site):
    """
    An address with and without a tech prefix: each is changed, tested and ended, and then leads nowhere.
    """
    address = Ip(account="ACME", network="203.0.113.0/24", plan="P", activated=date(2026, 1, 1))
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for prefix in ("", "99"):
            add_service(txn, replace(address, tech_prefix=prefix), site)
    page = visit(Role.OPERATOR, "/accounts/ACME")
    for key in ("203.0.113.0/24", "203.0.113.0/24 prefix 99"):
        page.get_by_role("link", name=key, exact=True).click()
        page.get_by_label("Location").fill(f"at {key}")
        page.get_by_role("button", name="Save").click()
        row = page.locator("#services tr", has=page.get_by_role("link", name=key, exact=True))
        assert f"at {key}" in row.inner_text()
        row.get_by_role("link", name="Test").click()
        page.get_by_label("To", exact=True).fill("442079460000")
        page.get_by_role("button", name="Tell").click()
        assert "several" not in page.locator("main").inner_text()
        assert page.get_by_role("heading", name="By ip 203.0.113.0/24").is_visible()
        page.goto("/accounts/ACME")

    page.get_by_role("link", name="203.0.113.0/24", exact=True).click()
    page.get_by_label("Ends on").fill("2026-02-01")
    page.get_by_role("button", name="End").click()
    assert 0 == page.get_by_role("link", name="203.0.113.0/24", exact=True).count()
    assert page.get_by_role("cell", name="203.0.113.0/24", exact=True).is_visible()


def test_an_account_of_any_code_has_its_page(visit, dsn, site):
    """
    Slashes and question marks are of its code, not of the path.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        add_account(txn, Account(code="a/b?c#d%20", currency="USD"), site)
    page = visit(Role.OPERATOR, "/accounts")
    page.get_by_role("link", name="a/b?c#d%20").click()
    page.get_by_role("link", name="Add Trunk").click()
    page.get_by_label("Trunk").fill("of/this")
    page.get_by_label("Plan").fill("P")
    page.get_by_role("button", name="Add Trunk").click()
    page.get_by_role("link", name="of/this").click()

    assert "Trunk of/this" == page.locator("h1").inner_text()


def test_a_form_that_is_clicked_twice_is_sent_once(visit, dsn, site):
    """
    While the answer to the first is awaited; money is posted once.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "POST" == request.method else None)
    page.get_by_label("Amount").fill("5")
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("LOCK TABLE posting IN EXCLUSIVE MODE")
        page.get_by_role("button", name="Post").focus()
        for _ in range(2):
            page.keyboard.press("Enter", delay=100)
        connection.rollback()

    assert "Posted." == page.get_by_role("status").inner_text()
    assert 1 == len(sent)
    page.get_by_label("Amount").fill("6")
    page.get_by_role("button", name="Post").click()
    assert "Posted." == page.get_by_role("status").inner_text()
    assert 2 == len(sent)


def test_a_number_is_given_at_its_price(visit, site):
    """
    The form says what the inventory asks, which is owed where no fee is typed; 0 is a fee, too.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME/add/did?number=15125550140")
    assert "asks 1.50 USD a month and 1.00 USD once" in page.locator(".note").inner_text()
    page.get_by_label("Plan").fill("P")
    page.get_by_label("Set-up fee").fill("0")
    page.get_by_role("button", name="Add DID").click()
    page.goto("/numbers/15125550141")
    page.get_by_label("Account", exact=True).first.fill("ACME")
    page.get_by_label("Monthly fee").fill("0.5")
    page.get_by_role("button", name="Assign as DID").click()
    assert "Done." == page.get_by_role("status").inner_text()

    for number, fees in (("15125550140", ["1.5", "0"]), ("15125550141", ["0.5", "1"])):
        page.goto(f"/accounts/ACME/services/did/{number}")
        assert fees == [page.get_by_label(label).input_value() for label in ("Monthly fee", "Set-up fee")]


def test_a_price_in_another_currency_is_told_at_its_fee(visit, site, dsn):
    """
    With what to do.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        add_number(txn, Number(number="442079460143", currency="GBP", monthly_price=Decimal(2)), site)
    page = visit(Role.OPERATOR, "/accounts/ACME/add/did?number=442079460143")
    page.get_by_label("Plan").fill("P")
    page.get_by_role("button", name="Add DID").click()

    error = page.locator("#e-monthly_fee").inner_text()
    assert "costs 2 GBP a month, and account ACME is in USD; give the fee in USD" in error


def test_two_tabs_cannot_have_one_number(visit, site):
    """
    The second is told who was first, and may choose another.
    """
    first, second = (visit(Role.OPERATOR, f"/accounts/{code}/add/did?number=15125550141")
                     for code in ("ACME", "BETA"))  # fmt: skip
    for page in (first, second):
        page.get_by_label("Plan").fill("P")
    first.get_by_role("button", name="Add DID").click()
    second.get_by_role("button", name="Add DID").click()

    assert "DID 15125550141 is added" in first.get_by_role("status").inner_text()
    assert "15125550141" in second.get_by_role("alert").inner_text()


@pytest.mark.parametrize(
    ("words", "kind", "typed"),
    [
        ("did add 15125550140 --account ACME --plan nope --activated 2026-11-01", "did",
         {"DID": "15125550140", "Plan": "nope", "Activation date": "2026-11-01"}),
        ("did add 15550100 --account ACME --plan P --activated 2026-11-01", "did",
         {"DID": "15550100", "Plan": "P", "Activation date": "2026-11-01"}),
        ("trunk add tg7 --account ACME --plan P --activated 2026-11-01 --client nope", "trunk",
         {"Trunk": "tg7", "Plan": "P", "Activation date": "2026-11-01", "Client": "nope"}),
        ("virtual add 442079460100 --account ACME --primary 999 --activated 2026-11-01", "virtual",
         {"Virtual number": "442079460100", "Primary DID": "999", "Activation date": "2026-11-01"}),
    ],
)  # fmt: skip
def test_the_console_says_what_the_command_line_says(visit, console, site, words, kind, typed):
    """
    Of the same mistake, in the same words (the API's are compared with the command line's elsewhere).
    """
    said = CliRunner().invoke(main, [*words.split(), "--config", str(console.config)])
    assert 0 != said.exit_code
    text = said.stderr.removeprefix("tollwire: ").strip().partition(": ")
    page = visit(Role.OPERATOR, f"/accounts/ACME/add/{kind}")
    for label, value in typed.items():
        page.get_by_label(label, exact=False).first.fill(value)
    page.locator("form.form button.main").click()

    assert (text[2] or text[0]) in page.get_by_role("alert").inner_text()


def test_rates_are_looked_at_before_they_are_imported(visit, site):
    """
    What rises and falls is drawn, nothing is kept; then they are imported, and brought back.
    """
    rates = "prefix,description,rate\n1,United States,0.0135\n44,United Kingdom,0.009\n49,Germany,0.02\n"
    page = visit(Role.OPERATOR, "/new/deck?name=retail")
    page.get_by_label("Or its lines").fill(rates)
    page.get_by_role("button", name="Show what it would change").click()
    text = page.get_by_role("region", name="Dry run").inner_text()
    assert "It would be version 2; nothing was changed" in text
    assert "1 new, 0 gone, 1 up, 1 down" in text
    for step in ("rises by 5 to 10 %", "falls by more than 50 %"):
        assert step in page.locator("svg.chart").nth(1).text_content()

    page.get_by_role("button", name="Import").click()
    assert "Imported." in page.get_by_role("status").inner_text()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Bring back").click()
    assert "a version of their own" in page.get_by_role("status").inner_text()


def test_a_file_of_rates_with_faults_changes_nothing(visit, site):
    """
    Each fault is told with its line.
    """
    page = visit(Role.OPERATOR, "/new/deck?name=retail")
    page.get_by_label("Or its lines").fill("prefix,description,rate\n1,United States,cheap\n")
    page.get_by_role("button", name="Import").click()

    assert "pasted.csv:2" in page.get_by_role("alert").inner_text()


def test_money_is_posted_once_under_a_reference(visit, site):
    """
    The balance grows by it once, however often the form is sent.
    """
    page = visit(Role.OPERATOR, "/accounts/ACME")
    for told in ("Posted.", "It was posted before under that reference"):
        page.get_by_label("Amount").fill("12.50")
        page.get_by_label("Reference").fill("R1")
        page.get_by_role("button", name="Post").click()
        assert told in page.get_by_role("status").inner_text()
    assert "22.50 USD" in page.locator(".figures").inner_text()

    page.get_by_label("Amount").fill("a lot")
    page.get_by_role("button", name="Post").click()
    assert "'a lot'" in page.locator(".error").inner_text()
