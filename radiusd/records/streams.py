"""Lines that PBXs send over TCP (SMDR): they connect to us, or we to them, and again when it breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, ReconnectingClientFactory, connectionDone
from twisted.python.failure import Failure

LONGEST_LINE = 1 << 16
CUT_OFF = b"\0cut off\n"  # an octet 0 within makes a line one that is set aside
MOST_PEERS = 50
LONGEST_PAUSE_S = 30
PROMPT_S = 1.0
"""Before each word of a login: a PBX reads nothing before its prompt."""

Network = IPv4Network | IPv6Network


class Lines(Protocol):
    """One connection. Whole lines are handed on; what was begun when it breaks, too."""

    def __init__(self, keep: Callable[[bytes], None], gone: Callable[[], None]) -> None:
        self._keep = keep
        self._gone = gone
        self._begun = b""

    def dataReceived(self, data: bytes) -> None:
        """Take octets."""
        octets = self._begun + data
        if b"\n" not in octets:
            octets = octets.replace(b"\r", b"\n")  # a LF that still comes is a blank line, which is nothing
        whole, end, self._begun = octets.rpartition(b"\n")
        if end:
            self._keep(whole + end)
        if len(self._begun) > LONGEST_LINE:  # no line of any PBX; its reader will set it aside
            self._keep(self._begun + b"\n")
            self._begun = b""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep what was begun as what it is: the PBX sends the whole line again, and that one counts."""
        if self._begun.strip():
            self._keep(self._begun + CUT_OFF)
        self._begun = b""
        self._gone()


class Listening(Factory):
    """PBXs connect to us, from *allowed* networks only: SMDR has no other proof of who speaks."""

    noisy = False

    def __init__(self, keep: Callable[[bytes], None], allowed: Sequence[Network], log: Any) -> None:
        self._keep = keep
        self._allowed = allowed
        self._log = log
        self._peers = 0

    def buildProtocol(self, addr: IAddress | None) -> Lines | None:
        """Return the protocol of a connection, None to close it at once."""
        host = ip_address(str(getattr(addr, "host", "::")).partition("%")[0])
        host = getattr(host, "ipv4_mapped", None) or host
        if not any(host in network for network in self._allowed) or self._peers >= MOST_PEERS:
            self._log.warning("record stream refused", peer=str(host))
            return None
        self._peers += 1
        return Lines(self._keep, self._forget)

    def _forget(self) -> None:
        self._peers -= 1


class LoggingIn(Lines):
    """A connection to a PBX that wants to know who asks: we send *words*, each after its prompt had time."""

    def __init__(self, keep: Callable[[bytes], None], words: Sequence[bytes], reactor: Any) -> None:
        super().__init__(keep, self._stop)
        self._words = words
        self._reactor = reactor
        self._calls: list[Any] = []

    def connectionMade(self) -> None:
        """Say the words; what the PBX asks and repeats is no record and is passed over."""
        for number, word in enumerate(self._words, 1):
            self._calls.append(self._reactor.callLater(number * PROMPT_S, self._say, word))

    def _say(self, word: bytes) -> None:
        transport: Any = self.transport
        transport.write(word + b"\r\n")

    def _stop(self) -> None:
        for call in self._calls:
            if call.active():
                call.cancel()


class Connecting(ReconnectingClientFactory):
    """We connect to a PBX, and again with growing pauses; it is said once that it is away, or back."""

    noisy = False
    maxDelay = LONGEST_PAUSE_S

    def __init__(
        self,
        keep: Callable[[bytes], None],
        source: str,
        address: str,
        log: Any,
        login: Sequence[bytes],
        reactor: Any,
    ) -> None:
        self._keep = keep
        self._source, self._address = source, address
        self._login = login
        self.clock = reactor
        self._log = log
        self._is_down = False

    def buildProtocol(self, addr: IAddress | None) -> Lines:
        """Return the protocol of a connection that stands."""
        self.resetDelay()  # type: ignore[no-untyped-call]
        self._is_down = False
        self._log.info("record stream connected", source=self._source, address=self._address)
        return LoggingIn(self._keep, self._login, self.clock)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """Try again later."""
        self._say(reason)
        super().clientConnectionFailed(connector, reason)  # type: ignore[no-untyped-call]

    def clientConnectionLost(self, connector: Any, unused_reason: Failure) -> None:
        """Connect again."""
        self._say(unused_reason)
        super().clientConnectionLost(connector, unused_reason)  # type: ignore[no-untyped-call]

    def _say(self, reason: Failure) -> None:
        if not self._is_down:
            why = reason.getErrorMessage()
            self._log.warning("record stream down", source=self._source, address=self._address, why=why)
        self._is_down = True
