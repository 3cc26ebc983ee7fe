"""Disconnect-Requests inside TLS: both sides show certificates, and a stranger is told nothing."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.nas import COA_REQUEST, DISCONNECT_REQUEST, Nas, a_tls_nas, is_signed
from tests.acceptance.process import COMMAND, Server
from tests.acceptance.stream_wire import TLS_SECRET
from tests.acceptance.wire import (
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    START,
    Sender,
    accounting,
    tlv,
)
from tests.authority import Authority

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

ADDRESS, SECRET = "127.0.0.33", b"secret of a switch in TLS"
SITE = """
[[client]]
name = "{name}"
networks = ["{address}"]
certificates = ["dns:{name}.example"]
secret = "{secret}"
asserts_numbers = true
cut_off = "disconnect"
coa_transport = "tls"
coa_port = {port}

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
postpaid = true

[[did]]
account = "acme"
number = "15550000001"
plan = "basic"
activated = 2020-01-01
"""


@pytest.fixture(scope="module")
def authority(home: Path) -> Authority:
    """Who signs for the server and for the switch."""
    made = Authority(home)
    made.issue("server", dns=("radius.example",))
    made.issue("switch", dns=("switch.example",))
    return made


@pytest.fixture(scope="module")
def nas(authority: Authority) -> Iterator[Nas]:
    """The switch, which believes only who has a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.pem_of("switch"), authority.key_of("switch"))
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    with a_tls_nas(ADDRESS, context) as made:
        yield made


@pytest.fixture(scope="module")
def pbx(home: Path, server: Server, authority: Authority, nas: Nas) -> Iterator[Sender]:
    """The switch's own requests, over UDP."""
    files = ("certificate", "server.pem"), ("key", "server.key"), ("ca", authority.path.name)
    server.more = "[tls]\n" + "".join(f'{name} = "{home / file}"\n' for name, file in files)
    server.configure(1)
    server.apply(SITE.format(name="switch", address=ADDRESS, secret=SECRET.decode(), port=nas.port))
    server.start()
    sender = Sender(ADDRESS, SECRET, server.auth_port, server.acct_port)
    yield sender
    sender.close()


def start(server: Server, pbx: Sender, session: str) -> str:
    """Report a call and return our id of it."""
    packet = accounting(
        SECRET,
        tlv(ACCT_STATUS_TYPE, START),
        tlv(ACCT_SESSION_ID, session),
        tlv(CALLING_STATION_ID, "15550000001"),
        tlv(CALLED_STATION_ID, "442071838750"),
    )
    assert ACCOUNTING_RESPONSE == pbx.ask(packet).code
    (row,) = server.rows("calls", "list")
    return str(row["call_id"])


def test_a_call_is_ended_inside_tls(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    With the secret of everybody inside TLS, whatever the client's own is; one connection for all.
    """
    for session in ("first", "second"):
        (ended,) = server.rows("calls", "end", start(server, pbx, session))
        assert f"{ADDRESS}: ACK" == ended["switch"]

    assert [1, 1] == [len(nas.requests(session)) for session in ("first", "second")]
    assert all(is_signed(octets, TLS_SECRET) for octets, _ in nas.seen)
    assert 1 == len({addr for _, addr in nas.seen})


def test_a_coa_request_goes_the_same_way(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    On the connection that is there.
    """
    server.run("client", "set", "switch", "--cut-off", "coa")
    (ended,) = server.rows("calls", "end", start(server, pbx, "changed"))

    assert f"{ADDRESS}: ACK" == ended["switch"]
    ((octets, addr),) = nas.requests("changed")
    assert COA_REQUEST == octets[0]
    assert is_signed(octets, TLS_SECRET)
    assert {addr} == {addr for octets, addr in nas.seen if octets[0] == DISCONNECT_REQUEST}
    server.run("client", "set", "switch", "--cut-off", "disconnect")


def test_a_switch_with_another_name_is_told_nothing(server: Server, nas: Nas, pbx: Sender) -> None:
    """
    Its certificate is good, but not that of the client: no request goes there.
    """
    server.run("client", "set", "switch", "--certificates", "dns:other.example")
    ours = start(server, pbx, "third")
    command = [str(COMMAND), "calls", "end", ours, "--config", str(server.config)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 4 == refused.returncode
    assert "the connection was lost" in refused.stderr
    assert [] == nas.requests("third")
