"""Whatever stands in a packet, it becomes an event or is unreadable; nothing else, and not for long."""

import json
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.calls.events import CallEvent, Kind, Status
from radiusd.dialects.dictionary import definitions
from radiusd.dialects.registry import DIALECTS
from radiusd.errors import UnreadableEvent
from radiusd.radius.clients import Client
from radiusd.radius.discards import MalformedPacket
from radiusd.radius.packet import Packet, read_packet
from tests.radiusd.dialects.vectors import FOLDER, a_client

LIMIT_S = 0.005
NOW = datetime(2026, 11, 22, 14, 5, 53, tzinfo=UTC)
TOLD = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "dialects").glob("*.json"))]
CAPTURED = [
    bytes.fromhex(packet["hex"])
    for told in TOLD
    for case in (told if isinstance(told, list) else [told])
    for packet in case["packets"]
]
CLIENTS = [
    a_client(dialect, chosen)
    for dialect in DIALECTS
    for chosen in (
        {},
        {
            "remote_ip_from": "Cisco-AVPair:h323-remote-address",
            "trunk_in_from": "NAS-IP-Address",
            "tenant_from": "NAS-Port",
            "username_from": "26.9.2",
            "calling_from": "#108",
            "timezone": "Asia/Kolkata",
            "duration_unit": "ms",
        },
        {"vendor_id": "4923", "cause_base": "10", "zone_names": "IST=+0530", "call_group": "core"},
    )
]
PLAIN = [1, 2, 4, 5, 6, 8, 25, 30, 31, 40, 41, 44, 46, 49, 50, 55]
TELLING = [*PLAIN, *range(101, 110), *range(204, 212), 225, 227, 228, 229, 230]
# What each dialect's dictionary knows of its own vendor, and of Cisco.
VENDORS = sorted(
    {(each.vendor, each.type) for name in DIALECTS for each in definitions(name).values() if each.vendor}
)
values = st.one_of(
    st.binary(max_size=253),
    st.sampled_from(
        [b"", b"\0", b"\0\0\0\x01", b"\0\0\0\x02", b"\0\0\0\x03", b"\0\0\0\x0f", b"\xff\xff\xff\xff"]
    ),
    st.text(alphabet='0123456789:.*/= GMTUCNov<>"@;%#[]sip\0é', max_size=80).map(lambda text: text.encode()),
)
stamps = st.builds(
    "{0}{1:02}:{2:02}:{3:02}.{4} {5} {6}".format,
    st.sampled_from(["", "*", "."]),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
    st.integers(0, 999_999),
    st.sampled_from(["UTC", "GMT+4", "IST", "-0300", "+051800", "", "+9999"]),
    st.sampled_from(["Sun Nov 22 2026", "Nov 22 2026", "Feb 30 2026", "DEC 1 0001", "Jan 1 9999", "x"]),
).map(str.encode)
vendor_values = st.builds(
    lambda place, value: _vsa(*place, value),
    st.one_of(st.sampled_from(VENDORS), st.tuples(st.sampled_from([9, 4923, 1 << 23]), st.integers(0, 255))),
    st.one_of(values, stamps),
)


def _vsa(vendor: int, type: int, value: bytes) -> bytes:
    return vendor.to_bytes(4, "big") + bytes((type, min(len(value), 247) + 2)) + value[:247]


attributes = st.one_of(
    st.tuples(st.sampled_from(TELLING), values),
    st.tuples(st.just(26), st.one_of(vendor_values, values)),
    st.tuples(st.integers(1, 255), values),
)


# What makes most packets tell of a call: chance alone would make nearly all of them unreadable.
beginnings = st.one_of(
    st.just([]),
    st.sampled_from([1, 2, 3, 7, 8, 15]).map(lambda status: [(40, bytes((0, 0, 0, status))), (44, b"1.42")]),
)


def read(packet: Packet, client: Client) -> CallEvent | None:
    """Read *packet* as accounting and as an attempt, and check what holds for every event."""
    dialect = DIALECTS[client.dialect]
    attempt = dialect.read_attempt(packet, client, NOW, "test")
    check(attempt)
    try:
        event = dialect.read_event(packet, client, NOW, "test")
    except UnreadableEvent as error:
        assert str(error)
        return None
    check(event)
    return event


def check(event: CallEvent) -> None:
    assert event == msgspec.json.decode(msgspec.json.encode(event), type=CallEvent)
    for name in event.__struct_fields__:
        value = getattr(event, name)
        assert not isinstance(value, str) or value.isprintable(), name
        if isinstance(value, datetime):
            assert value.tzinfo is UTC
            assert value <= NOW + timedelta(hours=24)
            # Stamps of a clock that was never set may be of any year; they are never a moment that counts.
            by_own_clock = event.clock_ok is False and name in ("setup_at", "connect_at", "disconnect_at")
            assert by_own_clock or NOW - timedelta(days=3654) <= value
    assert event.duration_ms is None or 0 <= event.duration_ms <= 7 * 86_400_000
    assert event.cause is None or 0 <= event.cause < 1 << 15
    for address in (event.remote_ip, event.dest_ip):
        assert not address or str(ip_address(address)) == address
    if event.status is Status.FAILED:
        assert event.connect_at is None
        assert not event.duration_ms
    if event.kind is Kind.START:
        assert event.duration_ms is None
    if event.kind is Kind.FAILED:
        assert event.duration_ms == 0


@settings(max_examples=300)
@given(st.lists(attributes, max_size=30), beginnings, st.sampled_from(CLIENTS))
def test_random_attributes_become_an_event_or_are_unreadable(
    sent: list[tuple[int, bytes]], beginning: list[tuple[int, bytes]], client: Client
) -> None:
    """
    No other exception, no time from nowhere, no character that the database or a terminal chokes on.
    """
    read(Packet(4, 1, bytes(16), b"", beginning + sent), client)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(CAPTURED), st.sampled_from(CLIENTS))
def test_a_captured_packet_with_wrong_octets_does_no_harm(
    data: st.DataObject, datagram: bytes, client: Client
) -> None:
    """
    Real packets, a few octets of which were changed anywhere behind the header.
    """
    mutated = bytearray(datagram)
    for _ in range(data.draw(st.integers(1, 12))):
        mutated[data.draw(st.integers(20, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    try:
        packet = read_packet(bytes(mutated))
    except MalformedPacket:
        return
    read(packet, client)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.dialect)
@pytest.mark.parametrize(
    "value",
    [
        b"/" * 253,
        b"<" * 253,
        b'"' * 253,
        b"\\" * 253,
        b"%" * 253,
        b"=" * 253,
        b"1 " * 126,
        b"14:05:53." + b"1" * 240,
        b"sip:" * 63,
        b"[" * 253,
        b"2026-11-22T14:05:53 " + b"+" * 230,
    ],
)
def test_a_full_packet_of_the_worst_is_read_in_a_moment(client: Client, value: bytes) -> None:
    """
    4 KB of one character everywhere, read as accounting and as an attempt, cost less than 5 ms.
    """
    took_s = []
    for ending in b"ABC":  # other values each time, since some are remembered
        packet = full_of(value[:-1] + bytes((ending,)), DIALECTS[client.dialect].vendor or 9)
        started = time.perf_counter()
        read(packet, client)
        took_s.append(time.perf_counter() - started)

    assert min(took_s) < LIMIT_S


def full_of(value: bytes, vendor: int) -> Packet:
    """Return a Stop with *value* in every attribute that a dialect may look at."""
    sent = [(type, value) for type in TELLING if type != 40] + [(40, b"\0\0\0\x02")]
    sent += [(26, _vsa(vendor, type, value)) for type in range(20, 36)]
    sent += [(26, _vsa(9, 1, value))] * 16
    return Packet(4, 1, bytes(16), b"", sent)
