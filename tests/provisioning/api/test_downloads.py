"""Downloads over the API: of any length in little memory, whole or visibly broken, a few at once."""

from __future__ import annotations

import csv
import http.client
import io
import json
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from provisioning.api.downloads import MOST
from provisioning.roles import Role
from tests.provisioning.api.conftest import Api, Console, start_console, token_for
from tests.provisioning.api.test_calls import site, switch  # noqa: F401  # the same calls

pytestmark = pytest.mark.postgres

MANY = 40_000
COPY = """
    INSERT INTO cdr SELECT copy.* FROM (SELECT cdr FROM cdr ORDER BY status LIMIT 1) AS one,
    generate_series(2, %s) AS n,
    jsonb_populate_record(one.cdr, jsonb_build_object('call_id', md5(n::text)::uuid)) AS copy
"""


@pytest.fixture
def calls(dsn: str, switch) -> None:  # noqa: F811
    """Very many calls of ACME's."""
    switch.stop("c1", 30)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(COPY, (MANY,))


def peak_octets(console: Console) -> int:
    """Return the most memory that the console's process has ever had."""
    status = Path(f"/proc/{console.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def begin(api: Api, path: str) -> socket.socket:
    """Ask for *path* and read nothing yet; the system takes little for us meanwhile."""
    asked = socket.socket()
    asked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asked.connect(("127.0.0.1", api.port))
    asked.sendall(
        f"GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n\r\n".encode()
    )
    return asked


def test_a_download_of_any_length_takes_little_memory(api, console, calls):
    """
    Of a reader who waits, too: what does not go out is not read from the database.
    """
    api("GET", "/cdrs/export?limit=1", code=200)
    before = peak_octets(console)
    with begin(api, "/cdrs/export?format=jsonl") as asked:
        time.sleep(1)
        answer = http.client.HTTPResponse(asked)
        answer.begin()
        assert ("application/jsonl", 'attachment; filename="export.jsonl"') == (
            answer.headers["content-type"],
            answer.headers["content-disposition"],
        )
        length = lines = 0
        while octets := answer.read1(65_536):
            length += len(octets)
            lines += octets.count(b"\n")

    assert MANY == lines
    assert length > 20_000_000
    assert peak_octets(console) - before < 12_000_000


def test_columns_filters_and_titles_are_chosen(api, switch):  # noqa: F811
    """
    As those of the command line; no cell is a formula.
    """
    switch.stop("c1", 30, calling="=1+1")
    switch.stop("c2", 90, called="15125550100")
    said = api("GET", "/cdrs/export?columns=from,to%3DCalled,seconds&number=4420*", code=200)

    assert "text/csv; charset=utf-8" == said.headers["content-type"]
    assert [["from", "Called", "seconds"], ["'=1+1", "442071838750", "30"]] == list(
        csv.reader(io.StringIO(said.text.decode()))
    )
    wrong = api("GET", "/cdrs/export?columns=price", code=422)
    assert "there is no field 'price'" in wrong.json["detail"]
    assert "columns" == wrong.json["field"]
    assert "there is no export 'x'" in api("GET", "/cdrs/export?template=x", code=422).json["detail"]


def test_everybody_gets_their_own_calls_only(api, dsn, site, switch):  # noqa: F811
    """
    Of one account, all that is recorded of a call; of another, nothing.
    """
    switch.stop("c1", 30)
    (call,) = api("GET", "/cdrs").json["items"]
    acme = Api(api.port, token_for(dsn, site, Role.CUSTOMER, "ACME"))
    beta = Api(api.port, token_for(dsn, site, Role.CUSTOMER, "BETA"))

    (record,) = acme("GET", f"/cdrs/{call['call_id']}", code=200).json["items"]
    assert ("ACME", "442071838750", call["call_id"]) == tuple(
        record[name] for name in ("account", "to", "call_id")
    )
    beta("GET", f"/cdrs/{call['call_id']}", code=404)
    assert [1, 0] == [
        len(who("GET", "/cdrs/export?format=jsonl", code=200).text.splitlines()) for who in (acme, beta)
    ]
    beta("GET", "/cdrs/export?account=ACME", code=422)
    for path in ("/exports", "/exports/drops", "/months", "/books/ledger", "/reratings", "/taxes"):
        said = acme("GET", path, code=403)
        assert "reaches only some accounts" in said.json["detail"], path
    assert [] == acme("GET", "/periods", code=200).json["items"]


def test_one_download_too_many_is_told_to_wait(api, calls):
    """
    And whoever leaves makes room.
    """
    waiting = [begin(api, "/cdrs/export") for _ in range(MOST)]
    time.sleep(1)
    refused = api("GET", "/cdrs/export", code=503)
    assert "try_later" == refused.json["code"]
    assert "1" == refused.headers["retry-after"]
    api("GET", "/accounts", code=200)  # nobody else waits for them

    waiting.pop().close()
    for _ in range(50):
        time.sleep(0.1)
        if 200 == api("GET", "/cdrs/export?limit=1").status:
            break
    else:
        raise AssertionError("nobody made room")
    for each in waiting:
        each.close()


def test_a_download_that_fails_has_no_end(api, dsn, console, calls):
    """
    A reader can tell half a file from a whole one.
    """
    with begin(api, "/cdrs/export") as asked:
        time.sleep(1)
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
            connection.autocommit = True
            txn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tollwire download'"
            )
            assert txn.fetchone() == (True,)
        answer = http.client.HTTPResponse(asked)
        answer.begin()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            while answer.read(65_536):
                pass
    api("GET", "/accounts", code=200)


EXPORTS = """
[[exports]]
name = "acme"
format = "parquet"
columns = ["to=Called"]
account = "ACME"
status = "answered"
"""


def test_saved_exports_are_listed_and_run(dsn, database, tmp_path, site, switch):  # noqa: F811
    """
    Their columns and filters count, unless others are given; a process that ends waits for no reader.
    """
    switch.stop("c1", 30)
    switch.stop("c2", 0, connect_at=None)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(COPY, (MANY,))
    started = start_console(database, tmp_path, EXPORTS)
    try:
        api = Api(started.port, token_for(dsn, site, Role.OPERATOR))
        (listed,) = api("GET", "/exports", code=200).json["items"]
        assert ("acme", "parquet", "ACME") == (listed["name"], listed["format"], listed["account"])
        assert [] == api("GET", "/exports/drops", code=200).json["items"]
        assert "say csv or jsonl" in api("GET", "/cdrs/export?template=acme", code=422).json["detail"]
        said = api("GET", "/cdrs/export?template=acme&format=jsonl&limit=1", code=200)
        assert {"Called": "442071838750"} == json.loads(said.text)
        waiting = begin(api, "/cdrs/export")
        time.sleep(1)
    finally:
        started.process.send_signal(signal.SIGTERM)
        assert 0 == started.process.wait(20)
    waiting.close()


def test_months_are_listed_with_what_became_of_them(api, dsn):
    """
    In pages, as everything.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(
            "INSERT INTO retained_month SELECT each, '2025-01-01', 7, each || '.jsonl.gz', 'ab', 0, now()"
            " FROM unnest(ARRAY['cdr', 'posting']) AS each"
        )
    items = api("GET", "/months", code=200).json["items"]

    assert [("cdr", "2025-01", 7, "exported"), ("posting", "2025-01", 7, "exported")] == [
        (each["relation"], each["month"], each["records"], each["state"]) for each in items
    ]
    first = api("GET", "/months?limit=1", code=200).json
    assert items[1:] == api("GET", f"/months?limit=1000&cursor={first['next']}", code=200).json["items"]
