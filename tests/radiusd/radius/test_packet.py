"""The outline of a packet is checked to the octet; what is in it is read with tolerance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.discards import MalformedPacket, Reason
from radiusd.radius.packet import as_text, frame, read_packet
from radiusd.radius.signing import pack_attributes

CISCO = 9
ELTEX = 35265


def a_packet(*attributes: tuple[int, bytes], code: int = 4, identifier: int = 7) -> bytes:
    return framed(pack_attributes(list(attributes)), code=code, identifier=identifier)


def framed(body: bytes, code: int = 4, identifier: int = 7) -> bytes:
    return bytes((code, identifier)) + (20 + len(body)).to_bytes(2, "big") + bytes(range(16)) + body


def vendor_specific(vendor: int, inner: bytes) -> tuple[int, bytes]:
    return 26, vendor.to_bytes(4, "big") + inner


def reason_for(datagram: bytes) -> Reason:
    with pytest.raises(MalformedPacket) as caught:
        read_packet(datagram)
    return caught.value.reason


def test_reads_the_header_and_the_attributes_in_their_order():
    """
    Nothing of a packet is lost, and nothing changes places.
    """
    packet = read_packet(a_packet((1, b"alice"), (33, b"a"), (31, b"100"), (33, b"b")))

    assert (4, 7, bytes(range(16))) == (packet.code, packet.identifier, packet.authenticator)
    assert [(1, b"alice"), (33, b"a"), (31, b"100"), (33, b"b")] == packet.attributes


@pytest.mark.parametrize("size", [0, 1, 3, 4, 19])
def test_L001_shorter_than_a_header(size):
    """
    A datagram of fewer than 20 octets is silently discarded.
    """
    assert Reason.TOO_SHORT == reason_for(a_packet()[:size])


def test_L002_shorter_than_its_length():
    """
    A datagram shorter than its Length field is silently discarded.
    """
    assert Reason.SHORTER_THAN_LENGTH == reason_for(a_packet((1, b"alice"))[:-1])


@pytest.mark.parametrize("declared", [0, 1, 19])
def test_L003_length_below_20(declared):
    """
    A Length field below 20 is silently discarded.
    """
    datagram = a_packet((1, b"alice"))

    assert Reason.LENGTH_BELOW_20 == reason_for(datagram[:2] + declared.to_bytes(2, "big") + datagram[4:])


@pytest.mark.parametrize("size", [4097, 8192, 65535])
def test_L004_length_above_4096(size):
    """
    A Length field above 4096 is silently discarded, even when all of it came.
    """
    body = b"\x01\xff" + bytes(253)
    datagram = bytes((4, 7)) + size.to_bytes(2, "big") + bytes(16) + (body * 257)[: size - 20]

    assert size == len(datagram)
    assert Reason.LENGTH_ABOVE_4096 == reason_for(datagram)


def test_X06_length_is_judged_before_any_attribute():
    """
    Length above 4096 is discarded before attribute parsing: broken attributes behind it are not seen.
    """
    datagram = bytes((4, 7)) + (5000).to_bytes(2, "big") + bytes(16) + bytes(4980)

    assert Reason.LENGTH_ABOVE_4096 == reason_for(datagram)


def test_L005_padding():
    """
    Octets beyond the Length field are padding and ignored: they are no attributes, nor part of *raw*.
    """
    datagram = a_packet((1, b"alice"))

    packet = read_packet(datagram + b"\x01\x00rubbish")

    assert [(1, b"alice")] == packet.attributes
    assert datagram == packet.raw
    assert datagram == frame(datagram + b"x")


def test_L006_exactly_4096_octets():
    """
    A packet of exactly 4096 octets is processed.
    """
    attributes = [(33, bytes(253))] * 15 + [(33, bytes(249))]
    datagram = a_packet(*attributes)

    assert 4096 == len(datagram)
    assert 16 == len(read_packet(datagram).all(33))


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize("before", [b"", b"\x01\x03a"])
@pytest.mark.parametrize("after", [b"", b"\x01\x03a"])
def test_L020_attribute_length_0_or_1(length, before, after):
    """
    An attribute Length of 0 or 1 silently discards the whole packet, wherever it stands.
    """
    assert Reason.ATTRIBUTE_LENGTH == reason_for(framed(before + bytes((31, length)) + after))


@pytest.mark.parametrize("body", [b"\x01\x04a", b"\x01\x03a\x1f\xff1", b"\x01\x03a\x1f", b"\x1f"])
def test_L021_X07_attribute_overruns_the_packet(body):
    """
    An attribute that overruns the packet, if only by one octet, makes the whole packet malformed.
    """
    assert Reason.ATTRIBUTE_OVERRUN == reason_for(framed(body))


def test_attribute_may_not_reach_into_the_padding():
    """
    What an attribute lacks is not borrowed from the octets behind the packet.
    """
    assert Reason.ATTRIBUTE_OVERRUN == reason_for(framed(b"\x01\x04a") + b"b")


@pytest.mark.parametrize("value", [b"ali\0ce", b"alice\0", b"\0", b""])
def test_L023_L024_nul_octets_stay(value):
    """
    Embedded NUL octets in text are dealt with; a User-Name is never cut at one to become a shorter name.
    """
    assert value.decode() == read_packet(a_packet((1, value))).text(1)


def test_L025_L026_order_and_adjacency_do_not_matter():
    """
    No dependency on the order of attributes of different types, and those of one type need not be contiguous.
    """
    one = read_packet(a_packet((40, b"\0\0\0\x02"), (25, b"a"), (44, b"s"), (25, b"b")))
    other = read_packet(a_packet((25, b"a"), (25, b"b"), (44, b"s"), (40, b"\0\0\0\x02")))

    for packet in (one, other):
        assert (2, "s", [b"a", b"b"]) == (packet.integer(40), packet.text(44), packet.all(25))
        assert b"a" == packet.first(25)


def test_L027_L028_what_nobody_knows_is_ignored():
    """
    Unknown attribute types, and attributes of unknown vendors, are ignored, not fatal.
    """
    packet = read_packet(
        a_packet((0, b"x"), (255, b"y"), vendor_specific(4_000_000_000, b"\x01\x03z"), (44, b"s"))
    )

    assert "s" == packet.text(44)
    assert None is packet.first(1)
    assert None is packet.vendor_first(CISCO, 1)


@pytest.mark.parametrize(
    "inner", [b"\x01\x00", b"\x01\x01", b"\x01\x04a", b"\x01\x03a\x02", b"\x01\x03a\x02\x09b"]
)
def test_L029_X12_broken_inner_lengths(inner):
    """
    A Vendor-Specific attribute with broken inner lengths does not discard the packet, and is kept raw.
    """
    broken = vendor_specific(CISCO, inner)
    packet = read_packet(a_packet(broken, vendor_specific(CISCO, b"\x01\x04ok"), (44, b"s")))

    assert [(CISCO, 1, b"ok")] == packet.vendor_attributes()
    assert broken in packet.attributes
    assert "s" == packet.text(44)


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0", b"\0\0\0\x09", b"\0\0\0\x09\x01"])
def test_L030_shorter_than_a_vendor_id(value):
    """
    A Vendor-Specific attribute shorter than a vendor id and an attribute does not discard the packet.
    """
    packet = read_packet(a_packet((26, value), (44, b"s")))

    assert [] == packet.vendor_attributes()
    assert "s" == packet.text(44)


@pytest.mark.parametrize("value", [b"", b"\x01", b"\0\0\x01", b"\0\0\0\0\x01", b"1445590624.377372"])
def test_L031_wrong_size_for_its_type(value):
    """
    A value of the wrong size for its type does not discard the packet: as a number it is absent.
    """
    packet = read_packet(a_packet((55, value), (46, b"\0\0\0\x3d")))

    assert None is packet.integer(55)
    assert 61 == packet.integer(46)


@pytest.mark.parametrize("type", range(241, 247))
@pytest.mark.parametrize("value", [b"", b"\x01", b"\x1a\0\0\0\x09\x01x", b"\x01\x80"])
def test_L032_X12_extended_attributes(type, value):
    """
    Extended attributes (241-246), also malformed ones, do not discard the packet, and are kept raw.
    """
    packet = read_packet(a_packet((type, value), (44, b"s")))

    assert [value] == packet.all(type)
    assert "s" == packet.text(44)


def test_L033_a_thousand_tiny_attributes():
    """
    1000 tiny attributes in one packet do not harm the server: all are read, and found.
    """
    packet = read_packet(a_packet(*[(25, bytes((n % 256,))) for n in range(1000)], (44, b"s")))

    assert 1000 == len(packet.all(25))
    assert (b"\0", "s") == (packet.first(25), packet.text(44))


def test_L034_several_sub_attributes_in_one():
    """
    Several vendor sub-attributes inside one Vendor-Specific attribute are accepted, empty ones too.
    """
    packet = read_packet(
        a_packet(vendor_specific(CISCO, b"\x01\x04ab\x02\x02\x01\x03c"), vendor_specific(ELTEX, b"\x01\x03d"))
    )

    assert [
        (CISCO, 1, b"ab"),
        (CISCO, 2, b""),
        (CISCO, 1, b"c"),
        (ELTEX, 1, b"d"),
    ] == packet.vendor_attributes()
    assert [b"ab", b"c"] == packet.vendor_all(CISCO, 1)
    assert (b"ab", "d") == (packet.vendor_first(CISCO, 1), packet.vendor_text(ELTEX, 1))
    assert (None, []) == (packet.vendor_text(ELTEX, 2), packet.vendor_all(ELTEX, 2))


@given(st.binary(max_size=253))
def test_L037_X11_text_is_always_text(value):
    """
    Text that is not UTF-8 does not lose a record: it keeps its type and every octet.
    """
    text = read_packet(a_packet((1, value))).text(1)

    assert isinstance(text, str)
    assert value in (text.encode(), text.encode("latin-1", errors="replace"))


def test_utf8_is_read_as_such_and_the_rest_as_latin_1():
    """
    A name in UTF-8 reads right; one in an old code page reads at least without loss.
    """
    assert "Zoë" == as_text("Zoë".encode())
    assert "Zoë" == as_text("Zoë".encode("latin-1"))


def test_L099_L100_session_ids_of_any_octets():
    """
    A binary and a 253-octet Acct-Session-Id are read whole, to the last octet.
    """
    for value in (bytes(range(1, 254)), b"x" * 252 + b"1", b"x" * 252 + b"2", b"\xff\0\xfe"):
        assert value == read_packet(a_packet((44, value))).first(44)


def test_T2_a_packet_does_not_show_its_values():
    """
    The repr of a packet, as it may land in a traceback, shows no password.
    """
    assert "<Packet code=1 identifier=7 octets=28>" == repr(read_packet(a_packet((2, b"secret"), code=1)))


@given(st.binary(max_size=600))
def test_anything_may_come(datagram):
    """
    Whatever octets arrive, they are read or refused as malformed, and nothing else happens.
    """
    try:
        packet = read_packet(datagram)
    except MalformedPacket:
        return
    packet.vendor_attributes()
    assert 20 + sum(len(value) + 2 for _, value in packet.attributes) == len(packet.raw)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=253)), max_size=15))
def test_reading_inverts_packing(attributes):
    """
    What is packed is read back, attribute by attribute.
    """
    assert attributes == read_packet(a_packet(*attributes)).attributes
