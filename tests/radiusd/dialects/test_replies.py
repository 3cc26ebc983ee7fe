"""What goes back to a switch: the time a call may last, our mark on it, or the reason why not."""

import re
from dataclasses import replace

import pytest

from radiusd.dialects.call_class import class_of, read_call_class
from radiusd.dialects.registry import DIALECTS
from radiusd.errors import Refusal
from radiusd.radius.assigned import Code
from radiusd.radius.reply import is_permitted
from tests.radiusd.dialects.vectors import a_client, a_packet

CALL_ID = "01990b1e-7c4e-7d31-9a55-0c7f4a1d2b3c"
VENDOR_9 = b"\0\0\0\x09"


def a_vsa(type: int, value: bytes) -> tuple[int, bytes]:
    return 26, VENDOR_9 + bytes((type, len(value) + 2)) + value


@pytest.mark.parametrize("dialect", ["rfc2866", "cisco"])
def test_an_accept_tells_the_time_twice_and_names_its_values(dialect: str) -> None:
    """
    Session-Timeout and h323-credit-time say the same; h323 values carry their names, as Cisco's do.
    """
    attributes = DIALECTS[dialect].accept_attributes(3600, class_of(CALL_ID), a_client(dialect))

    assert [
        (27, (3600).to_bytes(4, "big")),
        (25, b"tw1:" + CALL_ID.encode()),
        a_vsa(102, b"h323-credit-time=3600"),
        a_vsa(103, b"h323-return-code=0"),
    ] == attributes


def test_kamailio_gets_bare_values_and_an_avp() -> None:
    """
    SIP-AVP is all that Kamailio keeps in its usual mode; ``#`` makes the AVP a number.
    """
    attributes = DIALECTS["kamailio"].accept_attributes(60, class_of(CALL_ID), a_client("kamailio"))

    assert [
        (27, (60).to_bytes(4, "big")),
        (25, b"tw1:" + CALL_ID.encode()),
        a_vsa(102, b"60"),
        a_vsa(103, b"0"),
        (225, b"Session-Timeout#60"),
    ] == attributes


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_without_a_limit_is_given_none(dialect: str) -> None:
    """
    No time is named at all, rather than a very long one.
    """
    attributes = DIALECTS[dialect].accept_attributes(None, b"", a_client(dialect))

    assert [26] == [type for type, _ in attributes]
    assert b"0" == attributes[0][1][-1:]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("seconds", [0, -1])
def test_a_call_is_never_accepted_for_no_time(dialect: str, seconds: int) -> None:
    """
    To many switches a Session-Timeout of 0 means "no limit".
    """
    with pytest.raises(ValueError, match="refuse it instead"):
        DIALECTS[dialect].accept_attributes(seconds, b"", a_client(dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_time_beyond_32_bits_is_cut(dialect: str) -> None:
    """
    The attribute holds 136 years; nobody talks longer.
    """
    attributes = DIALECTS[dialect].accept_attributes(1 << 40, b"", a_client(dialect))

    assert (27, b"\xff\xff\xff\xff") == attributes[0]


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_reject_holds_the_reason_and_nothing_else(dialect: str, refusal: Refusal) -> None:
    """
    Reply-Message begins with a SIP code and ends with the reason word; no Class, no time (RFC 2865, 5.44).
    """
    attributes = DIALECTS[dialect].reject_attributes(refusal, a_client(dialect))

    assert [18, 26] == [type for type, _ in attributes]
    message = attributes[0][1].decode()
    assert message.startswith(f"{refusal.sip_code} ")
    assert message.endswith(f"({refusal.word})")
    assert attributes[1][1].endswith(str(refusal.return_code).encode())
    assert all(is_permitted(Code.ACCESS_REJECT, type) for type, _ in attributes)


def test_every_attribute_of_an_accept_is_permitted() -> None:
    """
    Nothing that belongs in a request goes back in an Access-Accept (RFC 2865, 5.44).
    """
    for name, dialect in DIALECTS.items():
        for type, _ in dialect.accept_attributes(60, class_of(CALL_ID), a_client(name)):
            assert is_permitted(Code.ACCESS_ACCEPT, type)


def test_our_class_comes_back() -> None:
    """
    What an Accept said, an Accounting-Request says again.
    """
    packet = a_packet("rfc2866", ("Class", class_of(CALL_ID).decode()))

    assert CALL_ID == read_call_class(packet)


@pytest.mark.parametrize(
    "value", ["0x", "tw1:", "TW1:abc", "tw1:a b", "tw1:a\u00e9", "tw1:" + "a" * 65, "other"]
)
def test_a_class_of_another_form_is_not_ours(value: str) -> None:
    """
    Other servers' Classes are left alone.
    """
    assert "" == read_call_class(a_packet("rfc2866", ("Class", value)))


def told(dialect: str = "rfc2866", seconds: int | None = 60, **settings: str) -> list[tuple[int, bytes]]:
    """Return what an Accept tells a client with *settings*, our Class left out."""
    return DIALECTS[dialect].accept_attributes(seconds, b"", a_client(dialect, settings=settings))


AVPAIR = 1
ZERO = a_vsa(103, b"h323-return-code=0")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("Session-Timeout", (27, b"\0\0\0\x3c")),
        ("h323-credit-time", a_vsa(102, b"h323-credit-time=60")),
        ("SIP-AVP", (225, b"Session-Timeout#60")),
        ("DURATION", a_vsa(AVPAIR, b"h323-ivr-in=DURATION:60")),
        ("Routing", a_vsa(AVPAIR, b"h323-ivr-in=Routing:192.0.2.9:5060;credit-time=60")),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_client_may_choose_the_form_of_its_time(
    dialect: str, form: str, expected: tuple[int, bytes]
) -> None:
    """
    It is told in that form and in no other, whatever its dialect does.
    """
    usual = {"routing_to": "192.0.2.9:5060", "reply_values": "named", "reply_vendor_id": "9"}

    attributes = told(dialect, reply_time=form, **usual)

    assert [expected, ZERO] == sorted(attributes, key=lambda attribute: attribute != expected)


def test_a_client_may_want_several_forms() -> None:
    """
    Each of them says the same.
    """
    attributes = told(reply_time="DURATION, Session-Timeout")

    assert [(27, b"\0\0\0\x3c"), ZERO, a_vsa(AVPAIR, b"h323-ivr-in=DURATION:60")] == attributes


def test_values_and_vendor_are_the_clients() -> None:
    """
    Bare values, under another vendor's number, in accepts and rejects.
    """
    client = a_client("cisco", settings={"reply_values": "bare", "reply_vendor_id": "5003"})

    accepted = DIALECTS["cisco"].accept_attributes(60, b"", client)
    refused = DIALECTS["cisco"].reject_attributes(Refusal.NO_BALANCE, client)

    vendor = (5003).to_bytes(4, "big")
    assert [(27, b"\0\0\0\x3c"), (26, vendor + b"\x66\x0460"), (26, vendor + b"\x67\x030")] == accepted
    assert (26, vendor + b"\x67\x034") == refused[1]


@pytest.mark.parametrize(
    ("table", "settings", "code"),
    [
        ("cisco", {}, 4),
        ("portaone", {}, 12),
        ("welltech", {}, 11),
        ("portaone", {"return_code_of": "trunk_full=3 no_balance=77"}, 77),
        ("portaone", {"return_code_of": "trunk_full=7"}, 12),
    ],
)
def test_a_reason_is_numbered_as_the_client_knows_it(table: str, settings: dict[str, str], code: int) -> None:
    """
    Its own number first, then that of its table.
    """
    client = replace(a_client("cisco", settings), return_codes=table)

    refused = DIALECTS["cisco"].reject_attributes(Refusal.NO_BALANCE, client)

    assert a_vsa(103, f"h323-return-code={code}".encode()) == refused[1]


def test_a_client_may_have_sip_codes_of_its_own() -> None:
    """
    For the words that it names; the text stays.
    """
    client = a_client("cisco", settings={"sip_code_of": "trunk_full=486 barred=603"})

    told = [
        DIALECTS["cisco"].reject_attributes(refusal, client)[0]
        for refusal in (Refusal.TRUNK_FULL, Refusal.NO_BALANCE)
    ]

    assert [
        (18, b"486 All channels of the trunk in use (trunk_full)"),
        (18, b"402 No credit (no_balance)"),
    ] == told


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"reply_time": "Sundial"}, "reply_time: 'Sundial' is not one of Session-Timeout"),
        ({"reply_time": ""}, "reply_time: '' is not one of"),
        ({"reply_time": "Routing"}, "reply_time: Routing needs routing_to"),
        ({"routing_to": "a;credit-time=1"}, "routing_to: .* is not a host"),
        ({"reply_values": "loud"}, "reply_values: 'loud' is not one of named, bare"),
        ({"reply_vendor_id": "0"}, "reply_vendor_id: '0' is not a vendor's number"),
        ({"return_code_of": "no_money=3"}, "return_code_of: 'no_money=3' is not WORD=NUMBER"),
        ({"sip_code_of": "no_balance=200"}, "sip_code_of: .* a number from 400 to 699"),
        ({"return_code_of": "no_balance=0"}, "return_code_of: .* 0 means yes"),
        ({"return_code_of": "no_balance=256"}, "return_code_of: .* from 1 to 255"),
        ({"return_code_of": " "}, "return_code_of: name at least one"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(settings: dict[str, str], problem: str) -> None:
    """
    By a sentence that names it.
    """
    (found,) = DIALECTS["rfc2866"].check_settings(settings)

    assert re.search(problem, found)
