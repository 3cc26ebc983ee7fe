"""What a call is named by to the switch that is asked to end it."""

from __future__ import annotations

from typing import Any

import pytest

from radiusd.calls.events import CallEvent, Leg
from radiusd.dialects.disconnects import address_of, event_of
from radiusd.dialects.registry import DIALECTS
from radiusd.handlers.senders import told_by
from radiusd.radius.assigned import Code
from radiusd.radius.packet import read_packet
from radiusd.radius.request import Request
from tests.builders import NOW, a_client, a_start, an_attempt, an_interim, seconds

CONFERENCE = "931C146B0F4411D6AB5591F0CBF3D765"


def names(event: CallEvent, **client: Any) -> list[tuple[int, bytes]]:
    """Return what *event*'s call is named by to a client."""
    made = a_client(**client)
    return DIALECTS[made.dialect].session_attributes(event, made)


def test_by_its_session_id_as_it_came() -> None:
    """
    Not by what a dialect has made of it.
    """
    assert [(44, b"c1")] == names(a_start())
    assert [(44, b"call-id")] == names(a_start(leg_id="call-id;a;b", session_id="call-id"))
    assert [(44, b"\x00\xff")] == names(a_start(leg_id="0x00ff"))


def test_gateways_want_the_conference_and_the_leg() -> None:
    """
    In Cisco's own way of writing: the name before the value, and four groups.
    """
    event = a_start(call_id=CONFERENCE, leg_id="0A", leg=Leg.ANSWER)

    session, conference, origin = names(event, dialect="cisco")

    assert (44, b"0A") == session
    assert conference[1].endswith(b"h323-conf-id=931C146B 0F4411D6 AB5591F0 CBF3D765")
    assert bytes.fromhex("00000009 18") == conference[1][:5]
    assert origin[1].endswith(b"h323-call-origin=answer")


@pytest.mark.parametrize(
    ("nas", "expected"),
    [
        ("gw1", (32, b"gw1")),
        ("c0000201", (4, bytes.fromhex("c0000201"))),
        ("20010db8" + "00" * 12, (95, bytes.fromhex("20010db8") + bytes(12))),
    ],
)
def test_a_proxy_is_told_which_switch(nas: str, expected: tuple[int, bytes]) -> None:
    """
    As the switch named itself.
    """
    assert [(44, b"c1"), expected] == names(a_start(nas=nas), is_proxy=True)


def test_a_proxy_is_told_whose_network_the_switch_is_in() -> None:
    """
    What the operator has added comes back to it, octet by octet (RFC 8559); of others it is not believed.
    """
    said = [(126, b"1visited.example"), (241, b"\x08\x00opaque\xff"), (32, b"gw1"), (44, b"c1")]
    packet = read_packet(Request(Code.ACCOUNTING_REQUEST, said).sign(1, b"secret"))
    proxy, other = a_client(is_proxy=True), a_client()

    told, own = (
        names(told_by(a_start(), client, packet), is_proxy=client.is_proxy) for client in (proxy, other)
    )

    assert [(44, b"c1"), (32, b"gw1"), (126, b"1visited.example"), (241, b"\x08\x00opaque\xff")] == told
    assert [(44, b"c1")] == own


def test_a_client_may_want_other_names() -> None:
    """
    What is not known of the call is left out.
    """
    settings = {"disconnect_by": "User-Name, Calling-Station-Id NAS-Identifier"}

    assert [(1, b"alice"), (31, b"15125550100")] == names(a_start(username="alice"), settings=settings)


def test_what_we_have_made_up_names_nothing() -> None:
    """
    A record without an id cannot be asked about.
    """
    assert [] == names(a_start(call_id="", leg_id=""))
    assert [] == names(a_start(leg_id="~0123"))


def test_the_leg_of_the_caller_as_it_was_told_of_last() -> None:
    """
    Its end is the call's; an attempt may have come from elsewhere.
    """
    caller = a_start(leg=Leg.ANSWER, leg_id="a", source="192.0.2.1:1646/7")
    later = an_interim(NOW + seconds(60), 60, leg=Leg.ANSWER, leg_id="a", source="192.0.2.2:1646/9")
    callee = a_start(NOW + seconds(90), leg=Leg.ORIGINATE, leg_id="b")

    assert later is event_of([an_attempt().event, caller, callee, later])
    assert None is event_of([an_attempt().event])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [(27, 70), (26, b"h323-credit-time=70")]),
        ({"coa_time": "whole"}, [(27, 100), (26, b"h323-credit-time=100")]),
        ({"reply_time": "SIP-AVP", "coa_time": "left"}, [(225, b"Session-Timeout#70")]),
        ({"reply_time": "Routing", "routing_to": "192.0.2.9"}, [(27, 70)]),
    ],
)
def test_a_new_time_is_told_in_the_clients_forms(
    settings: dict[str, str], expected: list[tuple[int, int | bytes]]
) -> None:
    """
    Counted as its switch counts; ``Routing`` belongs to an INVITE.
    """
    client = a_client(settings=settings)

    changes = DIALECTS[client.dialect].time_attributes(100, 30, client)

    assert expected == [
        (type, int.from_bytes(value, "big") if type == 27 else value[6:] if type == 26 else value)
        for type, value in changes
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"reply_time": "Session-Timeout"}, [(27, bytes((0, 0, 0, 1)))]),
        ({"reply_time": "Session-Timeout", "coa_time": "whole"}, [(27, bytes((0, 0, 0, 30)))]),
        (
            {"coa_end": "Cisco-AVPair=subscriber:command=account-logoff Filter-Id=off Session-Timeout=7"},
            [
                (26, bytes.fromhex("00000009 01 23") + b"subscriber:command=account-logoff"),
                (11, b"off"),
                (27, bytes((0, 0, 0, 7))),
            ],
        ),
    ],
)
def test_a_call_is_ended_by_a_time_that_is_over_or_as_the_client_wants(
    settings: dict[str, str], expected: list[tuple[int, bytes]]
) -> None:
    """
    A time of 0 would be none at all to many switches.
    """
    client = a_client(settings=settings)

    assert expected == DIALECTS[client.dialect].end_attributes(30, client)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "name at least one attribute"),
        ("Session-Timeout", "is not NAME=VALUE"),
        ("Session-Timeout=soon", "Session-Timeout is a number"),
        ("NAS-IP-Address=192.0.2.1", "holds neither text nor a plain number"),
        ("Filter-Id=" + 254 * "x", "at most 253 octets fit"),
    ],
)
def test_what_cannot_stand_in_a_request_is_refused(written: str, problem: str) -> None:
    """
    When it is set, not when a call must end.
    """
    (said,) = DIALECTS["rfc2866"].check_settings({"coa_end": written})

    assert problem in said


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("192.0.2.1:1646/7", "192.0.2.1"),
        ("2001:db8::1:1646/7", "2001:db8::1"),
        ("[2001:db8::1]:1646/7", "2001:db8::1"),
        ("cdr.csv:12", ""),
        ("", ""),
    ],
)
def test_the_switch_is_where_its_packets_came_from(source: str, expected: str) -> None:
    """
    A record that was read from a file tells nothing of that.
    """
    assert expected == address_of(a_start(source=source))
