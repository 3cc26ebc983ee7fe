"""Disconnect-Requests over real sockets, to a small NAS of the test's own that answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from twisted.internet.task import Clock

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.coa import Target, UdpPaths, change, disconnect, read, waits_s
from radiusd.radius.packet import read_packet
from radiusd.radius.request import Request
from radiusd.radius.signing import (
    MessageAuthenticator,
    pack_attributes,
    verify_message_authenticator,
    verify_request_authenticator,
)

SECRET = b"0123456789abcdef"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SESSION = [(Attribute.ACCT_SESSION_ID, b"c1"), (Attribute.USER_NAME, b"alice")]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (disconnect(SESSION, NOW), Code.DISCONNECT_REQUEST),
        (change(SESSION, [(Attribute.SESSION_TIMEOUT, b"\0\0\0\x3c")], NOW), Code.COA_REQUEST),
    ],
)
def test_a_request_is_signed_twice_and_says_when(request_: Request, code: Code) -> None:
    """
    Its Request Authenticator is that of accounting (L130), and it has a Message-Authenticator and the time.
    """
    packet = read_packet(request_.sign(7, SECRET))

    assert code == packet.code
    assert verify_request_authenticator(packet.raw, SECRET)
    assert MessageAuthenticator.VALID is verify_message_authenticator(packet, SECRET)
    assert int(NOW.timestamp()) == packet.integer(Attribute.EVENT_TIMESTAMP)


def test_a_disconnect_holds_what_names_the_session_and_nothing_else() -> None:
    """
    RFC 5176, 3: other attributes would make the NAS refuse it (L131).
    """
    packet = read_packet(disconnect(SESSION, NOW).sign(7, SECRET))

    assert [
        Attribute.MESSAGE_AUTHENTICATOR,
        Attribute.ACCT_SESSION_ID,
        Attribute.USER_NAME,
        Attribute.EVENT_TIMESTAMP,
    ] == [type for type, _ in packet.attributes]


@pytest.mark.parametrize("jitter", [-0.1, 0.0, 0.1])
def test_waits_grow_and_end(jitter: float) -> None:
    """
    2 s, then twice as long each time, at most 16 s, and 30 s in all, each a tenth more or less (X27).
    """
    waits = waits_s(lambda low, high: jitter)

    assert 2 * (1 + jitter) == pytest.approx(waits[0])
    assert 30 == pytest.approx(sum(waits))
    for before, after in pairwise(waits[:-1]):
        assert after == pytest.approx(min(2 * before, 16) * (1 + jitter))


def answer_of(code: int, *attributes: tuple[int, bytes]) -> bytes:
    body = pack_attributes(list(attributes))
    return bytes((code, 1)) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body


@pytest.mark.parametrize(
    ("answer", "is_ack", "is_gone", "may_change", "text"),
    [
        (answer_of(41), True, False, False, "ACK"),
        (answer_of(42), False, False, False, "NAK"),
        (answer_of(42, (101, b"\0\0\x01\xf7")), False, True, False, "NAK 503 (session context not found)"),
        (answer_of(42, (101, b"\0\0\x01\xfa")), False, False, True, "NAK 506 (resources unavailable)"),
        (answer_of(42, (101, b"\0\0\x01\xf5")), False, False, False, "NAK 501 (administratively prohibited)"),
        (answer_of(42, (101, b"\0\0\0\x09")), False, False, False, "NAK 9 (unknown Error-Cause)"),
        (answer_of(42, (101, b"\x01")), False, False, False, "NAK"),
    ],
)
def test_reads_what_the_nas_answers(
    answer: bytes, is_ack: bool, is_gone: bool, may_change: bool, text: str
) -> None:
    """
    An Error-Cause tells whether the session is gone, and whether another try is worth it.
    """
    found = read(read_packet(answer))

    assert (is_ack, is_gone, may_change, text) == (
        found.is_ack,
        found.is_gone,
        found.may_change,
        str(found),
    )


class Ports:
    """A reactor that counts what is listened on; time stands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.open = 0

    def listenUDP(self, port: int, protocol: object, interface: str) -> Ports:
        self.open += 1
        return self

    def stopListening(self) -> None:
        self.open -= 1


@pytest.fixture
def ports() -> Iterator[Ports]:
    """A reactor on which everything must be closed at the end."""
    made = Ports()
    yield made
    assert 0 == made.open


def test_one_path_a_nas_and_not_too_many(ports: Ports) -> None:
    """
    A NAS is always spoken to from one port (X26); of very many, the one used longest ago gives way.
    """
    paths = UdpPaths(ports)
    first = paths.path(Target("192.0.2.1", 3799, SECRET))
    assert first is paths.path(Target("192.0.2.1", 3799, SECRET))

    for number in range(300):
        paths.path(Target(f"192.0.3.{number % 255}", 3799 + number, SECRET))

    assert 256 == ports.open
    assert first is not paths.path(Target("192.0.2.1", 3799, SECRET))
    paths.close()


def test_a_host_that_is_no_address_is_refused(ports: Ports) -> None:
    """
    Names are not looked up while calls wait.
    """
    with pytest.raises(ValueError, match=r"nas\.example\.net"):
        UdpPaths(ports).path(Target("nas.example.net", 3799, SECRET))
