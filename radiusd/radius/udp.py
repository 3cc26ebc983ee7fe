"""Receive requests over UDP, hand the believable ones on, and send the answers back."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import DatagramProtocol

from radiusd.radius.admission import PortKind
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.discard_log import DiscardLog, Log
from radiusd.radius.discards import Reason
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.reception import Answer, Handle, Reception

__all__ = ["Answer", "Handle", "RadiusPort"]


class RadiusPort(Reception, DatagramProtocol):
    """
    One UDP port, for authorization or for accounting.

    A client is known by its source address; what comes from any other is dropped.

    Answers leave from the address that the port is bound to. A host with several
    addresses needs one port on each of them: on a port bound to the wildcard the
    kernel picks the source, and a client drops what comes from a stranger.

    Args:
        find_client: Says which client an address belongs to.
    """

    def __init__(
        self,
        kind: PortKind,
        find_client: Callable[[str], Client | None],
        handle: Handle,
        duplicates: DuplicateCache,
        counters: Counters,
        log: Log,
        is_healthy: Callable[[], bool],
    ) -> None:
        discard_log = DiscardLog(log, duplicates.clock)
        super().__init__(kind, handle, duplicates, counters, log, discard_log, is_healthy)
        self._find_client = find_client

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take one datagram; nothing in it can make this raise."""
        # A socket for both families shows an IPv4 sender so; to log and handler it is the IPv4 address.
        host = addr[0].removeprefix("::ffff:")
        client = self._find_client(host)
        if client is None:
            self.discard(None, host, Reason.UNKNOWN_CLIENT)
        else:
            self.receive(client, host, addr, datagram)

    def send(self, octets: bytes, addr: tuple[str, int]) -> None:
        """Send *octets*, unless the port has been closed in the meantime."""
        if self.transport is not None:
            self.transport.write(octets, addr)
