"""Streams of nonsense, in TCP, before TLS and inside it: connections are closed, and nothing breaks."""

from __future__ import annotations

import os
import random
from contextlib import suppress

import pytest

from tests.acceptance.lab import ADDRESSES, Call, Lab
from tests.acceptance.stream_wire import Connection, StreamSender
from tests.acceptance.test_hostile import SEED, see_that_all_is_well, several
from tests.acceptance.usual_packets import login
from tests.acceptance.wire import ACCESS_ACCEPT, STOP, accounting

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

STREAMS = int(os.environ.get("TOLLWIRE_HOSTILE_STREAMS", "60"))


def damaged(chance: random.Random, octets: bytes) -> bytes:
    """Return *octets* with some changed, cut out or put in, cut short, or sent twice."""
    octets = octets * chance.choice((1, 1, 2, 20))
    found = bytearray(octets)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(found) + 1)
        found[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    return bytes(found[: chance.randrange(1, len(found) + 1)] if chance.randrange(2) else found)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_damaged_streams_cost_their_own_connection_only(lab: Lab, transport: str) -> None:
    """
    While they come, an honest switch is served as ever.
    """
    chance = random.Random(f"{SEED} {transport}")
    honest = lab.stream("open", tls=transport == "tls")
    for _ in range(STREAMS):
        hostile = lab.stream("generic", tls=transport == "tls")
        packet = accounting(hostile.secret, *several(chance)) if chance.randrange(2) else login(hostile)
        with suppress(OSError):
            hostile.connection(hostile.acct_port).send(damaged(chance, packet))
        if chance.randrange(2):
            hostile.close()

        assert ACCESS_ACCEPT == honest.ask(login(honest)).code
    see_that_all_is_well(lab)


def test_nonsense_before_tls_costs_its_own_connection_only(lab: Lab) -> None:
    """
    Also half a handshake that goes no further.
    """
    assert lab.streams is not None
    chance = random.Random(f"{SEED} before TLS")
    honest = lab.stream("open", tls=True)
    for _ in range(STREAMS):
        plain = Connection(ADDRESSES["open"][0], "127.0.0.1", lab.streams.tls_port)
        with suppress(OSError):
            begin = chance.choice((b"\x16\x03\x01", b"GET / HTTP/1.0\r\n\r\n", b""))
            plain.send(begin + chance.randbytes(40))
        plain.close()

        assert ACCESS_ACCEPT == honest.ask(login(honest)).code
    see_that_all_is_well(lab)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_connection_that_dies_with_its_requests_loses_no_record_that_was_taken(
    lab: Lab, transport: str
) -> None:
    """
    What was sent before the end may be on record once or not at all; sent again, it is on record once.
    """

    def sender() -> StreamSender:
        return lab.stream("open", tls=transport == "tls")

    first = sender()
    calls = [Call(lab, first) for _ in range(20)]
    packets = [call.packet(STOP, lasted_s=5) for call in calls]
    first.connection(first.acct_port).send(b"".join(packets))
    first.close()
    again = sender()
    for packet in packets:
        again.ask(packet)

    assert [1] * len(calls) == [len(call.records()) for call in calls]
    lab.server.check_books()
