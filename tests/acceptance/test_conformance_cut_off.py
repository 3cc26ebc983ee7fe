"""Calls that must end: the server asks the switch to hang up, and its books say what came of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from radiusd.crash_points import KILLED
from tests.acceptance.nas import ACK, FORGED, Nas, a_nas, is_signed
from tests.acceptance.process import COMMAND, Server, wait_for
from tests.acceptance.wire import (
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    EVENT_TIMESTAMP,
    MESSAGE_AUTHENTICATOR,
    START,
    STOP,
    Sender,
    accounting,
    attributes_of,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

ADDRESS = "127.0.0.31"
SECRET, COA_SECRET = b"secret of a switch", b"secret of its other door"
SITE = """
[[client]]
name = "pbx"
networks = ["{address}"]
secret = "{secret}"
asserts_numbers = true
grant = "lease"
lease_s = 6
cut_off = "disconnect"
coa_port = {port}
coa_secret = "{coa_secret}"

[[deck]]
name = "world"
currency = "USD"
rates = [{{prefix = "44", description = "United Kingdom", rate = 0.06, initial = 1, increment = 1}}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "poor"
currency = "USD"
opening_balance = 0.003

[[account]]
code = "bad"
currency = "USD"
postpaid = true

[[account]]
code = "small"
currency = "USD"
postpaid = true
max_channels = 1

[[account]]
code = "good"
currency = "USD"
postpaid = true
"""
NUMBERS = {"poor": "15550000001", "bad": "15550000002", "small": "15550000003", "good": "15550000004"}


def site(port: int) -> str:
    text = SITE.format(
        address=ADDRESS, secret=SECRET.decode(), coa_secret=COA_SECRET.decode(), port=port
    )
    for account, number in NUMBERS.items():
        text += f'\n[[did]]\naccount = "{account}"\nnumber = "{number}"\n'
        text += 'plan = "basic"\nactivated = 2020-01-01\n'
    return text


@pytest.fixture(scope="module")
def nas() -> Iterator[Nas]:
    """The switch's door for requests to hang up."""
    script = {
        "suspended": [FORGED, ACK],
        "refuses": [501],
        "unknown": [503],
    }
    with a_nas(ADDRESS, COA_SECRET, script) as made:
        yield made


@pytest.fixture(scope="module")
def pbx(server: Server, nas: Nas) -> Iterator[Sender]:
    """The switch, with the server running."""
    server.apply(site(nas.port))
    server.start()
    sender = Sender(ADDRESS, SECRET, server.auth_port, server.acct_port)
    yield sender
    sender.close()


def tell(pbx: Sender, status: int, session: str, account: str, *more: bytes) -> None:
    """Report a call of *account*, and hear that it is on record."""
    packet = accounting(
        SECRET,
        tlv(ACCT_STATUS_TYPE, status),
        tlv(ACCT_SESSION_ID, session),
        tlv(CALLING_STATION_ID, NUMBERS[account]),
        tlv(CALLED_STATION_ID, "442071838750"),
        *more,
    )
    assert ACCOUNTING_RESPONSE == pbx.ask(packet).code


def call_id(server: Server, account: str) -> str:
    """Return our id of the open call of *account*."""
    (row,) = server.rows("calls", "list", "--account", account)
    return str(row["call_id"])


def test_L130_L131_L132_a_call_that_nobody_pays_is_cut_when_its_money_is_used(
    server: Server, nas: Nas, pbx: Sender
) -> None:
    """
    Three seconds are paid for; the switch is asked then, its Stop ends the call, and little is overdrawn.
    """
    tell(pbx, START, "poor", "poor")
    wait_for(lambda: nas.requests("poor"))
    tell(pbx, STOP, "poor", "poor", tlv(ACCT_SESSION_TIME, 4))

    (cdr,) = server.rows("cdr", "list", "--account", "poor")
    assert ("answered", "0.004000") == (cdr["status"], cdr["total"])
    (cut,) = server.rows("calls", "cuts", "--account", "poor")
    assert ("no_credit", "ack") == (cut["reason"], cut["outcome"])
    request, _ = nas.requests("poor")[0]
    assert is_signed(request, COA_SECRET)
    said = dict(attributes_of(request))
    assert {MESSAGE_AUTHENTICATOR, ACCT_SESSION_ID, EVENT_TIMESTAMP} == said.keys()
    now_s = datetime.now(UTC).timestamp()
    assert abs(now_s - int.from_bytes(said[EVENT_TIMESTAMP], "big")) < 60
    server.check_books()


def test_L133_L134_calls_of_a_suspended_account_are_cut_and_an_answer_must_be_right(
    server: Server, nas: Nas, pbx: Sender
) -> None:
    """
    The same octets come again from the same port until a right ACK; without a Stop, the call is closed by it.
    """
    tell(pbx, START, "suspended", "bad")
    server.run("account", "set", "bad", "--status", "suspended")
    wait_for(lambda: [] == server.rows("calls", "list", "--account", "bad"), 20)

    assert 2 == len(nas.requests("suspended"))
    assert 1 == len(set(nas.requests("suspended")))
    (cut,) = server.rows("calls", "cuts", "--account", "bad")
    assert ("suspended", "ack", 1) == (cut["reason"], cut["outcome"], cut["tries"])
    (cdr,) = server.rows("cdr", "list", "--account", "bad")
    assert ("answered", "cut_off") == (cdr["status"], cdr["reason"])
    server.check_books()


def test_a_call_over_the_limit_is_cut_and_the_other_one_is_not(
    server: Server, nas: Nas, pbx: Sender
) -> None:
    """
    Who never asks cannot be refused: what is told of beyond the limit is ended.
    """
    tell(pbx, START, "first", "small")
    tell(pbx, START, "second", "small")
    wait_for(lambda: nas.requests("second"))
    tell(pbx, STOP, "second", "small", tlv(ACCT_SESSION_TIME, 1))

    assert [] == nas.requests("first")
    (cut,) = server.rows("calls", "cuts", "--account", "small")
    assert ("over_limit", "ack") == (cut["reason"], cut["outcome"])
    tell(pbx, STOP, "first", "small", tlv(ACCT_SESSION_TIME, 1))


def test_an_admin_ends_a_call_and_hears_the_switch(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    ``calls end`` closes what the switch has ended or does not know; what the switch refuses goes on.
    """
    tell(pbx, START, "agrees", "good")
    (agreed,) = server.rows("calls", "end", call_id(server, "good"))
    assert ("admin", f"{ADDRESS}: ACK") == (agreed["closed"], agreed["switch"])

    tell(pbx, START, "unknown", "good")
    (gone,) = server.rows("calls", "end", call_id(server, "good"))
    assert f"{ADDRESS}: NAK 503 (session context not found)" == gone["switch"]

    tell(pbx, START, "refuses", "good")
    ours = call_id(server, "good")
    command = [str(COMMAND), "calls", "end", ours, "--config", str(server.config)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 4 == refused.returncode
    assert "NAK 501 (administratively prohibited)" in refused.stderr
    assert ours == call_id(server, "good")
    server.run("calls", "end", "--books-only", ours)
    assert [] == server.rows("calls", "list", "--account", "good")
    server.check_books()


def test_what_must_end_is_ended_after_a_crash(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    The server dies when the switch has agreed, and before it has written that down: the next one asks again.
    """
    assert 0 == server.stop()
    server.start(TOLLWIRE_CRASH_AT="after-disconnect-answer")
    tell(pbx, START, "killed", "good")
    server.run("account", "set", "good", "--status", "suspended")
    assert KILLED == server.wait_for_death(15)
    server.kill()
    assert 1 == len(nas.requests("killed"))
    server.start()

    (cut,) = [row for row in server.rows("calls", "cuts", "--account", "good") if row["phase"] == "ask"]
    assert ("suspended", "", 1) == (cut["reason"], cut["outcome"], cut["tries"])
    # The dead server had the row to itself for a while; an admin's word makes it due at once.
    nas.script["killed"] = [503]
    (ended,) = server.rows("calls", "end", call_id(server, "good"))
    assert f"{ADDRESS}: NAK 503 (session context not found)" == ended["switch"]
    assert 2 == len(nas.requests("killed"))
    server.run("account", "set", "good", "--status", "active")
    server.check_books()
