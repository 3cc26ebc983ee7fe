"""Asking over a connection: answers find their requests, and whatever happens every request ends."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from radiusd.radius.assigned import Code
from radiusd.radius.client import NoAnswer
from radiusd.radius.framing import Framer
from radiusd.radius.packet import read_packet
from radiusd.radius.reply import Reply
from radiusd.radius.request import Request
from radiusd.radius.signing import build_reply
from radiusd.radius.stream_client import StreamClient

SECRET = b"radsec"
REQUEST = Request(Code.DISCONNECT_REQUEST, [(44, b"session")])


class Wire(StringTransport):
    """A transport that remembers whether it was cut off."""

    aborting = False

    def abortConnection(self):
        self.aborting = True


class Peer:
    """A client and the server that it asks; nothing is connected until :meth:`connect`."""

    def __init__(self):
        self.clock = Clock()
        self.client = StreamClient(self.clock, self, "the switch", SECRET, limit_s=10)
        self.waiting = None
        self.protocol = None
        self.wires = []

    def connect(self, factory=None):
        """What an endpoint does for its client; without a factory, let the connection be made."""
        if factory is not None:
            self.factory = factory
            self.waiting = Deferred()
            return self.waiting
        self.protocol = self.factory.buildProtocol(None)
        self.wires.append(Wire())
        self.protocol.makeConnection(self.wires[-1])
        self.waiting.callback(self.protocol)

    def ask(self):
        """Ask, and return a list that the outcome comes to."""
        outcome = []
        self.client.request(REQUEST).addBoth(outcome.append)
        return outcome

    @property
    def asked(self):
        return [read_packet(octets) for octets in Framer().packets(self.wires[-1].value())]

    def answer(self, request, secret=SECRET):
        self.protocol.dataReceived(build_reply(request, Reply(Code.DISCONNECT_ACK), secret))


@pytest.fixture
def peer():
    return Peer()


def why(outcome):
    """The text of the NoAnswer that a request ended with."""
    (failure,) = outcome
    assert failure.check(NoAnswer)
    return failure.getErrorMessage()


def test_the_connection_is_made_for_the_first_request_and_kept(peer):
    """
    Answers come in whatever order.
    """
    first, second = peer.ask(), peer.ask()
    peer.connect()
    one, two = peer.asked
    peer.answer(two)
    assert ([], Code.DISCONNECT_ACK) == (first, second[0].code)
    peer.answer(one)
    third = peer.ask()
    peer.answer(peer.asked[2])

    assert [Code.DISCONNECT_ACK] * 2 == [first[0].code, third[0].code]
    assert 1 == len(peer.wires)
    assert not peer.client.is_busy


def test_nothing_is_sent_twice(peer):
    """
    TCP sees to that (RFC 6613, 2.6.1); a request that is not answered ends by itself.
    """
    outcome = peer.ask()
    peer.connect()
    peer.clock.advance(9)
    assert (1, []) == (len(peer.asked), outcome)
    peer.clock.advance(1)

    assert 1 == len(peer.asked)
    assert "within 10 s" in why(outcome)


def test_no_connection_ends_all_requests_and_the_next_one_tries_again(peer):
    """
    At once, with the reason.
    """
    outcomes = [peer.ask(), peer.ask()]
    peer.waiting.errback(Failure(ConnectionRefusedError()))
    assert all("refused" in why(outcome) for outcome in outcomes)
    again = peer.ask()
    peer.connect()
    peer.answer(peer.asked[0])

    assert Code.DISCONNECT_ACK == again[0].code


def test_a_lost_connection_ends_what_was_under_way(peer):
    """
    And a late loss of an old connection does not end what goes over a new one.
    """
    first = peer.ask()
    peer.connect()
    old = peer.protocol
    old.connectionLost()
    assert "lost" in why(first)
    second = peer.ask()
    peer.connect()
    old.connectionLost()

    assert [] == second


@pytest.mark.parametrize("octets", [b"\x29\0\0\x05", None])
def test_what_cannot_be_believed_ends_the_connection(peer, octets):
    """
    An impossible length, or an answer that is signed by another secret.
    """
    outcome = peer.ask()
    peer.connect()
    if octets is None:
        peer.answer(peer.asked[0], b"another secret")
    else:
        peer.protocol.dataReceived(octets)

    assert "answered, but" in why(outcome)
    assert peer.wires[-1].aborting


def test_at_most_256_are_under_way(peer):
    """
    The next one waits for an Identifier.
    """
    outcomes = [peer.ask() for _ in range(257)]
    peer.connect()
    assert 256 == len({request.identifier for request in peer.asked})
    peer.answer(peer.asked[5])

    assert 257 == len(peer.asked)
    assert peer.asked[5].identifier == peer.asked[256].identifier
    assert 1 == sum(map(bool, outcomes))


def test_closing_ends_everything(peer):
    """
    Nothing waits for ever.
    """
    outcome = peer.ask()
    peer.connect()
    peer.client.close()

    assert "closed" in why(outcome)
    assert [] == peer.clock.getDelayedCalls()


def test_closing_while_connecting_ends_everything(peer):
    """
    Also what has no connection yet.
    """
    outcome = peer.ask()
    peer.client.close()

    assert [] != outcome
    assert [] == peer.clock.getDelayedCalls()
