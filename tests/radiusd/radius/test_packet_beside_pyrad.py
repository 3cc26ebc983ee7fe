"""Our reader and pyrad's read the same from every sound packet; where they differ, the RFC is on our side."""

import struct
from collections import Counter
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import Packet as PyradPacket
from pyrad.packet import PacketError

from radiusd.radius.discards import MalformedPacket, Reason
from radiusd.radius.packet import read_packet

EMPTY = Dictionary(StringIO(""))

# Vendor-Specific values as pyrad can take them apart, and as it cannot.
vendor_values = st.one_of(
    st.binary(max_size=12),
    st.builds(
        lambda vendor, pairs: (
            struct.pack("!I", vendor)
            + b"".join(bytes((type, len(value) + 2)) + value for type, value in pairs)
        ),
        st.sampled_from([9, 311, 6618, 35265]),
        st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=20)), min_size=1, max_size=4),
    ),
)
attributes = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 255).filter(lambda type: type != 26), st.binary(max_size=40)),
        st.tuples(st.just(26), vendor_values),
    ),
    max_size=12,
)


def a_packet(pairs: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(bytes((type, len(value) + 2)) + value for type, value in pairs)
    return bytes((4, 9)) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body


def by_pyrad(datagram: bytes) -> Counter[tuple[object, bytes]]:
    """What pyrad reads: (type or (vendor, type), value), in no order across types."""
    packet = PyradPacket(packet=datagram, secret=b"x", dict=EMPTY)
    return Counter((key, value) for key, values in dict.items(packet) for value in values)


def by_us(datagram: bytes) -> Counter[tuple[object, bytes]]:
    """The same from our reader: a malformed or empty Vendor-Specific stands under 26, as pyrad has it."""
    packet = read_packet(datagram)
    found: Counter[tuple[object, bytes]] = Counter()
    for type, value in packet.attributes:
        alone = read_packet(a_packet([(type, value)]))
        inner = alone.vendor_attributes()
        if inner:
            found.update(((vendor, kind), octets) for vendor, kind, octets in inner)
        else:
            found[type, value] += 1
    return found


@given(attributes)
def test_reads_what_pyrad_reads(pairs):
    """
    Both readers find the same attributes, vendors and values in every packet whose outline is sound.
    """
    datagram = a_packet(pairs)

    assert by_pyrad(datagram) == by_us(datagram)


def test_reads_captured_packets_as_pyrad_does(captured):
    """
    So it is with what real senders sent.
    """
    for datagram in captured.values():
        assert by_pyrad(datagram) == by_us(datagram)


@given(attributes, st.data())
def test_whatever_pyrad_refuses_we_refuse(pairs, data):
    """
    A packet with octets changed, cut off or added is never read by us and refused by pyrad.
    """
    octets = bytearray(a_packet(pairs))
    for _ in range(data.draw(st.integers(0, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    datagram = bytes(octets[: data.draw(st.integers(0, len(octets)))]) + data.draw(st.binary(max_size=3))

    try:
        theirs = by_pyrad(datagram)
    except PacketError:
        with pytest.raises(MalformedPacket):
            read_packet(datagram)
        return
    try:
        assert theirs == by_us(datagram)
    except MalformedPacket as malformed:
        # pyrad 2.6.0 takes an overrun for a shorter value (X07) and up to 8192 octets (X06).
        assert malformed.reason in (Reason.ATTRIBUTE_OVERRUN, Reason.LENGTH_ABOVE_4096)
