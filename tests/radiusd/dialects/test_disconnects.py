"""What a call is named by to the switch that is asked to end it."""

from __future__ import annotations

from typing import Any

import pytest

from radiusd.calls.events import CallEvent, Leg
from radiusd.dialects.disconnects import address_of, event_of
from radiusd.dialects.registry import DIALECTS
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
