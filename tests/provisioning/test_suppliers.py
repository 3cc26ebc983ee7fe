"""Suppliers and exchange rates as admins keep them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from provisioning.admin import Action, Secret
from provisioning.clients import Client, add_client
from provisioning.exchange import ExchangeRate, list_exchange_rates, set_exchange_rate
from provisioning.suppliers import Supplier, add_supplier, list_suppliers, read_supplier, set_supplier
from radiusd.errors import BadInput, Conflict, NotFound

pytestmark = pytest.mark.postgres

CARRIER = Supplier(code="carrier-a", name="A", deck="retail", trunks=("sbc1/tg9", "tg8"), guard="refuse")


@pytest.fixture
def txn(site, admin):
    """The small installation with a client."""
    add_client(
        site, Client(name="sbc1", networks=("192.0.2.9",), secret=Secret(b"0123456789abcdef")), admin
    )
    return site


def test_keeps_a_supplier(txn, admin):
    """
    With the trunks that lead to it, on one client or on any.
    """
    assert Action.ADDED is add_supplier(txn, CARRIER, admin).action
    assert CARRIER == read_supplier(txn, "carrier-a")[1]
    assert Action.UNCHANGED is set_supplier(txn, CARRIER, admin).action

    moved = replace(CARRIER, trunks=("tg8",))
    set_supplier(txn, moved, admin)
    assert [moved] == list_suppliers(txn)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"deck": "nope"}, NotFound, "^deck: deck nope does not exist"),
        ({"trunks": ("sbc9/tg1",)}, NotFound, "^trunks: client sbc9 does not exist"),
        ({"trunks": ("sbc1/",)}, BadInput, "^trunks: "),
        ({"guard": "pray"}, BadInput, "^guard: 'pray' is none of off, flag, refuse"),
        ({"timezone": "Mars"}, BadInput, "^timezone: "),
    ],
)
def test_refuses_wrong_fields(txn, admin, fields, error, message):
    """
    The message begins with the field.
    """
    with pytest.raises(error, match=message):
        add_supplier(txn, replace(CARRIER, **fields), admin)


def test_a_trunk_leads_to_one_supplier(txn, admin):
    """
    Whose bill would the call be on?
    """
    add_supplier(txn, CARRIER, admin)

    with pytest.raises(Conflict, match=r"^trunks: tg8 leads to supplier carrier-a already"):
        add_supplier(txn, replace(CARRIER, code="carrier-b", trunks=("tg8",)), admin)


def test_keeps_exchange_rates(txn, admin):
    """
    One for each day it changed; the same again changes nothing.
    """
    first = ExchangeRate(base="EUR", quote="USD", price=Decimal("1.08"))
    later = replace(first, price=Decimal("1.1"), effective=datetime(2026, 12, 1, tzinfo=UTC))
    set_exchange_rate(txn, first, admin)
    set_exchange_rate(txn, later, admin)

    assert [first, later] == list_exchange_rates(txn)
    assert Action.UNCHANGED is set_exchange_rate(txn, later, admin).action
    for fields, message in (
        ({"quote": "EUR"}, "^quote: "),
        ({"price": Decimal(0)}, "^price: "),
        ({"base": "euro"}, "^base: "),
    ):
        with pytest.raises(BadInput, match=message):
            set_exchange_rate(txn, replace(first, **fields), admin)
