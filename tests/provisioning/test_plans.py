"""Plans, their buckets, and the destinations that those pay for."""

from dataclasses import replace

import pytest

from provisioning.accounts import Account, add_account
from provisioning.admin import Action
from provisioning.buckets import Bucket, add_bucket, keep_only, list_buckets, remove_bucket, set_bucket
from provisioning.decks import Deck, import_deck
from provisioning.destinations import (
    DestinationSet,
    add_destination_set,
    list_destination_sets,
    set_destination_set,
)
from provisioning.plans import Plan, add_plan, list_plans, read_plan, set_plan
from provisioning.rate_files import RateFile
from provisioning.service_kinds import Did
from provisioning.services import add_service
from provisioning.tenants import Tenant, add_tenant, list_tenants
from radiusd.errors import BadInput, Conflict, NotFound

pytestmark = pytest.mark.postgres

PLAN = Plan(
    code="gold",
    name="Gold",
    deck="retail",
    inbound_deck="retail",
    initial_s=60,
    increment_s=6,
    rounding_decimals=2,
    rounding_mode="up",
)
BUCKET = Bucket(plan="retail", name="us", seconds=60_000, destinations="us", priority=5)


@pytest.fixture
def euro(site, admin, tmp_path):
    """The small installation with a deck in EUR, too."""
    path = tmp_path / "euro.csv"
    path.write_text("prefix,rate,initial,increment\n49,0.01,60,60\n")
    import_deck(site, Deck(name="euro", currency="EUR"), RateFile(path), admin)
    return site


def test_keeps_a_plan(site, admin):
    """
    It is read back as it was given.
    """
    assert Action.ADDED is add_plan(site, PLAN, admin).action

    assert PLAN == read_plan(site, "gold")[1]
    assert ["gold", "retail"] == [plan.code for plan in list_plans(site)]
    assert Action.UNCHANGED is set_plan(site, PLAN, admin).action


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"deck": "nope"}, "^deck: deck nope does not exist"),
        ({"inbound_deck": "nope"}, "^inbound_deck: deck nope does not exist"),
        ({"inbound_deck": "euro"}, "^inbound_deck: euro is in EUR, deck retail in USD"),
        ({"increment_s": None}, "^increment_s: give initial_s and increment_s, or neither"),
        ({"initial_s": 0}, "^initial_s: 0 is not from 1 to 86400"),
        ({"rounding_decimals": 7}, "^rounding_decimals: 7 is not from 0 to 6"),
        ({"rounding_mode": "sideways"}, "^rounding_mode: 'sideways' is none of"),
        ({"code": " "}, "^code: "),
    ],
)
def test_refuses_wrong_fields(euro, admin, fields, message):
    """
    The message begins with the field.
    """
    with pytest.raises(BadInput, match=message):
        add_plan(euro, replace(PLAN, **fields), admin)


def test_a_plan_in_use_keeps_its_currency(euro, admin):
    """
    A customer in dollars is not suddenly charged in euros; a plan that nobody has may change.
    """
    add_plan(euro, PLAN, admin)
    add_plan(euro, replace(PLAN, code="silver"), admin)
    add_service(euro, Did(account="ACME", number="15125550100", plan="gold", activated=admin.now), admin)

    with pytest.raises(Conflict, match=r"^deck: it is in EUR, and account ACME.* in USD"):
        set_plan(euro, replace(PLAN, deck="euro", inbound_deck=None), admin)
    assert set_plan(euro, replace(PLAN, code="silver", deck="euro", inbound_deck="euro"), admin)


def test_keeps_a_bucket(site, admin):
    """
    Read back as given; the same again is no change.
    """
    add_destination_set(site, DestinationSet(name="us", prefixes=("1",)), admin)
    add_bucket(site, BUCKET, admin)

    assert [BUCKET] == list_buckets(site, "retail") == list_buckets(site)
    assert Action.UNCHANGED is set_bucket(site, BUCKET, admin).action
    change = set_bucket(site, replace(BUCKET, destinations=None), admin)
    assert [("destinations", "us", "")] == [(f.name, f.before, f.after) for f in change.fields]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"plan": "nope"}, "plan nope does not exist"),
        ({"destinations": "mars"}, "^destinations: destination set mars does not exist"),
        ({"seconds": -1}, "^seconds: "),
        ({"seconds": 2**31}, "^seconds: "),
        ({"clock_initial_s": 1}, "^clock_increment_s: give clock_initial_s and"),
        ({"name": ""}, "^name: "),
    ],
)
def test_refuses_wrong_buckets(site, admin, fields, message):
    """
    The message begins with the field.
    """
    with pytest.raises(BadInput, match=message):
        add_bucket(site, replace(BUCKET, **{"destinations": None, **fields}), admin)


def test_buckets_can_be_taken_away(site, admin):
    """
    One by name, or all that a list does not name.
    """
    for name in ("a", "b", "c"):
        add_bucket(site, Bucket(plan="retail", name=name, seconds=60), admin)

    assert Action.REMOVED is remove_bucket(site, "retail", "a", admin).action
    assert ["retail/b"] == [change.key for change in keep_only(site, "retail", {"c", "d"})]
    assert ["c"] == [bucket.name for bucket in list_buckets(site)]
    with pytest.raises(NotFound, match="bucket retail/a does not exist"):
        remove_bucket(site, "retail", "a", admin)


def test_names_are_taken_once(site, admin):
    """
    Adding what is there is a conflict, whatever it is.
    """
    add_bucket(site, Bucket(plan="retail", name="a", seconds=60), admin)
    add_destination_set(site, DestinationSet(name="us", prefixes=("1",)), admin)
    add_tenant(site, Tenant(name="PBX.example"), admin)

    for again in (
        lambda: add_bucket(site, Bucket(plan="retail", name="a", seconds=60), admin),
        lambda: add_destination_set(site, DestinationSet(name="us", prefixes=("1",)), admin),
        lambda: add_tenant(site, Tenant(name="pbx.EXAMPLE"), admin),
        lambda: add_plan(site, Plan(code="retail", deck="retail"), admin),
        lambda: add_account(site, Account(code="ACME", currency="USD"), admin),
    ):
        with pytest.raises(Conflict, match="exists already"):
            again()
    assert [Tenant(name="pbx.example")] == list_tenants(site)


def test_destinations_are_a_set(site, admin):
    """
    Prefixes in any order and spelling are the same set; another set replaces it.
    """
    add_destination_set(site, DestinationSet(name="na", prefixes=("+1", "52", "1")), admin)

    assert [DestinationSet(name="na", prefixes=("1", "52"))] == list_destination_sets(site)
    same = DestinationSet(name="na", prefixes=("0052", "1"))
    assert Action.UNCHANGED is set_destination_set(site, same, admin).action
    set_destination_set(site, DestinationSet(name="na", prefixes=("*",)), admin)
    assert ("",) == list_destination_sets(site)[0].prefixes


@pytest.mark.parametrize("prefixes", [(), ("x",), ("",)])
def test_refuses_wrong_prefixes(site, admin, prefixes):
    """
    A set of nothing pays for nothing.
    """
    with pytest.raises(BadInput, match=r"^prefixes: "):
        add_destination_set(site, DestinationSet(name="na", prefixes=prefixes), admin)
