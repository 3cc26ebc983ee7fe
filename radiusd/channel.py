"""The way between a worker's front and the ledger process: messages over a socket pair, many in a write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from radiusd.calls.events import CallEvent
from radiusd.handlers.answers import Door, Judged, Posted, result_of
from radiusd.handlers.credentials import Proof
from radiusd.metrics import Metrics, PacketCounts
from radiusd.radius.watching import Watched

LONGEST_MESSAGE = 64 * 1024 * 1024


class PostIt(msgspec.Struct, frozen=True, array_like=True, tag="post"):
    """An event for the books."""

    number: int
    event: CallEvent


class JudgeIt(msgspec.Struct, frozen=True, array_like=True, tag="judge"):
    """An attempt to be decided."""

    number: int
    event: CallEvent
    proof: Proof


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """What came of a question; neither: it could not be taken."""

    number: int
    posted: Posted | None = None
    judged: Judged | None = None


class Health(msgspec.Struct, frozen=True, array_like=True, tag="health"):
    """Whether records can be written."""

    healthy: bool


class ClientsChanged(msgspec.Struct, frozen=True, array_like=True, tag="clients"):
    """Clients were provisioned: load them anew."""


class WatchThem(msgspec.Struct, frozen=True, array_like=True, tag="watch"):
    """Clients whose packets somebody watches, each until so many seconds since 1970."""

    until: dict[int, float]


class Saw(msgspec.Struct, frozen=True, array_like=True, tag="saw"):
    """Packets of watched clients, and what became of them."""

    watched: Watched


class Counted(msgspec.Struct, frozen=True, array_like=True, tag="counted"):
    """What the worker's ports have counted since it began."""

    counts: PacketCounts


Message = PostIt | JudgeIt | Done | Health | ClientsChanged | Counted | WatchThem | Saw

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[Message])


class Channel(Int32StringReceiver, ABC):
    """One end: collects what is said within one turn of the reactor, and sends it as one string."""

    MAX_LENGTH = LONGEST_MESSAGE

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._outbox: list[Message] = []

    def say(self, message: Message) -> None:
        """Send *message* with all others of this turn."""
        if not self._outbox:
            self._reactor.callLater(0, self._flush)
        self._outbox.append(message)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if self.transport is not None:
            self.sendString(_encode(outbox))  # type: ignore[no-untyped-call]  # of Twisted

    def stringReceived(self, string: bytes) -> None:
        """Take the messages of one turn of the other side."""
        for message in _decoder.decode(string):
            self.heard(message)

    @abstractmethod
    def heard(self, message: Message) -> None:
        """Take one message."""


class LedgerEnd(Channel):
    """The ledger's end: asks the door, and tells the worker what came of it."""

    def __init__(self, reactor: Any, door: Door, metrics: Metrics, log: Any) -> None:
        super().__init__(reactor)
        self.counts: PacketCounts = []
        self.seen: list[Watched] = []
        self._door = door
        self._metrics = metrics
        self._log = log
        self._told: bool | None = None

    def heard(self, message: Message) -> None:
        """Hand a question to the door."""
        if isinstance(message, PostIt | JudgeIt):
            self._ask(message)
        elif isinstance(message, Counted):
            self.counts = message.counts
        elif isinstance(message, Saw):
            self.seen.append(message.watched)

    def _ask(self, message: PostIt | JudgeIt) -> None:
        """Ask the door; a question that breaks us stays unanswered, and costs no worker its connection."""
        try:
            if isinstance(message, PostIt):
                self._post(message)
            else:
                self._judge(message)
        except Exception:
            self._log.exception("request failed", source=message.event.source)
            self.say(Done(message.number))

    def _post(self, message: PostIt) -> None:
        arrived_s = self._reactor.seconds()

        def posted(outcome: Posted | None) -> None:
            elapsed_s = self._reactor.seconds() - arrived_s
            self._metrics.accounted(message.event.kind.value, outcome is not None, elapsed_s)
            self.say(Done(message.number, posted=outcome))

        self._door.post(message.event, posted)

    def _judge(self, message: JudgeIt) -> None:
        arrived_s = self._reactor.seconds()

        def judged(outcome: Judged | None) -> None:
            self._metrics.judged(result_of(outcome), self._reactor.seconds() - arrived_s)
            self.say(Done(message.number, judged=outcome))

        self._door.judge(message.event, message.proof, judged)

    def tell_health(self) -> None:
        """Tell the worker whether records can be written, when that has changed."""
        if self._told is not self._door.is_healthy:
            self._told = self._door.is_healthy
            self.say(Health(self._told))


class WorkerEnd(Channel):
    """The worker's end: a :class:`Door` that leads to the ledger process."""

    def __init__(
        self,
        reactor: Any,
        lost: Callable[[], None],
        clients_changed: Callable[[], None],
        follow: Callable[[dict[int, float]], None],
    ) -> None:
        super().__init__(reactor)
        self._lost = lost
        self._clients_changed = clients_changed
        self._follow = follow
        self._number = 0
        self._waiting: dict[int, Callable[[Any], None]] = {}
        self._healthy = False

    @property
    def is_healthy(self) -> bool:
        """Tell whether records can be written."""
        return self._healthy

    @property
    def waiting(self) -> int:
        """Return how many questions have no answer yet."""
        return len(self._waiting)

    def post(self, event: CallEvent, done: Callable[[Posted | None], None]) -> None:
        """Ask the ledger to make *event* durable."""
        self.say(PostIt(self._ask(done), event))

    def judge(self, event: CallEvent, proof: Proof, done: Callable[[Judged | None], None]) -> None:
        """Ask the ledger to decide the attempt *event*."""
        self.say(JudgeIt(self._ask(done), event, proof))

    def _ask(self, done: Callable[[Any], None]) -> int:
        self._number += 1
        self._waiting[self._number] = done
        return self._number

    def heard(self, message: Message) -> None:
        """Take an answer or news."""
        if isinstance(message, Done):
            done = self._waiting.pop(message.number, None)
            if done is not None:
                done(message.posted if message.posted is not None else message.judged)
        elif isinstance(message, Health):
            self._healthy = message.healthy
        elif isinstance(message, ClientsChanged):
            self._clients_changed()
        elif isinstance(message, WatchThem):
            self._follow(message.until)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Learn that the ledger process is gone: without it this worker can only end."""
        self._lost()


class Given:
    """A factory for a connection that is there already: the reactor asks for its protocol."""

    def __init__(self, protocol: Channel) -> None:
        self._protocol = protocol

    def buildProtocol(self, _address: object) -> Channel:
        """Return the one protocol."""
        return self._protocol

    def doStart(self) -> None:
        """Nothing to prepare."""

    def doStop(self) -> None:
        """Nothing to tidy."""
