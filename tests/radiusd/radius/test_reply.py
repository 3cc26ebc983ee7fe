"""The makers of reply attributes never make a broken one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.packet import read_packet
from radiusd.radius.reply import integer, text, vendor_text
from radiusd.radius.signing import pack_attributes


def read_back(attribute: tuple[int, bytes]):
    body = pack_attributes([attribute])
    return read_packet(bytes((2, 1)) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body)


def test_what_is_written_is_read():
    """
    Text, numbers and a vendor's text come back as they were.
    """
    assert "héllo" == read_back(text(18, "héllo")).text(18)
    assert 14400 == read_back(integer(27, 14400)).integer(27)
    assert "h323-credit-time=60" == read_back(vendor_text(9, 102, "h323-credit-time=60")).vendor_text(9, 102)


@given(st.text(max_size=300))
def test_long_text_is_cut_between_characters(value):
    """
    Text is cut to 253 octets, a vendor's to 247, and never in the middle of a character.
    """
    for limit, cut in (
        (253, read_back(text(18, value)).text(18)),
        (247, read_back(vendor_text(9, 1, value)).vendor_text(9, 1)),
    ):
        assert value.startswith(cut)
        assert limit >= len(cut.encode())
        if cut != value:
            assert limit < len((cut + value[len(cut)]).encode())


def test_a_lone_surrogate_does_no_harm():
    """
    Text that has no UTF-8 is sent with a question mark in place of what has none.
    """
    assert (18, b"a?b") == text(18, "a\ud800b")


@pytest.mark.parametrize("value", [-1, 2**32])
def test_numbers_that_do_not_fit_are_refused(value):
    """
    A number beyond 32 bits is an error that names the attribute.
    """
    with pytest.raises(ValueError, match=f"attribute 27: {value} does not fit"):
        integer(27, value)
