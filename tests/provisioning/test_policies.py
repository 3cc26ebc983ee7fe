"""Policies, and the limits of accounts and services that go with them."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg2
import pytest

from provisioning.accounts import Account, add_account, read_account, set_account
from provisioning.admin import Action
from provisioning.decks import Deck, import_deck
from provisioning.destinations import DestinationSet, add_destination_set
from provisioning.plans import Plan, add_plan
from provisioning.policies import Policy, add_policy, list_policies, read_policy, set_policy
from provisioning.rate_files import RateFile
from provisioning.roles import Role
from provisioning.service_kinds import Trunk
from provisioning.service_rows import list_services
from provisioning.services import add_service
from radiusd.calls.policies import Guards, Hours, Level
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.policies import load_policies
from tests.provisioning.conftest import NOW, SINCE

pytestmark = pytest.mark.postgres

CAREFUL = Policy(
    name="careful",
    barred=("premium", "* mon-fri 22:00-06:00"),
    allowed=("1", "44"),
    max_price=Decimal("0.5"),
    max_call_cost=Decimal(20),
    distinct_numbers="20/40",
    sequential_numbers="-/5",
    dear_calls="3/-",
    dear=("882", "premium"),
    emergency=("911", "112"),
)

RECORD = """
INSERT INTO cdr (account_id, started_at, call_id, role, status, reason, client_id, location, calling, called,
    remote_ip, trunk_in, trunk_out, ended_at, duration_ms, billed_s, included_s, total_micros, currency,
    prefix, destination, release_side, flags, rating, match)
VALUES (%s, %s, gen_random_uuid(), 'out', 'answered', '', 1, '', '', '', '', '', '', %s, 0, 0, 0, %s, 'USD',
    '', '', '', '{}', '{}', '[]')
"""


@pytest.fixture
def with_sets(site, admin):
    """The small installation with the destination sets ``premium`` and ``emergency``."""
    add_destination_set(site, DestinationSet(name="premium", prefixes=("1900", "44871")), admin)
    add_destination_set(site, DestinationSet(name="emergency", prefixes=("999",)), admin)
    return site


def test_keeps_a_policy(with_sets, admin):
    """
    It is read back as it was given, and means to the server what it says.
    """
    assert Action.ADDED is add_policy(with_sets, CAREFUL, admin).action

    assert [CAREFUL] == [read_policy(with_sets, "careful")] == list_policies(with_sets)
    assert Action.UNCHANGED is set_policy(with_sets, CAREFUL, admin).action
    (made,) = load_policies(with_sets).by_id.values()
    assert (("1900", "44871"), None) == (made.barred[0].prefixes, made.barred[0].hours)
    assert Hours(frozenset(range(5)), 22 * 60, 6 * 60) == made.barred[1].hours
    assert (500_000_000, 20_000_000) == (made.max_price_nano, made.max_call_micros)
    dear = ("882", "1900", "44871")
    assert Guards(Level(20, 40), Level(None, 5), Level(3, None), dear) == made.guards


def test_without_guards_nothing_is_watched(with_sets, admin):
    """
    A policy that only bars costs an account's row nothing.
    """
    add_policy(with_sets, Policy(name="bars", barred=("premium",)), admin)

    assert [None] == [policy.guards for policy in load_policies(with_sets).by_id.values()]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "^name: "),
        ({"barred": ("nowhere",)}, "^barred: 'nowhere' is neither a prefix nor a destination set"),
        ({"allowed": ("1 25:00-26:00",)}, "^allowed: .*no time of day"),
        ({"dear": ("nowhere",)}, "^dear: 'nowhere' is neither"),
        ({"dear": ()}, "^dear: name the destinations"),
        ({"emergency": ("emergency",)}, "^emergency: 'emergency' is no number"),
        ({"distinct_numbers": "20"}, "^distinct_numbers: '20' is not WARN/BLOCK"),
        ({"distinct_numbers": "40/20"}, "^distinct_numbers: 40/20: it would block before it warns"),
        ({"distinct_numbers": "1/201"}, "^distinct_numbers: 1/201: each is from 1 to 200"),
        ({"distinct_numbers": "0/2"}, "^distinct_numbers: 0/2: each is from 1"),
        ({"sequential_numbers": "1/3"}, "^sequential_numbers: one number is no sequence"),
        ({"window_s": 0}, "^window_s: 0 is not from 1 to 3600"),
        ({"block_s": 86401}, "^block_s: "),
        ({"max_price": Decimal(-1)}, "^max_price: "),
        ({"max_call_cost": Decimal(-1)}, "^max_call_cost: -1 is negative"),
    ],
)
def test_refuses_what_means_nothing(with_sets, admin, fields, message):
    """
    The message names the field, and nothing is kept.
    """
    with pytest.raises(BadInput, match=message):
        add_policy(with_sets, replace(CAREFUL, **fields), admin)

    assert [] == list_policies(with_sets)


def test_there_is_one_policy_of_a_name(with_sets, admin):
    """
    To change one is another word than to add one.
    """
    add_policy(with_sets, CAREFUL, admin)

    with pytest.raises(Conflict, match="policy careful exists already"):
        add_policy(with_sets, CAREFUL, admin)
    with pytest.raises(NotFound, match="policy bold does not exist"):
        read_policy(with_sets, "bold")


def test_accounts_and_services_name_theirs(with_sets, admin):
    """
    With their calls per second and spend limits, and the server knows them.
    """
    add_policy(with_sets, CAREFUL, admin)
    account = Account(
        code="GAMMA",
        currency="USD",
        policy="careful",
        max_cps=Decimal("2.5"),
        daily_limit=Decimal(100),
        monthly_limit=Decimal(1000),
    )
    add_account(with_sets, account, admin)
    trunk = Trunk(
        account="GAMMA", activated=SINCE, trunk="tg1", plan="retail", policy="careful", max_cps=Decimal("0.5")
    )
    add_service(with_sets, trunk, admin)

    assert account == read_account(with_sets, "GAMMA")[1]
    (kept,) = list_services(with_sets, account="GAMMA")
    assert ("careful", Decimal("0.5")) == (kept.policy, kept.max_cps)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"policy": "bold"}, "^policy: policy bold does not exist"),
        ({"max_cps": Decimal(0)}, "^max_cps: 0 is not from 0.001"),
        ({"max_cps": Decimal("0.0001")}, "^max_cps: 0.0001 is not"),
        ({"max_cps": Decimal(100_001)}, "^max_cps: "),
        ({"daily_limit": Decimal(-1)}, "^daily_limit: "),
        ({"monthly_limit": Decimal("0.0000001")}, "^monthly_limit: "),
    ],
)
def test_refuses_limits_that_are_none(site, admin, fields, message):
    """
    In accounts and, as far as they have them, in services.
    """
    with pytest.raises(BadInput, match=message):
        add_account(site, Account(code="GAMMA", currency="USD", **fields), admin)
    if "limit" not in message:
        trunk = Trunk(account="ACME", activated=SINCE, trunk="tg1", plan="retail", **fields)
        with pytest.raises(BadInput, match=message):
            add_service(site, trunk, admin)


def test_a_limit_that_is_set_at_noon_knows_the_morning(site, admin):
    """
    What calls that ended today and this month have cost counts at once.
    """
    account_id, account = read_account(site, "ACME")
    for ended_at, micros in (
        (NOW - timedelta(hours=1), 5),
        (NOW - timedelta(days=2), 70),
        (NOW - timedelta(days=25), 900),
    ):
        site.execute(RECORD, (account_id, ended_at - timedelta(minutes=5), ended_at, micros))

    set_account(site, replace(account, daily_limit=Decimal(1)), admin)
    site.execute("UPDATE cdr SET total_micros = 0")
    set_account(site, replace(account, daily_limit=Decimal(2)), admin)

    site.execute("SELECT gauges FROM balance WHERE account_id = %s", (account_id,))
    assert [
        ({"day": "2026-11-20", "day_micros": 5, "month": "2026-11-01", "month_micros": 75},)
    ] == site.fetchall()


def test_a_support_person_sets_none(with_sets, admin):
    """
    It is a right of those who make plans.
    """
    with pytest.raises(Forbidden):
        add_policy(with_sets, CAREFUL, replace(admin, role=Role.SUPPORT))


def test_the_server_loads_it_all(dsn, admin, tmp_path):
    """
    Policy, pace, limits, and the emergency numbers of everybody and of the policy.
    """
    rates = tmp_path / "rates.csv"
    rates.write_text("prefix,rate,initial,increment\n1,0.01,6,6\n")
    with closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as txn:
            import_deck(txn, Deck(name="retail", currency="USD"), RateFile(rates), admin)
            add_plan(txn, Plan(code="retail", deck="retail"), admin)
            add_destination_set(txn, DestinationSet(name="emergency", prefixes=("999",)), admin)
            add_policy(txn, Policy(name="p", barred=("1900",), emergency=("911",)), admin)
            add_account(
                txn,
                Account(code="A", currency="USD", policy="p", max_cps=Decimal("0.5"), daily_limit=Decimal(3)),
                admin,
            )
            add_account(txn, Account(code="B", currency="USD"), admin)
            for code in ("A", "B"):
                trunk = Trunk(account=code, activated=SINCE, trunk=code, plan="retail", max_cps=Decimal(7))
                add_service(txn, replace(trunk, policy="p" if code == "A" else None), admin)
        directory = load_catalogue(connection, admin.sealer).directory

    one, other = sorted(directory.services.values(), key=lambda service: service.name)
    assert ("p", "p", 7000) == (one.policy.name, one.account.policy.name, one.max_cps_milli)
    assert (500, 3_000_000, None) == (
        one.account.max_cps_milli,
        one.account.daily_limit_micros,
        one.account.monthly_limit_micros,
    )
    assert ({"999", "911"}, {"999"}) == (one.account.emergency, other.account.emergency)
    assert (None, None) == (other.policy, other.account.policy)
