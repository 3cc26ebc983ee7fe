"""Where datagrams go: back to their sender, or to the port that its Via names."""

import pytest

from radiusd.radius.datagrams import Peer
from radiusd.sip.udp import SipPort
from tests.sip_desk import HOST, Desk, a_request


class Wire:
    """What stands in for the socket."""

    def __init__(self):
        self.sent = []

    def write(self, octets, peer):
        self.sent.append(peer)


@pytest.mark.parametrize(
    ("host", "rest"), [(HOST, ()), (f"::ffff:{HOST}", (0, 0))], ids=["ipv4", "both families"]
)
@pytest.mark.parametrize(("via", "port"), [("SIP/2.0/UDP x:5099", 5099), ("SIP/2.0/UDP x;rport", 40000)])
def test_answers_leave_from_where_the_request_came_to(desk: Desk, host, rest, via, port):
    """
    The port may be another one; address and our own side stay.
    """
    wire, sip = Wire(), SipPort(desk.server)
    sip.transport = wire
    peer = Peer(host, 40000, (host, 40000, *rest), [(0, 8, b"local")])
    sip.datagramReceived(a_request("OPTIONS", Via=via), peer)

    assert [Peer(host, port, (host, port, *rest), [(0, 8, b"local")])] == wire.sent


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"\0\0\0\0"])
def test_what_keeps_a_nat_open_is_no_message(desk: Desk, octets):
    """
    It is not even counted.
    """
    SipPort(desk.server).datagramReceived(octets, Peer(HOST, 40000, (HOST, 40000), []))

    assert ([], {}) == (desk.dropped, desk.server.counts.of)


def test_a_closed_port_sends_nothing(desk: Desk):
    """
    And harms nobody.
    """
    sip = SipPort(desk.server)
    sip.datagramReceived(a_request("OPTIONS"), Peer(HOST, 40000, (HOST, 40000), []))

    assert [] == desk.sent
