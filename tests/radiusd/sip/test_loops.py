"""Calls that come back: by what they ask for, by how far they have come, and by where they would be sent."""

from __future__ import annotations

import pytest

from radiusd.sip.own_places import OwnPlaces
from radiusd.sip.redirected import MOST_REMEMBERED, MOST_TIMES, REMEMBERED_S, Redirected
from radiusd.sip.uri import read_uri
from tests.sip_desk import a_request

KEY = (1, "call-1@pbx.example", "caller")
ASKED, TARGET = "sip:4420@192.0.2.200", "sip:4420@gw1.example.net"


@pytest.mark.parametrize(
    ("hops", "status"),
    [
        ("0", 483),
        ("000", 483),
        ("1", None),
        ("255", None),
        ("256", 400),
        ("-1", 400),
        ("²", 400),
        ("9" * 4000, 400),
        (None, None),
    ],
)
def test_a_call_that_may_go_no_further_is_not_sent_on(desk, hops, status):
    """
    RFC 3261, 16.3 and 20.22; one without the header is older than that.
    """
    answers = desk.receive(a_request(Max_Forwards=hops))

    assert ([] if status is None else [status]) == [answer.status for answer in answers]
    assert (status is None) == bool(desk.invites)


def test_options_may_have_come_as_far_as_they_may(desk):
    """
    They end here, so we are who is asked.
    """
    assert [200] == [answer.status for answer in desk.receive(a_request("OPTIONS", Max_Forwards="0"))]


def test_a_call_has_come_back_when_it_asks_for_where_it_was_sent():
    """
    Not when it asks for the same again, as after a challenge of the next hop; nor when that is long ago.
    """
    calls = Redirected()
    assert not calls.has_come_back(KEY, TARGET, 0.0)
    calls.note(KEY, ASKED, TARGET, 0.0)

    assert calls.has_come_back(KEY, TARGET, 1.0)
    assert not calls.has_come_back(KEY, ASKED, 1.0)
    assert not calls.has_come_back((2, *KEY[1:]), TARGET, 1.0)
    assert not calls.has_come_back(KEY, TARGET, REMEMBERED_S + 1)


def test_a_call_that_asks_for_the_same_again_and_again_is_in_a_loop():
    """
    Where calls are sent to where they were going, nothing else tells.
    """
    calls = Redirected()
    for time in range(MOST_TIMES):
        assert not calls.has_come_back(KEY, ASKED, time / 10)
        calls.note(KEY, ASKED, ASKED, time / 10)

    assert calls.has_come_back(KEY, ASKED, 2.0)


def test_what_is_remembered_is_bounded():
    """
    By time and by number.
    """
    calls = Redirected()
    for number in range(MOST_REMEMBERED + 10):
        calls.note((1, str(number), ""), ASKED, TARGET, 0.0)
    assert not calls.has_come_back((1, "9", ""), TARGET, 0.0)
    assert calls.has_come_back((1, "10", ""), TARGET, 0.0)

    calls.note(KEY, ASKED, TARGET, REMEMBERED_S + 1)
    assert 1 == len(calls._known)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:1@192.0.2.200", True),
        ("sip:1@192.0.2.200:5060;transport=tcp", True),
        ("sip:1@192.0.2.200:5080", False),
        ("sip:1@192.0.2.201", False),
        ("sip:1@10.0.0.7:5070", True),
        ("sip:1@[2001:db8::7]:5070", True),
        ("sip:1@10.0.0.8:5070", False),
        ("sip:1@localhost:5070", True),
        ("sip:1@localhost", False),
        ("sip:1@SIP.example.net", True),
        ("sip:1@sip.example.net:5070", True),
        ("sip:1@sip.example.net:6000", False),
        ("tel:+4420", False),
    ],
)
def test_own_places_are_those_of_the_listeners_and_what_leads_to_them(uri, expected):
    """
    A port of all addresses has the machine's, and IPv4 too where it is one of IPv6.
    """
    local = {"10.0.0.7", "2001:db8::7", "127.0.0.1"}
    own = OwnPlaces((("192.0.2.200", 5060), ("::", 5070)), frozenset({"sip.example.net"}), local.__contains__)

    assert expected == own.has(read_uri(uri))
    if uri.startswith("sip:1@") and ";" not in uri:
        assert expected == own.has_place(uri.removeprefix("sip:1@"))
    assert not own.has_place("no place")
