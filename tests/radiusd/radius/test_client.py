"""Our own client and our own port, over real sockets on loopback."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pyrad.dictionary import Dictionary
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor

from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Code
from radiusd.radius.client import NoAnswer, RadiusClient, encode_attributes, exchange, load_dictionary
from radiusd.radius.packet import read_packet
from radiusd.radius.reply import Reply, text
from radiusd.radius.request import BadAnswer, BadRequest, Request, read_answer
from radiusd.radius.signing import build_reply, verify_request_authenticator

SECRET = b"a secret of 24 octets..."  # as in conftest.a_client
DICTIONARY = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE User-Password 2 string encrypt=1
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Class 25 octets
ATTRIBUTE Acct-Status-Type 40 integer
VALUE Acct-Status-Type Start 1
VALUE Acct-Status-Type Stop 2
ATTRIBUTE Event-Timestamp 55 date
VENDOR Cisco 9
BEGIN-VENDOR Cisco
ATTRIBUTE Cisco-AVPair 1 string
ATTRIBUTE h323-credit-time 102 string
END-VENDOR Cisco
"""


class Rig:
    """A reactor of the test's own, driven by hand, with the ports and clients that it has opened."""

    def __init__(self) -> None:
        self.reactor = EPollReactor()
        self.opened: list[Any] = []

    def listen(self, protocol: Any, interface: str = "127.0.0.1") -> int:
        protocol.transport = None  # a desk's is a list
        port = self.reactor.listenUDP(0, protocol, interface=interface)
        self.opened.append(port)
        return port.getHost().port

    def client(self, port: int, host: str = "127.0.0.1", **settings: Any) -> RadiusClient:
        client = RadiusClient(self.reactor, host, port, SECRET, **settings)
        client.open()
        self.opened.append(client._listening)
        return client

    def result(self, *waiting: Deferred[Any]) -> list[Any]:
        """Turn the reactor until all of *waiting* have come, and return their results or exceptions."""
        results: dict[int, Any] = {}
        for n, deferred in enumerate(waiting):
            deferred.addBoth(lambda found, n=n: results.__setitem__(n, getattr(found, "value", found)))
        self.turn_until(lambda: len(results) == len(waiting))
        return [results[n] for n in range(len(waiting))]

    def turn_until(self, done: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + 10
        while not done():
            assert time.monotonic() < ends_at, "nothing came within 10 s"
            self.reactor.iterate(0.01)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    for port in rig.opened:
        if port.connected:
            port.stopListening()
    rig.turn_until(lambda: not any(port.connected for port in rig.opened))


@contextmanager
def a_server(answer: Callable[[bytes], list[bytes]]) -> Iterator[tuple[int, list[tuple[bytes, Any]]]]:
    """A thread that sends what *answer* makes of each datagram; yields its port and what it got from whom."""
    got: list[tuple[bytes, Any]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    datagram, source = ours.recvfrom(65535)
                except TimeoutError:
                    continue
                got.append((datagram, source))
                for octets in answer(datagram):
                    ours.sendto(octets, source)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield ours.getsockname()[1], got
        finally:
            done.set()
            thread.join()


def accept(datagram: bytes, secret: bytes = SECRET) -> bytes:
    return build_reply(read_packet(datagram), Reply(Code.ACCESS_ACCEPT, [text(18, "hello")]), secret)


def an_access_request() -> Request:
    return Request(Code.ACCESS_REQUEST, [(1, b"alice"), (2, b"pw")])


@pytest.mark.parametrize(("host", "network"), [("127.0.0.1", "127.0.0.0/8"), ("::1", "::1/128")])
def test_L011_L012_over_real_sockets(rig, a_client, a_desk, host, network):
    """
    Requests over IPv4 and IPv6 get answers that verify, from the address that was asked.
    """
    client = a_client(networks=(ip_network(network),))
    for kind, request, reply in (
        (PortKind.AUTH, an_access_request(), Reply(Code.ACCESS_ACCEPT, [text(18, "hello")])),
        (PortKind.ACCT, Request(Code.ACCOUNTING_REQUEST, [(44, b"s")]), Reply(Code.ACCOUNTING_RESPONSE)),
        (PortKind.ACCT, Request(Code.STATUS_SERVER), Reply(Code.ACCOUNTING_RESPONSE)),
    ):
        desk = a_desk(kind, client, reply=reply)
        try:
            port = rig.listen(desk.port, interface=host)
        except OSError:
            pytest.skip(f"this machine has no {host}")
        (answer,) = rig.result(rig.client(port, host).request(request))

        assert reply.code == answer.code


def test_L105_a_burst_is_answered(rig, a_client, a_desk):
    """
    100 accounting requests in one burst are all answered; 300, more than there are Identifiers, as well.
    """
    desk = a_desk(PortKind.ACCT, a_client(networks=(ip_network("127.0.0.0/8"),)))
    desk.reply = Reply(Code.ACCOUNTING_RESPONSE)
    client = rig.client(rig.listen(desk.port))
    waiting = [client.request(Request(Code.ACCOUNTING_REQUEST, [(44, b"%d" % n)])) for n in range(300)]

    assert [Code.ACCOUNTING_RESPONSE] * 300 == [answer.code for answer in rig.result(*waiting)]
    assert {str(n) for n in range(300)} == {packet.text(44) for packet in desk.requests}


def test_L133_L134_retransmits_until_a_right_answer_comes(rig):
    """
    Unanswered: sent again with the same bytes and source port. A wrong Response Authenticator does not count.
    """
    answers = iter([[], [b"short"], []])

    def answer(datagram: bytes) -> list[bytes]:
        wrong = build_reply(read_packet(datagram), Reply(Code.DISCONNECT_ACK), b"another secret")
        right = build_reply(read_packet(datagram), Reply(Code.DISCONNECT_ACK), SECRET)
        return next(answers, [wrong, right])

    with a_server(answer) as (port, got):
        client = rig.client(port, waits_s=[0.05] * 6)
        (found,) = rig.result(client.request(Request(Code.DISCONNECT_REQUEST, [(44, b"s")])))

        assert Code.DISCONNECT_ACK == found.code
        assert 4 == len(got)
        assert 1 == len(set(got))


def test_L130_disconnect_requests_sign_themselves():
    """
    Disconnect- and CoA-Request have a right Request Authenticator, as in accounting.
    """
    for code in (Code.DISCONNECT_REQUEST, Code.COA_REQUEST):
        assert verify_request_authenticator(Request(code, [(44, b"s")]).sign(1, SECRET), SECRET)


def test_no_answer_is_an_error_that_helps(rig):
    """
    Silence, and answers signed by another secret, are told apart; Identifiers come back into use.
    """
    with a_server(lambda datagram: []) as (port, _):
        client = rig.client(port, waits_s=[0.02, 0.02])
        results = rig.result(*[client.request(an_access_request()) for _ in range(257)])

        assert {NoAnswer} == {type(result) for result in results}
        assert f"no answer from 127.0.0.1 port {port} to 2 copies in 0.04 s" in str(results[0])
    with a_server(lambda datagram: [accept(datagram, b"another secret")]) as (port, _):
        (result,) = rig.result(rig.client(port, waits_s=[0.2]).request(an_access_request()))

        assert "do both sides have the same shared secret?" in str(result)


def test_closing_ends_what_is_under_way(rig):
    """
    Requests that wait, for an answer or for an Identifier, fail when the client is closed.
    """
    with a_server(lambda datagram: []) as (port, _):
        client = rig.client(port)
        waiting = [client.request(an_access_request()) for _ in range(260)]
        client.close()

        assert {NoAnswer} == {type(result) for result in rig.result(*waiting)}
        assert [] == [call for call in rig.reactor.getDelayedCalls() if call.func == client._send]


def test_a_request_too_long_to_send_fails_alone(rig):
    """
    The error names the attribute, and the next request goes out.
    """
    with a_server(lambda datagram: [accept(datagram)]) as (port, _):
        client = rig.client(port)
        results = rig.result(
            client.request(Request(Code.ACCESS_REQUEST, [(1, bytes(254))])),
            client.request(Request(Code.ACCESS_REQUEST, [(33, bytes(253))] * 17)),
            client.request(an_access_request()),
        )

        assert "attribute 1 has 254 octets, and at most 253 fit; shorten it" == str(results[0])
        assert "the request has 4373 octets, and at most 4096 fit; send less" == str(results[1])
        assert Code.ACCESS_ACCEPT == results[2].code


def test_exchange_waits_for_the_right_answer():
    """
    The simple form sends copies too, ignores what it cannot believe and returns what it can.
    """
    answers = iter([[], [b"\x02\x07rubbish"]])
    request = an_access_request().sign(7, SECRET)

    with a_server(lambda datagram: next(answers, [accept(datagram)])) as (port, got):
        answer = exchange("127.0.0.1", port, request, SECRET, waits_s=[0.1, 0.1, 2.0])

        assert "hello" == answer.text(18)
        assert [request] * 3 == [datagram for datagram, _ in got]
        assert 1 == len({source for _, source in got})


def test_exchange_says_why_there_is_no_answer():
    """
    Silence, a closed port, another secret and an unknown name are four different messages.
    """
    request = an_access_request().sign(7, SECRET)

    with a_server(lambda datagram: []) as (port, _), pytest.raises(NoAnswer, match="no answer from 127"):
        exchange("127.0.0.1", port, request, SECRET, waits_s=[0.02])
    with pytest.raises(NoAnswer, match="is the server running"):
        exchange("127.0.0.1", port, request, SECRET, waits_s=[0.2])
    with (
        a_server(lambda datagram: [accept(datagram, b"other")]) as (port, _),
        pytest.raises(NoAnswer, match="answered, but the Response Authenticator is wrong"),
    ):
        exchange("127.0.0.1", port, request, SECRET, waits_s=[0.2])
    with pytest.raises(NoAnswer, match=r"no-such-host\.invalid: "):
        exchange("no-such-host.invalid", 1812, request, SECRET, waits_s=[0.02])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda right: right[:19], "malformed"),
        (lambda right: right[:1] + b"\x09" + right[2:], "Identifier of another request"),
        (lambda right: right[:4] + bytes(16) + right[20:], "Response Authenticator is wrong"),
        (lambda right: right[:-1] + b"!", "Response Authenticator is wrong"),
    ],
)
def test_answers_that_cannot_be_believed(spoil, words):
    """
    Each fault of an answer has its message.
    """
    request = an_access_request().sign(7, SECRET)

    assert Code.ACCESS_ACCEPT == read_answer(accept(request), request, SECRET).code
    with pytest.raises(BadAnswer, match=words):
        read_answer(spoil(accept(request)), request, SECRET)
    with pytest.raises(BadAnswer, match="code 5 is no answer to code 1"):
        read_answer(build_reply(read_packet(request), Reply(5), SECRET), request, SECRET)


def test_attributes_by_name():
    """
    Names and values of a dictionary become attributes, a vendor's as Vendor-Specific.
    """
    dictionary = Dictionary(StringIO(DICTIONARY))
    packed = encode_attributes(
        dictionary,
        [
            ("User-Name", "Zoë"),
            ("NAS-IP-Address", "192.0.2.1"),
            ("Class", "12"),
            ("Class", "0x0012ff"),
            ("Class", b"0x"),
            ("Acct-Status-Type", "Stop"),
            ("Acct-Status-Type", "3"),
            ("Acct-Status-Type", 15),
            ("Event-Timestamp", "1795374261"),
            ("Cisco-AVPair", "call-id=1"),
        ],
    )

    assert [
        (1, "Zoë".encode()),
        (4, b"\xc0\0\x02\x01"),
        (25, b"12"),
        (25, b"\0\x12\xff"),
        (25, b"0x"),
        (40, struct.pack("!I", 2)),
        (40, struct.pack("!I", 3)),
        (40, struct.pack("!I", 15)),
        (55, struct.pack("!I", 1795374261)),
        (26, b"\0\0\0\x09\x01\x0bcall-id=1"),
    ] == packed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("User-Nmae", "x", "attribute User-Nmae is not in the dictionary"),
        ("Acct-Status-Type", "Halt", "attribute Acct-Status-Type: 'Halt' is no integer"),
        ("Acct-Status-Type", -1, "attribute Acct-Status-Type: -1 is no integer"),
        ("NAS-IP-Address", "192.0.2.256", "attribute NAS-IP-Address: '192.0.2.256' is no ipaddr"),
        ("Class", "0xzz", "attribute Class: '0xzz' is no octets"),
        ("User-Name", "x" * 254, "attribute User-Name: "),
        ("Class", b"x" * 254, "attribute Class has 254 octets, and at most 253 fit"),
        ("Cisco-AVPair", b"x" * 248, "attribute Cisco-AVPair has 248 octets, and at most 247 fit"),
    ],
)
def test_attributes_that_cannot_be_written(name, value, words):
    """
    The error names the attribute, the value and the type that it should have.
    """
    with pytest.raises(BadRequest) as caught:
        encode_attributes(Dictionary(StringIO(DICTIONARY)), [(name, value)])
    assert str(caught.value).startswith(words)


def test_a_dictionary_that_cannot_be_read(tmp_path: Path):
    """
    The error has the file, and the line when there is one.
    """
    broken = tmp_path / "dictionary.broken"
    broken.write_text("ATTRIBUTE User-Name 1 string\nATTRIBUTE User-Password two string\n")

    with pytest.raises(BadRequest, match=r"dictionary: .*dictionary\.broken\(2\): "):
        load_dictionary(broken)
    with pytest.raises(BadRequest, match=r"dictionary: .*dictionary\.none"):
        load_dictionary(tmp_path / "dictionary.none")


def test_T2_a_request_does_not_show_its_attributes():
    """
    The repr of a request has no password.
    """
    assert "pw" not in repr(an_access_request())
