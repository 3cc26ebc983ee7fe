"""What the inventory asks for a number is owed by the service that gets it, unless a fee was said."""

from dataclasses import replace
from decimal import Decimal

import pytest

from provisioning.accounts import Account, add_account
from provisioning.decks import Deck, import_deck
from provisioning.inventory import Number, add_number, set_number
from provisioning.number_moves import assign_numbers, move_numbers
from provisioning.number_states import free, reserve
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from provisioning.roles import Role
from provisioning.service_kinds import Did, Extension, Virtual
from provisioning.services import add_service, end_service, find_service, set_service
from provisioning.site import apply_file
from provisioning.site_export import Export
from provisioning.tenants import Tenant, add_tenant
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, Forbidden, NotFound
from tests.provisioning.conftest import NOW, RATES, SINCE
from tests.provisioning.test_inventory import HOUR

pytestmark = pytest.mark.postgres

ONE, TWO, FREE = "15125550100", "15125550101", "15125550102"
MONTHLY, SETUP = Decimal("1.5"), Decimal(3)
PRICED = (MONTHLY, SETUP)
SITE = f"""
[[did]]
number = "{ONE}"
account = "ACME"
plan = "retail"
activated = 2026-11-01

[[virtual]]
number = "{TWO}"
account = "ACME"
primary = "{ONE}"
activated = 2026-11-01

[[did]]
number = "{FREE}"
account = "ACME"
plan = "retail"
activated = 2026-11-01
"""


@pytest.fixture
def stock(site, admin):
    """The small installation with two numbers that have prices and one that has none."""
    for number in (ONE, TWO):
        add_number(site, priced(number), admin)
    add_number(site, Number(number=FREE, currency="EUR"), admin)
    return site


@pytest.fixture
def reseller(stock, admin):
    """A reseller with the customers SHOP and KIOSK, the latter in euros."""
    add_account(stock, Account(code="RES", currency="USD"), admin)
    for code, currency in (("SHOP", "USD"), ("DELI", "USD"), ("KIOSK", "EUR")):
        add_account(stock, Account(code=code, currency=currency, reseller="RES"), admin)
    return replace(admin, role=Role.RESELLER, account="RES", name="rita")


@pytest.fixture
def euros(stock, admin, tmp_path):
    """A plan and the account EURO in euros."""
    rates = tmp_path / "euros.csv"
    rates.write_text(RATES)
    import_deck(stock, Deck(name="euros", currency="EUR"), RateFile(rates), admin)
    add_plan(stock, Plan(code="euros", deck="euros"), admin)
    add_account(stock, Account(code="EURO", currency="EUR"), admin)


def priced(number: str, **more) -> Number:
    return Number(number=number, **{"currency": "USD", "monthly_price": MONTHLY, "setup_price": SETUP} | more)


def did(number: str = ONE, account: str = "ACME", **more) -> Did:
    return Did(number=number, account=account, plan="retail", activated=SINCE, **more)


def fees(txn, number: str = ONE, kind: ServiceKind = ServiceKind.DID) -> tuple[Decimal, Decimal]:
    found = find_service(txn, kind, number, NOW)
    return found.monthly_fee, found.setup_fee


def test_who_is_given_a_number_owes_its_prices(stock, admin):
    """
    Added or assigned, as a DID or virtual number; what has no price, or is not in the inventory, is free.
    """
    assign_numbers(stock, [ONE], "ACME", "retail", admin)
    add_service(stock, Virtual(number=TWO, account="ACME", primary=ONE, activated=NOW), admin)
    change = add_service(stock, did(FREE), admin)
    add_service(stock, did("15125550199"), admin)

    assert [PRICED, PRICED] == [fees(stock), fees(stock, TWO, ServiceKind.VIRTUAL)]
    assert [(0, 0), (0, 0)] == [fees(stock, FREE), fees(stock, "15125550199")]
    assert "0" == {field.name: field.after for field in change.fields}["monthly_fee"]


def test_the_audit_tells_what_is_owed(stock, admin):
    """
    As if the fees had been typed.
    """
    add_service(stock, did(), admin)

    stock.execute("SELECT detail -> 'fields' -> 'monthly_fee' ->> 1 FROM audit WHERE action = 'did added'")
    assert [("1.5",)] == stock.fetchall()


@pytest.mark.parametrize("said", [Decimal(0), Decimal("0.75")])
def test_a_fee_that_was_said_goes_before(stock, admin, said):
    """
    Also 0; the other fee is the inventory's.
    """
    assign_numbers(stock, [ONE], "ACME", "retail", admin, monthly_fee=said)
    add_service(stock, did(TWO, setup_fee=said), admin)

    assert [(said, SETUP), (MONTHLY, said)] == [fees(stock), fees(stock, TWO)]


def test_a_price_in_another_currency_is_refused(stock, admin, euros):
    """
    By the fee that is to be said; once both are, or where there is no price, the number is given.
    """
    euro = replace(did(account="EURO"), plan="euros")
    words = "number 15125550100 costs {} USD {}, and account EURO is in EUR; give the fee in EUR$"
    with pytest.raises(BadInput, match="^monthly_fee: " + words.format("1.5", "a month")):
        assign_numbers(stock, [ONE], "EURO", "euros", admin)
    with pytest.raises(BadInput, match="^setup_fee: " + words.format("3", "once")):
        add_service(stock, replace(euro, monthly_fee=Decimal(1)), admin)
    add_service(stock, replace(euro, monthly_fee=Decimal(1), setup_fee=Decimal(0)), admin)
    add_service(stock, replace(euro, number=FREE), admin)

    assert [(1, 0), (0, 0)] == [fees(stock), fees(stock, FREE)]


def test_a_number_that_is_given_again_owes_what_is_asked_then(stock, admin):
    """
    What it cost before was another service's.
    """
    add_service(stock, did(), admin)
    set_number(stock, priced(ONE, monthly_price=Decimal(2)), admin)
    assert PRICED == fees(stock)
    end_service(stock, find_service(stock, ServiceKind.DID, ONE, NOW), NOW, admin)
    add_service(stock, replace(did(), activated=NOW), admin)

    assert (2, SETUP) == fees(stock)


def test_to_change_or_move_is_not_to_give(stock, admin):
    """
    A service that owes nothing owes nothing afterwards, whatever its number costs by now.
    """
    set_number(stock, priced(ONE, monthly_price=Decimal(0), setup_price=Decimal(0)), admin)
    add_service(stock, did(), admin)
    set_number(stock, priced(ONE), admin)
    found = find_service(stock, ServiceKind.DID, ONE, NOW)
    set_service(stock, replace(found, location="Austin"), admin)
    assert (0, 0) == fees(stock)
    move_numbers(stock, [ONE], "BETA", admin)
    assert (0, 0) == fees(stock)
    set_service(stock, did(TWO), admin)

    assert (0, 0) == fees(stock, TWO)


def test_a_site_file_takes_the_prices_once(stock, admin, tmp_path):
    """
    Applied again it changes nothing, also when the prices have changed, or the fees.
    """
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    assert 3 == len([change for change in apply_file(stock, path, admin) if change])
    numbers = [(ONE, ServiceKind.DID), (TWO, ServiceKind.VIRTUAL), (FREE, ServiceKind.DID)]
    assert [PRICED, PRICED, (0, 0)] == [fees(stock, *each) for each in numbers]

    assert [] == apply_file(stock, path, admin)
    for number in (ONE, FREE):
        set_number(stock, priced(number, monthly_price=Decimal(7)), admin)
    set_service(stock, replace(find_service(stock, ServiceKind.DID, ONE, NOW), monthly_fee=Decimal(9)), admin)
    assert [] == apply_file(stock, path, admin)
    assert [(9, SETUP), PRICED, (0, 0)] == [fees(stock, *each) for each in numbers]
    path.write_text(SITE + 'monthly_fee = "0.5"\n')
    apply_file(stock, path, admin)
    assert (Decimal("0.5"), 0) == fees(stock, FREE)


def test_what_is_exported_is_applied_as_it_was(stock, admin, tmp_path):
    """
    Here it changes nothing; where the services are not there, they get the fees that they had, also 0.
    """
    add_service(stock, did(monthly_fee=Decimal(0)), admin)
    add_service(stock, Virtual(number=TWO, account="ACME", primary=ONE, activated=SINCE), admin)
    path = tmp_path / "site.toml"
    path.write_text(Export(stock, NOW).text())
    assert [] == apply_file(stock, path, admin)

    stock.execute("DELETE FROM service")
    assert {"did", "virtual", "site"} >= {change.noun for change in apply_file(stock, path, admin)}
    assert [(0, SETUP), PRICED] == [fees(stock), fees(stock, TWO, ServiceKind.VIRTUAL)]


def test_what_is_not_in_the_inventory_has_the_fees_that_the_file_says(stock, admin, tmp_path):
    """
    A fee that the file says no more ends, as any other field does.
    """
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace(FREE, "15125550199") + 'monthly_fee = "0.5"\n')
    apply_file(stock, path, admin)
    assert (Decimal("0.5"), 0) == fees(stock, "15125550199")
    path.write_text(SITE.replace(FREE, "15125550199"))
    apply_file(stock, path, admin)

    assert (0, 0) == fees(stock, "15125550199")


def test_a_site_file_tells_where_a_fee_is_missing(stock, admin, euros, tmp_path):
    """
    With the line of the service, and nothing was changed.
    """
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace('"ACME"', '"EURO"').replace('"retail"', '"euros"'))

    with pytest.raises(BadInput, match=r"site.toml:2: monthly_fee: number 15125550100 costs 1.5 USD a month"):
        apply_file(stock, path, admin)


def test_a_reseller_gets_the_prices_and_no_others(stock, reseller, admin):
    """
    It cannot say another fee, not even 0, nor change one; to say the price is no other fee.
    """
    for fee in (Decimal(0), Decimal("0.5"), Decimal(2)):
        with pytest.raises(Forbidden, match=r"^monthly_fee: it is the provider's to say"):
            with_savepoint(stock, did(account="SHOP", monthly_fee=fee), reseller)
        with pytest.raises(Forbidden, match=r"^setup_fee: it is the provider's to say"):
            with_savepoint(stock, did(account="SHOP", setup_fee=fee), reseller)
    assign_numbers(stock, [ONE], "SHOP", "retail", reseller)
    add_service(stock, did(TWO, account="SHOP", monthly_fee=Decimal("1.50")), reseller)
    add_service(stock, did(FREE, account="SHOP"), reseller)
    assert [PRICED, PRICED, (0, 0)] == [fees(stock, number) for number in (ONE, TWO, FREE)]

    found = find_service(stock, ServiceKind.DID, ONE, NOW)
    with pytest.raises(Forbidden, match=r"^setup_fee: it is the provider's to say"):
        set_service(stock, replace(found, setup_fee=Decimal(0)), reseller)


def with_savepoint(txn, service: Did, admin) -> None:
    """Add *service*, and take it back when it is refused, as a request does."""
    txn.execute("SAVEPOINT before")
    try:
        add_service(txn, service, admin)
    finally:
        txn.execute("ROLLBACK TO before")


def test_a_reseller_moves_numbers_with_the_fees_that_they_have(stock, reseller, admin):
    """
    A fee that its provider has said, or what the inventory asked at the time, goes along.
    """
    add_service(stock, did(account="SHOP", monthly_fee=Decimal(9)), admin)
    add_service(stock, did(TWO, account="SHOP"), reseller)
    set_number(stock, priced(TWO, monthly_price=Decimal(7)), admin)
    move_numbers(stock, [ONE, TWO], "DELI", reseller)

    assert [(9, SETUP), PRICED] == [fees(stock), fees(stock, TWO)]


def test_a_reseller_is_told_of_another_currency(stock, reseller, admin, euros):
    """
    It cannot say a fee, but choose another number.
    """
    with pytest.raises(BadInput, match=r"^monthly_fee: .* KIOSK is in EUR; choose one priced in EUR$"):
        assign_numbers(stock, [ONE], "KIOSK", "euros", reseller)
    assign_numbers(stock, [FREE], "KIOSK", "euros", reseller)

    assert (0, 0) == fees(stock, FREE)


def test_a_resellers_other_services_owe_nothing(stock, reseller, admin):
    """
    An extension has no number of the inventory.
    """
    add_tenant(stock, Tenant(name="pbx"), admin)
    extension = Extension(account="SHOP", tenant="pbx", extension="7", plan="retail", activated=SINCE)
    assert add_service(stock, extension, reseller)
    with pytest.raises(Forbidden, match=r"^monthly_fee: "):
        add_service(stock, replace(extension, extension="8", monthly_fee=Decimal(1)), reseller)


def test_a_reseller_frees_what_it_sees(stock, reseller, admin):
    """
    Of what is reserved for others it is not told more than when it looks at the number.
    """
    reserve(stock, ONE, "ACME", HOUR, admin)
    with pytest.raises(NotFound, match=r"^number 15125550100 is not in the inventory"):
        free(stock, ONE, reseller)
    reserve(stock, TWO, "SHOP", HOUR, reseller)

    assert free(stock, TWO, reseller)
    assert free(stock, ONE, admin)
