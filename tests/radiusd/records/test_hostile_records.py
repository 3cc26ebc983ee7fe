"""Text call records from a hostile or broken sender: no exception leaves, time and memory stay bounded."""

from __future__ import annotations

import json
import tracemalloc
from io import BytesIO
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from tests.radiusd.records.test_text_records import TEXT_SAMPLES, sample
from tests.radiusd.records.vectors import cases

BY_FORMAT = {name: (chosen, octets) for name, chosen, octets, _ in map(sample, TEXT_SAMPLES)}
BY_FORMAT["mapped"] = next(
    (case.settings, case.octets) for case in cases() if case.title.startswith("mapped")
)
PIECES = st.sampled_from(
    (
        b'"', b'""', b",", b"\n", b"\r", b"\0", b"\xff", b"\\", b"{", b"}", b"[", b"<cdr>", b"</cdr>", b"<",
        b"&x;", b"9" * 30, b"-1", b"1e9", b"0", "٣".encode(), b"%", b"2026-13-45 99:99:99", b";", b"<I>",
    )
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, octets: bytes) -> bytes:
    """Return *octets* with pieces put in, taken out and doubled."""
    for _ in range(draw(st.integers(1, 6))):
        at, end = sorted((draw(st.integers(0, len(octets))), draw(st.integers(0, len(octets)))))
        change = draw(st.sampled_from(("insert", "delete", "double", "replace")))
        piece = draw(PIECES)
        if change == "insert":
            octets = octets[:at] + piece + octets[at:]
        elif change == "replace":
            octets = octets[:at] + piece + octets[at + len(piece) :]
        elif change == "delete":
            octets = octets[:at] + octets[min(end, at + 40) :]
        else:
            octets = octets[:end] + octets[at:]
    return octets


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_broken_file_is_read_to_its_end(name, data):
    """
    Whatever is done to a file, reading it ends, with records that are whole and places within the file.
    """
    chosen, octets = BY_FORMAT[name]
    octets = data.draw(broken(octets[:3000]))

    for outcome in FORMATS[name].read(BytesIO(octets), chosen):
        assert 0 <= outcome.offset <= len(octets)
        if isinstance(outcome, Entry):
            record = outcome.record
            assert record.duration_seconds is None or record.duration_seconds >= 0
            assert record.answered or not record.duration_seconds
            assert record.called is None or len(record.called) <= 512


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
@settings(max_examples=40, deadline=None)
@given(octets=st.binary(max_size=400))
def test_noise_is_no_record(name, octets):
    """
    Octets of no meaning give no record and no exception.
    """
    chosen, _ = BY_FORMAT[name]

    assert not [each for each in FORMATS[name].read(BytesIO(octets), chosen) if isinstance(each, Entry)]


SIZE = 500_000
HOSTILE = {
    "one line of quotes": b'"' * SIZE,
    "one line of commas": b"," * SIZE,
    "lines of blanks": (b"1" + b" " * 60_000 + b"\n") * (SIZE // 60_002),
    "lines of quotes": (b'"' + b"a" * 60_000 + b"\n") * (SIZE // 60_002),
    "blanks where a duration should be": (b"01/02/02 10:03AM 1200 " + b" " * 900 + b"\n") * (SIZE // 923),
    "objects in objects": b'{"variables":' * (SIZE // 13),
    "elements in elements": b"<cdr>" + b"<a>" * (SIZE // 3),
    "beginnings": b"<cdr>" * (SIZE // 5),
    "line ends": b"\n" * SIZE,
    "nothing": b"\0" * SIZE,
}


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
def test_a_hostile_file_takes_bounded_time(name):
    """
    Half a megabyte made to be slow takes seconds: what is quadratic would take minutes.
    """
    chosen, _ = BY_FORMAT[name]
    for what, octets in HOSTILE.items():
        began_s = perf_counter()

        for _ in FORMATS[name].read(BytesIO(octets), chosen):
            pass

        assert perf_counter() - began_s < 8, what


@pytest.mark.parametrize("name", ["asterisk-csv", "freeswitch-json", "freeswitch-xml", "kamailio-acc"])
def test_memory_does_not_grow_with_the_file(name):
    """
    A file of two megabytes is read in less memory than a quarter of it.
    """
    chosen, octets = BY_FORMAT[name]
    octets *= 2_000_000 // len(octets)
    tracemalloc.start()

    for _ in FORMATS[name].read(BytesIO(octets), chosen):
        pass

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(octets) // 4


def test_a_document_deeper_than_we_bear_is_set_aside():
    """
    Numbers, keys and nesting beyond all bounds cost their document only.
    """
    good = json.dumps({"variables": {"uuid": "u", "start_epoch": "1767612466", "end_epoch": "1767612476"}})
    lines = ['{"a":' * 900 + "1" + "}" * 900, '{"variables": {"billsec": ' + "9" * 5000 + "}}", good]

    outcomes = list(FORMATS["freeswitch-json"].read(BytesIO("\n".join(lines).encode()), {}))

    assert [False, False, True] == [isinstance(each, Entry) for each in outcomes]
