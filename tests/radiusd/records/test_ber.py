"""The walk over BER: as X.690 says, bounded whatever comes, and like pyasn1's where that is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ

from radiusd.records.ber import DEEPEST, BerError, elements, first_element, integer, is_constructed, octets


def walked(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and contents of the elements that are all of *data*."""
    return [(tag, data[start:stop]) for tag, start, stop in elements(data, 0, len(data))]


def reason_for(data: bytes) -> tuple[str, int]:
    """Return why *data* is refused, and at which octet."""
    with pytest.raises(BerError) as caught:
        elements(data, 0, len(data))
    return caught.value.reason, caught.value.offset


@pytest.mark.parametrize(
    ("octets_", "expected"),
    [
        ("800143", [(0x80, b"C")]),
        ("BF3F03 800143", [(0xBF3F, b"\x80\x01C")]),
        ("9F810F00", [(0x9F810F, b"")]),  # [143]
        ("80810143", [(0x80, b"C")]),  # a length in the long form where the short one would do
        ("A080 800143 0000", [(0xA0, b"\x80\x01C")]),
        ("A080 A180 0000 0000 8100", [(0xA0, b"\xa1\x80\0\0"), (0x81, b"")]),
        ("A080 8002 0000 0000", [(0xA0, b"\x80\x02\0\0")]),  # contents like an end mark
    ],
)
def test_finds_the_elements(octets_, expected):
    """
    Short and long tags and lengths, definite and indefinite.
    """
    assert expected == walked(bytes.fromhex(octets_))


@pytest.mark.parametrize(
    ("octets_", "words", "offset"),
    [
        ("800143 8005AA", "an element of 5 octets, where 1 are left", 3),
        ("80", "cut in its tag or length", 0),
        ("BF", "cut in its tag or length", 0),
        ("8082FF", "cut in its tag or length", 0),
        ("8080AA0000", "primitive element with an indefinite length", 0),
        ("A080 800143", "cut in its tag or length", 0),
        ("80FF", "a length octet FF", 0),
        ("9F8001AA00", "begins with zero bits", 0),
        ("9F8181818100", "a tag of more than 4 octets", 0),
        ("8089010101010101010101", "a length of 9 octets", 0),
        ("800143 0000", "end-of-contents octets without", 3),
        ("A080" * (DEEPEST + 1) + "0000" * (DEEPEST + 1), f"more than {DEEPEST} deep", 2 * DEEPEST),
    ],
)
def test_refuses_what_is_no_ber_and_tells_where(octets_, words, offset):
    """
    The one error that leaves the walk names the octet where the bad element begins.
    """
    reason, found_at = reason_for(bytes.fromhex(octets_))

    assert words in reason
    assert offset == found_at


def test_tells_an_element_that_goes_on_beyond_what_is_there():
    """
    A reader of a stream learns from the first octets how many it needs, with no allocation of that size.
    """
    assert ((0x80, 6, 6 + 2**31), 6 + 2**31) == first_element(bytes.fromhex("808480000000"), 0)
    assert first_element(bytes.fromhex("BF3F80 800143"), 0) is None
    assert ((0xBF3F, 3, 6), 8) == first_element(bytes.fromhex("BF3F80 800143 0000 FF"), 0)
    assert first_element(b"\xbf", 0) is None
    assert first_element(b"", 0) is None


@pytest.mark.parametrize(
    ("octets_", "expected"),
    [
        ("A506 0402 6162 0400", b"ab"),
        ("A50A 2403 0401 61 0403 626364", b"abcd"),
        ("A50C 2480 0401 61 0000 0C03 626364", b"abcd"),
    ],
)
def test_joins_a_string_in_pieces(octets_, expected):
    """
    Pieces under the universal tags of strings, in pieces again or not (X.690, 8.23).
    """
    data = bytes.fromhex(octets_)

    [(tag, start, _)] = elements(data[:1] + bytes((len(data) - 2,)) + data[2:], 0, len(data))
    assert expected == octets(data, tag, start, len(data))


def test_pieces_that_are_no_strings_are_refused():
    """
    A number among the pieces is not text; pieces in pieces have an end.
    """
    with pytest.raises(BerError, match="tag 02, which no string has"):
        octets(bytes.fromhex("020105"), 0xA5, 0, 3)
    nested = b""
    for _ in range(DEEPEST + 1):
        size = len(nested)
        nested = bytes((0x24, size)) + nested if size < 128 else bytes((0x24, 0x81, size)) + nested
    with pytest.raises(BerError, match="pieces more than 32 deep"):
        octets(nested, 0xA5, 0, len(nested))


@pytest.mark.parametrize(("tag", "told"), [(0x80, False), (0xA0, True), (0xBF3F, True), (0x9F810F, False)])
def test_knows_a_constructed_tag(tag, told):
    """
    The bit is in the first of the identifier octets.
    """
    assert told == is_constructed(tag)


def test_reads_numbers_of_up_to_eight_octets():
    """
    Two's complement, as INTEGER and ENUMERATED have it.
    """
    assert [0, 1000, -1] == [integer(bytes.fromhex(each)) for each in ("00", "03E8", "FF")]
    for bad in (b"", bytes(9)):
        with pytest.raises(BerError, match="1 to 8"):
            integer(bad)


# --- beside pyasn1 ---------------------------------------------------------------------------------------

Tree = int | bytes | list["Tree"]
leaves = st.integers(-(2**40), 2**40) | st.binary(max_size=300)
# Not empty: without a schema pyasn1 0.6.5 fails on a SEQUENCE that holds an empty SEQUENCE.
trees = st.recursive(leaves, lambda inner: st.lists(inner, min_size=1, max_size=5), max_leaves=30)


def as_pyasn1(tree: Tree) -> univ.Any:
    if isinstance(tree, int):
        return univ.Integer(tree)
    if isinstance(tree, bytes):
        return univ.OctetString(tree)
    sequence = univ.Sequence()
    for position, inner in enumerate(tree):
        sequence.setComponentByPosition(position, as_pyasn1(inner))
    return sequence


def as_tree(value: univ.Any) -> Tree:
    if value is None:  # without a schema, an empty SEQUENCE in another
        return []
    if isinstance(value, univ.OctetString):
        return bytes(value)
    if isinstance(value, univ.Integer):
        return int(value)
    return [as_tree(value.getComponentByPosition(position)) for position in range(len(value))]


def our_tree(data: bytes, tag: int, start: int, stop: int) -> Tree:
    if tag == 0x02:
        return int.from_bytes(data[start:stop], "big", signed=True)
    if tag in (0x04, 0x24):
        return octets(data, tag, start, stop)
    if tag != 0x30:
        raise BerError("another type", start)
    return [our_tree(data, *inner) for inner in elements(data, start, stop)]


@given(trees, st.booleans(), st.sampled_from((0, 1, 7, 1000)))
def test_reads_what_pyasn1_writes(tree, definite, pieces):
    """
    Definite and indefinite lengths, strings whole and in pieces: the same values come out.
    """
    data = encoder.encode(as_pyasn1(tree), defMode=definite, maxChunkSize=pieces)

    element, end = first_element(data, 0)
    assert len(data) == end
    assert tree == our_tree(data, *element)


@given(trees, st.booleans(), st.data())
def test_agrees_with_pyasn1_on_damaged_octets(tree, definite, draw):
    """
    Whatever a few wrong octets make of an encoding: where pyasn1 reads it, we read the same, or refuse.
    """
    data = bytearray(encoder.encode(as_pyasn1(tree), defMode=definite))
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    damaged = bytes(data)

    try:
        [element, *_] = elements(damaged, 0, len(damaged))
        ours = our_tree(damaged, *element)
    except BerError:
        return
    try:
        theirs, _ = decoder.decode(damaged)
    except Exception:  # it refuses more than X.690 does, and fails on an empty SEQUENCE in another
        return
    assert as_tree(theirs) == ours


@given(st.binary(max_size=400))
def test_no_octets_make_it_fail_otherwise(data):
    """
    Any octets: elements that fill them exactly, or the one error with an offset in them.
    """
    try:
        found = elements(data, 0, len(data))
    except BerError as error:
        assert 0 <= error.offset <= len(data)
        return
    assert all(0 < start <= stop <= len(data) for _, start, stop in found)
    assert found == sorted(found, key=lambda element: element[1])
