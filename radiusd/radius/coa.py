"""
Ask a NAS to change its mind about a session: Disconnect- and CoA-Requests, as a client (RFC 5176).

A request is sent again with the same octets from the same port until it is answered, with growing waits
(RFC 5080, 2.2.1). Its path is UDP here; whoever has another one, a RADIUS/TLS connection say (RFC 6614, 2.5),
hands out a :class:`Path` of his own.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.client import RadiusClient
from radiusd.radius.packet import Packet
from radiusd.radius.reply import ReplyAttribute, integer
from radiusd.radius.request import Request

FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 16.0
LONGEST_S = 30.0
_JITTER = 0.1
MOST_PATHS = 256
"""UDP paths that are kept open, one for each NAS; the one used longest ago is closed for a new one."""

SESSION_CONTEXT_NOT_FOUND = 503
_AGAIN = frozenset({502, 504, 505, 506, 507, 508})
"""Error-Causes that another try may not meet: what is meant is passing, or a proxy's."""

ERROR_CAUSES = {
    201: "residual session context removed",
    202: "invalid EAP packet",
    401: "unsupported attribute",
    402: "missing attribute",
    403: "NAS identification mismatch",
    404: "invalid request",
    405: "unsupported service",
    406: "unsupported extension",
    407: "invalid attribute value",
    501: "administratively prohibited",
    502: "request not routable",
    503: "session context not found",
    504: "session context not removable",
    505: "other proxy processing error",
    506: "resources unavailable",
    507: "request initiated",
    508: "multiple session selection unsupported",
}
"""RFC 5176, 3.5."""


class Target(NamedTuple):
    """Which NAS, and what signs its requests."""

    host: str
    port: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Target({self.host} port {self.port})"


class Path(Protocol):
    """A way to one NAS."""

    def request(self, request: Request) -> Deferred[Packet]:
        """Send *request*; the Deferred fails with :class:`~radiusd.radius.request.RequestFailed`."""


class Answer(NamedTuple):
    """What a NAS said. *error_cause* None: it gave none."""

    is_ack: bool
    error_cause: int | None

    @property
    def is_gone(self) -> bool:
        """Tell whether the NAS knows no such session (any more)."""
        return not self.is_ack and self.error_cause == SESSION_CONTEXT_NOT_FOUND

    @property
    def may_change(self) -> bool:
        """Tell whether another try may get another answer."""
        return not self.is_ack and self.error_cause in _AGAIN

    def __str__(self) -> str:
        if self.is_ack:
            return "ACK"
        if self.error_cause is None:
            return "NAK"
        return f"NAK {self.error_cause} ({ERROR_CAUSES.get(self.error_cause, 'unknown Error-Cause')})"


def read(packet: Packet) -> Answer:
    """Return what the answer *packet* to a Disconnect- or CoA-Request says."""
    cause = packet.integer(Attribute.ERROR_CAUSE)
    return Answer(packet.code in (Code.DISCONNECT_ACK, Code.COA_ACK), cause)


def disconnect(session: Sequence[ReplyAttribute], now: datetime) -> Request:
    """
    Return the request to end *session*: what names it and its NAS, and nothing else (RFC 5176, 3).

    The Event-Timestamp lets the NAS drop what somebody has recorded and plays again (RFC 5176, 6.3).
    """
    return _request(Code.DISCONNECT_REQUEST, session, now)


def change(session: Sequence[ReplyAttribute], changes: Sequence[ReplyAttribute], now: datetime) -> Request:
    """Return the request to apply *changes*, a new Session-Timeout say, to *session*."""
    return _request(Code.COA_REQUEST, [*session, *changes], now)


def _request(code: Code, attributes: Sequence[ReplyAttribute], now: datetime) -> Request:
    stamp = integer(Attribute.EVENT_TIMESTAMP, int(now.timestamp()))
    return Request(code, [*attributes, stamp], signs_message=True)


def waits_s(jitter: Callable[[float, float], float] = random.uniform) -> list[float]:
    """Return how long each copy of one request waits for its answer (RFC 5080, 2.2.1)."""
    waits: list[float] = []
    wait_s = FIRST_WAIT_S * (1 + jitter(-_JITTER, _JITTER))
    while sum(waits) < LONGEST_S:
        waits.append(min(wait_s, LONGEST_S - sum(waits)))
        wait_s = min(2 * wait_s, LONGEST_WAIT_S) * (1 + jitter(-_JITTER, _JITTER))
    return waits


class UdpPaths:
    """
    UDP paths, each with a port of its own for one NAS.

    So retransmissions come from one port, and an Identifier is not used again while it waits for an answer.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._open: OrderedDict[Target, RadiusClient] = OrderedDict()

    def path(self, target: Target) -> Path:
        """Return the path to *target*, which is open. Raises ValueError when its host is no address."""
        path = self._open.get(target)
        if path is None:
            path = RadiusClient(
                self._reactor, target.host, target.port, target.secret, plan_waits_s=waits_s
            )
            path.open()
            self._open[target] = path
            self._close_unused()
        self._open.move_to_end(target)
        return path

    def close(self) -> None:
        """Close all paths; what is under way fails."""
        while self._open:
            self._open.popitem()[1].close()

    def _close_unused(self) -> None:
        for target, path in list(self._open.items()):
            if len(self._open) <= MOST_PATHS:
                return
            if not path.is_busy:
                del self._open[target]
                path.close()
