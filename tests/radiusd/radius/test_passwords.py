"""PAP and CHAP passwords are compared octet by octet, and impossible ones refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.packet import read_packet
from radiusd.radius.passwords import (
    Chap,
    Pap,
    UnusablePassword,
    chap_response,
    hide_password,
    read_password,
    reveal_password,
)
from radiusd.radius.signing import pack_attributes

SECRET = b"xyzzy5461"
# RFC 2865, 7.1 and 7.2, as printed there; the password of both users is arctangent.
NEMO = bytes.fromhex(
    "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee"
    "0406c0a80110050600000003"
)
FLOPSY = bytes.fromhex(
    "010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff6344077275"
    "0406c0a8011005060000001406060000000207060000 0001".replace(" ", "")
)
AUTHENTICATOR = bytes(range(16))


def a_request(*attributes: tuple[int, bytes]):
    body = pack_attributes(list(attributes))
    return read_packet(bytes((1, 7)) + (20 + len(body)).to_bytes(2, "big") + AUTHENTICATOR + body)


def reason_for(*attributes: tuple[int, bytes]) -> str:
    with pytest.raises(UnusablePassword) as caught:
        read_password(a_request(*attributes), SECRET)
    return caught.value.reason


def test_L040_the_pap_example_of_rfc_2865():
    """
    The User-Password printed in RFC 2865 reads "arctangent".
    """
    found = read_password(read_packet(NEMO), SECRET)

    assert Pap(b"arctangent") == found
    assert found.matches(b"arctangent")
    assert not found.matches(b"arctangent ")


def test_L047_the_chap_example_of_rfc_2865():
    """
    The CHAP-Password printed in RFC 2865 proves "arctangent", with the Request Authenticator as challenge.
    """
    found = read_password(read_packet(FLOPSY), SECRET)

    assert found.matches(b"arctangent")
    assert not found.matches(b"arctangenT")


def test_L046_chap_with_a_challenge():
    """
    CHAP with CHAP-Challenge is verified against that challenge, of whatever length.
    """
    for challenge in (b"c", b"c" * 16, b"c" * 100):
        found = read_password(a_request((3, chap_response(9, b"pw", challenge)), (60, challenge)), SECRET)
        assert found.matches(b"pw")
        assert not Chap(found.identifier, found.response, b"other").matches(b"pw")


def test_L041_wrong_passwords_do_not_match():
    """
    Neither a shorter, nor a longer, nor another password matches.
    """
    for wrong in (b"pass", b"password", b"Passwor", b"passwor\0", b""):
        assert not Pap(b"passwor").matches(wrong)
        assert not read_password(a_request((3, chap_response(1, b"passwor", AUTHENTICATOR))), SECRET).matches(
            wrong
        )


@given(
    st.binary(max_size=128).map(lambda password: password.rstrip(b"\0")), st.binary(min_size=1, max_size=64)
)
def test_L044_passwords_of_several_blocks(password, secret):
    """
    A PAP password of any length up to 128 octets comes back as it was, in blocks of 16.
    """
    hidden = hide_password(password, secret, AUTHENTICATOR)

    assert 0 == len(hidden) % 16
    assert password == reveal_password(hidden, secret, AUTHENTICATOR)


@pytest.mark.parametrize("size", [0, 1, 15, 17, 31, 144])
def test_L045_impossible_lengths_of_user_password(size):
    """
    A User-Password whose length is no multiple of 16, or beyond 128, is never accepted and does no harm.
    """
    assert "pap_length" == reason_for((2, bytes(size)))


@pytest.mark.parametrize("size", [0, 1, 16, 18, 253])
def test_L048_impossible_lengths_of_chap_password(size):
    """
    A CHAP-Password that is not 17 octets is never accepted and does no harm.
    """
    assert "chap_length" == reason_for((3, bytes(size)))


def test_L049_both_kinds_or_several_at_once():
    """
    User-Password together with CHAP-Password is not accepted, nor is either twice.
    """
    pap, chap = (2, hide_password(b"pw", SECRET, AUTHENTICATOR)), (3, chap_response(1, b"pw", AUTHENTICATOR))

    assert "pap_and_chap" == reason_for(pap, chap)
    assert "several_passwords" == reason_for(pap, pap) == reason_for(chap, chap)


def test_L050_no_credentials_at_all():
    """
    A request without either is told from one with a wrong password.
    """
    assert None is read_password(a_request((1, b"alice"), (60, b"challenge")), SECRET)


def test_L051_an_empty_password_matches_nothing():
    """
    An empty password is not accepted, not even by an account whose password is empty.
    """
    empty = read_password(a_request((2, hide_password(b"", SECRET, AUTHENTICATOR))), SECRET)

    assert Pap(b"") == empty
    assert not empty.matches(b"")
    assert not read_password(a_request((3, chap_response(1, b"", AUTHENTICATOR))), SECRET).matches(b"")


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
def test_X13_X14_compared_as_octets(sent, stored):
    """
    Passwords match when their octets are equal: nothing is stripped, decoded or dropped.
    """
    assert (sent == stored) == Pap(sent).matches(stored)
    assert (sent == stored) == Chap(1, chap_response(1, sent, b"c")[1:], b"c").matches(stored)


@pytest.mark.parametrize("stored", [b"pw ", b" pw", b"pw\n", b"p\xffw", b"PW"])
def test_X13_X14_near_misses(stored):
    """
    White space, case and octets that are no UTF-8 all count.
    """
    assert not Pap(b"pw").matches(stored)
    assert not Chap(1, chap_response(1, b"pw", b"c")[1:], b"c").matches(stored)


def test_T2_passwords_are_not_shown():
    """
    The repr of credentials has no password.
    """
    assert "Pap()" == repr(Pap(b"secret"))
    assert "Chap(identifier=1)" == repr(Chap(1, b"response", b"challenge"))


def test_a_password_too_long_to_send_is_refused():
    """
    The error says how long it may be.
    """
    with pytest.raises(ValueError, match="the password has 129 octets, and RADIUS carries at most 128"):
        hide_password(b"x" * 129, SECRET, AUTHENTICATOR)
