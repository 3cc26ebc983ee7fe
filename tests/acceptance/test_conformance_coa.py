"""New times of calls that are up, and calls that a CoA-Request ends: the server asks, its books follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from radiusd.crash_points import KILLED
from tests.acceptance.nas import ACK, COA_REQUEST, FORGED, Nas, a_nas, is_signed
from tests.acceptance.process import Server, wait_for
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    EVENT_TIMESTAMP,
    MESSAGE_AUTHENTICATOR,
    SERVICE_TYPE,
    SESSION_TIMEOUT,
    START,
    STOP,
    UNSIGNED,
    VENDOR_SPECIFIC,
    Sender,
    access,
    accounting,
    attributes_of,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

ADDRESS, LEASE_ADDRESS = "127.0.0.36", "127.0.0.37"
SECRET = b"secret of a switch that takes CoA"
CALL_CHECK = 10
PREPAID_S = 90
SITE = """
[[client]]
name = "{name}"
networks = ["{address}"]
secret = "{secret}"
asserts_numbers = true
cut_off = "coa"
tell_time = "coa"
coa_port = {port}
{more}
"""
PLAN = """
[[deck]]
name = "world"
currency = "USD"
rates = [{prefix = "44", description = "United Kingdom", rate = 0.06, initial = 1, increment = 1}]

[[plan]]
code = "basic"
deck = "world"
"""
NUMBERS = {
    "topped": "15550000001",
    "lowered": "15550000002",
    "refused": "15550000003",
    "gone": "15550000004",
    "ended": "15550000005",
    "killed": "15550000006",
    "leased": "15550000007",
}


def site(port: int, lease_port: int) -> str:
    more = 'settings = {coa_end = "Cisco-AVPair=subscriber:command=account-logoff"}'
    lease = 'grant = "lease"\nlease_s = 9\nsettings = {coa_time = "whole", reply_time = "Session-Timeout"}'
    text = PLAN
    for name, address, where, what in (
        ("pbx", ADDRESS, port, more),
        ("leases", LEASE_ADDRESS, lease_port, lease),
    ):
        text += SITE.format(name=name, address=address, secret=SECRET.decode(), port=where, more=what)
    for account, number in NUMBERS.items():
        text += f'\n[[account]]\ncode = "{account}"\ncurrency = "USD"\nopening_balance = 0.09\n'
        text += f'\n[[did]]\naccount = "{account}"\nnumber = "{number}"\n'
        text += 'plan = "basic"\nactivated = 2020-01-01\n'
    return text.replace('"lowered"\n', '"lowered"\ncredit_limit = 0.06\n', 1)


@pytest.fixture(scope="module")
def nas() -> Iterator[Nas]:
    """The door of the switch that is told how much is left."""
    script = {"topped": [FORGED, ACK], "refused": [401], "gone": [503]}
    with a_nas(ADDRESS, SECRET, script) as made:
        yield made


@pytest.fixture(scope="module")
def leases() -> Iterator[Nas]:
    """The door of the switch that holds leases."""
    with a_nas(LEASE_ADDRESS, SECRET) as made:
        yield made


@pytest.fixture(scope="module")
def pbx(server: Server, nas: Nas, leases: Nas) -> Iterator[Sender]:
    """The switch, with the server running."""
    server.apply(site(nas.port, leases.port))
    server.start()
    sender = Sender(ADDRESS, SECRET, server.auth_port, server.acct_port)
    yield sender
    sender.close()


def begin(sender: Sender, account: str) -> int:
    """Ask for a call of *account*, report its answer, and return the time that it was granted."""
    call = (
        tlv(ACCT_SESSION_ID, account),
        tlv(CALLING_STATION_ID, NUMBERS[account]),
        tlv(CALLED_STATION_ID, "442071838750"),
    )
    answer = sender.ask(access(SECRET, UNSIGNED, tlv(SERVICE_TYPE, CALL_CHECK), *call))
    assert ACCESS_ACCEPT == answer.code
    started = sender.ask(accounting(SECRET, tlv(ACCT_STATUS_TYPE, START), *call))
    assert ACCOUNTING_RESPONSE == started.code
    return int.from_bytes(answer.all(SESSION_TIMEOUT)[0], "big")


def stop(sender: Sender, account: str, duration_s: int) -> None:
    """Report the end of the call."""
    packet = accounting(
        SECRET,
        tlv(ACCT_STATUS_TYPE, STOP),
        tlv(ACCT_SESSION_ID, account),
        tlv(ACCT_SESSION_TIME, duration_s),
    )
    assert ACCOUNTING_RESPONSE == sender.ask(packet).code


def told(nas: Nas, session: str) -> list[dict[int, bytes]]:
    """Return what stood in each CoA-Request for *session*."""
    return [
        dict(attributes_of(octets)) for octets, _ in nas.requests(session) if octets[0] == COA_REQUEST
    ]


def answered(server: Server, account: str) -> dict[str, object]:
    """Return what became of the new time of the account's call, once its switch has answered."""
    wait_for(lambda: [row for row in server.rows("calls", "times", "--account", account) if row["outcome"]])
    (row,) = server.rows("calls", "times", "--account", account)
    return row


def pay(server: Server, account: str, amount: str) -> None:
    """Let the account have more; the running server finds it by itself."""
    server.run("balance", "add", account, amount)


def test_L130_L131_L132_L133_L134_a_payment_gives_a_call_more_time(
    server: Server, nas: Nas, pbx: Sender
) -> None:
    """
    What names the call, the new time, when that was, a signature: and nothing else. Forged answers count not.
    """
    assert PREPAID_S == begin(pbx, "topped")
    wait_for(lambda: server.rows("calls", "list", "--account", "topped"))
    pay(server, "topped", "0.06")
    row = answered(server, "topped")
    assert ("credit", 150, "ack", f"{ADDRESS}: ACK") == (
        row["reason"],
        row["timeout_s"],
        row["outcome"],
        row["detail"],
    )

    (first, second) = nas.requests("topped")
    assert first == second  # the same octets from the same port, until the answer is right
    assert is_signed(first[0], SECRET)
    said = dict(attributes_of(first[0]))
    credit_time = said.pop(VENDOR_SPECIFIC)
    assert {MESSAGE_AUTHENTICATOR, ACCT_SESSION_ID, SESSION_TIMEOUT, EVENT_TIMESTAMP} == said.keys()
    assert abs(datetime.now(UTC).timestamp() - int.from_bytes(said[EVENT_TIMESTAMP], "big")) < 60
    left_s = int.from_bytes(said[SESSION_TIMEOUT], "big")
    assert 100 < left_s <= 150
    assert f"h323-credit-time={left_s}".encode() == credit_time[6:]
    (call,) = server.rows("calls", "list", "--account", "topped")
    assert "0.150000" == call["held"]
    stop(pbx, "topped", 120)
    assert "0.120000" == server.rows("cdr", "list", "--account", "topped")[0]["total"]
    server.check_books()


def test_a_lower_limit_leaves_a_call_less_time(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    What it holds beyond that is not there any more.
    """
    assert PREPAID_S + 60 == begin(pbx, "lowered")
    server.run("account", "set", "lowered", "--credit-limit", "0.01")
    assert ("credit", 100) == tuple(answered(server, "lowered")[name] for name in ("reason", "timeout_s"))
    (said,) = told(nas, "lowered")
    assert 10 < int.from_bytes(said[SESSION_TIMEOUT], "big") <= 100
    stop(pbx, "lowered", 60)
    server.check_books()


def test_a_switch_that_refuses_keeps_its_time_and_no_money_is_held_for_more(
    server: Server, nas: Nas, pbx: Sender
) -> None:
    """
    The Error-Cause is on record, and the request is not sent again.
    """
    begin(pbx, "refused")
    pay(server, "refused", "0.06")
    row = answered(server, "refused")
    assert ("nak", 401, f"{ADDRESS}: NAK 401 (unsupported attribute)") == (
        row["outcome"],
        row["error_cause"],
        row["detail"],
    )
    (call,) = server.rows("calls", "list", "--account", "refused")
    assert "0.090000" == call["held"]
    stop(pbx, "refused", 5)
    assert 1 == len(told(nas, "refused"))
    server.check_books()


def test_a_call_that_its_switch_does_not_know_is_closed(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    A NAK with 503 says that it is over and its Stop was lost.
    """
    begin(pbx, "gone")
    pay(server, "gone", "0.06")
    wait_for(lambda: [] == server.rows("calls", "list", "--account", "gone"), 20)

    (cdr,) = server.rows("cdr", "list", "--account", "gone")
    assert ("answered", "gone") == (cdr["status"], cdr["reason"])
    server.check_books()


def test_a_switch_may_take_a_coa_request_that_ends_a_call(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    With the attributes that its client's settings say.
    """
    begin(pbx, "ended")
    (call,) = server.rows("calls", "list", "--account", "ended")
    (ended,) = server.rows("calls", "end", str(call["call_id"]))

    assert f"{ADDRESS}: ACK" == ended["switch"]
    (said,) = told(nas, "ended")
    assert b"subscriber:command=account-logoff" == said[VENDOR_SPECIFIC][6:]
    assert SESSION_TIMEOUT not in said
    assert [octets[0] for octets, _ in nas.requests("ended")] == [COA_REQUEST]


def test_what_a_switch_must_be_told_is_told_after_a_crash(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    The server dies when the switch has agreed, before that is on record: the wish is still there.
    """
    assert 0 == server.stop()
    server.start(TOLLWIRE_CRASH_AT="after-disconnect-answer")
    begin(pbx, "killed")
    pay(server, "killed", "0.06")
    assert KILLED == server.wait_for_death(15)
    server.kill()
    server.start()

    (row,) = server.rows("calls", "times", "--account", "killed")
    assert ("ask", "", 150) == (row["phase"], row["outcome"], row["timeout_s"])
    (call,) = server.rows("calls", "list", "--account", "killed")
    assert "0.150000" == call["held"]
    stop(pbx, "killed", 5)
    server.check_books()


def test_a_switch_on_leases_is_told_the_next_one(server: Server, leases: Nas, pbx: Sender) -> None:
    """
    It need not ask again; counted from the call's answer where its client says so.
    """
    sender = Sender(LEASE_ADDRESS, SECRET, server.auth_port, server.acct_port)
    assert 9 == begin(sender, "leased")
    wait_for(lambda: told(leases, "leased"), 30)  # most of the lease goes by first
    (said, *_) = told(leases, "leased")
    stop(sender, "leased", 7)
    sender.close()

    assert 9 < int.from_bytes(said[SESSION_TIMEOUT], "big") <= 40  # a busy machine is late
    assert VENDOR_SPECIFIC not in said
    server.check_books()
