"""Services: nobody's number is billed to somebody else, at any moment."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import md5
from pathlib import Path

import psycopg2
import pytest

from provisioning.accounts import Account, add_account
from provisioning.admin import Action, Secret
from provisioning.clients import Client, add_client
from provisioning.decks import Deck, import_deck
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from provisioning.service_kinds import Did, Extension, Ip, Trunk, Virtual
from provisioning.service_rows import list_services
from provisioning.services import add_service, end_service, find_service, set_service
from provisioning.tenants import Tenant, add_tenant
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, Conflict, NotFound

pytestmark = pytest.mark.postgres

SINCE, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)
DID = Did(account="ACME", number="+1 512 555 0100", plan="retail", activated=SINCE)
EXTENSION = Extension(account="ACME", extension="201", tenant="PBX.example", plan="retail", activated=SINCE)
TRUNK = Trunk(account="ACME", trunk="TG1", plan="retail", activated=SINCE, max_channels=30)
IP = Ip(account="ACME", network="203.0.113.0/29", plan="retail", activated=SINCE)
VIRTUAL = Virtual(account="ACME", number="442079460100", primary="15125550100", activated=SINCE)
ALL = [DID, EXTENSION, TRUNK, IP, VIRTUAL]


@pytest.fixture
def sbc(site, admin):
    """The small installation with a tenant and two clients."""
    add_tenant(site, Tenant(name="pbx.example"), admin)
    for name, network in (("sbc1", "192.0.2.1"), ("sbc2", "192.0.2.2")):
        add_client(site, Client(name=name, networks=(network,), secret=Secret(b"sixteen octets!!")), admin)
    return site


def claims(txn) -> set[tuple[str, str]]:
    txn.execute("SELECT claim, active::text FROM claim")
    return set(txn.fetchall())


def test_keeps_all_five_kinds(sbc, admin):
    """
    Each is read back as it was given, in one spelling, its day turned to an instant.
    """
    for service in ALL:
        assert Action.ADDED is add_service(sbc, service, admin).action

    instant = datetime(2026, 11, 1, tzinfo=UTC)
    assert {
        replace(DID, number="15125550100", activated=instant),
        replace(EXTENSION, tenant="pbx.example", activated=instant),
        replace(TRUNK, activated=instant),
        replace(IP, activated=instant),
        replace(VIRTUAL, activated=instant),
    } == set(list_services(sbc))
    since = '["2026-11-01 00:00:00+00",)'
    assert {
        ("number:15125550100", since),
        ("ext:pbx.example:201", since),
        ("trunk:*:TG1", since),
        ("ip:*:203.0.113.0/29:", since),
        ("number:442079460100", since),
    } == claims(sbc)


def test_setting_the_same_again_changes_nothing(sbc, admin):
    """
    However it is spelled.
    """
    for service in ALL:
        add_service(sbc, service, admin)

    assert [Action.UNCHANGED] * 5 == [set_service(sbc, service, admin).action for service in ALL]
    assert Action.UNCHANGED is set_service(sbc, replace(DID, number="0015125550100"), admin).action


def test_a_day_begins_where_the_account_is(sbc, admin):
    """
    The first of November begins at five o'clock UTC in Chicago.
    """
    add_account(sbc, Account(code="TX", currency="USD", timezone="America/Chicago"), admin)
    add_service(sbc, replace(DID, account="TX"), admin)

    assert {("number:15125550100", '["2026-11-01 05:00:00+00",)')} == claims(sbc)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            DID,
            replace(DID, account="BETA", activated=DECEMBER),
            "^number: did 15125550100 is already assigned",
        ),
        (DID, replace(DID, account="BETA", activated=date(2026, 10, 1)), "^number: did 15125550100"),
        (DID, replace(VIRTUAL, number="15125550100"), "^number: did 15125550100 is already assigned"),
        (TRUNK, replace(TRUNK, account="BETA"), "^trunk: trunk TG1 is already assigned"),
        (IP, replace(IP, account="BETA"), "^network: ip 203.0.113.0/29 is already assigned"),
        (EXTENSION, replace(EXTENSION, account="BETA"), "^extension: extension 201 is already assigned"),
        (
            replace(DID, username="alice"),
            replace(TRUNK, account="BETA", username="alice"),
            "^username: alice is used by did 15125550100 of",
        ),
    ],
)
def test_two_services_may_not_claim_the_same_at_one_time(sbc, admin, first, second, message):
    """
    The message says who has it since when, and what to do.
    """
    add_service(sbc, first, admin)

    with pytest.raises(Conflict, match=message + ".* account ACME since 2026-11-01; end it there first"):
        add_service(sbc, second, admin)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (replace(DID, ended=DECEMBER), replace(DID, account="BETA", activated=DECEMBER)),
        (DID, replace(DID, account="BETA", activated=date(2026, 10, 1), ended=SINCE)),
        (EXTENSION, replace(EXTENSION, account="BETA", tenant="other.example")),
        (TRUNK, replace(TRUNK, account="BETA", client="sbc1")),
        (replace(TRUNK, client="sbc1"), replace(TRUNK, account="BETA", client="sbc2")),
        (IP, replace(IP, account="BETA", network="203.0.113.0/30")),
        (IP, replace(IP, account="BETA", tech_prefix="99#")),
        (replace(DID, username="alice"), replace(TRUNK, account="BETA", username="Alice")),
    ],
)
def test_what_can_be_told_apart_may_be_assigned_to_two(sbc, admin, first, second):
    """
    By time, the end excluded; by tenant, client, length, technical prefix; user names by case.
    """
    add_tenant(sbc, Tenant(name="other.example"), admin)
    add_service(sbc, first, admin)

    assert Action.ADDED is add_service(sbc, second, admin).action


def test_the_database_refuses_what_two_admins_assign_at_once(dsn, admin, tmp_path):
    """
    Of eight that assign one number in the same instant, one succeeds and the others are told so.
    """
    rates = Path(tmp_path / "rates.csv")
    rates.write_text("prefix,rate,initial,increment\n1,0.01,6,6\n")
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        import_deck(txn, Deck(name="retail", currency="USD"), RateFile(rates), admin)
        add_plan(txn, Plan(code="retail", deck="retail"), admin)
        for number in range(8):
            add_account(txn, Account(code=f"A{number}", currency="USD"), admin)

    def assign(number: int) -> bool:
        with closing(psycopg2.connect(dsn)) as connection:
            try:
                with connection, connection.cursor() as txn:
                    add_service(txn, replace(DID, account=f"A{number}"), admin)
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(8) as threads:
        assert 1 == sum(threads.map(assign, range(8)))


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (replace(DID, account="NOPE"), "^account: account NOPE does not exist"),
        (replace(DID, plan="nope"), "^plan: plan nope does not exist"),
        (replace(TRUNK, client="nope"), "^client: client nope does not exist"),
        (replace(EXTENSION, tenant="nope"), "^tenant: tenant nope does not exist"),
        (VIRTUAL, "^primary: account ACME has no did 15125550100"),
    ],
)
def test_says_what_a_service_refers_to_in_vain(sbc, admin, service, message):
    """
    The message names the field and says to add it first.
    """
    with pytest.raises(NotFound, match=message + ".*; add it first"):
        add_service(sbc, service, admin)


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (replace(DID, number="alice"), "^number: "),
        (replace(DID, ended=SINCE), "^ended: 2026-11-01 is not after activated"),
        (replace(DID, mac_address="00:0b:82"), "^mac_address: "),
        (replace(DID, mac_address="000b.8212.345g"), "^mac_address: "),
        (replace(DID, mac_address="000b.82123456"), "^mac_address: "),
        (replace(DID, outpayment=Decimal(-1)), "^outpayment: "),
        (replace(DID, realm="sip.example"), "^username: "),
        (replace(DID, password=Secret(b"x")), "^username: "),
        (replace(DID, location="a\nb"), "^location: "),
        (replace(IP, network="203.0.113.1/29"), "^network: "),
        (replace(IP, tech_prefix="9a"), "^tech_prefix: "),
        (replace(EXTENSION, extension="2 01"), "^extension: "),
        (replace(TRUNK, trunk=" TG1"), "^trunk: "),
        (replace(TRUNK, max_channels=-1), "^max_channels: -1 is not from 0 to 2147483647"),
        (replace(IP, max_channels=99_999_999_999), "^max_channels: 99999999999 is not from 0"),
        (replace(VIRTUAL, primary="x"), "^primary: "),
    ],
)
def test_refuses_wrong_fields(sbc, admin, service, message):
    """
    The message begins with the field.
    """
    with pytest.raises(BadInput, match=message):
        add_service(sbc, service, admin)


@pytest.mark.parametrize(
    "mac_address", ["00:0b:82:12:34:56", "00-0B-82-12-34-56", "000B82123456", "000b.8212.3456"]
)
def test_takes_a_mac_address_as_telephones_and_switches_show_it(sbc, admin, mac_address):
    """
    With colons, hyphens, dots or nothing between.
    """
    assert add_service(sbc, replace(DID, mac_address=mac_address), admin)

    assert mac_address == find_service(sbc, ServiceKind.DID, "15125550100", admin.now).mac_address


def test_a_trunk_on_no_client_is_told_from_one_that_has_a_client(sbc, admin):
    """
    An empty scope is the service without one.
    """
    for client in (None, "sbc1"):
        add_service(sbc, replace(TRUNK, client=client), admin)

    with pytest.raises(Conflict, match=r"several \(TG1, TG1 on sbc1\); say which one"):
        find_service(sbc, ServiceKind.TRUNK, "TG1", admin.now)
    assert find_service(sbc, ServiceKind.TRUNK, "TG1", admin.now, {"client": ""}).client is None


def test_a_plan_of_another_currency_is_refused(sbc, admin, tmp_path):
    """
    A balance has one currency.
    """
    add_account(sbc, Account(code="EU", currency="EUR"), admin)

    with pytest.raises(Conflict, match=r"^plan: retail is in USD and account EU in EUR"):
        add_service(sbc, replace(DID, account="EU"), admin)


def test_a_virtual_number_shares_a_did_of_its_own_account(sbc, admin):
    """
    Somebody else's DID is as good as none.
    """
    add_service(sbc, DID, admin)

    with pytest.raises(NotFound, match=r"^primary: account BETA has no did 15125550100"):
        add_service(sbc, replace(VIRTUAL, account="BETA"), admin)


def test_a_virtual_number_is_active_while_its_did_is(sbc, admin):
    """
    Without a plan it could not be rated.
    """
    add_service(sbc, replace(DID, ended=JANUARY), admin)
    add_service(sbc, replace(VIRTUAL, ended=JANUARY), admin)

    with pytest.raises(
        BadInput, match=r"^primary: did 15125550100 is active since 2026-11-01 until 2027-01-01"
    ):
        add_service(sbc, replace(VIRTUAL, number="442079460101"), admin)


def test_a_did_ends_after_its_virtual_numbers(sbc, admin):
    """
    The message names them; when they have ended, the DID may.
    """
    add_service(sbc, DID, admin)
    add_service(sbc, VIRTUAL, admin)
    did, virtual = (find_service(sbc, s.kind, s.number, admin.now) for s in (DID, VIRTUAL))

    with pytest.raises(Conflict, match=r"virtual numbers \(442079460100\); end them first"):
        end_service(sbc, did, DECEMBER, admin)
    with pytest.raises(Conflict, match="end them first"):
        set_service(sbc, replace(did, ended=DECEMBER), admin)
    end_service(sbc, virtual, DECEMBER, admin)
    assert Action.ENDED is end_service(sbc, did, DECEMBER, admin).action


def test_an_ended_service_leaves_its_number_to_others(sbc, admin):
    """
    From the very moment on; its own row keeps the history.
    """
    add_service(sbc, DID, admin)
    end_service(sbc, find_service(sbc, ServiceKind.DID, "15125550100", admin.now), DECEMBER, admin)
    add_service(sbc, replace(DID, account="BETA", activated=DECEMBER), admin)

    assert {
        ("number:15125550100", '["2026-11-01 00:00:00+00","2026-12-01 00:00:00+00")'),
        ("number:15125550100", '["2026-12-01 00:00:00+00",)'),
    } == claims(sbc)
    assert "ACME" == find_service(sbc, ServiceKind.DID, "+15125550100", admin.now).account
    later = datetime(2026, 12, 1, tzinfo=UTC)
    assert "BETA" == find_service(sbc, ServiceKind.DID, "+15125550100", later).account


def test_a_service_may_come_back(sbc, admin):
    """
    The same number for the same account, later: two rows, each with its time.
    """
    add_service(sbc, replace(DID, ended=DECEMBER), admin)

    assert Action.ADDED is add_service(sbc, replace(DID, activated=JANUARY), admin).action
    assert 2 == len(list_services(sbc, ServiceKind.DID))


def test_what_never_was_active_is_removed(sbc, admin):
    """
    A mistake of yesterday for next year leaves no trace but in the audit.
    """
    add_service(sbc, replace(DID, activated=JANUARY), admin)
    service = find_service(sbc, ServiceKind.DID, "15125550100", admin.now)

    assert Action.REMOVED is end_service(sbc, service, admin.now, admin).action
    assert set() == claims(sbc)
    with pytest.raises(NotFound, match="no did 15125550100 is active at 2026-11-20"):
        find_service(sbc, ServiceKind.DID, "15125550100", admin.now)


def test_a_change_says_what_was_before(sbc, admin):
    """
    Channels and the day of activation can be corrected; the claim follows.
    """
    add_service(sbc, TRUNK, admin)
    change = set_service(sbc, replace(TRUNK, max_channels=None, activated=DECEMBER), admin)

    assert {
        ("activated", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("max_channels", "30", ""),
    } == {(f.name, f.before, f.after) for f in change.fields}
    assert {("trunk:*:TG1", '["2026-12-01 00:00:00+00",)')} == claims(sbc)


def test_adding_is_not_changing(sbc, admin):
    """
    Somebody who adds what is there has something else in mind.
    """
    add_service(sbc, DID, admin)

    for again in (DID, replace(DID, activated=DECEMBER)):
        with pytest.raises(Conflict, match=r"^number: did 15125550100 is already .*; change it with set"):
            add_service(sbc, again, admin)
    assert {("number:15125550100", '["2026-11-01 00:00:00+00",)')} == claims(sbc)


def test_one_name_on_two_clients_has_to_be_told_apart(sbc, admin):
    """
    The message lists them.
    """
    for client in ("sbc1", "sbc2"):
        add_service(sbc, replace(TRUNK, client=client), admin)

    with pytest.raises(Conflict, match=r"trunk TG1: there are several \(TG1 on sbc1, TG1 on sbc2\)"):
        find_service(sbc, ServiceKind.TRUNK, "TG1", admin.now)
    assert "sbc2" == find_service(sbc, ServiceKind.TRUNK, "TG1", admin.now, {"client": "sbc2"}).client


def password_of(txn, admin) -> bytes:
    txn.execute("SELECT password_sealed FROM service")
    return admin.sealer.open(bytes(txn.fetchone()[0]))


def test_a_password_is_sealed(sbc, admin):
    """
    PAP and CHAP need it as it is; the row does not show it.
    """
    add_service(sbc, replace(DID, username="alice", password=Secret(b"wonderland")), admin)

    assert b"wonderland" == password_of(sbc, admin)
    sbc.execute("SELECT detail::text FROM audit WHERE action = 'did added'")
    assert "wonderland" not in sbc.fetchone()[0]


def test_with_a_realm_only_the_digest_is_kept(sbc, admin):
    """
    RFC 7616, 3.4.2: HA1 is the MD5 of user name, realm and password.
    """
    service = replace(DID, username="alice", password=Secret(b"wonderland"), realm="sip.example")
    add_service(sbc, service, admin)

    assert md5(b"alice:sip.example:wonderland").hexdigest().encode() == password_of(sbc, admin)
    assert Action.UNCHANGED is set_service(sbc, service, admin).action


def test_a_password_stays_when_none_is_given(sbc, admin):
    """
    But not under another realm, for which it was not made.
    """
    service = replace(DID, username="alice", password=Secret(b"wonderland"), realm="sip.example")
    add_service(sbc, service, admin)
    set_service(sbc, replace(service, password=None, location="Austin"), admin)

    assert md5(b"alice:sip.example:wonderland").hexdigest().encode() == password_of(sbc, admin)
    for changed in ({"realm": "other"}, {"realm": None}, {"username": "bob"}):
        with pytest.raises(BadInput, match=r"^password: give it again"):
            set_service(sbc, replace(service, password=None, **changed), admin)


def test_a_password_goes_with_its_user_name(sbc, admin):
    """
    Nothing that nobody can use is kept.
    """
    add_service(sbc, replace(DID, username="alice", password=Secret(b"wonderland")), admin)
    change = set_service(sbc, DID, admin)

    assert ("password", "***", "") in [(f.name, f.before, f.after) for f in change.fields]
    sbc.execute("SELECT password_sealed FROM service")
    assert (None,) == sbc.fetchone()
    assert {("number:15125550100", '["2026-11-01 00:00:00+00",)')} == claims(sbc)


def test_warns_of_a_user_name_that_nobody_can_use(sbc, admin):
    """
    Without a password, no device can prove to be it.
    """
    assert "has no password" in add_service(sbc, replace(DID, username="alice"), admin).warnings[0]
