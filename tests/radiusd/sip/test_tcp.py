"""SIP over connections: pieces become messages, strangers and nonsense are closed."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from radiusd.connections import Patience
from radiusd.sip.tcp import SipStreamPort
from tests.sip_desk import CLIENTS, HOST, Answer, Desk, a_request


class Wire(StringTransport):
    """A transport that remembers whether it was cut off."""

    aborting = False

    def abortConnection(self):
        self.aborting = True


@pytest.fixture
def connect(desk: Desk):
    """Connect from an address."""

    def dropped(client, host, reason):
        desk.dropped.append(reason)

    port = SipStreamPort(desk.clock, desk.server, CLIENTS.get, dropped, Patience(idle_s=60, started_s=5))

    def connect(host=HOST):
        connection = port.buildProtocol(None)
        connection.makeConnection(Wire(peerAddress=IPv4Address("TCP", host, 40000)))
        return connection

    return connect


def test_messages_are_answered_on_the_connection_they_came_on(desk: Desk, connect):
    """
    Glued or split; a ping gets its pong.
    """
    connection, other = connect(), connect()
    octets = a_request("OPTIONS") + b"\r\n\r\n" + a_request("OPTIONS")
    for at in range(0, len(octets), 7):
        connection.dataReceived(octets[at : at + 7])
    heard = connection.transport.value()

    assert 2 == heard.count(b"SIP/2.0 200 OK")
    assert b"" == other.transport.value()
    assert b"\r\n\r\n\r\nSIP/2.0" in heard


def test_a_redirect_goes_over_the_connection_once(desk: Desk, connect):
    """
    Nothing is sent again.
    """
    connection = connect()
    connection.dataReceived(a_request())
    desk.wait(3.0)

    assert 100 == Answer(connection.transport.value()).status


def test_a_stranger_is_cut_off(desk: Desk, connect):
    """
    Before it says anything.
    """
    assert connect("203.0.113.1").transport.aborting
    assert ["unknown_client"] == desk.dropped


@pytest.mark.parametrize("octets", [b"x" * 20_000, a_request().replace(b"Content-Length", b"X")])
def test_a_stream_that_cannot_be_cut_is_closed(desk: Desk, connect, octets):
    """
    Nobody knows where the next message begins.
    """
    connection = connect()
    connection.dataReceived(octets)

    assert connection.transport.aborting
    assert ["malformed_sip"] == desk.dropped


def test_half_a_message_may_not_wait_for_ever(desk: Desk, connect):
    """
    A single CRLF may: it is nothing begun.
    """
    half, quiet = connect(), connect()
    half.dataReceived(a_request()[:50])
    quiet.dataReceived(b"\r\n")
    desk.wait(11.0)

    assert (True, False) == (half.transport.aborting, quiet.transport.aborting)
    desk.wait(60.0)
    assert quiet.transport.disconnecting
