"""The inventory: the law of states, reservations, numbers that follow their services, moves, quarantine."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg2.errors
import pytest

from provisioning.accounts import Account, add_account
from provisioning.admin import Secret
from provisioning.inventory import STATES, Number, add_number, read_history, read_number, set_number
from provisioning.number_moves import assign_numbers, move_numbers, numbers_of, release_numbers
from provisioning.number_states import choose_state, free, pass_reservation, reserve
from provisioning.number_sweep import end_quarantines, expire_reservations, sweep_numbers
from provisioning.plans import Plan, add_plan
from provisioning.quarantines import Quarantine, set_quarantine
from provisioning.roles import Role
from provisioning.service_kinds import Did, Virtual
from provisioning.service_rows import list_services
from provisioning.services import add_service, end_service, find_service, set_service
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound
from tests.provisioning.conftest import NOW, SINCE

pytestmark = pytest.mark.postgres

ONE, TWO = "15125550100", "15125550101"
HOUR = timedelta(hours=1)


@pytest.fixture
def stock(site, admin):
    """The small installation with two numbers of Texas in its inventory."""
    for number in (ONE, TWO):
        add_number(site, us(number), admin)
    return site


def us(number: str, **more) -> Number:
    return Number(number=number, country="US", currency="USD", monthly_price=Decimal("1.50"), **more)


def did(number: str = ONE, account: str = "ACME", **more) -> Did:
    return Did(number=number, account=account, plan="retail", **{"activated": SINCE, **more})


def state(txn, number: str = ONE) -> str:
    return read_number(txn, number).state


def later(admin, by: timedelta):
    return replace(admin, now=admin.now + by)


def test_the_law_of_states_is_the_databases(stock):
    """
    Of all steps from each state to each other one, those of the law are done and no other.
    """
    stock.execute("SELECT before, after FROM number_step")
    law = set(stock.fetchall())
    stock.execute("SELECT id FROM account LIMIT 1")
    (account_id,) = stock.fetchone()
    assert {name for step in law for name in step} == set(STATES)
    for before in STATES:
        for after in set(STATES) - {before}:
            # No trigger fires for what comes first.
            stock.execute("SAVEPOINT s; SET LOCAL session_replication_role = replica")
            put(stock, before, account_id)
            stock.execute("SET LOCAL session_replication_role = origin")
            if (before, after) in law:
                put(stock, after, account_id)
            else:
                with pytest.raises(
                    psycopg2.errors.CheckViolation, match=f"cannot become {after} from {before}"
                ):
                    put(stock, after, account_id)
            stock.execute("ROLLBACK TO s")


def put(txn, name: str, account_id: int) -> None:
    txn.execute(
        "UPDATE number SET state = %(state)s,"
        " account_id = CASE WHEN %(state)s NOT IN ('available', 'reserved') THEN %(account)s::bigint END,"
        " reserved_for = CASE WHEN %(state)s = 'reserved' THEN 'x' END,"
        " until = CASE WHEN %(state)s IN ('reserved', 'aging') THEN now() END,"
        " quiet_since = CASE WHEN %(state)s = 'aging' THEN now() END WHERE number = %(number)s",
        {"state": name, "account": account_id, "number": ONE},
    )


def test_numbers_are_never_deleted(stock):
    """
    They are retired, and their history stays.
    """
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="retired, never deleted"):
        stock.execute("DELETE FROM number")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"number": "12ab"}, "number: '12ab' is not an international number"),
        ({"country": "usa"}, "country: 'usa' is none; write two capital letters"),
        ({"currency": "usd"}, "currency: 'usd' is no currency"),
        ({"monthly_price": Decimal(-1)}, "monthly_price: -1 is negative"),
        ({"setup_cost": Decimal("0.0000001")}, "setup_cost: 1E-7 has more than 6 decimals"),
        ({"features": ("Voice!",)}, "features: 'Voice!' is none"),
    ],
)
def test_a_wrong_number_is_refused(site, admin, fields, words):
    """
    Each field by its name.
    """
    with pytest.raises(BadInput, match=words):
        add_number(site, replace(us(ONE), **fields), admin)


def test_a_number_is_there_once(stock, admin):
    """
    However it is written.
    """
    with pytest.raises(Conflict, match="is in the inventory already"):
        add_number(stock, us("+1 512 555 0100"), admin)
    assert set_number(stock, us(ONE, area="Austin"), admin)
    assert "Austin" == read_number(stock, ONE).area


def test_a_reservation_ends_by_itself(stock, admin):
    """
    Others wait until then; its holder may prolong it.
    """
    reserve(stock, ONE, "ACME", HOUR, admin)
    with pytest.raises(Conflict, match="number: 15125550100 is reserved until 2026-11-20T13:00:00Z"):
        reserve(stock, ONE, "BETA", HOUR, admin)
    reserve(stock, ONE, "ACME", 2 * HOUR, admin)
    assert 0 == expire_reservations(stock, NOW + HOUR)

    # Whoever comes need not wait for a sweep.
    assert reserve(stock, ONE, "BETA", HOUR, later(admin, 2 * HOUR))
    assert 1 == expire_reservations(stock, NOW + 3 * HOUR)
    assert ("available", None) == (state(stock), read_number(stock, ONE).until)


def test_a_reservation_is_ended_by_its_holder(stock, admin):
    """
    And passed on from a sign-up to the account that it has made.
    """
    reserve(stock, ONE, "secret-of-a-browser", HOUR, admin, sign_up=True)
    with pytest.raises(Conflict, match="is reserved"):
        free(stock, ONE, admin, holder="another")
    assert pass_reservation(stock, ONE, "secret-of-a-browser", "ACME")
    assert not pass_reservation(stock, ONE, "secret-of-a-browser", "BETA")
    stock.execute("SELECT string_agg(detail::text, '') FROM audit")
    assert "secret-of-a-browser" not in stock.fetchone()[0]
    assert add_service(stock, did(), admin)
    assert "ACME" == read_number(stock, ONE).account


def test_a_did_takes_its_number_and_gives_it_back(stock, admin):
    """
    In the same transaction: assigned, aging for as long as its country says, available.
    """
    set_quarantine(stock, Quarantine(country="US", days=60, quiet_days=10), admin)
    add_service(stock, did(), admin)
    assert ("assigned", "ACME") == (state(stock), read_number(stock, ONE).account)

    end_service(stock, find_service(stock, ServiceKind.DID, ONE, NOW), NOW, admin)
    aging = read_number(stock, ONE)
    assert ("aging", "ACME", NOW + timedelta(days=60)) == (aging.state, aging.account, aging.until)
    with pytest.raises(Conflict, match="is aging until 2027-01-19T12:00:00Z in the inventory"):
        add_service(stock, did(account="BETA", activated=NOW), admin)
    assert 0 == end_quarantines(stock, NOW + timedelta(days=59))
    assert 1 == end_quarantines(stock, NOW + timedelta(days=60))
    assert ["", "available", "assigned", "aging"] == [each.before for each in read_history(stock, ONE, admin)]


def test_who_comes_back_gets_the_number_again(stock, admin):
    """
    While it ages nobody else may have it; the one who had it may.
    """
    add_service(stock, did(), admin)
    end_service(stock, find_service(stock, ServiceKind.DID, ONE, NOW), NOW, admin)

    assert add_service(stock, did(activated=NOW), admin)
    assert "assigned" == state(stock)


def test_a_service_that_ends_later_releases_its_number_then(stock, admin):
    """
    Or passes it on to the account whose service begins then.
    """
    end = NOW + timedelta(days=10)
    for number in (ONE, TWO):
        add_service(stock, did(number), admin)
        end_service(stock, find_service(stock, ServiceKind.DID, number, NOW), end, admin)
    add_service(stock, did(TWO, account="BETA", activated=end), admin)
    sweep_numbers(stock, later(admin, timedelta(days=9)))
    assert [("assigned", "ACME")] * 2 == [(each.state, each.account) for each in both(stock)]

    assert 2 == sweep_numbers(stock, later(admin, timedelta(days=10)))["releases"]
    assert [("aging", "ACME"), ("assigned", "BETA")] == [(each.state, each.account) for each in both(stock)]


def both(txn):
    return [read_number(txn, number) for number in (ONE, TWO)]


def test_an_end_that_is_taken_back_keeps_the_number(stock, admin):
    """
    The service is open again, and so nothing is due.
    """
    add_service(stock, did(), admin)
    end_service(stock, find_service(stock, ServiceKind.DID, ONE, NOW), NOW + HOUR, admin)
    assert NOW + HOUR == read_number(stock, ONE).released
    set_service(stock, did(ended=None), admin)

    assert None is read_number(stock, ONE).released
    assert 0 == sweep_numbers(stock, later(admin, 2 * HOUR))["releases"]


def test_a_quarantine_goes_on_while_calls_still_come(stock, admin):
    """
    Until the number has been silent for as long as its country says.
    """
    set_quarantine(stock, Quarantine(country="US", days=60, quiet_days=10), admin)
    for number in (ONE, TWO):
        add_service(stock, did(number), admin)
    release_numbers(stock, [ONE, TWO], admin)
    call_to(stock, ONE, NOW + timedelta(days=55))
    call_to(stock, TWO, NOW - timedelta(days=1))  # its old owner's

    assert 1 == end_quarantines(stock, NOW + timedelta(days=60))
    assert ["aging", "available"] == [each.state for each in both(stock)]
    assert NOW + timedelta(days=65) == read_number(stock, ONE).until
    assert 1 == end_quarantines(stock, NOW + timedelta(days=65))


def call_to(txn, number: str, at) -> None:
    txn.execute(
        "INSERT INTO cdr (account_id, started_at, call_id, role, status, reason, client_id, location,"
        " calling, called, remote_ip, trunk_in, trunk_out, ended_at, duration_ms, billed_s, included_s,"
        " total_micros, currency, prefix, destination, release_side, flags, rating, match)"
        " VALUES (0, %(at)s, gen_random_uuid(), 'none', 'unmatched', 'unknown_caller', 1, '', '',"
        " %(called)s, '', '', '', %(at)s, 0, 0, 0, 0, '', '', '', '', '{}', '{}', '{}')",
        {"at": at, "called": number},
    )


def test_an_import_or_addition_knows_who_has_the_number(site, admin):
    """
    Numbers that accounts had before there was an inventory come in as theirs.
    """
    add_service(site, did(), admin)
    add_number(site, us(ONE), admin)

    assert ("assigned", "ACME") == (state(site), read_number(site, ONE).account)


def test_numbers_are_assigned_together_or_not_at_all(stock, admin):
    """
    One that is not free keeps all of them where they are.
    """
    choose_state(stock, [TWO], "blocked", admin)
    stock.execute("SAVEPOINT before")
    with pytest.raises(Conflict, match="number: 15125550101 is blocked in the inventory"):
        assign_numbers(stock, [ONE, TWO], "ACME", "retail", admin)
    stock.execute("ROLLBACK TO before")
    choose_state(stock, [TWO], "available", admin)
    assign_numbers(stock, [ONE, TWO], "ACME", "retail", admin, location="Austin")

    assert ["assigned", "assigned"] == [each.state for each in both(stock)]
    assert ["Austin", "Austin"] == [service.location for service in list_services(stock, account="ACME")]
    with pytest.raises(NotFound, match="number 442079460000 is not in the inventory"):
        assign_numbers(stock, ["442079460000"], "ACME", "retail", admin)


def test_numbers_move_with_their_passwords(stock, admin):
    """
    As one step: the old services end where the new ones begin, and a device proves itself as before.
    """
    add_service(
        stock, did(username="ann", password=Secret(b"secret"), realm="sip", outpayment=Decimal(1)), admin
    )
    add_service(stock, Virtual(number=TWO, primary=ONE, account="ACME", activated=SINCE), admin)
    add_plan(stock, Plan(code="gold", deck="retail"), admin)
    assert [ONE, TWO] == numbers_of(stock, "ACME", admin)

    move_numbers(stock, [ONE, TWO], "BETA", admin, plan="gold")

    assert [("assigned", "BETA")] * 2 == [(each.state, each.account) for each in both(stock)]
    found = find_service(stock, ServiceKind.DID, ONE, NOW)
    assert ("BETA", "gold", "ann", "sip", Decimal(1)) == (
        found.account,
        found.plan,
        found.username,
        found.realm,
        found.outpayment,
    )
    stock.execute("SELECT count(DISTINCT password_sealed), count(*) FROM service WHERE kind = 'did'")
    assert (1, 2) == stock.fetchone()
    assert ["assigned", "assigned"] == [each.after for each in read_history(stock, ONE, admin)][-2:]


def test_numbers_move_on_a_day_to_come(stock, admin):
    """
    Until then they are the old account's.
    """
    add_service(stock, did(), admin)
    move_numbers(stock, [ONE], "BETA", admin, at=(NOW + timedelta(days=3)).date())

    assert "ACME" == read_number(stock, ONE).account
    sweep_numbers(stock, later(admin, timedelta(days=3)))
    assert "BETA" == read_number(stock, ONE).account


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([ONE], "number: 15125550100 is account BETA's already"),
        (["15125550199"], "number: 15125550199 has no service then"),
        ([TWO], "virtual 15125550101 shares the plan of did 15125550100; move that too"),
        ([ONE, "+15125550100"], "number: one of them is there twice"),
    ],
)
def test_what_cannot_move_is_told(stock, admin, numbers, words):
    """
    And nothing moves.
    """
    add_account(stock, Account(code="GAMMA", currency="USD"), admin)
    add_service(stock, did(account="BETA"), admin)
    add_service(stock, Virtual(number=TWO, primary=ONE, account="BETA", activated=SINCE), admin)
    with pytest.raises(BadInput, match=words):
        move_numbers(stock, numbers, "GAMMA" if numbers == [TWO] else "BETA", admin)


def test_porting_out_and_staying(stock, admin):
    """
    A number on its way out is its account's until it is gone, and again when it stays.
    """
    add_service(stock, did(), admin)
    choose_state(stock, [ONE], "porting_out", admin)
    set_service(stock, did(location="Austin"), admin)
    assert ("porting_out", "ACME") == (state(stock), read_number(stock, ONE).account)
    choose_state(stock, [ONE], "assigned", admin)
    assert "ACME" == read_number(stock, ONE).account
    with pytest.raises(Conflict, match="15125550100 is assigned, and from that it cannot be available"):
        choose_state(stock, [ONE], "available", admin)


def test_a_reseller_takes_numbers_for_its_customers(stock, admin):
    """
    It sees what is for sale, without what it costs us, and what its customers have; the stock is not its own.
    """
    for code, above in (("RES", None), ("SHOP", "RES")):
        add_account(stock, Account(code=code, currency="USD", reseller=above), admin)
    reseller = replace(admin, role=Role.RESELLER, account="RES", name="rita")
    set_number(stock, us(ONE, supplier="Acme Wholesale", monthly_cost=Decimal("0.20")), admin)

    seen = read_number(stock, ONE, reseller)
    assert ("", None, Decimal("1.5")) == (seen.supplier, seen.monthly_cost, seen.monthly_price)
    reserve(stock, ONE, "SHOP", HOUR, reseller)
    with pytest.raises(NotFound, match="account: account ACME does not exist"):
        reserve(stock, TWO, "ACME", HOUR, reseller)
    add_service(stock, did(account="SHOP"), reseller)
    assert "SHOP" == read_number(stock, ONE, reseller).account
    add_service(stock, did(TWO), admin)
    with pytest.raises(NotFound, match="number 15125550101 is not in the inventory"):
        read_number(stock, TWO, reseller)
    with pytest.raises(Forbidden, match="the inventory is the provider's"):
        choose_state(stock, [ONE], "retired", reseller)
