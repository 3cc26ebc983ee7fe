"""Accounts and their money: exact, and posted once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from provisioning.accounts import Account, add_account, list_accounts, read_account, set_account
from provisioning.admin import Action
from provisioning.balances import Posting, PostingKind, list_balances, post
from radiusd.errors import BadInput, Conflict, NotFound

pytestmark = pytest.mark.postgres

ACME = Account(
    code="ACME",
    name="Acme Corporation",
    currency="USD",
    timezone="America/Chicago",
    credit_limit=Decimal("50.5"),
    max_channels=10,
)
PAYMENT = Posting(account="ACME", amount=Decimal("100.000001"), reference="INV-1", note="bank transfer")


def test_keeps_an_account_and_its_lock(txn, admin):
    """
    The row of balance, which every call of the account locks, is made with it.
    """
    add_account(txn, ACME, admin)

    account_id, found = read_account(txn, "ACME")
    assert ACME == found == list_accounts(txn)[0]
    txn.execute(
        "SELECT balance_micros, held_micros, channels FROM balance WHERE account_id = %s", (account_id,)
    )
    assert (0, 0, 0) == txn.fetchone()


def test_an_account_is_prepaid_unless_somebody_says_so(txn, admin):
    """
    A limit of zero is the default; no limit has to be asked for.
    """
    add_account(txn, Account(code="PRE", currency="USD"), admin)
    add_account(txn, Account(code="POST", currency="USD", postpaid=True), admin)
    txn.execute("SELECT code, credit_limit_micros FROM account ORDER BY code")

    assert [("POST", None), ("PRE", 0)] == txn.fetchall()
    assert read_account(txn, "POST")[1].postpaid


def test_a_change_says_what_was_before(txn, admin):
    """
    The second time nothing is changed.
    """
    add_account(txn, ACME, admin)
    changed = replace(ACME, credit_limit=Decimal(100), max_channels=None, status="suspended")

    assert {
        ("credit_limit", "50.5", "100"),
        ("max_channels", "10", ""),
        ("status", "active", "suspended"),
    } == {(f.name, f.before, f.after) for f in set_account(txn, changed, admin).fields}
    assert Action.UNCHANGED is set_account(txn, changed, admin).action


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"code": ""}, "^code: "),
        ({"name": "\x07"}, "^name: "),
        ({"currency": "usd"}, "^currency: 'usd' is no currency"),
        ({"timezone": "Mars"}, "^timezone: "),
        ({"credit_limit": Decimal(-1)}, "^credit_limit: -1 is negative"),
        ({"credit_limit": Decimal("0.0000001")}, "^credit_limit: .*more than 6 decimals"),
        ({"postpaid": True}, "^credit_limit: a postpaid account has none"),
        ({"max_channels": -1}, "^max_channels: "),
        ({"status": "gone"}, "^status: "),
    ],
)
def test_refuses_wrong_fields(txn, admin, fields, message):
    """
    The message begins with the field.
    """
    with pytest.raises(BadInput, match=message):
        add_account(txn, replace(ACME, **fields), admin)


def test_currency_and_code_stay(txn, admin):
    """
    A balance in dollars does not become one in euros.
    """
    add_account(txn, ACME, admin)

    with pytest.raises(Conflict, match=r"^currency: account ACME is kept in USD for good"):
        set_account(txn, replace(ACME, currency="EUR"), admin)
    with pytest.raises(Conflict, match="account ACME exists already"):
        add_account(txn, ACME, admin)


def test_a_payment_is_a_posting_and_part_of_the_balance(txn, admin):
    """
    The sum of the postings is the balance, to the last micro-unit.
    """
    add_account(txn, ACME, admin)
    post(txn, PAYMENT, admin)
    post(txn, Posting(account="ACME", amount=Decimal("-0.5"), kind=PostingKind.ADJUSTMENT), admin)

    txn.execute("SELECT kind, amount_micros, note FROM posting ORDER BY amount_micros")
    assert [("adjustment", -500_000, ""), ("payment", 100_000_001, "bank transfer")] == txn.fetchall()
    (balance,) = list_balances(txn, "ACME")
    assert (Decimal("99.500001"), Decimal(0), "USD") == (balance.balance, balance.held, balance.currency)


def test_a_reference_is_posted_once(txn, admin):
    """
    Also in another month: the payment that is sent again after a lost answer counts once.
    """
    add_account(txn, ACME, admin)
    later = replace(admin, now=admin.now + timedelta(days=40))

    assert Action.CHANGED is post(txn, PAYMENT, admin).action
    assert Action.UNCHANGED is post(txn, PAYMENT, later).action
    with pytest.raises(Conflict, match=r"^reference: INV-1 was posted .* on 2026-11-20 with 100\.000001"):
        post(txn, replace(PAYMENT, amount=Decimal(5)), later)
    txn.execute("SELECT count(*) FROM posting")
    assert (1,) == txn.fetchone()


def test_references_of_accounts_do_not_meet(txn, admin):
    """
    Two customers may both have an invoice number 1.
    """
    for code in ("ACME", "BETA"):
        add_account(txn, replace(ACME, code=code), admin)

        assert Action.CHANGED is post(txn, replace(PAYMENT, account=code), admin).action


@pytest.mark.parametrize(
    ("posting", "message"),
    [
        (replace(PAYMENT, amount=Decimal(0)), "^amount: 0 changes nothing"),
        (replace(PAYMENT, amount=Decimal(-1)), "^amount: a payment of -1 takes money"),
        (replace(PAYMENT, amount=Decimal("NaN")), "^amount: "),
        (replace(PAYMENT, amount=Decimal("1e12")), "^amount: "),
        (replace(PAYMENT, note="\x1b"), "^note: "),
        (replace(PAYMENT, reference="\x1b"), "^reference: "),
        (replace(PAYMENT, account="NOPE"), "account NOPE does not exist"),
    ],
)
def test_refuses_wrong_postings(txn, admin, posting, message):
    """
    Nothing is posted.
    """
    add_account(txn, ACME, admin)

    with pytest.raises(BadInput, match=message):
        post(txn, posting, admin)
    txn.execute("SELECT count(*) FROM posting")
    assert (0,) == txn.fetchone()


def test_every_posting_is_in_the_audit(txn, admin):
    """
    Who paid whom how much.
    """
    add_account(txn, ACME, admin)
    post(txn, PAYMENT, admin)
    txn.execute("SELECT actor, detail FROM audit WHERE action = 'balance changed'")
    actor, detail = txn.fetchone()

    assert ("tester", "ACME") == (actor, detail["key"])
    assert ["0 USD", "100.000001 USD"] == detail["fields"]["balance"]


def test_says_when_there_is_no_such_account(txn):
    """
    The message says to add it.
    """
    with pytest.raises(NotFound, match="account NOPE does not exist; add it first"):
        read_account(txn, "NOPE")
