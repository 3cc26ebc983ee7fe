"""Connections that may take up so much of us and no more: how many, how long silent, how long half said."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

TOO_MANY = "too_many_connections"
TOO_SLOW = "too_slow"


class Patience:
    """
    How much of us a connection may take up.

    Args:
        idle_s: Close what has been silent for so long.
        started_s: Close what begins a handshake or a message and does not end it within so long.
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


class Sender(Protocol):
    """Whoever may speak to us, once known."""

    @property
    def id(self) -> int: ...


class ConnectionPort(protocol.Factory):
    """One TCP port and its connections."""

    noisy = False

    def __init__(self, reactor: Any, patience: Patience) -> None:
        self.reactor = reactor
        self.patience = patience
        self.connections: set[Connection] = set()

    def connections_of(self, client: Sender) -> int:
        """Return how many connections *client* has."""
        return sum(
            connection.client is not None and connection.client.id == client.id
            for connection in self.connections
        )

    def stop_reading(self) -> None:
        """Read no more requests; those under way are still answered."""
        for connection in self.connections:
            connection.stop_reading()

    def close(self) -> None:
        """Close all connections; what they were still owed is lost with them."""
        for connection in list(self.connections):
            connection.abort()


@implementer(IPushProducer)
class Connection(protocol.Protocol):
    """
    One connection. While the other side does not read what we write, we do not read from it either.
    """

    transport: Any
    port: ConnectionPort

    def __init__(self, port: ConnectionPort) -> None:
        self.port = port
        self.client: Any = None
        self.host = ""
        self.peer = ("", 0)
        self.is_closing = False
        self.heard_s = self.begun_s = 0.0
        self._is_full = False  # they do not read what we write
        self._reads = True
        self._timer: Any = None

    @abstractmethod
    def begin(self) -> None:
        """See who it is, or begin to find out."""

    @abstractmethod
    def refused(self, reason: str) -> None:
        """Count and log why it is being closed."""

    @property
    @abstractmethod
    def is_half(self) -> bool:
        """Tell whether something was begun, at ``begun_s``, that must be ended soon."""

    @property
    @abstractmethod
    def is_owed(self) -> bool:
        """Tell whether an answer is under way, so that it is not idle."""

    @property
    @abstractmethod
    def is_overdrawn(self) -> bool:
        """Tell whether so many answers are under way that nothing more may be read."""

    def connectionMade(self) -> None:
        """Take it, if there is room."""
        peer = self.transport.getPeer()
        self.peer = (peer.host, peer.port)
        # A socket for both families shows an IPv4 sender so; to log and handler it is the IPv4 address.
        self.host = peer.host.removeprefix("::ffff:")
        self.heard_s = self.begun_s = self.port.reactor.seconds()
        if len(self.port.connections) >= self.port.patience.connections:
            self.refuse(TOO_MANY)
            return
        self.port.connections.add(self)
        self.transport.registerProducer(self, streaming=True)
        self._timer = self.port.reactor.callLater(self.port.patience.started_s, self._look)
        self.begin()

    def welcome(self, client: Sender) -> None:
        """Let *client* speak, unless it has too many connections already."""
        is_full = self.port.connections_of(client) >= self.port.patience.connections_per_client
        self.client = client
        if is_full:
            self.refuse(TOO_MANY)

    def heard(self, *, is_new: bool) -> None:
        """Note that something came; *is_new*: it does not go on with what had begun."""
        self.heard_s = self.port.reactor.seconds()
        if is_new:
            self.begun_s = self.heard_s

    def refuse(self, reason: str) -> None:
        """Say why, and close."""
        self.refused(reason)
        self.abort()

    def abort(self) -> None:
        """Close at once: what has not been sent is not sent."""
        self.is_closing = True
        self.transport.abortConnection()

    def write(self, octets: bytes) -> None:
        """Write *octets*, unless the connection is gone."""
        if self.transport is not None and not self.is_closing:
            self.transport.write(octets)

    def pauseProducing(self) -> None:
        """Read no more while what we write is not read."""
        self._is_full = True
        self.choose_to_read()

    def resumeProducing(self) -> None:
        """Read on."""
        self._is_full = False
        self.choose_to_read()

    def stopProducing(self) -> None:
        """The connection is being closed."""

    def stop_reading(self) -> None:
        """Read no more; what is under way is still answered."""
        self._reads = False
        self.choose_to_read()

    def choose_to_read(self) -> None:
        """Read on, or let the kernel keep what comes."""
        if self.is_closing:
            return
        if self._is_full or self.is_overdrawn or not self._reads:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Forget it; answers that come now have nowhere to go."""
        self.is_closing = True
        self.port.connections.discard(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        """Close what has been silent, or has left something half said, for too long."""
        now_s = self.port.reactor.seconds()
        patience = self.port.patience
        if self.is_half and now_s - self.begun_s >= patience.started_s:
            self.refuse(TOO_SLOW)
        elif now_s - self.heard_s >= patience.idle_s and not self.is_owed:
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

