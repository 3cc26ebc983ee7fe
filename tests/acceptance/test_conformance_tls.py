"""Seen from outside: RADIUS over TLS (L150 to L161)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.acceptance.lab import ADDRESSES, Call, Lab, Streams
from tests.acceptance.stream_wire import TLS_SECRET, Connection, StreamSender, client_context
from tests.acceptance.usual_packets import login
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    STOP,
    UNSIGNED,
    access,
    accounting,
    status,
    tlv,
)
from tests.authority import Authority

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

TLS_ALERT = b"\x15"
ERROR_CAUSE, UNSUPPORTED_EXTENSION = 101, 406


@pytest.fixture
def streams(lab: Lab) -> Streams:
    """The server's ports for streams, and the authority that it believes."""
    assert lab.streams is not None
    return lab.streams


@pytest.fixture
def sender(lab: Lab) -> StreamSender:
    """A switch with a certificate of its own."""
    return lab.stream("defaults", tls=True)


@pytest.fixture
def connect(streams: Streams) -> Iterator[Callable[..., Connection]]:
    """Connect from an address, by default that of the client "open", and close it at the end."""
    made: list[Connection] = []

    def connect(context: ssl.SSLContext | None, source: str = ADDRESSES["open"][0]) -> Connection:
        made.append(Connection(source, "127.0.0.1", streams.tls_port, context))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture
def is_refused(connect: Callable[..., Connection]) -> Callable[[ssl.SSLContext], bool]:
    """Tell whether who connects with a context gets no answer and is cut off."""

    def is_refused(context: ssl.SSLContext) -> bool:
        # With TLS 1.3 a client learns only later what the server thinks of its certificate.
        try:
            connection = connect(context)
            connection.send(status(TLS_SECRET))
        except (ssl.SSLError, ConnectionError):
            return True
        return connection.is_cut_off()

    return is_refused


def test_L150_an_authorised_certificate_and_the_secret_radsec_are_answered(sender: StreamSender) -> None:
    """
    The server shows its name, the client is known by its own; no packet needs a Message-Authenticator.
    """
    assert TLS_SECRET == sender.secret
    assert ACCESS_ACCEPT == sender.ask(login(sender)).code


def test_L151_no_client_certificate_is_refused(streams: Streams, is_refused: Callable[..., bool]) -> None:
    """
    Both sides show one.
    """
    assert not is_refused(streams.context_of("open"))
    assert is_refused(client_context(streams.authority))


def test_L152_a_certificate_of_another_authority_is_refused(
    streams: Streams, is_refused: Callable[..., bool], tmp_path: Path
) -> None:
    """
    Even one that bears the right names.
    """
    other = Authority(tmp_path, "Other CA")
    other.issue("open", dns=("open.example",))

    assert is_refused(client_context(other, "open", believes=streams.authority.path))


def test_L153_an_expired_certificate_is_refused(streams: Streams, is_refused: Callable[..., bool]) -> None:
    """
    It was right yesterday.
    """
    streams.authority.issue("expired", dns=("open.example",), lives=timedelta(hours=-1))

    assert is_refused(client_context(streams.authority, "expired"))


def test_L154_a_certificate_that_is_no_clients_is_refused(
    streams: Streams, is_refused: Callable[..., bool]
) -> None:
    """
    To be known to our authority is not to be known to us.
    """
    streams.authority.issue("somebody", dns=("somebody.example",))

    assert is_refused(client_context(streams.authority, "somebody"))


def test_L154_a_certificate_from_another_network_is_refused(
    streams: Streams, connect: Callable[..., Connection]
) -> None:
    """
    A client's networks hold for its certificate, too.
    """
    assert connect(streams.context_of("open"), "127.0.0.4").is_cut_off()


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_L155_old_versions_are_refused(
    streams: Streams, connect: Callable[..., Connection], version: str
) -> None:
    """
    By the server, which says so; TLS 1.2 is taken.
    """
    context = streams.context_of("open")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        connect(context)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2

    assert "TLSv1.2" == connect(context).socket.version()


def test_L156_accounting_and_authentication_share_the_port(lab: Lab, sender: StreamSender) -> None:
    """
    And the connection.
    """
    call = Call(lab, sender)

    assert ACCESS_ACCEPT == sender.ask(login(sender)).code
    assert ACCOUNTING_RESPONSE == call.tell(STOP, lasted_s=5).code
    assert ["defaults"] == [record.client for record in call.records()]


def test_L157_status_server_is_answered(sender: StreamSender) -> None:
    """
    By an Access-Accept, the port being one for all.
    """
    assert ACCESS_ACCEPT == sender.ask(status(sender.secret)).code


def test_L158_plain_radius_on_the_tls_port_is_not_answered(connect: Callable[..., Connection]) -> None:
    """
    Whoever sends it.
    """
    plain = connect(None)
    plain.send(status(TLS_SECRET))
    heard = plain.hear_out()

    assert TLS_ALERT == (heard[:1] or TLS_ALERT)


@pytest.mark.parametrize(("code", "nak"), [(40, 42), (43, 45)], ids=["disconnect", "coa"])
def test_L159_an_unwanted_disconnect_request_is_answered_with_a_nak(
    sender: StreamSender, code: int, nak: int
) -> None:
    """
    With Error-Cause 406, and the connection goes on.
    """
    packet = accounting(sender.secret, tlv(ACCT_SESSION_ID, "x"), code=code)
    answer = sender.ask(packet)

    assert (nak, [UNSUPPORTED_EXTENSION.to_bytes(4, "big")]) == (answer.code, answer.all(ERROR_CAUSE))
    assert ACCESS_ACCEPT == sender.ask(login(sender)).code


def test_L160_alpn_is_not_needed_and_radius_1_0_is_chosen(
    lab: Lab, streams: Streams, connect: Callable[..., Connection], is_refused: Callable[..., bool]
) -> None:
    """
    A peer that can only do something newer is refused, not misunderstood.
    """
    context = streams.context_of("open")
    context.set_alpn_protocols(["radius/1.1", "radius/1.0"])
    both = connect(context)
    both.send(status(TLS_SECRET))
    (answer,) = both.packets(1)
    newer = streams.context_of("open")
    newer.set_alpn_protocols(["radius/1.1"])

    assert ("radius/1.0", ACCESS_ACCEPT) == (both.socket.selected_alpn_protocol(), answer[0])
    assert not is_refused(streams.context_of("open"))
    assert is_refused(newer)
    assert "Unhandled" not in lab.server.log()


def test_L161_a_stalled_handshake_blocks_nobody(
    connect: Callable[..., Connection], sender: StreamSender
) -> None:
    """
    Who connects and says nothing waits alone.
    """
    for _ in range(5):
        connect(None)

    assert ACCESS_ACCEPT == sender.ask(login(sender)).code


def test_an_access_request_inside_tls_needs_no_message_authenticator(sender: StreamSender) -> None:
    """
    TLS signs every packet, also of a client that must sign what it sends by UDP.
    """
    packet = access(sender.secret, tlv(1, "nobody"))
    sender.connection().send(packet)
    (answer,) = sender.connection().packets(1)

    assert UNSIGNED[:2] == answer[20:22]
