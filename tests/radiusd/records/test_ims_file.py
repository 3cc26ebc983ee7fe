"""Files of IMS charging records: what they tell, however they are encoded and framed, and when damaged."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.errors import BadInput
from radiusd.records.record import Entry, Outcome, PassedOver, SetAside
from radiusd.records.registry import FORMATS
from tests.ims_records import Made, ims_records

VECTORS = Path(__file__).parents[2] / "vectors" / "records"
SAMPLES = sorted(VECTORS.glob("dev_ims_*.ber"))
MGCF = (VECTORS / "dev_ims_mgcf.ber").read_bytes()
FIRST, SECOND, THIRD = MGCF[:315], MGCF[315:597], MGCF[597:]
MEGABYTE = 1024 * 1024


read_ims_file = FORMATS["3gpp-32298-ims"].read


def read(octets: bytes, framing: str = "auto") -> list[Outcome]:
    """Return the outcomes of a file."""
    return list(read_ims_file(io.BytesIO(octets), {"framing": framing}))


def normal(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Return the normal forms of outcomes that have to be records."""
    assert [] == [each for each in outcomes if not isinstance(each, Entry)]
    return [json.loads(msgspec.json.encode(each.record)) for each in outcomes]


def session_ids(outcomes: list[Outcome]) -> list[str]:
    """Return which calls the records are about."""
    return [each.record.session_id for each in outcomes if isinstance(each, Entry)]


def set_aside(outcomes: list[Outcome]) -> list[tuple[int, str]]:
    """Return where something was set aside, and why."""
    return [(each.offset, str(each)) for each in outcomes if isinstance(each, SetAside)]


def framed(*records: bytes, release: int = 7, count: int | None = None, octets: int | None = None) -> bytes:
    """Return a file as TS 32.297 frames it."""
    extra = b"\x08" if release == 7 else b""
    body = b"".join(
        len(each).to_bytes(2, "big") + bytes((release << 5 | 6, 0x29)) + extra + each for each in records
    )
    size = 52 + 4 + 5 + 2 * len(extra)
    header = (
        (size + len(body) if octets is None else octets).to_bytes(4, "big")
        + size.to_bytes(4, "big")
        + bytes((release << 5 | 6,)) * 2
        + bytes(8)
        + (len(records) if count is None else count).to_bytes(4, "big")
        + (42).to_bytes(4, "big")
        + b"\x03"
        + bytes(20)
        + b"\x00"
        + b"\x00\x04ABCD"
        + b"\x00\x05PRIV!"
        + extra * 2
    )
    return header + body


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_is_read_as_expected(sample: Path) -> None:
    """
    The samples of every framing, to the letter.
    """
    expected = json.loads(sample.with_suffix(".expected.json").read_text())["records"]

    assert expected == normal(read(sample.read_bytes()))


@given(st.lists(ims_records(), min_size=1, max_size=4), st.booleans(), st.sampled_from((0, 3, 1000)))
def test_what_pyasn1_encodes_is_read_back(made: list[Made], definite: bool, pieces: int) -> None:
    """
    Definite and indefinite lengths, strings whole and in pieces, one record after the other or framed.
    """
    encoded = [each.encoded(definite=definite, pieces=pieces) for each in made]
    expected = [each.expected for each in made]

    assert expected == normal(read(b"".join(encoded)))
    assert expected == normal(read(framed(*encoded)))
    assert expected == normal(read(framed(*encoded, release=5)))


@given(ims_records(), st.binary(min_size=1, max_size=40), st.integers(128, 3000))
def test_fields_of_later_releases_are_stepped_over(made: Made, value: bytes, number: int) -> None:
    """
    Unknown fields, whatever is in them, anywhere in the set.
    """
    unknown = b"\x9f" + bytes((0x80 | number >> 7, number & 0x7F)) + bytes((len(value),)) + value
    whole = made.encoded(definite=False)

    assert [made.expected] == normal(read(whole[:3] + unknown + whole[3:]))
    assert [made.expected] == normal(read(whole[:-2] + unknown + whole[-2:]))


@given(ims_records(), ims_records(), st.integers(1, 700), st.sampled_from((b"\0", b"\xff")))
def test_filler_between_records_is_nothing(one: Made, two: Made, count: int, octet: bytes) -> None:
    """
    In plain files and behind framed records: blocks are filled up.
    """
    first, second = one.encoded(), two.encoded()
    filler = octet * count
    expected = [one.expected, two.expected]

    assert expected == normal(read(filler + first + filler + second + filler))
    both = framed(first, second)
    header_octets = len(both) - len(first) - len(second) - 10
    behind_first = header_octets + 5 + len(first)
    assert expected == normal(read(both[:behind_first] + filler + both[behind_first:] + filler))
    assert expected == normal(read(framed(first + filler, second)))


def test_blocks_of_2048_octets() -> None:
    """
    A record that does not fit begins the next block.
    """
    block = (FIRST * 6).ljust(2048, b"\xff")

    assert 60 == len(normal(read(block * 10)))


@pytest.mark.parametrize("chunk", [1, 7, 314, 315, 316, 5000])
def test_a_stream_may_come_in_any_portions(chunk: int) -> None:
    """
    What a socket or a pipe gives at a time does not matter.
    """

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(chunk)

    for octets in (MGCF * 3, framed(FIRST, SECOND, THIRD, FIRST)):
        assert read(octets) == list(read_ims_file(Slow(octets), {}))


def test_entry_tells_where_it_stood_and_what_names_it() -> None:
    """
    Offset, octets, the node's own counting, and the duration where the record is exact.
    """
    one, two, _ = read(MGCF)

    assert (0, FIRST, 1000, 26314) == (one.offset, one.raw, one.sequence, one.duration_ms)
    assert "mGCFRecord mgcf0.ims.example.net 1000 icid-fb9eecc2c55e" == one.key
    assert (315, SECOND, "mGCFRecord 192.0.2.2 1001 icid-9e0d4f4f81b0") == (two.offset, two.raw, two.key)


def test_partial_record_lasts_until_it_was_closed() -> None:
    """
    An answered call that went on has no end of delivery: what the record's closure tells counts.
    """
    octets = FIRST.replace(bytes.fromhex("8B09 260106005009 2B0000"), b"")
    octets = octets.replace(b"\xbf\x43\x82\x01\x36", b"\xbf\x43\x82\x01\x2b")

    [record] = normal(read(octets))
    assert (26, "2026-01-06T00:50:09Z") == (record["duration_seconds"], record["release"])


def test_a_call_whose_end_is_not_told_has_no_duration() -> None:
    """
    Neither end of delivery nor closure: it is open, which is not the same as no second.
    """
    octets = FIRST.replace(bytes.fromhex("8B09 260106005009 2B0000"), b"")
    octets = octets.replace(bytes.fromhex("8D09 260106005009 2B0000"), b"")
    octets = b"\xbf\x43\x82" + (len(octets) - 5).to_bytes(2) + octets[5:]

    [record] = normal(read(octets))
    assert (True, None, None) == (record["answered"], record["release"], record["duration_seconds"])


def test_partial_records_of_a_call_name_it() -> None:
    """
    They are one call to the books, by the session's id, and records of their own.
    """
    parts = [
        FIRST.replace(b"\x8f\x02\x03\xe8", bytes((0x8F, 2, 3, 0xE8 + part, 0x90, 1, part)))
        for part in (1, 2)
    ]
    parts = [part.replace(b"\x82\x01\x36", b"\x82\x01\x39") for part in parts]

    keys = [each.key for each in read(b"".join(parts)) if isinstance(each, Entry)]
    session_id = "f3d2273a37403227@192.0.2.10"
    assert [
        f"{session_id};mGCFRecord mgcf0.ims.example.net 1001 icid-fb9eecc2c55e;1",
        f"{session_id};mGCFRecord mgcf0.ims.example.net 1002 icid-fb9eecc2c55e;2",
    ] == keys


def test_a_sources_settings_may_name_any_string_of_a_record() -> None:
    """
    By the names of the specification; what is absent is absent.
    """
    [entry] = read(SECOND)
    assert isinstance(entry, Entry)

    assert {
        "sIP-Method": "INVITE",
        "session-Id": "efca6c3a14c6e95e@192.0.2.10",
        "iMS-Charging-Identifier": "icid-9e0d4f4f81b0",
        "serviceReasonReturnCode": "486",
        "serviceContextID": "32260@3gpp.org",
        "originatingIOI": "example.net",
        "terminatingIOI": "carrier-a.example",
        "nodeAddress": "192.0.2.2",
        "outgoing": "TG001",
    } == dict(entry.fields)
    assert ("", "") == (entry.fields.get("privateUserID", ""), entry.fields.get("", ""))


def test_incoming_trunk_group_is_told() -> None:
    """
    An MGCF names one of the two sides.
    """
    [record] = normal(read(FIRST.replace(b"\x81\x05TG000", b"\x80\x05TG000")))

    assert ("TG000", None) == (record["trunk_in"], record["trunk_out"])


def test_record_of_a_message_is_no_call() -> None:
    """
    Events without a session are passed over, and said so.
    """
    [outcome] = read(THIRD.replace(b"INVITE", b"NOTIFY"))

    assert isinstance(outcome, PassedOver)
    assert "NOTIFY" in outcome.reason


@pytest.mark.parametrize(
    ("written", "instead", "words"),
    [
        (b"\x80\x01\x43", b"\x80\x01\x3f", "recordType: says 63, in a record with the tag [67]"),
        (b"\x89\x09\x26\x01", b"\x89\x09\x26\x13", "is no time YYMMDDhhmmss+hhmm"),
        (b"\x89\x09\x26\x01", b"\x89\x09\x26\x0a", "is no time YYMMDDhhmmss+hhmm"),
        (b"\x85\x1befca", b"\x85\x7fefca", "tells no time"),
        (b"\x93\x11icid", b"\x93\x11i\0id", "iMS-Charging-Identifier: holds a NUL octet"),
        (b"\xbf\x52\x06", b"\xbf\x52\x07", "an element of"),
        (b"\xbf\x43\x82\x01\x15", b"\xbf\x4f\x82\x01\x15", "tag BF4F is of no IMS record"),
        (b"\x9f\x27\x02\x01\xe5", b"\x9f\x27\x02\x41\xe5", ""),  # not used without an answer
    ],
)
def test_damaged_record_is_set_aside_and_the_rest_goes_on(written: bytes, instead: bytes, words: str) -> None:
    """
    One record of three is damaged: the others are read, in plain and in framed files.
    """
    assert 1 == SECOND.count(written)
    damaged = SECOND.replace(written, instead)
    for octets, offset in ((FIRST + damaged + THIRD, 315), (framed(FIRST, damaged, THIRD), 63 + 5 + 315 + 5)):
        outcomes = read(octets)

        if not words:
            assert 3 == len(session_ids(outcomes))
            continue
        assert session_ids(read(FIRST + THIRD)) == session_ids(outcomes)
        [(found_at, reason)] = set_aside(outcomes)
        assert offset == found_at
        assert words in reason


@pytest.mark.parametrize("length", ["820015", "820114", "820116", "827fff", "800115"])
def test_record_whose_length_lies_does_not_take_others_with_it(length: str) -> None:
    """
    Where the next one begins cannot be told then: it is looked for.
    """
    damaged = SECOND.replace(b"\xbf\x43\x82\x01\x15", b"\xbf\x43" + bytes.fromhex(length))
    for octets, offset in ((FIRST + damaged + THIRD, 315), (framed(FIRST, damaged, THIRD), 63 + 5 + 315 + 5)):
        outcomes = read(octets)

        assert session_ids(read(FIRST + THIRD)) == session_ids(outcomes)
        assert [offset] == [found_at for found_at, _ in set_aside(outcomes)]


def test_octets_between_records_are_set_aside_once() -> None:
    """
    A log line in the middle of a file is one thing that is no record.
    """
    outcomes = read(FIRST + b"cgf restarted\n" + SECOND + THIRD)

    assert 3 == len(session_ids(outcomes))
    [(offset, _)] = set_aside(outcomes)
    assert 315 == offset
    assert [b"cgf restarted\n"] == [each.raw for each in outcomes if isinstance(each, SetAside)]


def test_cut_file_keeps_what_is_whole() -> None:
    """
    The last record is set aside, whether the file says how long it was or not.
    """
    for octets in (MGCF[:-1], MGCF[:600], framed(FIRST, SECOND, THIRD)[:-5]):
        outcomes = read(octets)

        assert session_ids(read(FIRST + SECOND)) == session_ids(outcomes)
        [(_, reason)] = set_aside(outcomes)
        assert "the file ends within a record" in reason


def test_damaged_cdr_header_costs_no_record() -> None:
    """
    The record behind it is whole and is read; the header is set aside.
    """
    octets = bytearray(framed(FIRST, SECOND, THIRD))
    at = 63 + 5 + 315
    for wrong in (b"\x7f\x1a", b"\x01\x05", b"\x01\x1b"):
        octets[at : at + 2] = wrong
        outcomes = read(bytes(octets))

        assert session_ids(read(MGCF)) == session_ids(outcomes)
        assert [at] == [offset for offset, _ in set_aside(outcomes)]


def test_framed_files_put_together_are_read_one_after_the_other() -> None:
    """
    Each with its own header; what one of them lacks is told where its header says otherwise.
    """
    framed = (VECTORS / "dev_ims_ts32297.ber").read_bytes()
    wrong = framed[:21] + b"\x09" + framed[22:]  # the number of records

    outcomes = read(framed + wrong + framed)

    assert 6 == sum(isinstance(each, Entry) for each in outcomes)
    [aside] = [each for each in outcomes if isinstance(each, SetAside)]
    assert ("Number of CDRs in file", len(framed) + 18) == (aside.field, aside.offset)


def test_record_in_another_encoding_is_set_aside() -> None:
    """
    The header of a CDR says how it is encoded; of PER and XER nothing is guessed.
    """
    octets = framed(FIRST, SECOND)
    octets = octets.replace(b"\x01\x1a\xe6\x29", b"\x01\x1a\xe6\x49")

    outcomes = read(octets)
    assert 1 == len(session_ids(outcomes))
    assert "unaligned PER" in set_aside(outcomes)[0][1]


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (framed(FIRST, SECOND, count=3), "says 3 records, there are 2"),
        (framed(FIRST, SECOND, octets=5000), "says 5000 octets, there are 670"),
    ],
)
def test_file_that_lacks_what_its_header_says(octets: bytes, words: str) -> None:
    """
    Its records are read; what is missing is told.
    """
    outcomes = read(octets)

    assert session_ids(read(FIRST + SECOND)) == session_ids(outcomes)
    assert words in set_aside(outcomes)[0][1]


def test_framing_is_a_setting_too() -> None:
    """
    A file that has to be framed and is not is refused; unknown words are refused before reading.
    """
    assert "no file header" in set_aside(read(MGCF, "32297"))[0][1]
    assert 3 == len(read(MGCF, "plain"))
    with pytest.raises(BadInput, match="framing: 'tcp' is none of auto, plain, 32297"):
        read(MGCF, "tcp")


@given(st.binary(max_size=2000))
def test_any_octets_are_outcomes(octets: bytes) -> None:
    """
    No octets make the reader fail; what it sets aside lies within the file.
    """
    for file in (octets, framed(FIRST, octets[:300], octets), FIRST + octets + SECOND):
        for outcome in read(file):
            assert 0 <= outcome.offset <= len(file)


changes_of_octets = st.tuples(st.integers(0, 700), st.sampled_from((0, 0x43, 0x80, 0xBF, 0xFF)))


@given(st.lists(changes_of_octets, max_size=5), st.booleans())
def test_damage_costs_no_record_beside_it(changes: list[tuple[int, int]], is_framed: bool) -> None:
    """
    A few wrong octets anywhere, also in lengths and in the headers of records.
    """
    header_octets = 5 if is_framed else 0
    octets = bytearray(framed(FIRST, SECOND, THIRD) if is_framed else MGCF)
    at = len(octets) - len(MGCF) - 3 * header_octets
    for position, octet in changes:
        octets[at + position] = octet

    found = session_ids(read(bytes(octets)))
    original = framed(FIRST, SECOND, THIRD) if is_framed else MGCF
    for record in (FIRST, SECOND, THIRD):
        end = at + header_octets + len(record)
        if octets[at:end] == original[at:end]:
            assert session_ids(read(record))[0] in found
        at = end


@pytest.mark.parametrize(
    "pattern",
    [
        b"\xbf\x43\x82\xff\xff",
        b"\xbf\x43\x80",
        b"\xbf\x43\x80\x80\x01\x43",
        b"\xbf\x43\x84\x7f\xff\xff\xff",
        b"\xbf",
        b"\0",
        b"\xbf\x43\x82\x70\x00\x80\x84\x00\x00\x10\x00",
        b"\xbf\x43\x00",
    ],
    ids=bytes.hex,
)
def test_hostile_file_takes_bounded_time_and_memory(pattern: bytes) -> None:
    """
    10 MB that begin records again and again and end none.
    """
    octets = (pattern * (10 * MEGABYTE // len(pattern) + 1))[: 10 * MEGABYTE]

    tracemalloc.start()
    began = process_time()
    count = sum(1 for _ in read_ims_file(io.BytesIO(octets), {}))
    took_s = process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count <= 10_001
    assert took_s < 20
    assert peak < 8 * MEGABYTE
