"""What proves a packet's origin is computed as the RFCs say, and as pyrad computes it."""

import hashlib
import hmac
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket, AuthPacket

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.packet import Packet, read_packet
from radiusd.radius.reply import Reply, integer, text, vendor_text
from radiusd.radius.request import Request
from radiusd.radius.signing import (
    MessageAuthenticator,
    ReplyTooLarge,
    build_reply,
    message_authenticator_of,
    pack_attributes,
    verify_message_authenticator,
    verify_request_authenticator,
    verify_response,
)

SECRET = b"a secret of 24 octets..."
EMPTY = Dictionary(StringIO(""))
ACCESS_REPLIES = [Code.ACCESS_ACCEPT, Code.ACCESS_REJECT, Code.ACCESS_CHALLENGE]

# RFC 2865, 7.1: request and answer as printed there; its secret is xyzzy5461.
RFC_REQUEST = bytes.fromhex(
    "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee"
    "0406c0a80110050600000003"
)
RFC_ANSWER = bytes.fromhex("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103")


def an_access_request(*attributes: tuple[int, bytes]) -> Packet:
    return read_packet(Request(Code.ACCESS_REQUEST, list(attributes)).sign(77, SECRET))


def an_accounting_request(*attributes: tuple[int, bytes]) -> Packet:
    return read_packet(Request(Code.ACCOUNTING_REQUEST, list(attributes)).sign(78, SECRET))


def signed_anew(packet: Packet, *attributes: tuple[int, bytes]) -> Packet:
    """Return *packet* with other attributes and a Request Authenticator that fits them."""
    body = pack_attributes(list(attributes))
    head = bytes((packet.code, packet.identifier)) + (20 + len(body)).to_bytes(2, "big")
    authenticator = hashlib.md5(head + bytes(16) + body + SECRET).digest()
    return read_packet(head + authenticator + body)


def test_the_example_of_rfc_2865():
    """
    The answer that RFC 2865 prints in section 7.1 is right for its request, and no other octets are.
    """
    authenticator = RFC_REQUEST[4:20]

    assert verify_response(RFC_ANSWER, authenticator, b"xyzzy5461")
    assert not verify_response(RFC_ANSWER, authenticator, b"xyzzy5462")
    assert not verify_response(RFC_ANSWER[:-1] + b"\x04", authenticator, b"xyzzy5461")


def test_L081_request_authenticator_of_accounting(captured):
    """
    Accounting-Requests of real senders verify; with another secret or one octet changed they do not.
    """
    found = [octets for octets in captured.values() if octets[0] == Code.ACCOUNTING_REQUEST]

    assert 6 <= len(found)
    for octets in found:
        assert verify_request_authenticator(octets, b"testing123")
        assert not verify_request_authenticator(octets, b"testing124")
        assert not verify_request_authenticator(octets[:-1] + bytes((octets[-1] ^ 1,)), b"testing123")


@pytest.mark.parametrize("code", ACCESS_REPLIES)
def test_L011_L064_answers_to_access_requests_verify_with_pyrad(code):
    """
    Access replies carry the right Identifier, Response Authenticator, Length and Message-Authenticator.
    """
    request = an_access_request((1, b"alice"))
    octets = build_reply(request, Reply(code, [text(18, "hello")]), SECRET)

    asked = AuthPacket(packet=request.raw, secret=SECRET, dict=EMPTY)
    answer = asked.CreateReply(packet=octets)
    assert asked.VerifyReply(answer, octets)
    assert answer.verify_message_authenticator(original_authenticator=request.authenticator)
    assert (code, 77, len(octets)) == (octets[0], octets[1], int.from_bytes(octets[2:4], "big"))


def test_L012_accounting_response_verifies_with_pyrad():
    """
    Accounting-Response carries the right Identifier, Response Authenticator and Length.
    """
    request = an_accounting_request((44, b"s"), (33, b"p"))
    octets = build_reply(request, Reply(Code.ACCOUNTING_RESPONSE), SECRET)

    asked = AcctPacket(packet=request.raw, secret=SECRET, dict=EMPTY)
    assert asked.VerifyReply(asked.CreateReply(packet=octets), octets)
    assert (5, 78, len(octets)) == (octets[0], octets[1], int.from_bytes(octets[2:4], "big"))


@pytest.mark.parametrize("code", ACCESS_REPLIES)
def test_L064_L065_L128_message_authenticator_is_first(code):
    """
    Message-Authenticator is the first attribute of every answer to an Access-Request, even if that had none.
    """
    unsigned = read_packet(Request(Code.ACCESS_REQUEST, [(1, b"alice")], signs_message=False).sign(1, SECRET))
    answer = read_packet(build_reply(unsigned, Reply(code, [text(18, "hello")]), SECRET))

    assert Attribute.MESSAGE_AUTHENTICATOR == answer.attributes[0][0]
    assert 1 == len(answer.all(Attribute.MESSAGE_AUTHENTICATOR))
    assert MessageAuthenticator.VALID is verify_message_authenticator(answer, SECRET, unsigned.authenticator)


def test_L060_message_authenticator_of_an_access_request():
    """
    It is right as pyrad makes it; wrong with another secret, or with one octet of the packet changed.
    """
    theirs = AuthPacket(secret=SECRET, dict=EMPTY, code=1, id=3, authenticator=bytes(range(16)))
    theirs.add_message_authenticator()
    octets = theirs.RequestPacket()

    assert MessageAuthenticator.VALID is verify_message_authenticator(read_packet(octets), SECRET)
    assert MessageAuthenticator.INVALID is verify_message_authenticator(read_packet(octets), b"other")
    for at in (1, 4, len(octets) - 1):
        changed = octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]
        assert MessageAuthenticator.INVALID is verify_message_authenticator(read_packet(changed), SECRET)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_L063_it_may_stand_anywhere(place):
    """
    A right Message-Authenticator is accepted first, in the middle or last.
    """
    attributes = [(1, b"alice"), (31, b"100"), (33, b"p")]
    attributes.insert(place, (80, bytes(16)))
    unsigned = Request(Code.ACCESS_REQUEST, attributes, signs_message=False).sign(1, SECRET)
    packet = read_packet(unsigned.replace(bytes(16), hmac.digest(SECRET, unsigned, "md5")))

    assert place == [type for type, _ in packet.attributes].index(80)
    assert MessageAuthenticator.VALID is verify_message_authenticator(packet, SECRET)


def test_L061_L062_X08_of_wrong_length_or_two():
    """
    A Message-Authenticator of 15 or 17 octets is invalid, and so are two, though the first of them be right.
    """
    right = an_access_request((1, b"alice"))
    own = message_authenticator_of(right)
    assert own is not None

    for attributes in ([(80, own[:15])], [(80, own + b"\0")], [(80, b"")], [(80, own), (80, own)]):
        packet = signed_anew(right, *attributes)
        assert MessageAuthenticator.INVALID is verify_message_authenticator(packet, SECRET)
    assert MessageAuthenticator.ABSENT is verify_message_authenticator(signed_anew(right), SECRET)


def test_L068_message_authenticator_of_an_accounting_request():
    """
    In accounting it is made over a Request Authenticator of zeros, and a wrong one is seen.
    """
    packet = read_packet(Request(Code.ACCOUNTING_REQUEST, [(44, b"s")], signs_message=True).sign(1, SECRET))
    forged = signed_anew(packet, (80, bytes(16)), (44, b"s"))

    assert verify_request_authenticator(packet.raw, SECRET)
    assert MessageAuthenticator.VALID is verify_message_authenticator(packet, SECRET)
    assert verify_request_authenticator(forged.raw, SECRET)
    assert MessageAuthenticator.INVALID is verify_message_authenticator(forged, SECRET)


@pytest.mark.parametrize("code", [*ACCESS_REPLIES, Code.ACCOUNTING_RESPONSE])
def test_L110_L111_proxy_state_is_copied(code):
    """
    Proxy-State is copied unmodified and in order, whatever stands between.
    """
    states = [b"two", b"\0\xff", b"one", b"two"]
    between = [(1, b"alice"), (44, b"s"), (31, b"100"), (30, b"200")]
    request = an_access_request(
        *[pair for state, other in zip(states, between, strict=True) for pair in ((33, state), other)]
    )

    assert states == read_packet(build_reply(request, Reply(code), SECRET)).all(33)


def test_L112_twelve_long_proxy_states():
    """
    Twelve Proxy-States of 253 octets are all echoed.
    """
    states = [bytes((n,)) * 253 for n in range(12)]
    request = an_access_request(*[(33, state) for state in states])

    assert states == read_packet(build_reply(request, Reply(Code.ACCESS_REJECT), SECRET)).all(33)


def test_L113_no_proxy_state_of_our_own():
    """
    No Proxy-State appears in a reply to a request without one, not even if a handler put it there.
    """
    answer = build_reply(
        an_access_request(), Reply(Code.ACCESS_ACCEPT, [(33, b"mine"), (80, bytes(16))]), SECRET
    )

    assert [80] == [type for type, _ in read_packet(answer).attributes]


def test_X42_L114_proxy_state_pushes_out_our_own_attributes():
    """
    If Proxy-State leaves no room we drop our attributes, the last first, never Proxy-State nor the signature.
    """
    states = [bytes(253)] * 15  # 3825 octets; with header and signature 233 are left
    request = an_access_request(*[(33, state) for state in states])
    reply = Reply(
        Code.ACCESS_ACCEPT, [integer(27, 60), text(18, "a" * 200), text(18, "b" * 200), integer(28, 9)]
    )

    octets = build_reply(request, reply, SECRET)

    answer = read_packet(octets)
    assert (60, 9, ["a" * 200]) == (answer.integer(27), answer.integer(28), [answer.text(18)])
    assert 1 == len(answer.all(18))
    assert states == answer.all(33)
    assert 80 == answer.attributes[0][0]


def test_L114_a_request_full_of_proxy_state():
    """
    A reply never exceeds 4096 octets: where Proxy-State leaves no room for the signature there is no reply.
    """
    full = [(33, bytes(253))] * 15 + [(33, bytes(249))]
    unsigned = read_packet(Request(Code.ACCESS_REQUEST, full, signs_message=False).sign(1, SECRET))
    accounting = an_accounting_request(*full)

    with pytest.raises(ReplyTooLarge):
        build_reply(unsigned, Reply(Code.ACCESS_ACCEPT), SECRET)
    assert 4096 == len(build_reply(accounting, Reply(Code.ACCOUNTING_RESPONSE), SECRET))


@given(
    st.lists(st.binary(min_size=1, max_size=253), max_size=14), st.lists(st.binary(max_size=253), max_size=20)
)
def test_replies_are_lawful_whatever_is_in_them(states, messages):
    """
    Every reply reads back, verifies, is at most 4096 octets and has all Proxy-State.
    """
    request = an_access_request(*[(33, state) for state in states])
    octets = build_reply(request, Reply(Code.ACCESS_ACCEPT, [(18, message) for message in messages]), SECRET)

    answer = read_packet(octets)
    assert 4096 >= len(octets)
    assert states == answer.all(33)
    assert verify_response(octets, request.authenticator, SECRET)
    assert MessageAuthenticator.VALID is verify_message_authenticator(answer, SECRET, request.authenticator)


def test_L038_no_empty_attribute():
    """
    No zero-length attribute appears in any reply.
    """
    reply = Reply(Code.ACCESS_ACCEPT, [text(18, ""), (25, b""), text(18, "x")])

    assert ["x"] == [
        value.decode() for value in read_packet(build_reply(an_access_request(), reply, SECRET)).all(18)
    ]


def test_L052_access_reject_holds_only_what_the_table_allows():
    """
    Access-Reject holds no authorisation and no Class; Reply-Message and a vendor's return code may stay.
    """
    reply = Reply(
        Code.ACCESS_REJECT,
        [
            text(18, "403"),
            integer(27, 60),
            (25, b"class"),
            integer(6, 1),
            vendor_text(9, 103, "13"),
            (24, b"s"),
        ],
    )
    answer = read_packet(build_reply(an_access_request(), reply, SECRET))

    assert [80, 18, 26] == [type for type, _ in answer.attributes]


@pytest.mark.parametrize("type", [2, 3, 4, 5, 30, 31, 32, 40, 44, 46, 49, 60, 61, 95, 103, 206])
def test_L053_request_only_attributes_are_not_echoed(type):
    """
    No request-only attribute (User-Password, CHAP-*, NAS-*) is echoed in an Access-Accept.
    """
    answer = build_reply(an_access_request(), Reply(Code.ACCESS_ACCEPT, [(type, b"abcd")]), SECRET)

    assert [80] == [kind for kind, _ in read_packet(answer).attributes]


def test_L058_class_is_sent_byte_for_byte():
    """
    The configured Class is sent in Access-Accept, byte for byte.
    """
    value = b"0x4142\0\xff 12"
    answer = build_reply(an_access_request(), Reply(Code.ACCESS_ACCEPT, [(25, value)]), SECRET)

    assert [value] == read_packet(answer).all(25)


def test_L102_accounting_response_holds_almost_nothing():
    """
    Accounting-Response holds nothing but Proxy-State, Vendor-Specific, Message-Authenticator or Error-Cause.
    """
    reply = Reply(
        5, [text(18, "hello"), (25, b"class"), integer(27, 60), vendor_text(9, 1, "x"), integer(101, 404)]
    )
    answer = read_packet(build_reply(an_accounting_request((33, b"p")), reply, SECRET))

    assert {26, 33, 101} == {type for type, _ in answer.attributes}


def test_a_handler_cannot_send_what_does_not_fit():
    """
    An attribute of 254 octets is an error that names it, not a broken packet.
    """
    with pytest.raises(ValueError, match="attribute 25 has 254 octets, and at most 253 fit"):
        build_reply(an_access_request(), Reply(Code.ACCESS_ACCEPT, [(25, bytes(254))]), SECRET)
