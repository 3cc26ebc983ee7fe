"""Seen from outside: what the attributes of a packet may hold, and what they may not (L020 to L038)."""

from __future__ import annotations

import os

import pytest

from tests.acceptance.lab import PASSWORD, USER, Call, Lab
from tests.acceptance.usual_packets import interim, login
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    PROXY_STATE,
    START,
    STOP,
    USER_NAME,
    VENDOR_SPECIFIC,
    Sender,
    accounting,
    pack,
    pap,
    tlv,
    vsa,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

CISCO = 9


@pytest.fixture(params=["ipv4", "ipv6", "tcp", "tls"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A switch that need not sign its Access-Requests, over each transport."""
    return lab.sender_over(request.param, "open")


BROKEN_VENDOR = {
    "L029": [vsa(CISCO, b"\1\0ab"), vsa(CISCO, b"\1\1"), vsa(CISCO, b"\1\xffabc"), vsa(CISCO, b"\1")],
    "L030": [tlv(VENDOR_SPECIFIC, b""), tlv(VENDOR_SPECIFIC, b"\0\0\0"), tlv(VENDOR_SPECIFIC, b"\0\0\0\x09")],
}


def _survives(lab: Lab, sender: Sender, odd: bytes) -> None:
    """See to it that *odd* keeps neither a record from the books nor a user from being let in."""
    call = Call(lab, sender)
    call.tell(STOP, odd, lasted_s=9)

    assert [9000] == [record.duration_ms for record in call.records()]
    assert ACCESS_ACCEPT == sender.ask(login(sender, odd)).code


@pytest.mark.parametrize("length", [0, 1])
def test_L020_an_attribute_length_of_0_or_1_drops_the_accounting_request(
    lab: Lab, sender: Sender, length: int
) -> None:
    """
    Nothing of a packet is used whose attributes cannot be told apart.
    """
    call = Call(lab, sender)
    sender.get_nothing(call.packet(STOP, bytes((200, length)), lasted_s=9))

    assert not lab.has_call(call.calling)


@pytest.mark.parametrize("tail", [b"\xc8\x20abc", b"\xc8"], ids=["overrun", "no length"])
def test_L021_an_attribute_that_overruns_drops_the_accounting_request(
    lab: Lab, sender: Sender, tail: bytes
) -> None:
    """
    An attribute that is longer than the rest of its packet is not shortened but refused with all of it.
    """
    call = Call(lab, sender)
    sender.get_nothing(call.packet(STOP, tail, lasted_s=9))

    assert not lab.has_call(call.calling)


@pytest.mark.parametrize("tail", [b"\xc8\0", b"\xc8\1", b"\xc8\x20abc"], ids=["0", "1", "overrun"])
def test_L022_a_bad_attribute_length_is_never_accepted(sender: Sender, tail: bytes) -> None:
    """
    A right password does not help a broken packet.
    """
    sender.get_nothing(login(sender, tail))


def test_L023_nul_octets_in_text_do_no_harm(lab: Lab, sender: Sender) -> None:
    """
    Text with a NUL inside is answered on both ports, and the call is on record.
    """
    call = Call(lab, sender)
    call.tell(STOP, tlv(NAS_IDENTIFIER, b"sbc\0one"), tlv(25, b"\0class\0"), lasted_s=9)
    nul_number = tlv(CALLED_STATION_ID, b"44\0207")

    assert [9000] == [record.duration_ms for record in call.records()]
    assert ACCOUNTING_RESPONSE == sender.ask(interim(sender, nul_number)).code
    assert sender.ask(login(sender, nul_number)).code in (ACCESS_ACCEPT, ACCESS_REJECT)


def test_L024_a_user_name_is_not_cut_at_a_nul(sender: Sender) -> None:
    """
    ``alice`` with a NUL and more behind it is somebody else, also with the password of ``alice``.
    """
    packet = pap(sender.secret, PASSWORD, tlv(USER_NAME, USER.encode() + b"\0x"))

    assert ACCESS_REJECT == sender.ask(packet).code


def test_L025_the_order_of_attributes_does_not_matter(lab: Lab, sender: Sender) -> None:
    """
    A Stop with its attributes back to front makes the same record.
    """
    calling = lab.new_number()
    attributes = (
        tlv(46, 17),
        tlv(CALLED_STATION_ID, "442079460000"),
        tlv(CALLING_STATION_ID, calling),
        tlv(USER_NAME, USER),
        tlv(ACCT_SESSION_ID, f"order-{calling}"),
        tlv(ACCT_STATUS_TYPE, STOP),
    )
    for number, order in enumerate((attributes, attributes[::-1])):
        sender.ask(accounting(sender.secret, *order, identifier=number))

    assert [("answered", 17000)] == [(one.status, one.duration_ms) for one in lab.records(calling)]


def test_L026_attributes_of_one_type_need_not_be_contiguous(sender: Sender) -> None:
    """
    Proxy-States with other attributes between them all come back, in their order.
    """
    first, second, third = b"first", b"second", b"third"
    spread = (
        tlv(PROXY_STATE, first),
        tlv(NAS_IDENTIFIER, "one"),
        tlv(PROXY_STATE, second),
        tlv(CALLING_STATION_ID, "1"),
        tlv(PROXY_STATE, third),
    )

    assert [first, second, third] == sender.ask(interim(sender, *spread)).all(PROXY_STATE)
    assert [first, second, third] == sender.ask(login(sender, *spread)).all(PROXY_STATE)


def test_L027_unknown_attributes_are_ignored(lab: Lab, sender: Sender) -> None:
    """
    Types that no dictionary of ours has change nothing.
    """
    unknown = tlv(192, b"whatever") + tlv(223, b"\0\1") + tlv(21, b"unassigned")
    call = Call(lab, sender)
    call.tell(STOP, unknown, lasted_s=9)

    assert [9000] == [record.duration_ms for record in call.records()]
    assert ACCESS_ACCEPT == sender.ask(login(sender, unknown)).code


def test_L028_attributes_of_unknown_vendors_are_ignored(lab: Lab, sender: Sender) -> None:
    """
    A vendor that nobody has heard of changes nothing.
    """
    foreign = vsa(0x00FFFFFE, b"\1\6abcd")
    call = Call(lab, sender)
    call.tell(STOP, foreign, lasted_s=9)

    assert [9000] == [record.duration_ms for record in call.records()]
    assert ACCESS_ACCEPT == sender.ask(login(sender, foreign)).code


def test_L029_broken_lengths_inside_a_vendor_attribute_are_forgiven(lab: Lab, sender: Sender) -> None:
    """
    The attribute is ignored, its packet is not.
    """
    for odd in BROKEN_VENDOR["L029"]:
        _survives(lab, sender, odd)


def test_L030_a_vendor_attribute_without_a_vendor_is_forgiven(lab: Lab, sender: Sender) -> None:
    """
    Too short for a vendor id: the attribute is ignored, its packet is not.
    """
    for odd in BROKEN_VENDOR["L030"]:
        _survives(lab, sender, odd)


def test_L031_a_value_of_the_wrong_size_is_forgiven(lab: Lab, sender: Sender) -> None:
    """
    A NAS-Port of three octets, an address of five or a date of eight is as good as absent.
    """
    for number, size in ((5, 3), (NAS_IP_ADDRESS, 5), (55, 8), (41, 2), (8, 0), (NAS_IPV6_ADDRESS, 4)):
        _survives(lab, sender, tlv(number, bytes(size)))


def test_L032_extended_attributes_are_forgiven(lab: Lab, sender: Sender) -> None:
    """
    RFC 6929's types 241 to 246, well-formed and cut short, change nothing.
    """
    for number in range(241, 247):
        _survives(lab, sender, tlv(number, b"\1value") + tlv(number, b"\1") + tlv(number, b""))


def test_L033_a_thousand_tiny_attributes_do_no_harm(sender: Sender) -> None:
    """
    As many attributes as fit are read and answered.
    """
    tiny = tlv(200, b"x") * 1000

    assert ACCOUNTING_RESPONSE == sender.ask(interim(sender, tiny)).code
    assert ACCESS_ACCEPT == sender.ask(login(sender, tiny)).code


def test_L034_several_sub_attributes_in_one_vendor_attribute_are_accepted(lab: Lab, sender: Sender) -> None:
    """
    RFC 2865, 5.26 lets a sender pack them so.
    """
    _survives(lab, sender, vsa(CISCO, b"\1\6ab=c\1\6cd=e\2\3p"))


@pytest.mark.parametrize(
    "nas",
    [tlv(NAS_IPV6_ADDRESS, bytes(15) + b"\1"), tlv(NAS_IDENTIFIER, "sbc.example")],
    ids=["L035-NAS-IPv6-Address", "L036-NAS-Identifier"],
)
def test_L035_L036_one_name_of_the_switch_is_enough(lab: Lab, sender: Sender, nas: bytes) -> None:
    """
    NAS-IPv6-Address alone, or NAS-Identifier alone, names the switch; so does its source address.
    """
    _survives(lab, sender, nas)


def test_L037_text_that_is_not_utf8_loses_no_record(lab: Lab, sender: Sender) -> None:
    """
    A caller's name in Latin-1, or any octets at all, are no reason to drop a call.
    """
    call = Call(lab, sender, session_id=b"\xff\xfe" + os.urandom(6))
    call.tell(START, tlv(NAS_IDENTIFIER, b"M\xfcnchen"))
    call.tell(STOP, tlv(NAS_IDENTIFIER, b"M\xfcnchen"), lasted_s=9)

    assert [9000] == [record.duration_ms for record in call.records()]


def test_L038_no_answer_has_an_empty_attribute(lab: Lab, sender: Sender) -> None:
    """
    Every attribute of Accept, Reject and Accounting-Response has a value.
    """
    call = Call(lab, sender)
    answers = [
        call.ask(),
        call.ask(b"wrong"),
        sender.ask(login(sender)),
        sender.ask(interim(sender)),
        sender.ask(pack(1, os.urandom(16), sender.secret)),
    ]

    for answer in answers:
        assert [] == [number for number, value in answer.attributes if not value]
