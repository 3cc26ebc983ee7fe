"""SIP over TCP: messages cut out of a stream, answered on the connection they came on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radiusd.connections import Connection, ConnectionPort, Patience
from radiusd.sip.framing import PING, BadStream, Framer
from radiusd.sip.server import SipServer, Way

PONG = b"\r\n"


class SipStreamPort(ConnectionPort):
    """
    One TCP port.

    Args:
        find_client: Says which client an address belongs to.
        dropped: Is told client, host and reason of what is closed.
    """

    def __init__(
        self,
        reactor: Any,
        server: SipServer,
        find_client: Callable[[str], Any],
        dropped: Callable[[Any, str, str], None],
        patience: Patience,
    ) -> None:
        super().__init__(reactor, patience)
        self.server = server
        self.find_client = find_client
        self.dropped = dropped

    def buildProtocol(self, _address: object) -> SipConnection:
        """Return what speaks on a new connection."""
        return SipConnection(self)


class SipConnection(Connection):
    """One connection of one client."""

    port: SipStreamPort

    def __init__(self, port: SipStreamPort) -> None:
        super().__init__(port)
        self._framer = Framer()
        self._way: Way | None = None

    def begin(self) -> None:
        """Know the client by its address."""
        client = self.port.find_client(self.host)
        if client is None:
            self.refuse("unknown_client")
        else:
            self._way = Way(self.host, self.peer[1], True, self._send)
            self.welcome(client)

    @property
    def is_half(self) -> bool:
        """Tell whether a message has come in part."""
        return not self._framer.is_between_messages

    @property
    def is_owed(self) -> bool:
        """A client that waits for an answer speaks within the time; if not, it learns that we have gone."""
        return False

    @property
    def is_overdrawn(self) -> bool:
        """What is under way is bounded by the number of transactions."""
        return False

    def dataReceived(self, data: bytes) -> None:
        """Take what has come, message by message."""
        if self.is_closing:
            return
        self.heard(is_new=self._framer.is_between_messages)
        try:
            for message in self._framer.messages(data):
                self.heard(is_new=True)
                if message == PING:
                    self.write(PONG)
                elif self._way is not None:
                    self.port.server.receive(message, self._way)
        except BadStream:
            self.refuse("malformed_sip")

    def refused(self, reason: str) -> None:
        """Count and log why it is being closed."""
        self.port.dropped(self.client, self.host, reason)

    def _send(self, octets: bytes, _port: int) -> None:
        self.write(octets)
