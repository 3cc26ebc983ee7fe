"""People: who may make whom, what a role reaches, and what every change leaves in the audit."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg2.errors
import pytest

from provisioning import people, tokens
from provisioning.accounts import Account, add_account, list_accounts, read_account, set_account
from provisioning.admin import Admin, Secret
from provisioning.audit import AuditFilter, list_audit
from provisioning.balances import Posting, post
from provisioning.clients import Client, set_client
from provisioning.inventory import Number, add_number
from provisioning.people import User, add_user, set_user
from provisioning.plans import read_plan, set_plan
from provisioning.roles import GRANTED, RIGHTS, Actor, Role, reached_accounts
from provisioning.service_kinds import Did, Extension, Trunk
from provisioning.services import add_service, end_service, find_service
from provisioning.tenants import Tenant, add_tenant
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound
from tests.provisioning.conftest import NOW, SINCE

pytestmark = pytest.mark.postgres

PASSWORD = Secret(b"correct horse battery")


@pytest.fixture
def tree(site, admin):
    """ACME's and BETA's site, with reseller RES, its customer SHOP, and that one's own customer KIOSK."""
    for code, reseller in (("RES", None), ("SHOP", "RES"), ("KIOSK", "SHOP")):
        add_account(site, Account(code=code, currency="USD", reseller=reseller), admin)
    return site


def as_(admin: Admin, role: Role, account: str | None = None, **more) -> Admin:
    return replace(admin, name=role.value, role=role, account=account, **more)


def test_the_operator_may_everything_and_nobody_more_than_it_reads():
    """
    The table of rights: what may be changed may be read, and only operators have all of it.
    """
    assert set(RIGHTS) == GRANTED[Role.OPERATOR]
    assert not [role for role in Role if role is not Role.OPERATOR and "site:write" in GRANTED[role]]
    for role in Role:
        changeable = {right.removesuffix(":write") for right in GRANTED[role] if right.endswith(":write")}
        assert changeable - {"site"} <= {right.removesuffix(":read") for right in GRANTED[role]}


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.RESELLER, Role.CUSTOMER])
def test_who_may_not_change_prices_changes_none(site, admin, role):
    """
    A function that asks nobody is stopped by the audit that it has to write.
    """
    _, plan = read_plan(site, "retail")
    with pytest.raises(Forbidden, match=f"role {role.value}, which has not the right plans:write"):
        set_plan(site, replace(plan, name="cheap"), as_(admin, role, "ACME"))


def test_billing_moves_money_but_no_switches(site, admin):
    """
    Money and prices are billing's; what may send RADIUS is not.
    """
    billing = as_(admin, Role.BILLING)
    assert post(site, Posting(account="ACME", amount=Decimal(5)), billing)
    with pytest.raises(Forbidden, match="clients:write"):
        set_client(site, Client(name="sbc", networks=("10.0.0.1",), secret=Secret(b"x" * 16)), billing)


def test_a_guess_at_a_secret_is_refused_before_it_is_compared(site, admin):
    """
    What would change nothing is forbidden too: the answer would tell that the guess was right.
    """
    client = Client(name="sbc", networks=("10.0.0.1",), secret=Secret(b"x" * 16))
    set_client(site, client, admin)

    with pytest.raises(Forbidden):
        set_client(site, client, as_(admin, Role.SUPPORT))


def test_a_reseller_reaches_all_below_it_and_nothing_else(tree, admin):
    """
    Its own account, its customers and theirs.
    """
    reseller = as_(admin, Role.RESELLER, "RES")

    assert ["KIOSK", "RES", "SHOP"] == [account.code for account in list_accounts(tree, reseller)]
    assert ["SHOP"] == [each.code for each in list_accounts(tree, as_(admin, Role.CUSTOMER, "SHOP"))]
    assert None is reached_accounts(tree, admin)
    with pytest.raises(NotFound, match="account ACME does not exist"):
        add_service(tree, did("ACME"), reseller)


def did(account: str) -> Did:
    return Did(account=account, number="15125550100", plan="retail", activated=SINCE)


def test_a_reseller_provisions_its_customers(tree, admin):
    """
    An account of its own making is below it; services come and go there.
    """
    add_number(tree, Number(number="15125550100", currency="USD"), admin)
    reseller = as_(admin, Role.RESELLER, "RES")

    add_account(tree, Account(code="NEW", currency="USD"), reseller)
    add_service(tree, did("NEW"), reseller)
    found = find_service(tree, ServiceKind.DID, "15125550100", NOW, actor=reseller)
    assert end_service(tree, found, NOW, reseller)

    assert "RES" == read_account(tree, "NEW")[1].reseller
    with pytest.raises(Forbidden, match="services:write"):
        add_service(tree, did("SHOP"), as_(admin, Role.CUSTOMER, "SHOP"))


def test_what_strangers_have_is_not_told(tree, admin):
    """
    A number of another's is not free; whose it is is nobody else's business.
    """
    add_service(tree, did("ACME"), admin)
    reseller = as_(admin, Role.RESELLER, "RES")

    with pytest.raises(Conflict) as refused:
        add_service(tree, did("SHOP"), reseller)
    assert "number: did 15125550100 is not free" == str(refused.value)
    with pytest.raises(NotFound):
        find_service(tree, ServiceKind.DID, "15125550100", NOW, actor=reseller)


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (
            Did(account="SHOP", number="15125550100", plan="retail", activated=SINCE, outpayment=Decimal(9)),
            "outpayment: it is the provider's to say",
        ),
        (
            Did(account="SHOP", number="15125550199", plan="retail", activated=SINCE),
            "number: 15125550199 is not in the inventory",
        ),
        (Trunk(account="SHOP", trunk="TG1", plan="retail", activated=SINCE), "trunk: whose calls come over"),
        (
            Extension(account="SHOP", tenant="pbx", extension="7", plan="retail", activated=SINCE),
            "tenant: tenant pbx does not exist",
        ),
    ],
)
def test_what_is_the_providers_stays_the_providers(tree, admin, service, words):
    """
    Money that it pays out, numbers that are not for sale, trunks, tenants in which others have extensions.
    """
    add_number(tree, Number(number="15125550100", currency="USD"), admin)
    add_tenant(tree, Tenant(name="pbx"), admin)
    theirs = Extension(account="ACME", tenant="pbx", extension="8", plan="retail", activated=SINCE)
    add_service(tree, theirs, admin)
    with pytest.raises((Forbidden, NotFound), match=words):
        add_service(tree, service, as_(admin, Role.RESELLER, "RES"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"credit_limit": Decimal(5)}, "credit_limit: what an account may owe"),
        ({"postpaid": True}, "postpaid: what an account"),
        ({"reseller": None}, "reseller: an account of yours stays below yours"),
    ],
)
def test_a_reseller_lends_nothing(tree, admin, change, words):
    """
    How far somebody may owe the operator is the operator's to say.
    """
    _, shop = read_account(tree, "SHOP")
    with pytest.raises(Forbidden, match=words):
        set_account(tree, replace(shop, **change), as_(admin, Role.RESELLER, "RES"))


def test_a_reseller_does_not_change_its_own_account(tree, admin):
    """
    Nor one above or beside it.
    """
    reseller = as_(admin, Role.RESELLER, "RES")
    with pytest.raises(Forbidden, match="is your own"):
        set_account(tree, read_account(tree, "RES")[1], reseller)
    with pytest.raises(NotFound, match="account ACME does not exist"):
        set_account(tree, replace(read_account(tree, "ACME")[1], reseller="RES"), reseller)


def test_nobody_is_its_own_reseller(tree, admin):
    """
    The tree has no circles.
    """
    for below in ("RES", "KIOSK"):
        with pytest.raises(Conflict, match="reseller: account"):
            set_account(tree, replace(read_account(tree, "RES")[1], reseller=below), admin)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"role": "king"}, "role: 'king' is none of operator, billing"),
        ({"role": "customer"}, "account: a user with the role customer needs one"),
        ({"role": "operator", "account": "ACME"}, "account: a user with the role operator is not bound"),
        ({"role": "customer", "account": "NOBODY"}, "account NOBODY does not exist"),
        ({"role": "operator", "email": "ann"}, "email: 'ann' is no address"),
        ({"role": "operator", "status": "away"}, "status: 'away' is neither"),
    ],
)
def test_a_wrong_user_is_refused(site, admin, fields, words):
    """
    Each field is told by its name.
    """
    with pytest.raises(BadInput, match=words):
        add_user(site, User(name="ann", **fields), admin)


def test_a_short_password_is_refused(site, admin):
    """
    What is guessed in a day is none.
    """
    with pytest.raises(BadInput, match="password: use 10 to 1000 characters"):
        add_user(site, User(name="ann", role="operator"), admin, Secret(b"123456789"))


def test_a_reseller_makes_users_of_its_customers_only(tree, admin):
    """
    Nobody makes somebody who may more.
    """
    reseller = as_(admin, Role.RESELLER, "RES")
    assert add_user(tree, User(name="kim", role="customer", account="SHOP"), reseller)
    for user, words in (
        (User(name="op", role="operator"), "role: a reseller's users"),
        (User(name="eve", role="customer", account="ACME"), "account: account ACME does not exist"),
    ):
        with pytest.raises((Forbidden, NotFound), match=words):
            add_user(tree, user, reseller)
    add_user(tree, User(name="boss", role="operator"), admin)
    with pytest.raises(Forbidden, match="role: a reseller's users"):
        set_user(tree, User(name="boss", role="customer", account="SHOP"), reseller)
    assert ["kim"] == [user.name for user in people.list_users(tree, reseller)]


def test_a_token_may_what_its_scopes_say(site, admin):
    """
    It opens for its user, until it is revoked or expires; only its hash is kept.
    """
    add_user(site, User(name="ann", role="billing"), admin)
    token = tokens.Token(name="t", user="ann", scopes=("accounts:read",), expires=NOW + timedelta(days=1))
    _, secret = tokens.add_token(site, token, admin)

    bearer = tokens.find_bearer(site, secret, "192.0.2.1", NOW)
    assert bearer is not None
    assert (True, False) == (bearer.actor.may("accounts:read"), bearer.actor.may("accounts:write"))
    with pytest.raises(Forbidden, match=r"ann \(token t\) was made without the scope accounts:write"):
        bearer.actor.require("accounts:write")
    (shown,) = tokens.list_tokens(site, admin)
    assert (NOW, "192.0.2.1") == (shown.last_used, shown.last_used_from)
    site.execute("SELECT string_agg(t::text, '') FROM api_token t")
    assert secret not in site.fetchone()[0]
    assert None is tokens.find_bearer(site, secret, "", NOW + timedelta(days=1))
    assert None is tokens.find_bearer(site, secret + "x", "", NOW)
    tokens.revoke_token(site, "ann", "t", admin)
    assert None is tokens.find_bearer(site, secret, "", NOW)
    assert tokens.add_token(site, token, admin)[1] != secret


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ((), "scopes: give at least one"),
        (("everything",), "scopes: 'everything' is none; there are accounts:read"),
        (("clients:write",), "scopes: user ann has the role support, which has not clients:write"),
    ],
)
def test_a_token_has_no_more_than_its_user(site, admin, scopes, words):
    """
    And what it has is written down.
    """
    add_user(site, User(name="ann", role="support"), admin)
    with pytest.raises(BadInput, match=words):
        tokens.add_token(site, tokens.Token(name="t", user="ann", scopes=scopes), admin)


def test_a_token_begets_none_that_may_more(site, admin):
    """
    A stolen token that may make tokens is still no more than it was.
    """
    add_user(site, User(name="ann", role="operator"), admin)
    weak = as_(admin, Role.OPERATOR, scopes=frozenset({"tokens:write"}), person="ann")
    with pytest.raises(Forbidden, match="without the scope accounts:write"):
        tokens.add_token(site, tokens.Token(name="t", user="ann", scopes=("accounts:write",)), weak)


def test_tokens_of_others_are_the_operators(site, admin):
    """
    Everybody else sees and makes their own.
    """
    for name in ("ann", "bob"):
        add_user(site, User(name=name, role="support"), admin)
        tokens.add_token(site, tokens.Token(name="t", user=name, scopes=("calls:read",)), admin)
    ann = as_(admin, Role.SUPPORT, person="ann")

    assert ["ann"] == [token.user for token in tokens.list_tokens(site, ann)]
    with pytest.raises(Forbidden, match="user: only operators revoke"):
        tokens.revoke_token(site, "bob", "t", ann)
    with pytest.raises(Forbidden, match="user: only operators make"):
        tokens.add_token(site, tokens.Token(name="u", user="bob", scopes=("calls:read",)), ann)


def test_the_audit_says_who_and_from_where_and_hides_secrets(site, admin):
    """
    Every change has its entry, with each field before and after.
    """
    ann = replace(admin, name="ann", address="192.0.2.7")
    add_user(site, User(name="bob", role="support"), ann, PASSWORD)
    set_user(site, User(name="bob", role="billing"), replace(ann, now=NOW + timedelta(seconds=1)))

    later, first = list_audit(site, admin, AuditFilter(key="bob"))
    assert ("ann", "192.0.2.7", "operator", "user", "changed") == (
        later.actor,
        later.address,
        later.role,
        later.noun,
        later.action,
    )
    assert {"role": ["support", "billing"]} == later.fields
    assert ["", "***"] == first.fields["password"]
    with pytest.raises(Forbidden, match="audit:read"):
        list_audit(site, Actor("kim", role=Role.SUPPORT), AuditFilter())


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_the_audit_is_never_changed(site, statement):
    """
    Not even by who has the database's password and writes SQL in haste.
    """
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="rows of audit are never changed"):
        site.execute(statement)
