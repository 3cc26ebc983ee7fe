"""TAP 3.12: what we write is what pyasn1 and we read, in any encoding; what is damaged or missing is told."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from time import process_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type.base import noValue

from radiusd.errors import BadInput
from radiusd.records.asn1_tags import Components
from radiusd.records.record import Entry, Outcome, PassedOver, SetAside
from radiusd.records.registry import FORMATS
from radiusd.records.tap_batch import TapBatch, TapCall, TapWriter
from radiusd.records.tap_types import CALL_EVENT, NOTIFICATION, TRANSFER_BATCH

MEGABYTE = 1024 * 1024
BATCH = TapBatch(
    sender="USATW", recipient="GBRVF", sequence=42, created_at=datetime(2026, 1, 7, tzinfo=UTC), entity="NYC1"
)
ANSWERED = datetime(2026, 1, 6, 0, 49, 43, tzinfo=UTC)
numbers = st.text("0123456789", min_size=1, max_size=18)
calls = st.builds(
    TapCall,
    is_terminated=st.booleans(),
    calling=numbers,
    called=numbers.map("+{}".format),
    answered_at=st.integers(1_577_836_800, 2_208_988_800).map(lambda at: datetime.fromtimestamp(at, UTC)),
    duration_s=st.integers(0, 100_000),
    charged_s=st.integers(0, 100_000),
    charge_micros=st.integers(0, 10**12),
    currency=st.just("EUR"),
    reference=st.binary(min_size=1, max_size=16),
)


def a_call(**changes: Any) -> TapCall:
    """Return a call of a minute."""
    usual = TapCall(
        is_terminated=False,
        calling="12125550100",
        called="+33145678824",
        answered_at=ANSWERED,
        duration_s=61,
        charged_s=66,
        charge_micros=12_345,
        currency="EUR",
        reference=b"\x01\x02\x03\x04\x05\x06\x07\x08",
    )
    return msgspec.structs.replace(usual, **changes)


def written(*told: TapCall) -> bytes:
    """Return a TAP file of calls."""
    out = io.BytesIO()
    with TapWriter(out, BATCH) as writer:
        for call in told:
            writer.add(call)
        writer.finish()
    return out.getvalue()


def read(octets: bytes) -> list[Outcome]:
    """Return what a TAP file tells."""
    return list(FORMATS["gsma-tap-3.12"].read(io.BytesIO(octets), {}))


def normal(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Return the normal forms of outcomes that have to be records."""
    assert [] == [each for each in outcomes if not isinstance(each, Entry)]
    return [json.loads(msgspec.json.encode(each.record)) for each in outcomes]


def reasons(outcomes: list[Outcome]) -> list[str]:
    """Return why something was set aside."""
    return [str(each) for each in outcomes if isinstance(each, SetAside)]


def as_expected(call: TapCall) -> tuple[object, ...]:
    """Return what a call has to be read as, in short."""
    return (
        "mobileTerminatedCall" if call.is_terminated else "mobileOriginatedCall",
        call.calling,
        call.called.removeprefix("+"),
        f"{call.answered_at:%Y-%m-%dT%H:%M:%SZ}",
        call.duration_s,
        Decimal(call.charge_micros).scaleb(-6),
        call.currency,
        call.reference[-8:].hex(),
    )


def in_short(record: dict[str, Any]) -> tuple[object, ...]:
    """Return what :func:`as_expected` compares."""
    names = ("record", "calling", "called", "answer", "duration_seconds")
    return (
        *(record[name] for name in names),
        Decimal(record["charge"]),
        record["currency"],
        record["call_id"],
    )


def test_a_call_in_normal_form() -> None:
    """
    An originated call, in all its fields.
    """
    assert [
        {
            "source": "gsma-tap-3.12",
            "record": "mobileOriginatedCall",
            "calling": "12125550100",
            "called": "33145678824",
            "direction": "out",
            "answer": "2026-01-06T00:49:43Z",
            "release": "2026-01-06T00:50:44Z",
            "duration_seconds": 61,
            "answered": True,
            "call_id": "0102030405060708",
            "user": None,
            "charge": "0.012345",
            "currency": "EUR",
        }
    ] == normal(read(written(a_call())))


@given(st.lists(calls, min_size=1, max_size=4))
def test_calls_come_back_as_they_were(told: list[TapCall]) -> None:
    """
    Written and read: the same calls, and the audit's totals agree.
    """
    assert list(map(as_expected, told)) == list(map(in_short, normal(read(written(*told)))))


@given(st.lists(calls, min_size=1, max_size=3), st.booleans(), st.sampled_from((0, 2, 1000)))
def test_any_encoding_is_read(told: list[TapCall], definite: bool, pieces: int) -> None:
    """
    pyasn1 reads what we write, and encodes it otherwise: indefinite lengths, strings in pieces.
    """
    value, rest = decoder.decode(written(*told), asn1Spec=TRANSFER_BATCH)
    assert b"" == rest
    assert len(told) == value["auditControlInfo"]["callEventDetailsCount"]
    assert sum(call.charge_micros for call in told) == value["auditControlInfo"]["totalCharge"]

    octets = encoder.encode(plain(value), asn1Spec=TRANSFER_BATCH, defMode=definite, maxChunkSize=pieces)
    assert list(map(as_expected, told)) == list(map(in_short, normal(read(octets))))


def plain(value: Any) -> Any:
    """Return a value of pyasn1's without the components that were never set, which it would encode empty."""
    if hasattr(value, "isValue") and value.typeId == TRANSFER_BATCH.typeId:
        present = {name: value.getComponentByName(name, instantiate=False) for name in value.keys()}
        return Components({name: plain(each) for name, each in present.items() if each is not noValue})
    if hasattr(value, "getName"):
        return Components({value.getName(): plain(value.getComponent())})
    if value.__class__.__name__ == "SequenceOf":
        return [plain(each) for each in value]
    return bytes(value) if hasattr(value, "asOctets") else int(value)


def test_no_calls_are_a_notification() -> None:
    """
    An empty batch is not allowed: a notification says that there is none, and counts in the sequence.
    """
    octets = written()
    value, _ = decoder.decode(octets, asn1Spec=NOTIFICATION)

    assert [b"USATW", b"GBRVF", b"00042"] == [
        bytes(value[name]) for name in ("sender", "recipient", "fileSequenceNumber")
    ]
    assert (3, 12) == (value["specificationVersionNumber"], value["releaseVersionNumber"])
    [outcome] = read(octets)
    assert isinstance(outcome, PassedOver)
    assert "a notification, file 00042: no calls" == outcome.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"charge_micros": -1}, "no amounts below zero"),
        ({"currency": "USD"}, "calls in EUR and in USD: a TAP file has one currency"),
    ],
)
def test_what_tap_cannot_say_is_refused(change: dict[str, Any], words: str) -> None:
    """
    Before anything is written.
    """
    out = io.BytesIO()
    with pytest.raises(BadInput, match=words), TapWriter(out, BATCH) as writer:
        writer.add(a_call())
        writer.add(a_call(**change))
    assert b"" == out.getvalue()


def test_batch_needs_codes_and_a_number() -> None:
    """
    All that is wrong with them is told at once.
    """
    with pytest.raises(BadInput, match=r"sender 'US'.*recipient 'GB-RVF'.*sequence 100000 is not from 1"):
        batch = TapBatch(sender="US", recipient="GB-RVF", sequence=100_000, created_at=ANSWERED)
        TapWriter(io.BytesIO(), batch)


def test_numbers_that_are_none_are_left_out() -> None:
    """
    A caller without a number has no MSISDN; who dialled a name has it in the dialled digits.
    """
    [record] = normal(read(written(a_call(calling="anonymous", called="alice"))))

    assert (None, "alice") == (record["calling"], record["called"])


CALL = a_call()
OCTETS = written(CALL, a_call(is_terminated=True), CALL)
EVENT = encoder.encode(
    Components(
        mobileTerminatedCall=Components(
            basicCallInformation=Components(
                callOriginator=Components(callingNumber=bytes.fromhex("12125550100f")),
            )
        )
    ),
    asn1Spec=CALL_EVENT,
)


def _cut(octets: bytes) -> bytes:
    return octets[:-40]


def _wrong_time(octets: bytes) -> bytes:
    return octets.replace(b"20260106004943", b"20261306004943", 1)


def _unknown_offset(octets: bytes) -> bytes:
    return octets.replace(b"\x5f\x81\x68\x01\x00\x5f\x81\x5f", b"\x5f\x81\x68\x01\x07\x5f\x81\x5f", 1)


def _longer_than_it_is(octets: bytes) -> bytes:
    at = octets.index(b"\x69\x81")
    return octets[: at + 2] + bytes((octets[at + 2] + 1,)) + octets[at + 3 :]


def _fewer(octets: bytes) -> bytes:
    return octets.replace(b"\x5f\x2b\x01\x03", b"\x5f\x2b\x01\x04")


def _dearer(octets: bytes) -> bytes:
    return octets.replace((3 * 12_345).to_bytes(3, "big"), (3 * 12_345 + 1).to_bytes(3, "big"))


@pytest.mark.parametrize(
    ("damage", "read_still", "words"),
    [
        (_cut, 3, "the file ends within a record"),
        (_wrong_time, 2, "localTimeStamp: '20261306004943' is no time CCYYMMDDhhmmss"),
        (_unknown_offset, 2, "utcTimeOffsetCode: 7 is not in networkInfo"),
        (_longer_than_it_is, 2, ""),
        (_fewer, 3, "callEventDetailsCount: the batch says 4 call events, there are 3"),
        (_dearer, 3, "totalCharge: the batch says 37036 in all, its call events add up to 37035"),
    ],
)
def test_damage_is_told_and_the_rest_is_read(
    damage: Callable[[bytes], bytes], read_still: int, words: str
) -> None:
    """
    A damaged event is set aside; totals that differ are told.
    """
    damaged = damage(OCTETS)
    assert damaged != OCTETS

    outcomes = read(damaged)
    assert read_still == sum(isinstance(each, Entry) for each in outcomes)
    assert words in reasons(outcomes)[0]
    assert 1 == len(reasons(outcomes))


def test_unknown_groups_are_stepped_over() -> None:
    """
    What a later release adds, in the batch and in an event.
    """
    value, _ = decoder.decode(written(CALL), asn1Spec=TRANSFER_BATCH)
    octets = encoder.encode(plain(value), asn1Spec=TRANSFER_BATCH, defMode=False)
    unknown = b"\x7f\x87\x68\x80\x5f\x87\x69\x01\x00\x00\x00"  # [APPLICATION 1000]
    for at in (2, octets.index(b"\x63\x80") + 4, octets.index(b"\x7f\x81\x13\x80") + 4):
        assert [as_expected(CALL)] == list(map(in_short, normal(read(octets[:at] + unknown + octets[at:]))))


def test_what_stands_behind_a_batch_is_no_secret() -> None:
    """
    Files put together are read, filler is nothing, and other octets are told.
    """
    assert 6 == sum(isinstance(each, Entry) for each in read(OCTETS + b"\0\xff\0" + OCTETS))
    assert [] == reasons(read(OCTETS + b"\0" * 100))

    [aside] = [each for each in read(OCTETS + b"more") if isinstance(each, SetAside)]
    assert len(OCTETS) == aside.offset


def test_an_event_that_lacks_its_time_is_set_aside() -> None:
    """
    Whatever the schema leaves optional: a call without a beginning is none.
    """
    inner = EVENT + b"\x6f\x04\x5f\x2b\x01\x01"
    octets = b"\x61" + bytes((len(inner) + 2,)) + b"\x63" + bytes((len(EVENT),)) + inner

    assert ["callEventStartTimeStamp: has none"] == reasons(read(octets))


@given(st.binary(max_size=300))
def test_any_octets_are_outcomes(octets: bytes) -> None:
    """
    No octets make the reader fail.
    """
    read(octets)
    read(b"\x61\x80" + octets)
    read(OCTETS[:200] + octets)


FIVE = written(*(a_call(reference=bytes((each,)) * 8, is_terminated=each % 2 == 1) for each in range(5)))


changes_of_octets = st.tuples(st.floats(0, 1), st.sampled_from((0, 0x69, 0x7F, 0x80)))


@given(st.booleans(), st.lists(changes_of_octets, max_size=4))
def test_damage_costs_no_event_beside_it(definite: bool, changes: list[tuple[float, int]]) -> None:
    """
    A few wrong octets among the events, also in lengths and end marks: those they do not touch are read.
    """
    value, _ = decoder.decode(FIVE, asn1Spec=TRANSFER_BATCH)
    whole = encoder.encode(plain(value), asn1Spec=TRANSFER_BATCH, defMode=definite)
    events = [each for each in read(whole) if isinstance(each, Entry)]
    first, last = events[0].offset, events[-1].offset + len(events[-1].raw) - 1
    octets = bytearray(whole)
    for at, octet in changes:
        octets[first + round(at * (last - first))] = octet

    found = {each.record.call_id for each in read(bytes(octets)) if isinstance(each, Entry)}
    for each in events:
        place = slice(each.offset, each.offset + len(each.raw))
        if octets[place] == whole[place]:
            assert each.record.call_id in found


@pytest.mark.parametrize(
    "pattern",
    [
        b"\x69\x00",
        b"\x69\x80\x7f\x81\x13\x80",
        b"\x69\x84\x7f\xff\xff\xff",
        b"\x69\x82\xff\x00\x7f\x81\x13",
        b"\x64\x80",
        b"\0",
    ],
    ids=bytes.hex,
)
def test_hostile_file_takes_bounded_time_and_memory(pattern: bytes) -> None:
    """
    10 MB that begin events again and again and end none.
    """
    octets = b"\x61\x80\x63\x80" + pattern * (10 * MEGABYTE // len(pattern))

    tracemalloc.start()
    began = process_time()
    count = sum(1 for _ in FORMATS["gsma-tap-3.12"].read(io.BytesIO(octets), {}))
    took_s = process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count <= 10_001
    assert took_s < 20
    assert peak < 12 * MEGABYTE
