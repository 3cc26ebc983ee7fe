"""Requests about calls of switches behind a proxy: it is told what it needs to pass them on (RFC 8559)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import free_udp_ports
from tests.acceptance import freeradius
from tests.acceptance.freeradius import FreeRadius
from tests.acceptance.nas import COA_REQUEST, DISCONNECT_REQUEST, Nas, a_nas
from tests.acceptance.process import Server, wait_for
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    NAS_IDENTIFIER,
    PROXY_STATE,
    SERVICE_TYPE,
    SESSION_TIMEOUT,
    START,
    UNSIGNED,
    Sender,
    access,
    accounting,
    attributes_of,
    tlv,
)
from tests.packages import skip_without

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

PROXY, SWITCH = "127.0.0.38", "127.0.0.39"
SECRET, SWITCH_SECRET = b"secret of a proxy of calls", b"secret of a switch behind it"
CALL_CHECK = 10
OPERATOR_NAME, EXTENDED_1, OPERATOR_NAS_IDENTIFIER = 126, 241, 8
OPERATOR, OPERATOR_NAS = b"1visited.example", b"\x00opaque\xff"
SITE = """
[[client]]
name = "proxy"
networks = ["{address}"]
secret = "{secret}"
asserts_numbers = true
is_proxy = true
cut_off = "disconnect"
tell_time = "coa"
coa_address = "{to}"
coa_port = {port}
settings = {{reply_time = "Session-Timeout"}}

[[deck]]
name = "world"
currency = "USD"
rates = [{{prefix = "44", description = "United Kingdom", rate = 0.06, initial = 1, increment = 1}}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 0.09

[[did]]
account = "acme"
number = "15550000001"
plan = "basic"
activated = 2020-01-01
"""


@pytest.fixture(scope="module")
def nas() -> Iterator[Nas]:
    """The switch's door."""
    with a_nas(SWITCH, SWITCH_SECRET) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(home: Path, nas: Nas) -> Iterator[int]:
    """The port of a FreeRADIUS between us and the switch."""
    skip_without(() if freeradius.program() else ("freeradius",))
    (port,) = free_udp_ports(1)
    made = FreeRadius(
        home / "freeradius",
        port,
        secret=SECRET.decode(),
        nas=SWITCH,
        nas_port=nas.port,
        nas_secret=SWITCH_SECRET.decode(),
    )
    yield port
    made.stop()


@pytest.fixture(scope="module")
def sender(server: Server, proxy: int) -> Iterator[Sender]:
    """What the proxy passes on to us, with the server running."""
    server.apply(SITE.format(address=PROXY, secret=SECRET.decode(), to="127.0.0.1", port=proxy))
    server.start()
    made = Sender(PROXY, SECRET, server.auth_port, server.acct_port)
    yield made
    made.close()


def begin(sender: Sender, session: str) -> None:
    """Let a switch behind the proxy ask for a call and report its answer."""
    call = (
        tlv(ACCT_SESSION_ID, session),
        tlv(CALLING_STATION_ID, "15550000001"),
        tlv(CALLED_STATION_ID, "442071838750"),
        tlv(NAS_IDENTIFIER, "gw7"),
        tlv(OPERATOR_NAME, OPERATOR),
        tlv(EXTENDED_1, bytes((OPERATOR_NAS_IDENTIFIER,)) + OPERATOR_NAS),
        tlv(PROXY_STATE, b"way back of this request only"),
    )
    asked = sender.ask(access(SECRET, UNSIGNED, tlv(SERVICE_TYPE, CALL_CHECK), *call))
    assert ACCESS_ACCEPT == asked.code
    assert ACCOUNTING_RESPONSE == sender.ask(accounting(SECRET, tlv(ACCT_STATUS_TYPE, START), *call)).code


def test_both_kinds_of_request_reach_a_switch_behind_freeradius(
    server: Server, nas: Nas, sender: Sender
) -> None:
    """
    It passes them on by operator and switch, with all that names the call; the answers come back.
    """
    begin(sender, "behind")
    server.run("balance", "add", "acme", "0.06")
    wait_for(lambda: [row for row in server.rows("calls", "times") if row["outcome"]])
    (told,) = server.rows("calls", "times")
    (call,) = server.rows("calls", "list")
    (ended,) = server.rows("calls", "end", str(call["call_id"]))

    assert ("ack", "127.0.0.1: ACK") == (told["outcome"], ended["switch"])
    (change, _), (end, _) = nas.requests("behind")
    assert (COA_REQUEST, DISCONNECT_REQUEST) == (change[0], end[0])
    for octets in (change, end):
        assert octets[4:20] == hashlib.md5(octets[:4] + bytes(16) + octets[20:] + SWITCH_SECRET).digest()
        said = dict(attributes_of(octets))
        assert (b"gw7", OPERATOR) == (said[NAS_IDENTIFIER], said[OPERATOR_NAME])
        assert bytes((OPERATOR_NAS_IDENTIFIER,)) + OPERATOR_NAS == said[EXTENDED_1]
        assert b"way back of this request only" != said.get(PROXY_STATE)
    assert SESSION_TIMEOUT in dict(attributes_of(change))
    server.check_books()
