"""A connection: who may have one, what closes it, and what it may take up."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from radiusd.connections import Patience
from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.clients import ClientTable
from radiusd.radius.counters import Counters
from radiusd.radius.discards import Reason
from radiusd.radius.framing import Framer
from radiusd.radius.packet import read_packet
from radiusd.radius.reply import Reply
from radiusd.radius.request import Request, read_answer
from radiusd.radius.stream import MOST_UNANSWERED, StreamPort

SECRET = b"a secret of 24 octets..."  # as in conftest.a_client
RECORDED = Reply(Code.ACCOUNTING_RESPONSE)


def accounting(identifier=7, *attributes, secret=SECRET, code=Code.ACCOUNTING_REQUEST):
    return Request(code, [(44, b"s"), *attributes], signs_message=False).sign(identifier, secret)


def access(identifier=7, secret=SECRET):
    return Request(Code.ACCESS_REQUEST, [(1, b"alice")]).sign(identifier, secret)


class Wire(StringTransport):
    """A transport that remembers whether it was cut off."""

    aborting = False

    def abortConnection(self):
        self.aborting = True


class Hall:
    """A port with a clock and a log; its handler keeps what it gets, and answers with *reply* at once."""

    def __init__(self, client, kind=PortKind.ACCT, reply=None, **patience):
        self.clock = Clock()
        self.lines = []
        self.answers = []
        self.reply = reply
        self.table = ClientTable((client,))
        self.port = StreamPort(
            self.clock, kind, lambda host: self.table.lookup(host), self.handle, Counters(), self,
            lambda: True, Patience(**patience),
        )  # fmt: skip

    def handle(self, client, packet, answer):
        self.answers.append(answer)
        if self.reply is not None:
            answer(self.reply)

    def warning(self, event, **fields):
        self.lines.append(fields["reason"])

    exception = warning

    def connect(self, host="192.0.2.1"):
        connection = self.port.buildProtocol(None)
        connection.makeConnection(Wire(peerAddress=IPv4Address("TCP", host, 40000)))
        return connection


def is_cut_off(connection):
    if connection.transport.aborting:
        connection.connectionLost()
    return connection.transport.aborting


def sent_on(connection):
    return list(Framer().packets(connection.transport.value()))


@pytest.fixture
def a_hall(a_client):
    def make(**fields):
        return Hall(a_client(), **fields)

    return make


def test_answers_carry_the_request_they_belong_to(a_hall):
    """
    Two requests in one piece, answered in the other order.
    """
    hall = a_hall()
    connection = hall.connect()
    connection.dataReceived(accounting(1) + accounting(2))
    for answer in reversed(hall.answers):
        answer(RECORDED)

    assert [2, 1] == [read_packet(octets).identifier for octets in sent_on(connection)]
    read_answer(sent_on(connection)[1], accounting(1), SECRET)


def test_L146_a_stranger_is_cut_off_at_once(a_hall):
    """
    Before it says anything.
    """
    hall = a_hall()

    assert is_cut_off(hall.connect("203.0.113.1"))
    assert [Reason.UNKNOWN_CLIENT] == hall.lines
    assert not hall.port.connections


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\4\7\0\x13" + bytes(16), Reason.LENGTH_BELOW_20),
        (b"\4\7\x10\x01", Reason.LENGTH_ABOVE_4096),
        (b"\1\7\0\x16" + bytes(16) + b"\1\0", Reason.ATTRIBUTE_LENGTH),
        (b"\1\7\0\x16" + bytes(16) + b"\1\3", Reason.ATTRIBUTE_OVERRUN),
        (accounting(secret=b"another secret"), Reason.BAD_REQUEST_AUTHENTICATOR),
        (access(secret=b"another secret"), Reason.BAD_MESSAGE_AUTHENTICATOR),
    ],
    ids=lambda case: case.value if isinstance(case, Reason) else "",
)
def test_L142_to_L145_what_cannot_be_believed_ends_the_connection(a_hall, octets, reason):
    """
    What came before it in the same piece is still served; what comes behind it is not.
    """
    hall = a_hall(kind=PortKind.BOTH)
    connection = hall.connect()
    connection.dataReceived(accounting(1) + octets + accounting(2))

    assert is_cut_off(connection)
    assert 1 == len(hall.answers)
    assert [reason] == hall.lines


def test_L147_what_is_only_not_wanted_does_not_end_it(a_hall):
    """
    An unknown code is dropped without an answer, and the next request served.
    """
    hall = a_hall(kind=PortKind.BOTH, reply=RECORDED)
    connection = hall.connect()
    connection.dataReceived(accounting(1, code=Code.COA_ACK) + accounting(2))

    assert not is_cut_off(connection)
    assert [2] == [read_packet(octets).identifier for octets in sent_on(connection)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [(Code.DISCONNECT_REQUEST, Code.DISCONNECT_NAK), (Code.COA_REQUEST, Code.COA_NAK)],
)
def test_L159_an_unwanted_disconnect_is_told_so(a_hall, asked, told):
    """
    By a NAK with Error-Cause 406, for on one port for all its sender cannot know otherwise.
    """
    hall = a_hall(kind=PortKind.BOTH)
    connection = hall.connect()
    connection.dataReceived(accounting(code=asked))
    answer = read_packet(sent_on(connection)[0])

    assert (told, 406) == (answer.code, answer.integer(Attribute.ERROR_CAUSE))
    assert [] == hall.answers


def test_X31_copies_are_known_within_a_connection_only(a_hall):
    """
    A copy gets the same answer again; on another connection it is a request of its own.
    """
    hall = a_hall(reply=RECORDED)
    first, second = hall.connect(), hall.connect()
    for connection in (first, first, second):
        connection.dataReceived(accounting())

    assert 2 == len(hall.answers)
    assert sent_on(first)[0] == sent_on(first)[1]


def test_an_answer_to_a_connection_that_is_gone_goes_nowhere(a_hall):
    """
    And harms nobody.
    """
    hall = a_hall()
    connection = hall.connect()
    connection.dataReceived(accounting())
    connection.connectionLost()
    hall.answers[0](RECORDED)

    assert b"" == connection.transport.value()


def test_a_client_that_is_ended_is_cut_off_with_its_next_request(a_hall):
    """
    The catalogue counts as it is now, not as it was when the connection came.
    """
    hall = a_hall(reply=RECORDED)
    connection = hall.connect()
    connection.dataReceived(accounting(1))
    hall.table = ClientTable(())
    connection.dataReceived(accounting(2))

    assert is_cut_off(connection)
    assert 1 == len(hall.answers)


def test_X32_a_client_has_so_many_connections_and_no_more(a_hall):
    """
    Those it has go on.
    """
    hall = a_hall(connections_per_client=2)
    connections = [hall.connect() for _ in range(3)]

    assert [False, False, True] == [is_cut_off(one) for one in connections]
    assert [Reason.TOO_MANY_CONNECTIONS] == hall.lines


def test_X32_a_port_has_so_many_connections_and_no_more(a_hall):
    """
    Whoever has them.
    """
    hall = a_hall(connections=1)

    assert [False, True] == [is_cut_off(hall.connect()) for _ in range(2)]


def test_X32_half_a_packet_may_not_wait_for_ever(a_hall):
    """
    A sender that begins one must end it soon, also if it sends an octet now and then.
    """
    hall = a_hall(started_s=10)
    connection = hall.connect()
    connection.dataReceived(accounting(1)[:5])
    for octet in (b"\0", b"\0"):
        hall.clock.advance(4)
        connection.dataReceived(octet)
    assert not is_cut_off(connection)
    hall.clock.advance(2)

    assert is_cut_off(connection)
    assert [Reason.TOO_SLOW] == hall.lines


def test_X32_a_silent_connection_is_closed_when_nothing_is_owed_to_it(a_hall):
    """
    In good order, and by force if the other side does not take part.
    """
    hall = a_hall(idle_s=60, started_s=10)
    connection = hall.connect()
    connection.dataReceived(accounting())
    hall.clock.pump([10] * 7)
    assert not connection.transport.disconnecting
    hall.answers[0](RECORDED)
    hall.clock.advance(10)

    assert connection.transport.disconnecting
    hall.clock.advance(10)
    assert connection.transport.aborting


def test_we_do_not_read_while_we_owe_too_much(a_hall):
    """
    Beyond so many unanswered requests the kernel keeps the rest, until half of them are done.
    """
    hall = a_hall()
    connection = hall.connect()
    for number in range(MOST_UNANSWERED):
        assert "producing" == connection.transport.producerState
        connection.dataReceived(accounting(number % 256, (55, number.to_bytes(4, "big"))))
    assert "paused" == connection.transport.producerState
    for answer in hall.answers[: MOST_UNANSWERED // 2]:
        answer(None)

    assert "producing" == connection.transport.producerState


def test_we_do_not_read_while_our_answers_are_not_read(a_hall):
    """
    So that what we have written for it stays small.
    """
    connection = a_hall().connect()
    connection.pauseProducing()
    assert "paused" == connection.transport.producerState
    connection.resumeProducing()

    assert "producing" == connection.transport.producerState
