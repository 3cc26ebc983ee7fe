"""Who may ask the API for what: no token, a weak one, another's account, too often, from behind a proxy."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from provisioning.api.site import LISTEN
from provisioning.api.table import ENDPOINTS
from provisioning.people import read_user, set_user
from provisioning.roles import Role
from tests.provisioning.api.conftest import Api, start_console, token_for

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("token", ["", "tollwire_guess", "x" * 5000, "ü"])
def test_nobody_gets_in_without_a_token(api, token):
    """
    401 and how to do better, whatever is sent.
    """
    api.token = ""
    said = api("GET", "/accounts", code=401, Authorization=f"Bearer {token}")

    assert 'Bearer realm="tollwire"' == said.headers["www-authenticate"]
    assert "send a token" in said.json["detail"]


def test_a_token_that_was_revoked_opens_nothing(api, dsn, site):
    """
    From the next request on; so does one of a suspended user.
    """
    api("DELETE", "/tokens/operator/all", code=204)
    api("GET", "/me", code=401)

    support = Api(api.port, token_for(dsn, site, Role.SUPPORT))
    assert "support" == support("GET", "/me", code=200).json["role"]
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        set_user(txn, replace(read_user(txn, "support")[1], status="suspended"), site)
    support("GET", "/me", code=401)


def test_scopes_narrow_a_token(api, dsn, site):
    """
    What it lacks it is told.
    """
    weak = Api(api.port, token_for(dsn, site, Role.OPERATOR, scopes=("accounts:read",)))
    weak("GET", "/accounts", code=200)

    said = weak("POST", "/accounts", {"nonsense": 1}, 403)
    assert "was made without the scope accounts:write" in said.json["detail"]
    assert ["accounts:read"] == weak("GET", "/me").json["rights"]


@pytest.mark.parametrize("role", [Role.BILLING, Role.SUPPORT, Role.RESELLER, Role.CUSTOMER])
def test_no_role_gets_beyond_its_rights(api, dsn, site, role):
    """
    Every endpoint asks for its right: who has not got it is refused before anything else is looked at.
    """
    account = {Role.RESELLER: "RES", Role.CUSTOMER: "ACME"}.get(role)
    somebody = Api(api.port, token_for(dsn, site, role, account))
    rights = set(somebody("GET", "/me", code=200).json["rights"])
    checked = 0
    for endpoint in ENDPOINTS:
        if endpoint.right is None or endpoint.right in rights or endpoint is LISTEN:
            continue
        path = endpoint.path.replace("{", "").replace("}", "")
        said = somebody(endpoint.method, path, {"x": 1} if endpoint.body else None)
        assert 403 == said.status, f"{role.value} {endpoint.method} {endpoint.path}"
        assert f"the role {role.value}, which has not the right" in said.json["detail"]
        checked += 1
    assert checked > 5


def test_a_reseller_sees_its_own_accounts_only(api, dsn, site):
    """
    Others are not there: not in lists, not by name, not in the words of a refusal.
    """
    did = {"number": "15125550100", "account": "ACME", "plan": "retail", "activated": "2026-11-01"}
    api("POST", "/dids", did, 201)
    reseller = Api(api.port, token_for(dsn, site, Role.RESELLER, "RES"))

    assert ["RES", "SHOP"] == [each["code"] for each in reseller("GET", "/accounts").json["items"]]
    assert ["RES", "SHOP"] == [each["account"] for each in reseller("GET", "/balances").json["items"]]
    for path in ("/accounts/ACME", "/balances/ACME", "/dids/15125550100"):
        assert 404 == reseller("GET", path).status
    assert [] == reseller("GET", "/dids").json["items"]
    assert 422 == reseller("GET", "/dids?account=ACME").status
    api("POST", "/numbers", {"number": "15125550101", "currency": "USD"}, 201)
    taken = reseller("POST", "/dids", {**did, "account": "SHOP"}, 409)
    assert "ACME" not in taken.text.decode()
    reseller("POST", "/dids", {**did, "account": "SHOP", "number": "15125550101"}, 201)
    assert 422 == reseller("POST", "/dids", {**did, "number": "15125550102"}).status
    reseller("PATCH", "/accounts/RES", {"name": "x"}, 403)


def test_a_reseller_takes_numbers_at_their_price(api, dsn, site):
    """
    It can say no other fee; what is reserved for others is not there, when it looks and when it frees.
    """
    for number in ("15125550100", "15125550101"):
        api("POST", "/numbers", {"number": number, "currency": "USD", "monthly_price": "1.5"}, 201)
    reseller = Api(api.port, token_for(dsn, site, Role.RESELLER, "RES"))
    did = {"number": "15125550100", "account": "SHOP", "plan": "retail", "activated": "2026-11-01"}
    said = reseller("POST", "/dids", {**did, "monthly_fee": "0"}, 403)
    assert "monthly_fee: it is the provider's to say" in said.json["detail"]
    assert "1.5" == reseller("POST", "/dids", did, 201).json["monthly_fee"]

    api("POST", "/numbers/15125550101/reserve", {"account": "ACME"}, 200)
    looked = reseller("GET", "/numbers/15125550101", code=404).json["detail"]
    assert looked == reseller("POST", "/numbers/15125550101/free", code=404).json["detail"]
    api("POST", "/numbers/15125550101/free", code=200)


def test_a_customer_looks_after_itself(api, dsn, site):
    """
    Its balance, its services, its tokens.
    """
    customer = Api(api.port, token_for(dsn, site, Role.CUSTOMER, "ACME"))
    assert "ACME" == customer("GET", "/balances/ACME", code=200).json["account"]
    made = customer("POST", "/tokens", {"name": "mine", "scopes": ["balances:read"]}, 201).json
    assert made["token"].startswith("tollwire_")
    assert {"all", "mine"} == {each["name"] for each in customer("GET", "/tokens").json["items"]}
    customer("POST", "/tokens", {"name": "more", "scopes": ["accounts:write"]}, 422)
    customer("POST", "/tokens", {"name": "other", "user": "operator", "scopes": ["balances:read"]}, 403)
    assert 404 == customer("GET", "/quote?plan=retail&to=14155550100").status


def test_changes_are_in_the_audit_with_user_and_address(api):
    """
    Who, by which token, from where, before and after.
    """
    api("PATCH", "/accounts/ACME", {"name": "Acme"}, 200)
    (entry,) = api("GET", "/audit?noun=account&key=ACME&actor=operator%20(token%20all)", code=200).json[
        "items"
    ]

    assert ("operator", "127.0.0.1", {"name": ["", "Acme"]}) == (
        entry["role"],
        entry["address"],
        entry["fields"],
    )
    everything = api("GET", "/audit?limit=1000").json["items"]
    page = api("GET", "/audit?limit=2").json
    rest = api("GET", f"/audit?limit=1000&cursor={page['next']}").json["items"]
    assert everything == page["items"] + rest


def test_who_asks_too_often_waits(dsn, database, site, tmp_path):
    """
    429 with the time to wait; a token that opens is counted by itself, strangers by their address.
    """
    console = start_console(database, tmp_path, requests_per_minute=5, proxy="127.0.0.1")
    try:
        api = Api(console.port, token_for(dsn, site, Role.OPERATOR))
        # The first one comes from an address: nobody knows yet that the token opens.
        assert [200] * 6 + [429] == [
            api("GET", "/me", X_Forwarded_For=f"198.51.100.{at}").status for at in (1, 1, 2, 3, 4, 5, 6)
        ]
        stranger = Api(console.port, "tollwire_guess")
        statuses = [stranger("GET", "/me", X_Forwarded_For="1.2.3.4, 192.0.2.9").status for _ in range(6)]
        assert [401] * 5 + [429] == statuses
        said = stranger("GET", "/me", X_Forwarded_For="5.6.7.8, 192.0.2.9")
        assert 1 <= int(said.headers["retry-after"]) <= 12
        assert 401 == stranger("GET", "/me", X_Forwarded_For="192.0.2.10").status
    finally:
        console.process.send_signal(signal.SIGTERM)
        assert 0 == console.process.wait(20)
