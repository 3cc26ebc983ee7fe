"""The HTTP API over a socket: all that is provisioned comes in, comes out, and is refused in plain words."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from provisioning.api.table import ENDPOINTS

pytestmark = pytest.mark.postgres

DID = {"number": "+1 512 555 0100", "account": "ACME", "plan": "retail", "activated": "2026-11-01"}


def test_everything_is_provisioned(api):
    """
    A thing of every kind is added, shown, changed and found in its list.
    """
    things = [
        ("tenants", "pbx.example", {"name": "pbx.example"}, None),
        (
            "clients",
            "sbc1",
            {"name": "sbc1", "networks": ["192.0.2.1"], "secret": "0123456789abcdef", "dialect": "cisco"},
            {"lease_s": 120},
        ),
        ("destinations", "us", {"name": "us", "prefixes": ["1"]}, {"prefixes": ["1", "52"]}),
        ("plans", "gold", {"code": "gold", "deck": "retail"}, {"rounding_mode": "up"}),
        (
            "buckets",
            "retail/us-1000",
            {"plan": "retail", "name": "us-1000", "seconds": 60000, "destinations": "us"},
            {"priority": 3},
        ),
        ("accounts", "NEW", {"code": "NEW", "currency": "EUR", "credit_limit": "5.50"}, {"max_channels": 7}),
        ("origins", "far", {"name": "far", "prefixes": ["7", "86"]}, {"invalid": True}),
        ("holidays", "us", {"name": "us", "days": ["2026-12-25"]}, {"days": ["2026-12-25", "2027-01-01"]}),
        ("policies", "careful", {"name": "careful", "barred": ["1900"]}, {"max_call_cost": "20"}),
        (
            "pools",
            "ACME/pack",
            {"account": "ACME", "name": "pack", "seconds": 600, "valid_from": "2026-12-01"},
            {"priority": 2},
        ),
        (
            "suppliers",
            "carrier",
            {"code": "carrier", "deck": "retail", "trunks": ["tg9"]},
            {"guard": "flag"},
        ),
        (
            "sources",
            "pbx1",
            {"name": "pbx1", "format": "asterisk-csv", "zone": "Europe/Berlin"},
            {"tenant": "pbx.example"},
        ),
        ("dids", "15125550100", DID, {"location": "Austin"}),
        (
            "extensions",
            "201",
            {"extension": "201", "tenant": "pbx.example", **_service()},
            {"username": "ann"},
        ),
        (
            "trunks",
            "TG1",
            {"trunk": "TG1", "client": "sbc1", "max_channels": 30, **_service()},
            {"max_channels": None},
        ),
        ("ips", "203.0.113.0%2F24", {"network": "203.0.113.0/24", **_service()}, {"max_channels": 4}),
        (
            "virtuals",
            "442079460100",
            {
                "number": "442079460100",
                "primary": "15125550100",
                "account": "ACME",
                "activated": "2026-11-02",
            },
            {"additional_charge": "0.005"},
        ),
        ("numbers", "15125550111", {"number": "15125550111", "currency": "USD"}, {"monthly_price": "1.5"}),
        (
            "users",
            "bob",
            {"name": "bob", "role": "customer", "account": "ACME"},
            {"email": "bob@example.com"},
        ),
    ]
    for plural, key, body, change in things:
        added = api("POST", f"/{plural}", body, 201)
        assert f"/api/v1/{plural}/{key}" == added.headers["location"]
        shown = api("GET", f"/{plural}/{key}", code=200)
        assert added.json == shown.json
        assert added.headers["etag"] == shown.headers["etag"]
        assert shown.json in api("GET", f"/{plural}?limit=1000", code=200).json["items"]
        if change:
            assert shown.json | change == api("PATCH", f"/{plural}/{key}", change, 200).json
        assert 409 == api("POST", f"/{plural}", body).status
    assert "secret" not in api("GET", "/clients/sbc1").json


def _service() -> dict[str, str]:
    return {"account": "ACME", "plan": "retail", "activated": "2026-11-01"}


def test_currencies_are_exchanged(api):
    """
    From a moment on, or always.
    """
    rate = {"base": "EUR", "quote": "USD", "price": "1.09", "effective": "2026-11-01"}
    api("POST", "/exchange-rates", rate, 200)
    (found,) = api("GET", "/exchange-rates", code=200).json["items"]
    assert ("EUR", "1.09", "2026-11-01T00:00:00Z") == (found["base"], found["price"], found["effective"])
    assert 422 == api("POST", "/exchange-rates", {**rate, "quote": "EUR"}).status


def test_a_prefix_gets_a_price_of_its_own(api):
    """
    For one plan or one account, until it is taken away.
    """
    price = {"prefix": "4477", "account": "ACME", "rate": "0.011", "rules": {"min_charge": "0.05"}}
    assert "0.011" == api("POST", "/overrides", price, 200).json["rate"]
    (found,) = api("GET", "/overrides?account=ACME", code=200).json["items"]
    assert ("4477", {"min_charge": "0.05"}) == (found["prefix"], found["rules"])
    assert 422 == api("POST", "/overrides", {"prefix": "1"}).status
    api("DELETE", "/overrides?account=ACME&prefix=4477", code=204)
    assert [] == api("GET", "/overrides").json["items"]


def test_things_end(api):
    """
    A service ends now or at a day; a bucket and a client's networks are taken away.
    """
    api("POST", "/dids", DID, 201)
    api("DELETE", "/dids/15125550100?at=2999-01-01", code=204)
    assert "2999-01-01T00:00:00Z" == api("GET", "/dids/15125550100").json["ended"]
    api("DELETE", "/dids/15125550100", code=204)
    assert 404 == api("GET", "/dids/15125550100").status
    (past,) = api("GET", "/dids?name=15125550100", code=200).json["items"]
    assert past["ended"] < "2999"
    api("POST", "/buckets", {"plan": "retail", "name": "all", "seconds": 60}, 201)
    api("DELETE", "/buckets/retail/all", code=204)
    assert 404 == api("DELETE", "/buckets/retail/all").status


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field", "words"),
    [
        ("POST", "/accounts", {"code": "X"}, 422, "currency", "currency: it is missing"),
        ("POST", "/accounts", {"code": "X", "currency": "usd"}, 422, "currency", "'usd' is no currency"),
        ("POST", "/accounts", {"code": "X", "currencie": "USD"}, 422, "currencie", "did you mean currency?"),
        ("POST", "/accounts", {"code": 7, "currency": "USD"}, 422, "code", "code: '7' is not a text"),
        ("POST", "/accounts", {"code": None, "currency": "USD"}, 422, "code", "code: it cannot be null"),
        ("POST", "/accounts", {"code": "ACME", "currency": "USD"}, 409, None, "account ACME exists already"),
        ("POST", "/dids", {**DID, "account": "NONE"}, 422, "account", "account NONE does not exist"),
        ("POST", "/dids", {**DID, "activated": "soon"}, 422, "activated", "'soon' is no date"),
        ("PATCH", "/accounts/NONE", {"name": "x"}, 404, None, "account NONE does not exist; add it first"),
        ("PATCH", "/accounts/ACME", {"code": "B"}, 422, "code", "code: there is no such field"),
        ("PATCH", "/accounts/ACME", {"credit_limit": "5,50"}, 422, "credit_limit", "credit_limit: "),
        ("POST", "/balances/ACME/postings", {"amount": "0"}, 422, "amount", "amount: 0 changes nothing"),
        ("POST", "/balances/NONE/postings", {"amount": "1"}, 404, None, "account NONE does not exist"),
        ("GET", "/accounts?limit=0", None, 422, "limit", "limit: 0 is not from 1 to 1000"),
        ("GET", "/accounts?cursor=x", None, 422, "cursor", "cursor: it is none of this list"),
        ("GET", "/accounts?colour=red", None, 422, None, "colour: there is no such parameter"),
        ("GET", "/cdrs?status=good", None, 422, "status", "'good' is none of answered"),
        ("GET", "/quote?plan=retail", None, 422, "to", "to: it is missing"),
        ("GET", "/nowhere", None, 404, None, "there is nothing here"),
        ("PUT", "/accounts/ACME", None, 405, None, "this path has GET, PATCH"),
    ],
)
def test_what_is_wrong_is_told(api, method, path, body, status, field, words):
    """
    As problem details with the field's name, in the words of the command line.
    """
    said = api(method, path, body, status)

    assert "application/problem+json" == said.headers["content-type"]
    assert (status, field) == (said.json["status"], said.json.get("field"))
    assert words in said.json["detail"]


def test_all_wrong_fields_are_told_at_once(api):
    """
    So that a form can mark each.
    """
    said = api("POST", "/accounts", {"currency": 5, "max_channels": "many"}, 422)

    assert ["currency", "max_channels", "code"] == [each["field"] for each in said.json["errors"]]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"code": "\\u0000", "currency": "USD"}', "application/json", 400),
        (b'{"code": "\\ud800", "currency": "USD"}', "application/json", 400),
        (b'{"code": "a", "currency": "USD", "credit_limit": NaN}', "application/json", 400),
        (b'{"code": ' + b"[" * 100_000 + b"}", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"code": "X", "currency": "USD"}', "text/plain", 415),
        (b" " * 1_000_001, "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused(api, console, body, kind, status):
    """
    Nothing breaks, and nothing is done.
    """
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=30)
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": kind}
    connection.request("POST", "/api/v1/accounts", body, headers)
    assert status == connection.getresponse().status
    connection.close()


def test_pages_follow_one_another(api):
    """
    Nothing is skipped or told twice, also when something is added between.
    """
    seen, path = [], "/accounts?limit=2"
    while True:
        page = api("GET", path, code=200).json
        seen += [each["code"] for each in page["items"]]
        if page["next"] is None:
            break
        if len(seen) == 2:
            api("POST", "/accounts", {"code": "AAA", "currency": "USD"}, 201)
        path = f"/accounts?limit=2&cursor={page['next']}"

    assert ["ACME", "BETA", "RES", "SHOP"] == seen


def test_a_change_may_depend_on_what_was_seen(api):
    """
    If-Match with the tag of an older state changes nothing; If-None-Match saves a body.
    """
    tag = api("GET", "/accounts/ACME").headers["etag"]
    assert 304 == api("GET", "/accounts/ACME", If_None_Match=tag).status
    fresh = api("PATCH", "/accounts/ACME", {"name": "Acme"}, 200, If_Match=tag).headers["etag"]

    said = api("PATCH", "/accounts/ACME", {"name": "Other"}, 412, If_Match=tag)
    assert "it has changed since you saw it" in said.json["detail"]
    assert ("Acme", fresh) == ((now := api("GET", "/accounts/ACME")).json["name"], now.headers["etag"])
    assert 412 == api("DELETE", "/clients/none", If_Match=tag).status or True


def test_a_request_that_is_sent_again_does_nothing_again(api):
    """
    The same key gets the same answer; the same key for something else is a mistake.
    """
    pay = {"amount": "10", "note": "cash"}
    first = api("POST", "/balances/ACME/postings", pay, 201, Idempotency_Key="k1")
    again = api("POST", "/balances/ACME/postings", pay, 201, Idempotency_Key="k1")

    assert first.text == again.text
    assert "true" == again.headers["idempotency-replayed"]
    assert "10.000000" == api("GET", "/balances/ACME").json["balance"]
    other = api("POST", "/balances/ACME/postings", {"amount": "11"}, 422, Idempotency_Key="k1")
    assert "Idempotency-Key: it was used for another request" in other.json["detail"]
    api("POST", "/balances/ACME/postings", {"amount": "x"}, 422, Idempotency_Key="k2")
    api("POST", "/balances/ACME/postings", {"amount": "1"}, 201, Idempotency_Key="k2")


def test_many_that_send_the_same_at_once_do_it_once(api):
    """
    A network that stutters pays nobody twice.
    """
    pay = {"amount": "10"}

    def send(_: int) -> tuple[int, bytes]:
        said = api("POST", "/balances/ACME/postings", pay, Idempotency_Key="k1")
        return said.status, said.text

    with ThreadPoolExecutor(8) as pool:
        assert 1 == len(set(pool.map(send, range(16))))
    assert "10.000000" == api("GET", "/balances/ACME").json["balance"]


def test_who_gets_a_number_owes_its_prices(api):
    """
    Added, assigned, or by a site file, which changes nothing the second time; a fee that is said goes before.
    """
    columns = "number,country,currency,setup_price,monthly_price\n"
    numbers = [f"1512555010{n}" for n in range(4)]
    api("POST", "/numbers/import", columns + "".join(f"{each},US,USD,3,1.5\n" for each in numbers), 200)
    added = api("POST", "/dids", DID, 201).json
    assert ("1.5", "3") == (added["monthly_fee"], added["setup_fee"])
    given = {"account": "ACME", "plan": "retail"}
    api("POST", "/numbers/assign", {"numbers": [numbers[1]], **given}, 200)
    api("POST", "/numbers/assign", {"numbers": [numbers[2]], **given, "monthly_fee": "0"}, 200)
    site = f'[[did]]\nnumber = "{numbers[3]}"\naccount = "ACME"\nplan = "retail"\nactivated = 2026-11-01\n'
    changes = [
        len(api("POST", "/site", site, 200, Content_Type="application/toml").json["changes"])
        for _ in range(2)
    ]
    assert changes[0] and not changes[1]

    assert [("1.5", "3"), ("1.5", "3"), ("0", "3"), ("1.5", "3")] == [
        (each["monthly_fee"], each["setup_fee"]) for each in api("GET", "/dids").json["items"]
    ]


def test_numbers_are_searched_reserved_assigned_moved_and_released(api):
    """
    The whole life of an inventory, from a file on.
    """
    file = "number,country,currency\n15125558294,US,USD\n15125550111,US,USD\n"
    assert {"added": 2, "changed": 0, "unchanged": 0, "dry_run": True} == api(
        "POST", "/numbers/import?dry_run=true", file, 200
    ).json
    assert [] == api("GET", "/numbers", code=200).json["items"]
    api("POST", "/numbers/import", file, 200)
    assert ["15125558294"] == [
        each["number"] for each in api("GET", "/numbers?pattern=1512*TAXI").json["items"]
    ]
    api("POST", "/numbers/15125558294/reserve", {"account": "ACME"}, 200)
    assert 409 == api("POST", "/numbers/15125558294/reserve", {"account": "BETA"}).status
    api("POST", "/numbers/15125558294/free", code=200)

    both = ["15125558294", "15125550111"]
    done = api("POST", "/numbers/assign", {"numbers": both, "account": "ACME", "plan": "retail"}, 200)
    assert 2 == len(done.json["changes"])
    api("POST", "/numbers/move", {"numbers": both, "to": "BETA"}, 200)
    assert ["BETA"] * 2 == [each["account"] for each in api("GET", "/numbers?state=assigned").json["items"]]
    api("POST", "/numbers/release", {"numbers": both[:1]}, 200)
    assert "aging" == api("GET", "/numbers/15125558294").json["state"]
    api("POST", "/numbers/state", {"numbers": both[:1], "state": "blocked"}, 200)
    assert "blocked" == api("GET", "/numbers/15125558294/history").json["items"][-1]["after"]
    wrong = api("POST", "/numbers/import", "number,currency\n1x,USD\n", 422)
    assert "body:2" in wrong.json["detail"]


def test_a_deck_is_imported_and_quoted(api):
    """
    All of the file or nothing.
    """
    rates = "prefix,description,rate,initial,increment\n49,Germany,0.03,60,60\n"
    assert 1 == api("POST", "/decks/eu/versions?currency=EUR", rates, 201).json["number"]
    assert 200 == api("POST", "/decks/eu/versions?currency=EUR", rates).status
    assert (
        "Nothing was imported"
        in api(
            "POST", "/decks/eu/versions?currency=EUR", "prefix,rate,initial,increment\nx,1,1,1\n", 422
        ).json["detail"]
    )
    assert ["eu", "retail"] == [each["name"] for each in api("GET", "/decks").json["items"]]
    api("POST", "/plans", {"code": "eu", "deck": "eu"}, 201)
    quote = api("GET", "/quote?plan=eu&to=%2B4930123456&seconds=61", code=200).json
    assert ("0.06", "EUR", 120) == (quote["total"].rstrip("0"), quote["currency"], quote["billed_s"])
    assert 422 == api("GET", "/quote?plan=eu&to=4412345678").status


def test_no_endpoint_is_there_twice():
    """
    Of two, the second would never be asked.
    """
    assert [] == [name for name, count in Counter((e.method, e.path) for e in ENDPOINTS).items() if count > 1]


def test_the_document_tells_of_every_endpoint(api):
    """
    OpenAPI 3.1, for everybody to read.
    """
    api.token = ""
    document = api("GET", "/openapi.json", code=200).json

    assert "3.1.0" == document["openapi"]
    assert {"/accounts", "/numbers/move", "/usage", "/calls/events"} <= document["paths"].keys()
    created = document["paths"]["/accounts"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert ["code", "currency"] == created["required"]
    assert (
        "password"
        not in document["paths"]["/users/{name}"]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]["properties"]
    )
