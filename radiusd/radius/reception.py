"""Between any transport and a handler: a request is believed, told from its copies, handed on, answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from radiusd.radius.admission import PortKind, admit
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.discard_log import DiscardLog, Log
from radiusd.radius.discards import Discarded, Reason
from radiusd.radius.duplicates import DuplicateCache, Standing
from radiusd.radius.packet import Packet
from radiusd.radius.reply import Reply, integer
from radiusd.radius.signing import build_reply
from radiusd.radius.watching import NOBODY_WATCHES


class Answer(Protocol):
    """
    What a handler calls once, now or later, in the reactor's thread; None means: stay silent.

    *addr* is the address and port that the request came from, as the socket has them.
    """

    @property
    def addr(self) -> tuple[str, int]: ...

    def __call__(self, reply: Reply | None) -> None: ...


Handle = Callable[[Client, Packet, Answer], None]

UNSUPPORTED_EXTENSION = 406  # an Error-Cause (RFC 5176, 3.5)

# Bound once: to look a member up costs more than to compare it (Python 3.11).
_NEW = Standing.NEW
_STATUS_SERVER = int(Code.STATUS_SERVER)

_STATUS_REPLY = {
    PortKind.AUTH: Reply(Code.ACCESS_ACCEPT),
    PortKind.ACCT: Reply(Code.ACCOUNTING_RESPONSE),
    PortKind.BOTH: Reply(Code.ACCESS_ACCEPT),
}
# RFC 6614, 2.5: who shares a port must be told what is not wanted there, or he would send it for ever.
_UNWANTED = {
    int(request): Reply(refusal, [integer(Attribute.ERROR_CAUSE, UNSUPPORTED_EXTENSION)])
    for request, refusal in (
        (Code.DISCONNECT_REQUEST, Code.DISCONNECT_NAK),
        (Code.COA_REQUEST, Code.COA_NAK),
    )
}


class Reception(ABC):
    """
    Takes packets of known clients and sends their answers.

    A packet passes these gates in this order, and what fails one is counted,
    logged and never answered: its length, code and signature are right
    (``admission``); it is no copy of an earlier one. Then *handle* gets it,
    together with a function to call with the answer.

    Args:
        handle: Gets each new request; what it raises is logged and the request forgotten.
        is_healthy: While it says no, Status-Server gets no answer, so that
            switches take their traffic elsewhere (RFC 5997, 4.2).
    """

    watch = NOBODY_WATCHES

    def __init__(
        self,
        kind: PortKind,
        handle: Handle,
        duplicates: DuplicateCache,
        counters: Counters,
        log: Log,
        discard_log: DiscardLog,
        is_healthy: Callable[[], bool],
    ) -> None:
        self.kind = kind
        self.counters = counters
        self.duplicates = duplicates
        self.log = log
        self._handle = handle
        self._discard_log = discard_log
        self.unanswered = 0
        self._is_healthy = is_healthy

    @abstractmethod
    def send(self, octets: bytes, addr: Any) -> None:
        """Send *octets*, unless the way back is gone in the meantime."""

    def receive(self, client: Client, host: str, addr: tuple[str, int], datagram: bytes) -> None:
        """Take one packet of *client*; nothing in it can make this raise."""
        self.counters.arrived(client.id, datagram)
        if self.watch.is_on:
            self.watch.arrived(client.id, self.kind.value, host, addr[1], datagram)
        try:
            packet = admit(self.kind, client, datagram)
        except Discarded as discarded:
            if self.watch.is_on:
                self.watch.dropped(discarded.reason.value)
            self.disbelieved(client, host, discarded.reason)
            return
        exchange = Exchange(self, client, packet, host, addr)
        if packet.code == _STATUS_SERVER:
            self._tell_status(exchange)
        elif packet.code in _UNWANTED:
            exchange.send_aside(_UNWANTED[packet.code])
        else:
            self._admitted(exchange)

    def disbelieved(self, client: Client, host: str, reason: Reason) -> None:
        """Drop a packet that was not admitted; a stream has more to do about it."""
        self.discard(client, host, reason)

    def discard(self, client: Client | None, host: str, reason: Reason) -> None:
        """Count and log a packet that gets no answer."""
        if client is None:
            self.counters.discarded(None, reason)
            self._discard_log.discarded(reason, host, None)
        else:
            self.counters.discarded(client.id, reason)
            self._discard_log.discarded(reason, host, client.name)

    def _tell_status(self, exchange: Exchange) -> None:
        # Not remembered as a duplicate: the answer to the same octets is always the same.
        if self._is_healthy():
            exchange.send_aside(_STATUS_REPLY[self.kind])
        else:
            if self.watch.is_on:
                self.watch.dropped(Reason.UNHEALTHY.value)
            self.discard(exchange.client, exchange.host, Reason.UNHEALTHY)

    def _admitted(self, exchange: Exchange) -> None:
        """Hand on a request that has not been seen before."""
        packet = exchange.packet
        standing = self.duplicates.admit(*exchange.key)
        counts = self.counters.of(exchange.client.id)
        if standing is not _NEW:
            counts.duplicates += 1
            answered = isinstance(standing, bytes)
            counts.habits.repeated(self.duplicates.age_s(*exchange.key[:3]), answered=answered)
            if self.watch.is_on:
                self.watch.copied(standing if isinstance(standing, bytes) else b"")
            if isinstance(standing, bytes):
                self.send(standing, exchange.addr)
            return
        counts.habits.met(packet, self.duplicates.clock.seconds())
        self.handed_on()
        if self.watch.is_on:
            self.watch.handed_on(exchange.key)
        try:
            self._handle(exchange.client, packet, exchange)
        except Exception:
            self.log.exception(
                "request failed",
                client=exchange.client.name,
                source=exchange.host,
                code=packet.code,
                port=self.kind.value,
            )
            exchange.fail(Reason.HANDLER_FAILED)

    def handed_on(self) -> None:
        """Count a request that goes to its handler."""
        self.unanswered += 1

    def finished(self) -> None:
        """Count one less: a request that was handed on is done with, whatever became of it."""
        self.unanswered -= 1


class Exchange:
    """
    One request and its way back; calling it answers the request, once.
    """

    __slots__ = ("_done", "_port", "addr", "client", "host", "key", "packet")

    def __init__(
        self, port: Reception, client: Client, packet: Packet, host: str, addr: tuple[str, int]
    ) -> None:
        self._port = port
        self.client = client
        self.packet = packet
        self.host = host
        self.addr = addr
        self.key = (host, addr[1], packet.identifier, packet.authenticator)  # RFC 5080, 2.2.2
        self._done = False

    def __call__(self, reply: Reply | None) -> None:
        if self._done:
            return  # RFC 5080, 2.2.2: one request never gets two different answers
        if reply is None:
            self.fail(Reason.NOT_ANSWERED)
            return
        try:
            octets = build_reply(self.packet, reply, self.client.secret)
        except Discarded as discarded:
            self.fail(discarded.reason)
        except ValueError:
            self._port.log.exception("reply cannot be sent", client=self.client.name, code=reply.code)
            self.fail(Reason.HANDLER_FAILED)
        else:
            self._send(octets, reply.code)

    def fail(self, reason: Reason) -> None:
        """Stay silent, and let a retransmission try again."""
        if self._done:
            return
        self._done = True
        if self._port.watch.is_on:
            self._port.watch.failed(self.key, reason.value)
        self._port.duplicates.forget(*self.key)
        self._port.discard(self.client, self.host, reason)
        self._port.finished()

    def send_aside(self, reply: Reply) -> None:
        """Answer what counts neither as request nor as reply: Status-Server (RFC 5997, 4.5) and its like."""
        self._done = True
        try:
            octets = build_reply(self.packet, reply, self.client.secret)
        except Discarded as discarded:
            self._port.discard(self.client, self.host, discarded.reason)
        else:
            if self._port.watch.is_on:
                self._port.watch.aside(octets)
            self._port.send(octets, self.addr)

    def _send(self, octets: bytes, code: int) -> None:
        self._done = True
        if self._port.watch.is_on:
            self._port.watch.answered(self.key, octets)
        if self._port.duplicates.settle(*self.key, octets):
            self._port.counters.replied(self.client.id, code)
            self._port.send(octets, self.addr)
        self._port.finished()
