"""Single values come out in the one form that the rest of the product compares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.dialects.values import (
    address,
    conference_id,
    identifier,
    number,
    realm_of,
    release_cause,
    text,
    without_name,
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("442071234567", "442071234567"),
        ("+442071234567", "+442071234567"),
        ("0015551230000", "0015551230000"),
        ("*67#2001", "*67#2001"),
        (" 101 ", "101"),
        ("101@kamailio.org", "101"),
        ("sip:101@kamailio.org", "101"),
        ("SIPS:+15551230000@host:5061;transport=tls", "+15551230000"),
        ("sip:%2B15551230000@host", "+15551230000"),
        ("sip:101:secret@host", "101"),
        ("sip:+15551230000;npdi=yes;rn=+15550000@host;user=phone", "+15551230000"),
        ("<sip:101@host>", "101"),
        ("<sip:101@host>;tag=a<b", "101"),
        ('"Bob" <sip:101@host>;tag=8f', "101"),
        ('"<sip:900@evil>" <sip:101@host>', "101"),
        ('"a \\" <sip:900@evil>" <sip:101@host>', "101"),
        ("Bob <sip:101@host>", "101"),
        ("tel:+1-201-555-0123;phone-context=x", "+12015550123"),
        ("ton:0,npi:0,#:0015551230000", "0015551230000"),
        ("sip:101", "101"),
        ("sip:198.51.100.7:5060", ""),
        ("sip:pbx.example.com", ""),
        ("anonymous", "anonymous"),
        ("sip:anonymous@anonymous.invalid", "anonymous"),
        ("sip:1%00@host", "1\ufffd"),
        ("sip:1%zz@host", "1%zz"),
        ('"never closed <sip:101@host>', ""),
        ("", ""),
    ],
)
def test_a_number_is_the_user_part(written: str, expected: str) -> None:
    """
    Display name, scheme, password, host, port, parameters and tags go; ``+`` and zeros stay.
    """
    assert expected == number(written)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (None, ""),
        (b"", ""),
        (b"alice", "alice"),
        (b" alice ", "alice"),
        (b"alice\0\0", "alice"),
        (b"alice\0x", "alice\ufffdx"),
        (b"al\nice", "al\ufffdice"),
        (b"\x1b[2J", "\ufffd[2J"),
        ("Андрей".encode(), "Андрей"),
        (b"Andr\xe9", "André"),
    ],
)
def test_text_is_printable_whatever_came(octets: bytes | None, expected: str) -> None:
    """
    No control character reaches a log line, a terminal or the database.
    """
    assert expected == text(octets)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (None, ""),
        (b"", ""),
        (b"\0", ""),
        (b"000B5571", "000B5571"),
        (b"000B5571\0", "000B5571"),
        (b"\0\0\0\0", "0x00000000"),
        (b"\xff\x80", "0xff80"),
        (b"a\0b", "0x610062"),
        (b"52fa39ed 0 0 1", "52fa39ed 0 0 1"),
    ],
)
def test_an_identifier_that_is_not_text_is_hexadecimal(octets: bytes | None, expected: str) -> None:
    """
    Two ids stay two ids, and both can be printed.
    """
    assert expected == identifier(octets)


@given(st.binary(min_size=1, max_size=253), st.binary(min_size=1, max_size=253))
def test_different_octets_are_different_identifiers(one: bytes, other: bytes) -> None:
    """
    Unless they differ in NULs at the end only, or one is text that spells the other in hexadecimal.
    """
    if one.rstrip(b"\0") != other.rstrip(b"\0") and not (one + other).startswith(b"0x"):
        assert identifier(one) != identifier(other)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (None, ""),
        (b"198.51.100.7", "198.51.100.7"),
        (b"198.51.100.7:5060", "198.51.100.7"),
        (b"2001:DB8:0::1", "2001:db8::1"),
        (b"[2001:db8::1]:5060", "2001:db8::1"),
        (b"fe80::1%eth0", "fe80::1"),
        (b"::ffff:198.51.100.7", "198.51.100.7"),
        (b"sip:alice@198.51.100.7:5060;transport=udp", "198.51.100.7"),
        (b"<sips:198.51.100.7>", "198.51.100.7"),
        (b"\xc6\x33\x64\x07", "198.51.100.7"),
        (bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
        (b"::12", "::12"),
        (b"udp:198.51.100.7:5060", "198.51.100.7"),
        (b"TLS:[2001:db8::1]:5061", "2001:db8::1"),
        (b"ip$198.51.100.7:1720", "198.51.100.7"),
        (b"0.0.0.0", ""),
        (b"\0\0\0\0", ""),
        (b"[::]:5060", ""),
        (b"198.51.100", ""),
        (b"198.51.100.07", ""),
        (b"sbc.example.com", ""),
        (b"INVITE", ""),
    ],
)
def test_an_address_has_one_form(octets: bytes | None, expected: str) -> None:
    """
    Text, URI or raw octets: the same address is the same text, and anything else is none.
    """
    assert expected == address(octets)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("931C146B 0F4411D6 AB5591F0 CBF3D765", "931C146B0F4411D6AB5591F0CBF3D765"),
        ("931c146b 0f4411d6 ab5591f0 cbf3d765", "931C146B0F4411D6AB5591F0CBF3D765"),
        ("16000 647BEE1D 80F000A F453DBFD", "00016000647BEE1D080F000AF453DBFD"),
        (" 1 2 3 4 ", "00000001000000020000000300000004"),
        ("a3c41d2e-5f10-11f1-8c21-b7d044aa9e10", "A3C41D2E5F1011F18C21B7D044AA9E10"),
        ("1 2 3 G", "1 2 3 G"),
        ("0 0 0 0", ""),
        ("00000000-0000-0000-0000-000000000000", ""),
        ("123456789 2 3 4", "123456789 2 3 4"),
        ("1 2 3", "1 2 3"),
        ("call-17", "call-17"),
    ],
)
def test_a_conference_id_is_comparable(written: str, expected: str) -> None:
    """
    Gateways differ in zeros, case and dashes; the id of a call does not.
    """
    assert expected == conference_id(written)


@pytest.mark.parametrize(
    ("written", "base", "expected"),
    [
        ("10", 16, 16),
        ("1F", 16, 31),
        ("66", 16, 102),
        ("0x1f", 16, 31),
        ("1e7", 16, 487),
        (" 10 ", 16, 16),
        ("31", 10, 31),
        ("1F", 10, None),
        ("", 16, None),
        ("1_0", 16, None),
        ("+10", 16, None),
        ("-1", 16, None),
        ("FFFF", 16, None),
        ("FFFFFFFFFF", 16, None),
    ],
)
def test_a_cause_is_read_in_its_base(written: str, base: int, expected: int | None) -> None:
    """
    Cisco writes hexadecimal digits; what is no number in the base is no cause.
    """
    assert expected == release_cause(written, base)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("h323-conf-id=X", "X"),
        ("H323-CONF-ID = X", "X"),
        ("h323-conf-id=h323-conf-id=X", "h323-conf-id=X"),
        ("other=X", "other=X"),
        ("X", "X"),
    ],
)
def test_one_name_is_taken_off(written: str, expected: str) -> None:
    """
    Only the attribute's own name, once, in any case.
    """
    assert expected == without_name(written, "h323-conf-id")


def test_the_realm_follows_the_last_at_sign() -> None:
    """
    A user may be an e-mail address.
    """
    assert "example.com" == realm_of("bob@corp@example.com")
    assert "" == realm_of("bob")


@given(st.text(max_size=253))
def test_a_number_never_holds_what_cannot_be_printed(written: str) -> None:
    """
    Whatever URI comes, percent-escapes included.
    """
    assert number(text(written.encode(errors="replace"))).isprintable()
