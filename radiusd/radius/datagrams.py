"""
A UDP socket whose answers leave from the address that the request was sent to.

On a port that is bound to the wildcard the kernel would pick the source of an answer, and a client drops
what comes from a stranger (RFC 2865, 3: it matches replies by their source address).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any, NamedTuple

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

LONGEST_DATAGRAM = 8192
MOST_IN_A_TURN = 128
"""Datagrams read before the reactor looks at other things."""

IPV6_RECVPKTINFO = getattr(socket, "IPV6_RECVPKTINFO", 49)
IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Linux, ip(7); Python 3.11 does not name it
_V4 = struct.Struct("=i4s4s")  # in_pktinfo: interface, local address, destination
_V6 = struct.Struct("=16si")  # in6_pktinfo: address, interface
_CONTROL_OCTETS = socket.CMSG_SPACE(_V6.size)
_WILDCARDS = ("0.0.0.0", "::")


class Peer(NamedTuple):
    """Who sent a datagram, and (*local*) how to say from which of our addresses the answer goes."""

    host: str
    port: int
    address: Any  # as sendmsg() takes it
    local: list[tuple[int, int, bytes]]


@implementer(IReadDescriptor)
class DatagramSocket:
    """
    Reads datagrams for *protocol* and is its transport.

    Args:
        protocol: Has ``datagramReceived(octets, peer)``; gets ``transport`` from us.
    """

    def __init__(self, reactor: Any, sock: socket.socket, protocol: Any) -> None:
        self._reactor = reactor
        self._socket = sock
        self._protocol = protocol
        self._is_v6 = sock.family == socket.AF_INET6
        self._pinned = sock.getsockname()[0] in _WILDCARDS
        if self._pinned and self._is_v6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        elif self._pinned:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        protocol.transport = self

    def start(self) -> None:
        """Begin to read."""
        self._reactor.addReader(self)

    def stop_reading(self) -> None:
        """Read no more; what is under way can still be answered."""
        self._reactor.removeReader(self)

    def close(self) -> None:
        """Close the socket; later answers go nowhere."""
        self.stop_reading()
        self._protocol.transport = None
        self._socket.close()

    def write(self, octets: bytes, peer: Peer) -> None:
        """Send *octets* to *peer*; what the network refuses is lost, as any datagram may be."""
        with contextlib.suppress(OSError):
            if peer.local:
                self._socket.sendmsg([octets], peer.local, 0, peer.address)
            else:
                self._socket.sendto(octets, peer.address)

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def doRead(self) -> None:
        """Hand on what has arrived."""
        received = self._protocol.datagramReceived
        for _ in range(MOST_IN_A_TURN):
            try:
                if self._pinned:
                    octets, control, _, address = self._socket.recvmsg(LONGEST_DATAGRAM, _CONTROL_OCTETS)
                    local = self._local(control)
                else:
                    octets, address = self._socket.recvfrom(LONGEST_DATAGRAM)
                    local = []
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier answer: that client has gone
            received(octets, Peer(address[0], address[1], address, local))

    def _local(self, control: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
        """Return the control message that makes an answer leave from where the request went to."""
        for level, kind, data in control:
            if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO and len(data) >= _V6.size:
                return [(level, kind, _V6.pack(data[:16], 0))]
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO and len(data) >= _V4.size:
                _, _, destination = _V4.unpack_from(data)
                return [(level, kind, _V4.pack(0, destination, bytes(4)))]
        return []

    def connectionLost(self, reason: object) -> None:
        """The reactor is ending."""

    def logPrefix(self) -> str:
        """Return the name under which Twisted logs."""
        return "radius"
