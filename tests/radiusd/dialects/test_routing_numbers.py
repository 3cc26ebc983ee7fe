"""Location routing numbers, wherever a client's settings say that they stand."""

from datetime import UTC, datetime

import pytest

from radiusd.calls.events import CallEvent
from radiusd.dialects.registry import DIALECTS
from radiusd.radius.packet import Packet
from tests.radiusd.dialects.vectors import a_client

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CISCO_AVPAIR = (9).to_bytes(4, "big") + b"\x01"


def read(settings: dict[str, str], *pairs: str) -> CallEvent:
    """Return the event of a Stop with Cisco-AVPairs, read by a client with *settings*."""
    sent = [(40, b"\0\0\0\x02"), (44, b"1.42"), (46, b"\0\0\0\x3c")]
    sent += [(26, CISCO_AVPAIR + bytes((len(pair) + 2,)) + pair.encode()) for pair in pairs]
    packet = Packet(4, 1, bytes(16), b"", sent)
    return DIALECTS["cisco"].read_event(packet, a_client("cisco", settings), NOW, "192.0.2.1:1/1")


@pytest.mark.parametrize(
    ("written", "lrn"),
    [
        ("12125550100", "12125550100"),
        ("+1-212-555-0100", "12125550100"),
        ("+12145550100;npdi;rn=+12125550100", "12125550100"),
        ("+12145550100;rn=2125550100;npdi", "2125550100"),
        ("sip:+12145550100;npdi;rn=+12125550100@192.0.2.9;user=phone", "12125550100"),
        ('"Bob" <tel:+12145550100;RN=2125550100>', "2125550100"),
        ("+12145550100;npdi", ""),
        ("none", ""),
    ],
)
def test_reads_a_routing_number(written, lrn):
    """
    As digits, or as the parameter of a number.
    """
    settings = {"lrn_from": "Cisco-AVPair:lrn", "ii_from": "Cisco-AVPair:isup-oli"}
    event = read(settings, f"lrn={written}", "isup-oli=27")

    assert (lrn, "27") == (event.lrn, event.ii)
