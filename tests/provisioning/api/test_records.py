"""Files of call records and reratings over the API: once in the books, and out of them again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal

import psycopg2
import pytest

from provisioning.roles import Role
from tests.acceptance.process import wait_for
from tests.provisioning.api.conftest import Api, token_for

pytestmark = pytest.mark.postgres

LINE = (
    '"","201","15125550199","acme.pbx","201","SIP/1-{n}","SIP/t-{n}","Dial","x","2026-11-05 10:{n:02}:00",'
    '"2026-11-05 10:{n:02}:00","2026-11-05 10:{n:02}:30",30,30,"ANSWERED","DOCUMENTATION",'
    '"17676{n:05}.1",""\n'
)
OCTETS = "application/octet-stream"


def lines(*numbers: int) -> str:
    return "".join(LINE.format(n=number) for number in numbers)


def send(api: Api, path: str, body: str, code: int = 200):
    """Send a file."""
    return api("POST", path, body, code, Content_Type=OCTETS).json


@pytest.fixture
def pbx(api: Api) -> Api:
    """ACME has an extension of the tenant of a PBX that writes call records."""
    api("POST", "/tenants", {"name": "acme.pbx"}, 201)
    api(
        "POST",
        "/extensions",
        {
            "extension": "201",
            "tenant": "acme.pbx",
            "account": "ACME",
            "plan": "retail",
            "activated": "2026-01-01",
        },
        201,
    )
    api(
        "POST",
        "/sources",
        {"name": "pbx1", "format": "asterisk-csv", "zone": "UTC", "tenant_from": "dcontext"},
        201,
    )
    return api


def balance(api: Api) -> Decimal:
    return Decimal(api("GET", "/balances/ACME", code=200).json["balance"])


def test_a_file_is_in_the_books_once(pbx):
    """
    Sent again it changes nothing; rolled back, it can come anew. The audit says who did it.
    """
    first = send(pbx, "/record-files?source=pbx1&file=one.csv", lines(1, 2))
    assert ("one.csv", "imported", 2, 2) == tuple(
        first[name] for name in ("name", "state", "received", "accepted")
    )
    assert Decimal("-0.01") == balance(pbx)
    assert first == send(pbx, "/record-files?source=pbx1&file=one.csv", lines(1, 2))
    more = send(pbx, "/record-files?source=pbx1&file=two.csv", lines(2, 3))
    assert (2, 1, 1) == tuple(more[name] for name in ("received", "accepted", "duplicate"))
    assert Decimal("-0.015") == balance(pbx)

    back = pbx("POST", f"/record-files/{first['id']}/rollback", code=200).json
    assert "rolled back" == back["state"]
    assert Decimal("-0.005") == balance(pbx)
    entries = pbx("GET", "/audit?noun=record", code=200).json["items"]
    assert [("removed", "pbx1/one.csv"), ("added", "pbx1/two.csv")] == [
        (each["action"], each["key"]) for each in entries[:2]
    ]
    assert 3 == len(entries)


def test_files_are_listed_in_pages(pbx):
    """
    The newest first.
    """
    for number in range(1, 6):
        send(pbx, f"/record-files?source=pbx1&file=f{number}.csv", lines(number))
    seen, cursor = [], ""
    while cursor is not None:
        page = pbx("GET", f"/record-files?source=pbx1&limit=2&cursor={cursor}", code=200).json
        seen += [each["name"] for each in page["items"]]
        cursor = page["next"]

    assert [f"f{number}.csv" for number in range(5, 0, -1)] == seen
    report = pbx("GET", "/sources/pbx1/report", code=200).json
    assert (5, "asterisk-csv") == (report["received"], report["format"])
    assert b"call_id,begun_at" in pbx("GET", "/sources/pbx1/differences", code=200).text


def test_a_damaged_file_is_refused_when_it_is_to_be_strict(pbx):
    """
    Whole, by its name and line.
    """
    damaged = send(pbx, "/record-files?source=pbx1&file=a.csv&strict=true", lines(1) + '"x"\n', 422)
    assert "a.csv:2" in damaged["detail"] or "a.csv: line 2" in damaged["detail"], damaged
    assert Decimal(0) == balance(pbx)
    send(pbx, "/record-files?source=nobody", lines(1), 404)
    pbx("POST", "/record-files/none/rollback", code=404)


def test_what_was_set_aside_is_listed_in_pages(pbx):
    """
    With its place and reason, in the order of the file.
    """
    damaged = "what is this, if not a row\n" + lines(1) + "and this here, after it\n"
    file = send(pbx, "/record-files?source=pbx1&file=bad.csv", damaged)
    assert 2 == file["set_aside"]

    path = f"/record-files/{file['id']}/asides?limit=1"
    first = pbx("GET", path, code=200).json
    second = pbx("GET", f"{path}&cursor={first['next']}", code=200).json

    found = [*first["items"], *second["items"]]
    assert [(0, 1), (len(damaged) - 24, 3)] == [(each["octet"], each["line"]) for each in found]
    assert "and this here, after it" == found[1]["content"]
    assert all("2 fields" in each["reason"] for each in found)


def test_calls_are_rated_again_and_back(pbx):
    """
    After a look that changes nothing; those of closed periods only if that is meant.
    """
    send(pbx, "/record-files?source=pbx1&file=one.csv", lines(1, 2))
    pbx(
        "POST",
        "/decks/retail/versions?currency=USD&active_from=2026-11-02&kind=amend",
        "prefix,description,rate,initial,increment\n1,North America,0.05,6,6\n",
        201,
    )
    changes = pbx("GET", "/decks/retail/changes", code=200).json
    assert (1, "up") == (changes["counts"]["up"], changes["largest"][0]["change"])

    seen = pbx("POST", "/reratings/preview", {"month": "2026-11", "account": "ACME"}, 200).json
    assert (None, 2, 2) == (seen["rerating"], seen["calls"], seen["changed"])
    assert "0.040000" == seen["differences"][0]["difference"]
    assert Decimal("-0.01") == balance(pbx)

    pbx("POST", "/periods", {"until": "2026-12-01"}, 200)
    assert "closed until 2026-12-01" in pbx("POST", "/reratings", {"account": "ACME"}, 409).json["detail"]
    done = pbx("POST", "/reratings", {"account": "ACME", "closed": True}, 200).json
    assert seen["differences"] == done["differences"]
    assert Decimal("-0.05") == balance(pbx)
    assert None is pbx("POST", "/reratings", {"account": "ACME", "closed": True}, 200).json["rerating"]

    (listed,) = pbx("GET", "/reratings", code=200).json["items"]
    assert (done["rerating"], 2, None) == (listed["id"], listed["calls"], listed["undone_at"])
    pbx("POST", f"/reratings/{done['rerating']}/undo", code=200)
    assert Decimal("-0.01") == balance(pbx)
    pbx("POST", f"/reratings/{done['rerating']}/undo", code=409)
    books = pbx("GET", "/books/check", code=200).json
    assert books["ok"], books["differences"]
    assert pbx("GET", "/books/ledger", code=200).json["balanced"]


def test_a_draft_is_tried_on_past_calls(pbx):
    """
    Rates that are sent, or a deck, or a plan: one of them.
    """
    send(pbx, "/record-files?source=pbx1&file=one.csv", lines(1, 2))
    dearer = "prefix,description,rate,initial,increment\n1,North America,0.05,6,6\n"
    found = pbx("POST", "/deck-tries?month=2026-11&instead_of=retail", dearer, 200).json

    assert ("0.010000", "0.050000") == (found["totals"][0]["now"], found["totals"][0]["draft"])
    same = pbx("POST", "/deck-tries?month=2026-11&deck=retail", "", 200).json
    assert "0.000000" == same["totals"][0]["difference"]
    assert "deck" == pbx("POST", "/deck-tries?month=2026-11", "", 422).json["field"]
    assert "month" == pbx("POST", "/deck-tries?month=x&deck=retail", "", 422).json["field"]


def test_who_may_not_change_calls_rates_none_again(pbx, dsn, site):
    """
    Support looks; a customer sees its own statement, its own periods, and quotes of its own services.
    """
    send(pbx, "/record-files?source=pbx1&file=one.csv", lines(1, 2))
    support = Api(pbx.port, token_for(dsn, site, Role.SUPPORT))
    for path in ("/reratings", "/reratings/preview", "/periods"):
        support("POST", path, {"account": "ACME", "until": "2026-11-01"}, 403)
    send(support, "/record-files?source=pbx1", lines(9), 403)
    support("GET", "/record-files", code=200)

    acme = Api(pbx.port, token_for(dsn, site, Role.CUSTOMER, "ACME"))
    beta = Api(pbx.port, token_for(dsn, site, Role.CUSTOMER, "BETA"))
    statement = acme("GET", "/accounts/ACME/statement?period=2026-11", code=200).json
    assert "ACME" == statement["account"]
    beta("GET", "/accounts/ACME/statement?period=2026-11", code=404)
    quote = "/quote/service?service=extension:201&to=15125550199&seconds=60"
    assert "0.01" == acme("GET", quote, code=200).json["total"].rstrip("0")
    assert "no service extension:201" in beta("GET", quote, code=422).json["detail"]
    traffic = acme("GET", "/reports/traffic?by=account&since=2026-11-01&until=2026-12-01", code=200).json
    assert ["ACME"] == [each["key"] for each in traffic["items"]]
    assert None is traffic["items"][0]["margin"]
    pbx("POST", "/periods", {"until": "2026-11-01", "account": "ACME"}, 200)
    assert [1, 0] == [len(who("GET", "/periods", code=200).json["items"]) for who in (acme, beta)]


def test_a_suppliers_bill_is_compared(pbx):
    """
    What only they have is counted and shown.
    """
    pbx("POST", "/suppliers", {"code": "carrier", "deck": "retail"}, 201)
    path = "/disputes?supplier=carrier&source=pbx1&since=2026-11-01&until=2026-12-01&file=bill.csv"
    found = send(pbx, path, lines(1, 2, 3))

    assert (3, 3, 0) == (found["kinds"]["only_theirs"], len(found["findings"]), found["more"])
    assert 2 == send(pbx, f"{path}&limit=1", lines(1, 2, 3))["more"]


def test_work_that_takes_long_keeps_nobody_waiting(pbx, dsn):
    """
    Three pieces are done at once, and the next is told to try later; all else is answered meanwhile.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("LOCK TABLE record_file IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(4) as pool:
            path = "/record-files?source=pbx1&file=f{}.csv"
            pieces = [
                pool.submit(pbx, "POST", path.format(n), lines(n), None, Content_Type=OCTETS)
                for n in range(1, 5)
            ]
            wait_for(lambda: sum(piece.done() for piece in pieces) == 1, 20)
            pbx("GET", "/accounts", code=200)
            connection.rollback()
            statuses = sorted(piece.result().status for piece in pieces)

    assert [200, 200, 200, 503] == statuses
    (refused,) = (piece.result() for piece in pieces if piece.result().status == 503)
    assert "try_later" == refused.json["code"]
