"""Numbers, prefixes and extensions are read in all the ways that people write them, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.numbers import e164, extension, prefix
from radiusd.errors import BadInput

digits = st.text("123456789", min_size=1, max_size=1).flatmap(
    lambda first: st.text("0123456789", min_size=1, max_size=14).map(lambda rest: first + rest)
)


@pytest.mark.parametrize(
    "written",
    [
        "15125550100",
        "+15125550100",
        "0015125550100",
        "+1 (512) 555-0100",
        "+1.512.555.0100",
        "1\u00a05125550100",
    ],
)
def test_a_number_is_its_digits(written):
    """
    Plus, double zero, brackets and blanks are how people write, not what switches send.
    """
    assert "15125550100" == e164("number", written)


@given(digits)
def test_a_number_of_digits_stays_as_it_is(number):
    """
    What is normal already is not changed; a plus in front means the same.
    """
    assert number == e164("number", number) == e164("number", "+" + number)


@pytest.mark.parametrize(
    "written", ["", "+", "1", "00", "abc", "1512555x", "1" * 16, "１５１２", "1\x00", "sip:15"]
)
def test_refuses_what_is_no_number(written):
    """
    The message names the field and shows how to write it.
    """
    with pytest.raises(BadInput, match=r"^number: .*like \+15125550100"):
        e164("number", written)


@pytest.mark.parametrize(
    ("written", "read"), [("44", "44"), ("+44", "44"), ("0044 7", "447"), ("'1", "1"), ("*", "")]
)
def test_a_prefix_is_its_digits(written, read):
    """
    An Excel apostrophe does no harm; a star is every destination.
    """
    assert read == prefix("prefix", written)


@pytest.mark.parametrize("written", ["", " ", "4A", "1*", "1" * 18, "²"])
def test_refuses_what_is_no_prefix(written):
    """
    An empty cell is a mistake, not every destination.
    """
    with pytest.raises(BadInput, match=r"^prefix: "):
        prefix("prefix", written)


@pytest.mark.parametrize("text", ["201", "0", "alice", "*97", "fax-2.b_1+#"])
def test_an_extension_is_what_a_pbx_dials(text):
    """
    Not only digits: SIP PBXs have names too. Leading zeros count.
    """
    assert text == extension("extension", text)


@pytest.mark.parametrize("text", ["", "2 1", "a:b", "é", "x" * 33, "2\n"])
def test_refuses_what_is_no_extension(text):
    """
    No blanks, colons or other scripts.
    """
    with pytest.raises(BadInput, match=r"^extension: "):
        extension("extension", text)
