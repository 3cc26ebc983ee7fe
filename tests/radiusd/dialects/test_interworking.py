"""A call between SIP and H.323 through an Oracle SBC: two sets of records that one number joins."""

from __future__ import annotations

from itertools import permutations

import pytest

from radiusd.calls.events import CallEvent
from radiusd.dialects.registry import DIALECTS
from tests.builders import NOW, a_client, a_directory, a_service, seconds
from tests.desk import Desk
from tests.radiusd.dialects.vectors import a_packet

JOINED = a_client(dialect="acme", settings={"call_id_from": "Acme-Session-Generic-Id"})
SIDES = {
    "SIP": ("SD1-sip@10.9.9.1", "1-call@198.51.100.20"),
    "H323": ("SD1-h323", "5f4a2c1e8f3011f19c560242ac110002"),
}


def a_report(protocol: str, status: str) -> CallEvent:
    """Return what the records of one side tell."""
    session, ingress = SIDES[protocol]
    said = [
        ("Acct-Status-Type", status),
        ("Acct-Session-Id", session),
        ("Acme-Session-Ingress-CallId", ingress),
        ("Acme-Session-Protocol-Type", protocol),
        ("Acme-Session-Generic-Id", "8812"),
        ("Calling-Station-Id", "<sip:15125550100@198.51.100.20>;tag=1"),
        ("Called-Station-Id", "<sip:442071838750@192.0.2.20>"),
        ("Acme-Originating-Trunk-Group", "tg1"),
        ("h323-setup-time", f"{NOW:%H:%M:%S.000 UTC %b %d %Y}"),
        ("h323-connect-time", f"{NOW + seconds(6):%H:%M:%S.000 UTC %b %d %Y}"),
    ]
    if status == "Stop":
        said += [
            ("h323-disconnect-time", f"{NOW + seconds(72):%H:%M:%S.000 UTC %b %d %Y}"),
            ("Acct-Session-Time", "66"),
        ]
    at = NOW + seconds(72 if status == "Stop" else 6)
    return DIALECTS["acme"].read_event(a_packet("acme", *said), JOINED, at, "192.0.2.20:1813/1")


TOLD = [a_report(protocol, status) for protocol in SIDES for status in ("Start", "Stop")]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_both_sides_are_one_call_where_the_client_says_what_joins_them(order: tuple[int, ...]) -> None:
    """
    It holds one channel and is charged once, in whichever order its records come.
    """
    desk = Desk(a_directory(a_service()), JOINED)
    for place in order:
        desk.post(TOLD[place])
        assert desk.used() <= 1

    (cdr,) = desk.cdrs
    assert ("answered", 66_000, 66) == (cdr.status, cdr.duration_ms, cdr.billed_s)
    assert (0, []) == (desk.used(), desk.sessions)
