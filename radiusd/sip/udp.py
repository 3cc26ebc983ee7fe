"""SIP over UDP: a datagram is a message."""

from __future__ import annotations

from typing import Any

from radiusd.sip.server import SipServer, Way


class SipPort:
    """
    One UDP port; ``transport`` is given by the socket that reads for it.
    """

    def __init__(self, server: SipServer) -> None:
        self.server = server
        self.transport: Any = None

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Take one datagram; nothing in it can make this raise."""
        if not datagram.strip(b"\r\n\0"):
            return  # keeps a NAT open (RFC 5626, 4.4.2 and its forerunners)
        host = addr[0].removeprefix("::ffff:")
        self.server.receive(
            datagram, Way(host, addr[1], False, lambda octets, port: self.send(octets, addr, port))
        )

    def send(self, octets: bytes, addr: Any, port: int) -> None:
        """Send *octets* to *port* of who has sent the request, unless our port has been closed."""
        if self.transport is not None:
            self.transport.write(octets, addr if port == addr[1] else at_port(addr, port))


def at_port(peer: Any, port: int) -> Any:
    """Return *peer*, who sent a datagram, with another port."""
    host, _, *rest = peer.address
    return peer._replace(port=port, address=(host, port, *rest))
