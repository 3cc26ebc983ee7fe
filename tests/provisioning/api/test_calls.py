"""Calls over the API: live, as events, ended, explained, queued; each as its reader may see it."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest

from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.roles import Role
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.secrets import Sealer, make_key
from tests.provisioning.api.conftest import Api, Console, token_for
from tests.provisioning.cli.conftest import RATES, START, Switch, provision
from tests.watched import PASSWORD, packets_of_a_call, write

pytestmark = pytest.mark.postgres


@pytest.fixture
def site(dsn: str, console: Console, tmp_path) -> Admin:
    """ACME with a DID, a virtual number and a trunk, and BETA with nothing."""
    admin = Admin("tester", START, Sealer(make_key(console.key)))
    rates = tmp_path / "rates.csv"
    rates.write_text(RATES)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        provision(txn, admin, rates)
        add_account(txn, Account(code="BETA", currency="USD"), admin)
    return admin


@pytest.fixture
def switch(dsn: str, site: Admin) -> Iterator[Switch]:
    """A switch with calls of ACME's, now."""
    with closing(psycopg2.connect(dsn)) as connection:
        catalogue = load_catalogue(connection, site.sealer)
    made = Switch(dsn, catalogue)
    made.now = datetime.now(UTC)
    yield made
    made.close()


def test_live_calls_are_listed_with_what_they_cost(api, dsn, site, switch):
    """
    To who may see them.
    """
    switch.now -= timedelta(seconds=61)
    switch.start("c1")
    (call,) = api("GET", "/calls", code=200).json["items"]

    assert ("ACME", "started", "did 15550100", "442071838750") == tuple(
        call[name] for name in ("account", "state", "service", "to")
    )
    assert call["seconds"] >= 61
    assert Decimal(call["cost"]) > 0
    assert [] == api("GET", "/calls?account=BETA", code=200).json["items"]
    beta = Api(api.port, token_for(dsn, site, Role.CUSTOMER, "BETA"))
    assert [] == beta("GET", "/calls", code=200).json["items"]
    assert 404 == beta("GET", f"/calls/{call['call_id']}").status


def test_an_ended_call_is_on_record_explained_and_fed(api, dsn, site, switch):
    """
    The record, why it cost what it cost, and the postings, which are the same everywhere.
    """
    switch.stop("c1", seconds=95)
    switch.now += timedelta(minutes=1)
    switch.stop("c2", seconds=5)
    second, first = api("GET", "/cdrs", code=200).json["items"]

    assert [95000, 5000] == [first["duration_ms"], second["duration_ms"]]
    page = api("GET", "/cdrs?limit=1").json
    assert [second] == page["items"]
    assert [first] == api("GET", f"/cdrs?limit=1&cursor={page['next']}").json["items"]
    assert [first, second] == [
        api("GET", f"/cdrs?call_id={each['call_id']}").json["items"][0] for each in (first, second)
    ]
    assert [] == api("GET", "/cdrs?status=refused").json["items"]
    told = api("GET", f"/calls/{first['call_id']}", code=200).json
    (payer,) = told["payers"]
    assert (first["total"], first["total"]) == (payer["total"], payer["recomputed"])
    usage = [each for each in api("GET", "/usage").json["items"] if each["call_id"] == first["call_id"]]
    assert -sum(Decimal(each["amount"]) for each in usage) == Decimal(first["total"])
    assert "did" == usage[0]["service_kind"]

    customer = Api(api.port, token_for(dsn, site, Role.CUSTOMER, "ACME"))
    assert 2 == len(customer("GET", "/cdrs").json["items"])
    assert payer == customer("GET", f"/calls/{first['call_id']}").json["payers"][0]
    assert 422 == customer("GET", "/cdrs?account=BETA").status


def test_an_open_call_is_ended(api, switch):
    """
    In the books, where the switch cannot be asked; and once.
    """
    switch.start("c1")
    (call,) = api("GET", "/calls").json["items"]
    ended = api("POST", f"/calls/{call['call_id']}/end", code=202).json

    assert call["call_id"] == ended["call_id"]
    assert [] == api("GET", "/calls").json["items"]
    assert 404 == api("POST", f"/calls/{call['call_id']}/end").status
    assert 404 == api("POST", "/calls/nonsense/end").status
    assert ["ended"] == [each["action"] for each in api("GET", "/audit?noun=call").json["items"]]


def test_a_queued_call_is_mended(api, switch):
    """
    After what it lacked was provisioned.
    """
    switch.stop("c1", seconds=30, called="81312345678")
    (waiting,) = api("GET", "/queue", code=200).json["items"]
    assert "no_rate" == waiting["reason"]
    retry = f"/queue/{waiting['call_id']}/retry"
    assert {"mended": False, "reason": "no_rate", "call_id": waiting["call_id"]} == api(
        "POST", retry, code=200
    ).json

    rates = RATES + "81,Japan,0.03,0,60,60\n"
    api("POST", "/decks/retail/versions?currency=USD&active_from=2026-06-01", rates, 201)
    assert api("POST", retry, code=200).json["mended"]
    assert [] == api("GET", "/queue").json["items"]
    assert 404 == api("POST", retry).status


def test_queued_calls_are_assigned_to_an_account(api, switch):
    """
    By what they have in common; previewed before, and mended after.
    """
    for name in ("c1", "c2"):
        switch.now -= timedelta(minutes=2)
        switch.stop(name, seconds=30, calling="74950000000", trunk_in="new")
    call = api("GET", "/queue", code=200).json["items"][0]["call_id"]
    offered = api("GET", f"/queue/{call}/choices", code=200).json["items"]
    assert ("trunk", "new", 2) in [(each["by"], each["value"], each["calls"]) for each in offered]
    wanted = {"account": "ACME", "by": "trunk", "plan": "P"}
    told = api("POST", f"/queue/{call}/preview", wanted, 200).json
    assert (2, 2, "trunk new on sbc") == (told["calls"], told["mended"], told["service"])
    assert 422 == api("POST", f"/queue/{call}/assign", {**wanted, "by": "name"}).status
    assert 2 == len(api("GET", "/queue", code=200).json["items"])

    done = api("POST", f"/queue/{call}/assign", wanted, 200).json
    assert {"service": "trunk new on sbc", "account": "ACME", "calls": 2, "mended": 2} == done
    assert [] == api("GET", "/queue").json["items"]
    assert 404 == api("POST", f"/queue/{call}/assign", wanted).status


def test_events_tell_of_calls_as_they_come_and_go(api, console, switch):
    """
    Server-sent events: a call, what it costs, its end.
    """
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=20)
    connection.request("GET", "/api/v1/calls/events", headers={"Authorization": f"Bearer {api.token}"})
    answer = connection.getresponse()
    assert (200, "text/event-stream") == (answer.status, answer.getheader("content-type"))
    switch.now -= timedelta(seconds=100)
    switch.start("c1", called="14155550100")  # every six seconds cost
    seen = {}
    for name, data in _events(answer):
        seen.setdefault(name, data)
        if name == "costs":
            switch.now += timedelta(seconds=120)
            switch.stop("c1", seconds=120)
        if name == "ended":
            break
    connection.close()

    assert {"call", "costs", "ended"} == set(seen)
    assert seen["call"]["call_id"] == seen["ended"]["call_id"] == seen["costs"][0][0]
    assert 401 == Api(api.port, "")("GET", "/calls/events").status
    assert 422 == api("GET", "/calls/events?account=NONE").status
    assert b"" == api("HEAD", "/calls/events", code=200).text


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, object]]:
    """Yield events as they come, for as long as the connection's timeout lets us wait."""
    name = ""
    while True:
        line = answer.readline().decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_the_newest_of_all_accounts_are_found_without_reading_all(api, switch):
    """
    However far back they lie, the list is the same as one of a single account.
    """
    dice = random.Random(1)
    for at in range(12):
        switch.now = datetime.now(UTC) - timedelta(hours=dice.choice([0, 5, 30, 200, 900]), seconds=at)
        switch.stop(f"c{at}", seconds=10)
    of_all = api("GET", "/cdrs?limit=7").json
    rest = api("GET", f"/cdrs?limit=7&cursor={of_all['next']}").json

    one = [each["call_id"] for each in api("GET", "/cdrs?account=ACME").json["items"]]
    assert one == [each["call_id"] for each in of_all["items"] + rest["items"]]


def test_packets_of_a_client_are_watched(api, dsn, site, switch):
    """
    Asked for, told decoded and each once, without what is secret; and it ends.
    """
    secret = b"0123456789abcdef"
    assert 422 == api("POST", "/clients/sbc/watch", {"seconds": 100_000}).status
    assert 404 == api("POST", "/clients/none/watch", {}).status
    until = datetime.fromisoformat(api("POST", "/clients/sbc/watch", {"seconds": 60}, 200).json["until"])
    assert timedelta(seconds=50) < until - datetime.now(UTC) < timedelta(seconds=61)
    assert {"items": [], "next": None} == api("GET", "/clients/sbc/packets", code=200).json
    write(dsn, site.sealer, switch.client_id, packets_of_a_call(secret), switch.now)
    first = api("GET", "/clients/sbc/packets?limit=2", code=200)
    rest = api("GET", f"/clients/sbc/packets?cursor={first.json['next']}", code=200)
    found = [*first.json["items"], *rest.json["items"]]

    assert ["Access-Request", "Accounting-Request", "Accounting-Request"] == [
        each["request"]["packet"] for each in found
    ]
    assert ["Access-Reject", "Accounting-Response", None] == [
        each["reply"] and each["reply"]["packet"] for each in found
    ]
    assert ("442071838750", 61_000) == (
        found[1]["request"]["event"]["called"], found[1]["request"]["event"]["duration_ms"]
    )  # fmt: skip
    assert PASSWORD not in first.text and secret not in first.text + rest.text
    assert [] == api("GET", f"/clients/sbc/packets?cursor={rest.json['next']}", code=200).json["items"]
    api("DELETE", "/clients/sbc/watch", code=204)
    noted = [each["action"] for each in api("GET", "/audit?noun=watch").json["items"]]
    assert {"added", "ended"} == set(noted)


def test_packets_are_not_for_customers(api, dsn, site, console):
    """
    They are of all accounts.
    """
    for role in (Role.CUSTOMER, Role.RESELLER):
        bound = Api(console.port, token_for(dsn, site, role, account="ACME"))
        for method, path in (("GET", "/clients/sbc/packets"), ("POST", "/clients/sbc/watch")):
            assert 403 == bound(method, path, {} if method == "POST" else None).status
