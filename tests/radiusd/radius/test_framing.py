"""Packets come out of a stream as they were put in, however the network cuts it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.assigned import MAX_PACKET_OCTETS
from radiusd.radius.discards import MalformedPacket, Reason
from radiusd.radius.framing import Framer


def a_packet(size, code=1):
    return bytes((code, 7)) + size.to_bytes(2, "big") + bytes(size - 4)


packets = st.lists(st.integers(20, 300).map(a_packet), min_size=1, max_size=8)


@given(packets, st.lists(st.integers(0, 2400), max_size=8))
def test_L140_L141_however_it_is_cut_the_same_packets_come_out(sent, cuts):
    """
    Glued together, octet by octet, or anything between.
    """
    stream = b"".join(sent)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    framer = Framer()
    found = []
    for begin, end in itertools.pairwise(places):
        found += framer.packets(stream[begin:end])

    assert sent == found
    assert framer.is_between_packets


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_whatever_comes_it_is_cut_or_refused_and_little_is_kept(pieces):
    """
    Random octets are packets by their Length or an error, and nothing else; less than a packet is kept.
    """
    framer = Framer()
    found = []
    try:
        for piece in pieces:
            found += framer.packets(piece)
    except MalformedPacket:
        pass
    else:
        stream = b"".join(pieces)
        assert stream.startswith(b"".join(found))
        assert len(stream) - len(b"".join(found)) < MAX_PACKET_OCTETS
    for packet in found:
        assert len(packet) == int.from_bytes(packet[2:4], "big")


@pytest.mark.parametrize(
    ("length", "reason"),
    [(0, Reason.LENGTH_BELOW_20), (19, Reason.LENGTH_BELOW_20), (4097, Reason.LENGTH_ABOVE_4096)],
)
def test_L142_L143_an_impossible_length_is_found_before_the_rest_has_come(length, reason):
    """
    What stands before it is still good; four octets tell that the rest is not.
    """
    framer, found = Framer(), []
    with pytest.raises(MalformedPacket) as caught:
        for packet in framer.packets(a_packet(20) + b"\1\7" + length.to_bytes(2, "big")):
            found.append(packet)

    assert reason is caught.value.reason
    assert [a_packet(20)] == found


def test_the_shortest_and_the_longest_packet_pass():
    """
    Twenty octets and 4096 are packets.
    """
    assert [a_packet(20), a_packet(4096)] == list(Framer().packets(a_packet(20) + a_packet(4096)))
