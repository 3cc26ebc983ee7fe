"""Debian's radsecproxy as a client of ours over TLS, and as a server that we ask over TLS."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import free_tcp_ports, free_udp_ports
from tests.acceptance import radsecproxy
from tests.acceptance.lab import PASSWORD, SECRETS, USER, Call, Lab, Streams, durations_s
from tests.acceptance.radsecproxy import FROM_TLS, TLS, TO_TLS, Radsecproxy
from tests.acceptance.stream_wire import SERVER_NAME
from tests.acceptance.usual_packets import interim, login
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    PROXY_STATE,
    START,
    STOP,
    USER_NAME,
    Answer,
    Sender,
    pap,
    tlv,
)
from tests.packages import skip_without

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

BURST = 200
SWITCH_SECRET = "secret-between-switch-and-proxy"


@pytest.fixture(scope="module")
def streams(lab: Lab) -> Streams:
    """Our ports; the proxy has a certificate of the client "open", and a server's name of its own."""
    skip_without(() if radsecproxy.program() else ("radsecproxy",))
    assert lab.streams is not None
    lab.streams.authority.issue("proxy", dns=("open.example", "proxy.example"))
    return lab.streams


@pytest.fixture(scope="module")
def switch(streams: Streams) -> Iterator[Sender]:
    """A switch that speaks UDP to a proxy, which speaks TLS to us."""
    auth_port, acct_port = free_udp_ports(2)
    proxy = Radsecproxy(
        streams.authority.folder,
        "to-tls",
        (TLS + TO_TLS).format(
            ca=streams.authority.path,
            folder=streams.authority.folder,
            auth_port=auth_port,
            acct_port=acct_port,
            secret=SWITCH_SECRET,
            server_port=streams.tls_port,
        ),
        acct_port,
        is_stream=False,
    )
    sender = Sender("127.0.0.1", SWITCH_SECRET.encode(), auth_port, acct_port)
    yield sender
    sender.close()
    proxy.stop()


@pytest.fixture(scope="module")
def proxy_port(lab: Lab, streams: Streams) -> Iterator[int]:
    """The TLS port of a proxy that speaks UDP to our server."""
    (tls_port,) = free_tcp_ports(1)
    proxy = Radsecproxy(
        streams.authority.folder,
        "from-tls",
        (TLS + FROM_TLS).format(
            ca=streams.authority.path,
            folder=streams.authority.folder,
            tls_port=tls_port,
            auth_port=lab.server.auth_port,
            acct_port=lab.server.acct_port,
            secret=f'"{SECRETS["open"].decode()}"',
        ),
        tls_port,
        is_stream=True,
    )
    streams.context_of("open")  # makes its certificate
    yield tls_port
    proxy.stop()


def test_a_call_through_the_proxy_is_authorized_and_booked(lab: Lab, switch: Sender) -> None:
    """
    From the switch by UDP, through the proxy by TLS, into the books of the client whose certificate it has.
    """
    switch.ask_until_answered(login(switch))  # the proxy has connected
    call = Call(lab, switch)
    assert ACCESS_ACCEPT == call.ask().code
    call.tell(START)
    call.tell(STOP, lasted_s=61)

    assert [("open", [61.0])] == [(record.client, durations_s([record])) for record in call.records()]


def test_a_refusal_and_proxy_states_come_back_through_the_proxy(switch: Sender) -> None:
    """
    Its own and those of the switch are told apart.
    """
    states = tlv(PROXY_STATE, b"one"), tlv(PROXY_STATE, b"two")
    wrong = switch.ask_until_answered(pap(switch.secret, b"wrong", tlv(USER_NAME, USER), *states))
    right = switch.ask(pap(switch.secret, PASSWORD, tlv(USER_NAME, USER), *states))

    assert (ACCESS_REJECT, ACCESS_ACCEPT) == (wrong.code, right.code)
    assert [b"one", b"two"] == wrong.all(PROXY_STATE) == right.all(PROXY_STATE)


def test_a_burst_through_the_proxy_is_answered_one_to_one(switch: Sender) -> None:
    """
    The proxy writes many requests into one segment.
    """
    switch.ask_until_answered(login(switch))
    packets = {packet[1]: packet for packet in (interim(switch) for _ in range(BURST))}
    for packet in packets.values():
        switch.send(packet)
    answers: list[Answer] = switch.collect(2.0)

    assert sorted(packets) == sorted(answer.octets[1] for answer in answers)
    assert all(answer.is_signed_for(packets[answer.octets[1]], switch.secret) for answer in answers)


def test_radius_test_speaks_tls_to_the_proxy(
    lab: Lab, streams: Streams, proxy_port: int, tmp_path: Path
) -> None:
    """
    The command shows its certificate, checks the proxy's, and gets the answer of the server behind it.
    """
    (tmp_path / "password").write_bytes(PASSWORD)
    authority = streams.authority
    told = lab.server.run(
        *("radius", "test", "auth", "127.0.0.1", "--port", str(proxy_port), "--transport", "tls"),
        *("--ca", str(authority.path), "--certificate", str(authority.pem_of("open"))),
        *("--key", str(authority.key_of("open")), "--server-name", "proxy.example"),
        *("--user", USER, "--password-file", str(tmp_path / "password")),
    )

    assert "Access-Accept" in told


@pytest.mark.parametrize("peer", ["radsecproxy", "tollwire"])
def test_the_client_that_ends_calls_speaks_tls(streams: Streams, proxy_port: int, peer: str) -> None:
    """
    Two hundred requests at once on one connection are all answered, by the proxy and by ourselves.
    """
    peers = {"radsecproxy": (proxy_port, "proxy.example"), "tollwire": (streams.tls_port, SERVER_NAME)}
    port, name = peers[peer]
    authority = streams.authority
    files = authority.path, authority.pem_of("open"), authority.key_of("open")
    command = [sys.executable, "-m", "tests.acceptance.ask_over_tls", port, name, *files, BURST]
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )

    assert f"{ACCESS_REJECT}: {BURST // 2}\n{ACCOUNTING_RESPONSE}: {BURST // 2}\n" == done.stdout, done.stderr
