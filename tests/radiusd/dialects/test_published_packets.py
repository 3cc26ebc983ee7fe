"""
Packets that vendors printed or that real programs sent, and what they mean.

tests/vectors/dialects holds them as datagrams; each file says where they came from.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from radiusd.calls.events import CallEvent, Kind, Leg, Side, Status
from radiusd.dialects.registry import DIALECTS
from radiusd.radius.packet import Packet, read_packet
from tests.radiusd.dialects.vectors import FOLDER, a_client, shown

RIG_TIME = datetime(2026, 11, 22, 19, 24, tzinfo=UTC)  # minutes after the packets were captured
NAMES = {
    "event": "kind",
    "event_time": "event_at",
    "setup": "setup_at",
    "connect": "connect_at",
    "disconnect": "disconnect_at",
}


def load(name: str) -> Any:
    return json.loads((FOLDER / "dialects" / f"{name}.json").read_text(encoding="utf-8"))


def read(
    dialect: str, packet: Packet, received_at: datetime, settings: dict[str, str] | None = None
) -> CallEvent:
    speaks = DIALECTS[dialect]
    ask = speaks.read_attempt if packet.code == 1 else speaks.read_event
    return ask(packet, a_client(dialect, settings), received_at, "test")


PRINTED = [
    pytest.param(dialect, case.get("client"), packet, id=f"{case['id']}-{index}")
    for dialect in DIALECTS
    if (FOLDER / "dialects" / f"{dialect}.json").exists()
    for case in load(dialect)
    for index, packet in enumerate(case["packets"])
]


@pytest.mark.parametrize(("dialect", "settings", "sample"), PRINTED)
def test_reads_what_vendors_print(
    dialect: str, settings: dict[str, str] | None, sample: dict[str, Any]
) -> None:
    """
    Each field that a sample names comes out as it says; null is an absent value.
    """
    packet = read_packet(bytes.fromhex(sample["hex"]))

    event = read(dialect, packet, datetime.fromisoformat(sample["received_at"]), settings)

    for name, expected in sample["expect"].items():
        if name == "duration":
            assert expected == (event.duration_ms and event.duration_ms / 1000)
        else:
            assert shown(expected) == shown(getattr(event, NAMES.get(name, name))), name
    assert tuple(sample.get("doubts", ())) == event.flags


CAPTURED = {
    f"{sample['sender']}.{sample['packet']}": read_packet(bytes.fromhex(sample["hex"]))
    for sample in load("kamailio-captured")["packets"]
}


@pytest.mark.parametrize("name", [name for name in CAPTURED if "Access" in name])
def test_kamailio_asks_the_same_in_every_digest_encoding(name: str) -> None:
    """
    A user is asked for with realm and digest, a trunk by its address and without either.
    """
    event = read("kamailio", CAPTURED[name], RIG_TIME)

    assert Kind.AUTHORIZE is event.kind
    assert Leg.SINGLE is event.leg
    assert "442070000001" == event.called
    assert "TG-RIG-1" == event.trunk_in
    assert event.call_id.endswith(f"@{event.remote_ip}")
    assert event.call_id == event.leg_id
    assert ("", "") == (event.from_tag, event.to_tag)
    if "trunk" in name:
        assert ("", "", "15550009999") == (event.username, event.tenant, event.calling)
    else:
        assert (f"{event.calling}@rig.example", "rig.example") == (event.username, event.tenant)
        assert "127.0.0.1" == event.remote_ip


@pytest.mark.parametrize("name", [name for name in CAPTURED if "Acct" in name])
def test_kamailio_dates_its_records_itself(name: str) -> None:
    """
    The time of an event is its Event-Timestamp; there is never a duration.
    """
    packet = CAPTURED[name]

    event = read("kamailio", packet, RIG_TIME)

    assert datetime.fromtimestamp(packet.integer(55) or 0, UTC) == event.event_at
    assert event.event_at_known
    assert (0 if event.kind is Kind.FAILED else None) == event.duration_ms
    assert () == event.flags
    assert (
        f"{event.call_id};{min(event.from_tag, event.to_tag)};{max(event.from_tag, event.to_tag)}"
        == event.leg_id
    )
    assert event.username == ("" if "trunk" in name else event.calling)


def test_kamailio_pairs_a_stop_with_its_start() -> None:
    """
    Start and Stop of one call share call and leg; the tags tell that the caller hung up.
    """
    start = read("kamailio", CAPTURED["kamailio-user-sterman.Acct-Start"], RIG_TIME)
    stop = read("kamailio", CAPTURED["kamailio-user-sterman.Acct-Stop"], RIG_TIME)
    failed = read("kamailio", CAPTURED["kamailio-user-sterman.Acct-Failed"], RIG_TIME)

    assert (Kind.START, Kind.STOP, Kind.FAILED) == (start.kind, stop.kind, failed.kind)
    assert start.leg_id == stop.leg_id != failed.leg_id
    assert start.from_tag == stop.from_tag
    assert start.event_at == start.connect_at
    assert stop.event_at == stop.disconnect_at
    assert (Status.ANSWERED, Status.ANSWERED, Status.FAILED) == (start.status, stop.status, failed.status)
    assert (200, 200, 486) == (start.sip_code, stop.sip_code, failed.sip_code)


COPIES = [
    pytest.param(sample, id=f"{sample['sender']}.{sample['packet']}")
    for sample in load("cisco-copies-captured")["packets"]
]


@pytest.mark.parametrize("sample", COPIES)
def test_what_copies_of_cisco_get_wrong_costs_no_record(sample: dict[str, Any]) -> None:
    """
    Sippy's UNIX times for delays and uptimes for durations are flagged, and never booked.
    """
    event = read("cisco", read_packet(bytes.fromhex(sample["hex"])), datetime(2026, 11, 22, 20, tzinfo=UTC))

    assert event.call_id
    assert event.leg_id
    assert (event.duration_ms or 0) < 60_000
    assert abs((event.event_at - event.received_at).total_seconds()) < 7200
    if sample["sender"].startswith("sippy") and sample["packet"] == "Acct-Interim-Update":
        assert {"bad_time_stamp", "bad_delay_time", "bad_session_time"} == set(event.flags)


ASTERISKS = [read_packet(bytes.fromhex(sample["hex"])) for sample in load("asterisk-captured")["packets"]]


@pytest.mark.parametrize("packet", ASTERISKS)
def test_asterisk_tells_of_a_busy_call_without_a_session_time(packet: Packet) -> None:
    """
    The account code is the tenant, the channel no user; an answer in 1970 is none.
    """
    event = read("asterisk", packet, RIG_TIME)

    assert (Kind.STOP, Leg.SINGLE, Status.FAILED) == (event.kind, event.leg, event.status)
    assert ("15550000001", "12125550486", "15550000001") == (event.calling, event.called, event.tenant)
    assert ("", "", "15550000001", "carrier") == (
        event.username,
        event.remote_ip,
        event.trunk_in,
        event.trunk_out,
    )
    assert event.call_id == event.leg_id == (packet.text(44) or "")
    assert event.setup_at == event.disconnect_at == event.event_at
    assert (None, 0, ()) == (event.connect_at, event.duration_ms, event.flags)


SIPPYS = {
    f"{sample['sender']}.{sample['packet']}": read_packet(bytes.fromhex(sample["hex"]))
    for sample in load("sippy-captured")["packets"]
}


@pytest.mark.parametrize("name", SIPPYS)
def test_sippy_names_its_calls_and_legs(name: str) -> None:
    """
    Call-ID and direction; the caller's address on the leg towards it; a user unless it asks by address.
    """
    event = read("sippy", SIPPYS[name], RIG_TIME)

    assert event.call_id.endswith("@127.0.0.1" if "digest" in name else "@127.0.0.2") or "rejected" in name
    assert ("15550009999" if "-ip-" in name else event.username) == event.calling
    assert ("" if "-ip-" in name else event.calling) == event.username
    if event.kind is Kind.AUTHORIZE:
        assert (event.call_id, None) == (event.leg_id, event.leg)
        assert event.remote_ip.startswith("127.0.0.")
        return
    assert event.leg is not None
    is_originate = event.leg is Leg.ORIGINATE
    assert event.leg_id == f"{event.call_id}/{event.leg.value}{'/127.0.0.1' if is_originate else ''}"
    assert bool(event.remote_ip) is not is_originate
    assert bool(event.dest_ip) is is_originate
    # Its delay is a UNIX time, and an Interim's clock that of the machine's start: neither is a doubt here.
    assert () == event.flags
    if event.kind is Kind.INTERIM:
        assert (RIG_TIME, None, None) == (event.event_at, event.duration_ms, event.disconnect_at)


def test_sippy_tells_who_ended_a_call_and_how() -> None:
    """
    One that was cut when its credit was gone, and one to a busy number.
    """
    cut = read("sippy", SIPPYS["sippy-digest-radius.Acct-Stop"], RIG_TIME)
    busy = read("sippy", SIPPYS["sippy-ip-radius.Acct-Stop"], RIG_TIME)

    assert (3000, 16, Side.SYSTEM) == (cut.duration_ms, cut.cause, cut.release_side)
    assert (0, 17, Side.CALLEE, None) == (busy.duration_ms, busy.cause, busy.release_side, busy.connect_at)
    assert (Status.ANSWERED, Status.FAILED) == (cut.status, busy.status)
