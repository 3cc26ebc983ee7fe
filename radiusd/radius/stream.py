"""Receive requests over TCP (RFC 6613): many on one connection, answered in whatever order they are done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radiusd.connections import Connection, ConnectionPort, Patience
from radiusd.radius.admission import PortKind
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.discard_log import DiscardLog, Log
from radiusd.radius.discards import MalformedPacket, Reason
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.framing import Framer
from radiusd.radius.reception import Handle, Reception
from radiusd.radius.watching import NOBODY_WATCHES

MOST_UNANSWERED = 512
"""Requests of one connection that are under way before we read on from it; an Identifier has 256 values."""

# RFC 6613, 2.6.4: after these nobody knows who speaks or where the next packet begins.
_FATAL = frozenset(
    {
        Reason.TOO_SHORT,
        Reason.LENGTH_BELOW_20,
        Reason.LENGTH_ABOVE_4096,
        Reason.SHORTER_THAN_LENGTH,
        Reason.ATTRIBUTE_LENGTH,
        Reason.ATTRIBUTE_OVERRUN,
        Reason.BAD_REQUEST_AUTHENTICATOR,
        Reason.BAD_MESSAGE_AUTHENTICATOR,
    }
)


class StreamPort(ConnectionPort):
    """
    One TCP port. A client is known by its source address, as over UDP.

    Args:
        find_client: Says which client an address belongs to.
    """

    watch = NOBODY_WATCHES

    def __init__(
        self,
        reactor: Any,
        kind: PortKind,
        find_client: Callable[[str], Client | None],
        handle: Handle,
        counters: Counters,
        log: Log,
        is_healthy: Callable[[], bool],
        patience: Patience,
    ) -> None:
        super().__init__(reactor, patience)
        self.kind = kind
        self.find_client = find_client
        self.handle = handle
        self.counters = counters
        self.log = log
        self.discard_log = DiscardLog(log, reactor)
        self.is_healthy = is_healthy

    def buildProtocol(self, _address: object) -> StreamConnection:
        """Return what speaks on a new connection."""
        return StreamConnection(self)


class StreamConnection(Reception, Connection):
    """
    One connection of one client.

    Answers are remembered for as long as the connection lasts and not longer (RFC 6613, 2.6.1).
    """

    port: StreamPort

    def __init__(self, port: StreamPort) -> None:
        Connection.__init__(self, port)
        Reception.__init__(
            self,
            port.kind,
            port.handle,
            DuplicateCache(port.reactor, max_entries=MOST_UNANSWERED),
            port.counters,
            port.log,
            port.discard_log,
            port.is_healthy,
        )
        self._framer = Framer()
        self.watch = port.watch

    def begin(self) -> None:
        """Know the client by its address."""
        client = self.identify()
        if client is None:
            self.refuse(Reason.UNKNOWN_CLIENT)
        else:
            self.welcome(client)

    def identify(self) -> Client | None:
        """Return the client that the other side is, as the catalogue has it now; None: nobody any more."""
        return self.port.find_client(self.host)

    @property
    def is_half(self) -> bool:
        """Tell whether a packet has come in part."""
        return not self._framer.is_between_packets

    @property
    def is_owed(self) -> bool:
        """Tell whether a request is under way."""
        return self.unanswered > 0

    @property
    def is_overdrawn(self) -> bool:
        """Tell whether too many are."""
        return self.unanswered >= MOST_UNANSWERED

    def dataReceived(self, data: bytes) -> None:
        """Take what has come, packet by packet."""
        if self.is_closing:
            return
        self.heard(is_new=self._framer.is_between_packets)
        try:
            for packet in self._framer.packets(data):
                self.heard(is_new=True)
                client = self.identify()
                if client is None:
                    self.refuse(Reason.UNKNOWN_CLIENT)
                    return
                self.client = client
                self.receive(client, self.host, self.peer, packet)
                if self.is_closing:
                    return  # type: ignore[unreachable]  # what was received may have closed it
        except MalformedPacket as malformed:
            self.refuse(malformed.reason)

    def disbelieved(self, client: Client, host: str, reason: Reason) -> None:
        """Drop a packet, and the connection with it where RFC 6613, 2.6.4 says so."""
        if reason in _FATAL:
            self.refuse(reason)
        else:
            self.discard(client, host, reason)

    def refused(self, reason: str) -> None:
        """Count and log why it is being closed."""
        self.discard(self.client, self.host, Reason(reason))

    def send(self, octets: bytes, addr: Any) -> None:
        """Write *octets*, unless the connection is gone."""
        self.write(octets)

    def handed_on(self) -> None:
        """Read on only while not too many are under way."""
        super().handed_on()
        if self.unanswered == MOST_UNANSWERED:
            self.choose_to_read()

    def finished(self) -> None:
        """Read on when half of them are done."""
        super().finished()
        if self.unanswered == MOST_UNANSWERED // 2:
            self.choose_to_read()
