"""Receive requests over TCP (RFC 6613): many on one connection, answered in whatever order they are done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from radiusd.radius.admission import PortKind
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.discard_log import DiscardLog, Log
from radiusd.radius.discards import MalformedPacket, Reason
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.framing import Framer
from radiusd.radius.reception import Handle, Reception

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


class Patience:
    """
    How much of us a connection may take up.

    Args:
        idle_s: Close what has been silent for so long.
        started_s: Close what begins a handshake or a packet and does not end it within so long.
        connections: The most at once on one port of one process.
        connections_per_client: The most at once of one client there.
    """

    __slots__ = ("connections", "connections_per_client", "idle_s", "started_s")

    def __init__(
        self,
        idle_s: float = 600.0,
        started_s: float = 10.0,
        connections: int = 1000,
        connections_per_client: int = 50,
    ) -> None:
        self.idle_s = idle_s
        self.started_s = started_s
        self.connections = connections
        self.connections_per_client = connections_per_client


class StreamPort(Factory):
    """
    One TCP port. A client is known by its source address, as over UDP.

    Args:
        find_client: Says which client an address belongs to.
    """

    noisy = False

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
        self.reactor = reactor
        self.kind = kind
        self.find_client = find_client
        self.handle = handle
        self.counters = counters
        self.log = log
        self.discard_log = DiscardLog(log, reactor)
        self.is_healthy = is_healthy
        self.patience = patience
        self.connections: set[StreamConnection] = set()

    def buildProtocol(self, _address: object) -> StreamConnection:
        """Return what speaks on a new connection."""
        return StreamConnection(self)

    def connections_of(self, client: Client) -> int:
        """Return how many connections *client* has."""
        return sum(
            connection.client is not None and connection.client.id == client.id
            for connection in self.connections
        )

    def stop_reading(self) -> None:
        """Read no more requests; those under way are still answered."""
        for connection in self.connections:
            connection.transport.pauseProducing()

    def close(self) -> None:
        """Close all connections; what they were still owed is lost with them."""
        for connection in list(self.connections):
            connection.abort()


@implementer(IPushProducer)
class StreamConnection(Reception, Protocol):
    """
    One connection of one client.

    Answers are remembered for as long as the connection lasts and not longer (RFC 6613, 2.6.1). While the
    other side does not read them, or is owed too many, we do not read from it either.
    """

    transport: Any

    def __init__(self, port: StreamPort) -> None:
        duplicates = DuplicateCache(port.reactor, max_entries=MOST_UNANSWERED)
        super().__init__(
            port.kind, port.handle, duplicates, port.counters, port.log, port.discard_log, port.is_healthy
        )
        self.port = port
        self.client: Client | None = None
        self.host = ""
        self._peer = ("", 0)
        self._framer = Framer()
        self._is_full = False  # they do not read what we write
        self._timer: Any = None
        self._heard_s = self._begun_s = 0.0
        self.is_closing = False

    def connectionMade(self) -> None:
        """See who it is."""
        peer = self.transport.getPeer()
        self._peer = (peer.host, peer.port)
        self.host = peer.host.removeprefix("::ffff:")
        self._heard_s = self._begun_s = self.port.reactor.seconds()
        if len(self.port.connections) >= self.port.patience.connections:
            self._refuse(Reason.TOO_MANY_CONNECTIONS)
            return
        self.port.connections.add(self)
        self.transport.registerProducer(self, streaming=True)
        self._timer = self.port.reactor.callLater(self.port.patience.started_s, self._look)
        self.begin()

    def begin(self) -> None:
        """Know the client by its address."""
        client = self.identify()
        if client is None:
            self._refuse(Reason.UNKNOWN_CLIENT)
        else:
            self.welcome(client)

    def identify(self) -> Client | None:
        """Return the client that the other side is, as the catalogue has it now; None: nobody any more."""
        return self.port.find_client(self.host)

    def welcome(self, client: Client) -> None:
        """Let *client* speak, unless it has too many connections already."""
        if self.port.connections_of(client) >= self.port.patience.connections_per_client:
            self.client = client
            self._refuse(Reason.TOO_MANY_CONNECTIONS)
        else:
            self.client = client

    @property
    def is_waiting_for_handshake(self) -> bool:
        """Tell whether it is not known yet who speaks."""
        return False

    def dataReceived(self, data: bytes) -> None:
        """Take what has come, packet by packet."""
        if self.is_closing:
            return
        self._heard_s = self.port.reactor.seconds()
        if self._framer.is_between_packets:
            self._begun_s = self._heard_s
        try:
            for packet in self._framer.packets(data):
                self._begun_s = self._heard_s
                client = self.identify()
                if client is None:
                    self._refuse(Reason.UNKNOWN_CLIENT)
                    return
                self.client = client
                self.receive(client, self.host, self._peer, packet)
                if self.is_closing:
                    return  # type: ignore[unreachable]  # what was received may have closed it
        except MalformedPacket as malformed:
            self._refuse(malformed.reason)

    def disbelieved(self, client: Client, host: str, reason: Reason) -> None:
        """Drop a packet, and the connection with it where RFC 6613, 2.6.4 says so."""
        if reason in _FATAL:
            self._refuse(reason)
        else:
            self.discard(client, host, reason)

    def send(self, octets: bytes, addr: Any) -> None:
        """Write *octets*, unless the connection is gone."""
        if self.transport is not None and not self.is_closing:
            self.transport.write(octets)

    def handed_on(self) -> None:
        """Read on only while not too many are under way."""
        super().handed_on()
        if self.unanswered == MOST_UNANSWERED:
            self._choose_to_read()

    def finished(self) -> None:
        """Read on when half of them are done."""
        super().finished()
        if self.unanswered == MOST_UNANSWERED // 2:
            self._choose_to_read()

    def pauseProducing(self) -> None:
        """Read no more requests while the answers are not read."""
        self._is_full = True
        self._choose_to_read()

    def resumeProducing(self) -> None:
        """Read on."""
        self._is_full = False
        self._choose_to_read()

    def stopProducing(self) -> None:
        """The connection is being closed."""

    def abort(self) -> None:
        """Close at once: what has not been sent is not sent."""
        self.is_closing = True
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget it all; answers that come now have nowhere to go."""
        self.is_closing = True
        self.port.connections.discard(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _choose_to_read(self) -> None:
        if self.is_closing:
            return
        if self._is_full or self.unanswered >= MOST_UNANSWERED:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def _refuse(self, reason: Reason) -> None:
        """Count and log why, and close."""
        self.discard(self.client, self.host, reason)
        self.abort()

    def _look(self) -> None:
        """Close what has been silent, or has left something half said, for too long."""
        now_s = self.port.reactor.seconds()
        patience = self.port.patience
        is_half = self.is_waiting_for_handshake or not self._framer.is_between_packets
        if is_half and now_s - self._begun_s >= patience.started_s:
            self._refuse(Reason.TOO_SLOW)
        elif now_s - self._heard_s >= patience.idle_s and not self.unanswered:
            self._say_goodbye()
        else:
            wait_s = min(patience.started_s, patience.idle_s)
            self._timer = self.port.reactor.callLater(wait_s, self._look)

    def _say_goodbye(self) -> None:
        """Close in good order; a peer that does not take part in that is cut off."""
        self.is_closing = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._timer = self.port.reactor.callLater(
            self.port.patience.started_s, self.transport.abortConnection
        )
