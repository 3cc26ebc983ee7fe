"""Lines that PBXs send over TCP."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from radiusd.records.streams import CUT_OFF, Connecting, Lines


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\r\ntwo\r\n"], [b"one", b"two"]),
        ([b"on", b"e\r", b"\ntwo", b"\r\n"], [b"one", b"two"]),
        ([b"one\rtw", b"o\r"], [b"one", b"two"]),
        ([b"one\ntwo"], [b"one", b"two" + CUT_OFF.strip()]),
        ([b"\r\n\r\n"], []),
    ],
)
def test_lines_end_as_the_pbx_likes(pieces: list[bytes], lines: list[bytes]) -> None:
    """
    With CRLF, LF or CR, in whatever pieces they come; what the connection cuts off is kept as that.
    """
    kept: list[bytes] = []
    protocol = Lines(kept.append, lambda: None)
    for piece in pieces:
        protocol.dataReceived(piece)
    protocol.connectionLost()

    assert lines == list(filter(None, b"".join(kept).splitlines()))


class Log:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **bound: Any) -> None:
        self.said.append(event)

    warning = info


class Connector:
    """Counts how often it was told to connect."""

    def __init__(self) -> None:
        self.count = 0

    def connect(self) -> None:
        self.count += 1


def test_a_pbx_that_is_away_is_said_once() -> None:
    """
    Not at every try; and again when it was there meanwhile.
    """
    log, clock, connector = Log(), Clock(), Connector()
    factory = Connecting([].append, "hotel", "192.0.2.5:2300", log, [], clock)
    for _ in range(3):
        factory.clientConnectionFailed(connector, Failure(Refused()))
        clock.advance(60)
    factory.buildProtocol(None)
    factory.clientConnectionLost(connector, Failure(Refused()))
    clock.advance(60)

    assert ["record stream down", "record stream connected", "record stream down"] == log.said
    assert 4 == connector.count


def test_a_pbx_that_asks_who_we_are_is_told() -> None:
    """
    Line by line, each after its prompt; when the connection breaks, nothing more is said.
    """
    clock, transport, kept = Clock(), StringTransport(), []
    factory = Connecting(kept.append, "hotel", "192.0.2.5:2300", Log(), [b"SMDR", b"secret", b"x"], clock)
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(transport)
    clock.advance(1)
    assert b"SMDR\r\n" == transport.value()
    clock.advance(1)
    protocol.dataReceived(b"-SMDR\r\nEnter Password:******\r\nline\r\n")
    protocol.connectionLost()
    clock.advance(5)

    assert b"SMDR\r\nsecret\r\n" == transport.value()
    assert [b"-SMDR\r\nEnter Password:******\r\nline\r\n"] == kept
