"""What makes a tariff whole: callers' groups, holidays, states, pools, and prices of single prefixes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from provisioning.admin import Action
from provisioning.buckets import Bucket, add_bucket
from provisioning.decks import Deck, import_deck
from provisioning.holidays import Calendar, add_calendar, list_calendars, set_calendar
from provisioning.origins import OriginGroup, add_origin, list_origins, set_origin
from provisioning.overrides import (
    Override,
    end_overrides,
    list_overrides,
    overrides_for,
    remove_overrides,
    set_override,
)
from provisioning.plans import Plan, add_plan, read_plan, set_plan
from provisioning.pools import Pool, add_pool, list_pools, remove_pool, set_pool
from provisioning.rate_files import RateFile
from provisioning.roles import Actor, Role
from provisioning.service_kinds import Did, Virtual
from provisioning.services import add_service, find_service
from provisioning.states import NumberState, import_states, list_states
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound
from radiusd.storage.decks import load_origins, load_overrides
from rating.jurisdiction import Jurisdiction

pytestmark = pytest.mark.postgres

POOL = Pool(
    account="ACME",
    name="pack",
    seconds=30_000,
    valid_from=datetime(2026, 12, 1, tzinfo=UTC),
    valid_to=datetime(2027, 12, 1, tzinfo=UTC),
    priority=5,
    cycle="calendar",
    rollover_periods=1,
    rollover_cap_s=600,
)
OVERRIDE = Override(
    prefix="4477",
    account="ACME",
    rate=Decimal("0.011"),
    initial=30,
    increment=6,
    connect_fee=Decimal("0.01"),
    description="UK mobile",
    effective=datetime(2026, 12, 1, tzinfo=UTC),
    rules={"min_charge": "0.05", "interstate": "0.02"},
)


def test_keeps_a_group_of_callers(site, admin):
    """
    Prefixes in one spelling; a group without any must be for invalid callers.
    """
    add_origin(site, OriginGroup(name="eea", prefixes=("+33", "0049", "33")), admin)

    assert [OriginGroup(name="eea", prefixes=("33", "49"))] == list_origins(site)
    with pytest.raises(Conflict, match="exists already"):
        add_origin(site, OriginGroup(name="eea", prefixes=("1",)), admin)
    with pytest.raises(BadInput, match=r"^prefixes: give at least one prefix, or"):
        set_origin(site, OriginGroup(name="none"), admin)
    assert set_origin(site, OriginGroup(name="unknown", invalid=True), admin)


def test_keeps_a_calendar(site, admin):
    """
    Dates sorted and once; another word is told.
    """
    add_calendar(site, Calendar(name="us", days=("2026-12-25", "2026-11-26", "2026-12-25")), admin)

    assert [Calendar(name="us", days=("2026-11-26", "2026-12-25"))] == list_calendars(site)
    with pytest.raises(BadInput, match=r"^days: 'christmas' is no date like 2026-12-25"):
        set_calendar(site, Calendar(name="us", days=("christmas",)), admin)


def test_imports_states(site, admin, tmp_path):
    """
    The file is the whole table; the same file again changes nothing.
    """
    path = tmp_path / "npa.csv"
    path.write_text("code,state\n512,TX\n512-555,tx\n\n212,NY\n")

    assert import_states(site, path, admin)
    assert Action.UNCHANGED is import_states(site, path, admin).action
    assert [("512", "TX"), ("512555", "TX")] == [(row.code, row.state) for row in list_states(site, "TX")]
    path.write_text("code,state\n214,TX\n")
    import_states(site, path, admin)
    assert [NumberState(code="214", state="TX")] == list_states(site)


def test_tells_each_wrong_line_of_states(site, admin, tmp_path):
    """
    All with their lines, and nothing is imported.
    """
    path = tmp_path / "npa.csv"
    path.write_text("code,state\n12,TX\n512,Texas\n212,NY\n212,NJ\n")

    with pytest.raises(BadInput) as caught:
        import_states(site, path, admin)
    told = str(caught.value).replace(str(path), "npa.csv").splitlines()
    assert [
        "npa.csv:2: code: '12' is neither an NPA like 512 nor an NPA-NXX like 512555",
        "npa.csv:3: state: 'Texas' is not two letters like TX",
        "npa.csv:5: code: 212 is in NY on an earlier line",
        "Nothing was imported.",
    ] == told
    assert [] == list_states(site)


def test_keeps_a_pool(site, admin):
    """
    Read back as it was given; for the services that it names.
    """
    add_service(site, Did(account="ACME", number="15125550100", plan="retail", activated=admin.now), admin)
    named = replace(POOL, name="two", services=("15125550100",))

    assert Action.ADDED is add_pool(site, POOL, admin).action
    add_pool(site, named, admin)
    assert [POOL, named] == list_pools(site, "ACME")
    assert Action.UNCHANGED is set_pool(site, POOL, admin).action
    remove_pool(site, "ACME", "pack", admin)
    assert [named] == list_pools(site)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"account": "nope"}, "^account nope does not exist"),
        ({"services": ("15125550100",)}, "^services: account ACME has no service 15125550100"),
        ({"destinations": "nope"}, "^destinations: destination set nope does not exist"),
        ({"valid_to": date(2026, 1, 1)}, "^valid_to: 2026-01-01 is not after valid_from"),
        ({"cycle": "once"}, "^cycle: minutes that are given once have no periods"),
        ({"cycle": "weekly"}, "^cycle: 'weekly' is none of once, calendar, anniversary"),
        ({"rollover_periods": 0}, "^rollover_periods: nothing rolls over without"),
        ({"exhausted": "beg"}, "^exhausted: 'beg' is none of pay, block"),
    ],
)
def test_refuses_wrong_pools(site, admin, fields, message):
    """
    The message begins with the field.
    """
    with pytest.raises(BadInput, match=message):
        add_pool(site, replace(POOL, **fields), admin)


def test_a_shared_bucket_of_a_plan_has_the_calendars_months(site, admin):
    """
    Whose anniversary should it be?
    """
    with pytest.raises(BadInput, match=r"^shared: services of one account begin on different days"):
        add_bucket(site, Bucket(plan="retail", name="b", seconds=60, shared="account", prorate=True), admin)


def test_keeps_an_own_price(site, admin):
    """
    Read back as it was given, and read by the server as a rate with its rules.
    """
    add_plan(site, Plan(code="gold", deck="retail"), admin)
    everywhere = Override(prefix="", plan="gold", rate=Decimal("0.05"))

    assert Action.ADDED is set_override(site, OVERRIDE, admin).action
    set_override(site, everywhere, admin)
    assert Action.UNCHANGED is set_override(site, OVERRIDE, admin).action
    assert [everywhere, OVERRIDE] == sorted(list_overrides(site), key=lambda each: each.prefix)
    (deck,) = load_overrides(site, "account", {}).values()
    rate = deck.lookup("447700900123", datetime(2026, 12, 2, tzinfo=UTC))
    assert rate is not None
    assert Decimal("0.05") == Decimal(rate.rules.min_charge.numerator) / rate.rules.min_charge.denominator
    assert "0.02" == rate.in_jurisdiction(Jurisdiction.INTERSTATE).price.text
    remove_overrides(site, None, "ACME", "4477", admin)
    assert [everywhere] == list_overrides(site)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"plan": "retail"}, "^plan: say whose price it is"),
        ({"account": None}, "^plan: say whose price it is"),
        ({"account": "nope"}, "^account nope does not exist"),
        ({"prefix": "44x"}, "^prefix: '44x' is not a prefix"),
        ({"rate": None}, "^rate: it is empty; write 0"),
        ({"origin": "mars"}, "^origin: there is no group of callers 'mars'"),
        ({"rules": {"colour": "red"}}, "^rules: 'colour' is none of"),
        ({"rules": {"min_charge": "-1"}}, "^min_charge: "),
        ({"rules": {"bands": "[{"}}, "^bands: not JSON"),
        ({"rules": {"bands": '[{"from": "18:00", "to": "08:00"}]'}}, r"^bands\[0\]: "),
        ({"rules": {"round": '{"decimals": 9}'}}, "^round: decimals: the books keep 6"),
    ],
)
def test_refuses_wrong_own_prices(site, admin, fields, message):
    """
    The message begins with the field.
    """
    with pytest.raises(BadInput, match=message):
        set_override(site, replace(OVERRIDE, **fields), admin)


def test_removing_what_is_not_there_is_told(site, admin):
    """
    A prefix without a price of its own.
    """
    with pytest.raises(NotFound, match=r"^prefix: there is no price of plan retail/\*"):
        remove_overrides(site, "retail", None, "*", admin)


def test_an_own_price_ends(site, admin):
    """
    From the moment on, the deck's rate holds again; what has ended, or begins later, is not ended twice.
    """
    later = replace(OVERRIDE, effective=datetime(2027, 6, 1, tzinfo=UTC))
    set_override(site, OVERRIDE, admin)
    set_override(site, later, admin)
    (change,) = end_overrides(site, None, "ACME", "4477", admin, date(2027, 1, 1))

    assert [("expires", "", "2027-01-01T00:00:00Z")] == [(f.name, f.before, f.after) for f in change.fields]
    ended = replace(OVERRIDE, expires=datetime(2027, 1, 1, tzinfo=UTC))
    assert [ended, later] == list_overrides(site)
    (deck,) = load_overrides(site, "account", {}).values()
    assert None is not deck.lookup("447700900123", datetime(2026, 12, 31, tzinfo=UTC))
    assert None is deck.lookup("447700900123", datetime(2027, 1, 2, tzinfo=UTC))
    for at in (date(2026, 11, 1), date(2027, 1, 2)):
        with pytest.raises(NotFound, match=r"^prefix: account ACME/4477 has no price at that moment"):
            end_overrides(site, None, "ACME", "4477", admin, at)


def test_own_prices_are_seen_by_whom_they_concern(site, admin):
    """
    A reseller sees those of accounts that it reaches, and names one.
    """
    set_override(site, OVERRIDE, admin)
    reseller = Actor("res", role=Role.RESELLER, account="ACME")

    assert [OVERRIDE] == overrides_for(site, reseller, None, "ACME")
    with pytest.raises(BadInput, match=r"^account: it is missing"):
        overrides_for(site, reseller, None, None)
    with pytest.raises(NotFound, match=r"^account: account OTHER does not exist"):
        overrides_for(site, reseller, None, "OTHER")
    with pytest.raises(Forbidden, match="has not the right plans:read"):
        overrides_for(site, Actor("c", role=Role.CUSTOMER, account="ACME"), None, "ACME")


def test_a_deck_may_have_rules_and_groups_of_callers(site, admin, tmp_path):
    """
    Columns of rules, JSON for bands; a group that nobody has added is told with its line.
    """
    path = tmp_path / "eu.csv"
    path.write_text(
        "prefix,rate,initial,increment,origin,min_charge,bands\n"
        "49,0.01,60,60,,,\n"
        '49,0.02,60,60,eea,0.05,"[{""from"": ""20:00"", ""price"": ""0.005""}]"\n'
    )
    with pytest.raises(BadInput, match=r"eu.csv:3:5: origin: there is no group of callers 'eea'"):
        import_deck(site, Deck(name="eu", currency="EUR"), RateFile(path), admin)
    add_origin(site, OriginGroup(name="eea", prefixes=("33",)), admin)
    import_deck(site, Deck(name="eu", currency="EUR"), RateFile(path), admin)

    site.execute("SELECT origin, rules FROM rate WHERE rules IS NOT NULL")
    rules = {"bands": [{"from": "20:00", "price": "0.005"}], "min_charge": "0.05"}
    assert [("eea", rules)] == site.fetchall()
    assert ("33",) == load_origins(site)["eea"].prefixes


def test_a_plan_says_what_is_free_and_what_is_earned(site, admin, tmp_path):
    """
    All of its fields are kept, also the fees; those that come later count from then on.
    """
    plan = Plan(
        code="gold",
        deck="retail",
        outpayment_deck="retail",
        on_net="account",
        indeterminate_as="interstate",
        duration_rounding="half_up",
        fee_cycle="anniversary",
        prorate_fees=False,
    )
    add_plan(site, plan, admin)
    assert plan == read_plan(site, "gold")[1]
    with_fees = replace(plan, monthly_fee=Decimal("9.99"), setup_fee=Decimal(5))
    set_plan(site, with_fees, admin)

    assert with_fees == read_plan(site, "gold")[1]
    site.execute("SELECT fees_from FROM plan WHERE code = 'gold'")
    assert (admin.now,) == site.fetchone()
    with pytest.raises(BadInput, match=r"^monthly_fee: -1 is negative"):
        set_plan(site, replace(plan, monthly_fee=Decimal(-1)), admin)


def test_a_number_has_fees_and_bounds_of_what_it_earns(site, admin):
    """
    They are kept, for DIDs and virtual numbers; a bound without a price is refused.
    """
    did = Did(
        account="ACME",
        number="15125550100",
        plan="retail",
        activated=admin.now,
        monthly_fee=Decimal("1.5"),
        setup_fee=Decimal(10),
        outpayment=Decimal("0.004"),
        outpayment_initial_s=60,
        outpayment_increment_s=6,
        outpayment_max=Decimal("0.5"),
    )
    virtual = Virtual(
        account="ACME",
        number="15125550101",
        primary="15125550100",
        activated=admin.now,
        monthly_fee=Decimal(2),
    )
    add_service(site, did, admin)
    add_service(site, virtual, admin)

    assert did == find_service(site, ServiceKind.DID, "15125550100", admin.now)
    assert virtual == find_service(site, ServiceKind.VIRTUAL, "15125550101", admin.now)
    with pytest.raises(BadInput, match=r"^outpayment: give what a minute earns"):
        add_service(site, replace(did, number="15125550109", outpayment=None), admin)
